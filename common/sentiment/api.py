"""The sentiment model behind HTTP: FastAPI outside, ONNX Runtime inside.

    uvicorn common.sentiment.api:create_app --factory --port 8000

    POST /predict   one text or a batch: probabilities and labels
    GET  /health    200 while the process lives, model or not
    GET  /ready     200 when a verified model serves, else 503 and why not
    GET  /version   which model answers, by name and by the hash of its manifest
    GET  /metrics   counts and times for Prometheus
    GET  /docs      the schemas, with examples to try

Settings are environment variables, listed in `settings.Settings`. From the outside in:

    Observed   request id, one JSON line a request in the log, metrics, the last net
               under an unexpected error
    Gate       in front of every POST: key, rate, size and time of the body, how many
               requests are at work; it refuses before anything is parsed
    FastAPI    JSON and schemas
    Holder     the predictor, and the watch over its folder: a new model serves once
               it has been verified, the old one until then

The log holds no text of a user, and no path that is not one of the above, unless
SENTIMENT_LOG_TEXTS is set.

Metrics are those of one process. With several workers (`--workers 4`) a scrape meets
one of them, unless PROMETHEUS_MULTIPROC_DIR names an empty folder: then the workers
keep their numbers in it and each answers for all. A worker that was killed leaves its
counts there, as it should, and its last gauges too, until the folder is emptied.
"""

import asyncio
import contextlib
import gc
import hmac
import json
import logging
import math
import os
import platform
import re
import sys
import time
import traceback
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import prometheus_client as prometheus
from fastapi import Body, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import APIKeyHeader
from prometheus_client import multiprocess
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.sentiment import settings as settings_module
from common.sentiment.bundle import BundleError
from common.sentiment.predictor import Predictor
from common.sentiment.settings import Settings, SettingsError

API_VERSION = "1.0.0"
RETRY_SECONDS = 1
"""What a refused client is told to wait at least."""

_STARTUP_FAILURE = 3  # uvicorn's own: its supervisor does not start such a worker again
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_KEY_HEADER = b"x-api-key"
_BUFFERED_BODIES = 32
"""Bodies of full size that may wait in memory while slow clients send them."""
_DRAINED_BODIES = 16
"""How many times its limit of a body is read and thrown away before the line is cut:
a client that is still sending does not see the answer."""
_CLIENT_LEFT = 499
"""In log and metrics only: the client was gone before there was an answer."""
_PROOF = ("A wonderful film.", "", "Dull, and far too long. " * 40)


# --- What goes in and out: the schemas that /docs shows -------------------------------


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prediction(_Schema):
    """What the model says of one text."""

    label: Literal["negative", "positive"] = Field(
        description="positive if the probability reaches the model's threshold"
    )
    probability: float = Field(ge=0, le=1, description="that the text is positive")


class Predictions(_Schema):
    """The answer: one prediction for each text, in their order."""

    predictions: list[Prediction]
    model: str = Field(description="the kind of model")
    manifest_sha256: str = Field(description="which model answered, exactly")


class Alive(_Schema):
    """The process lives."""

    status: Literal["alive"] = "alive"


class Ready(_Schema):
    """A verified model serves."""

    ready: Literal[True] = True
    model: str
    manifest_sha256: str
    warning: str | None = Field(
        None, description="why the files now in the folder are not the served ones"
    )


class Version(_Schema):
    """What runs here."""

    api: str
    ready: bool
    model: dict[str, Any] | None = Field(
        description="kind, threshold, temperature and making of the served model"
    )
    manifest_sha256: str | None
    warning: str | None
    limits: dict[str, int | float | None]
    software: dict[str, str]


class Detail(_Schema):
    """One thing that is wrong with a request."""

    where: str = Field(examples=["texts[3]"])
    what: str = Field(examples=["String should have at most 20000 characters"])


class Problem(_Schema):
    """Why there is no prediction; every refusal has this form."""

    error: str = Field(examples=["overloaded"])
    message: str = Field(examples=["All places are taken; try again in 1 s."])
    request_id: str
    details: list[Detail] = []


def _request_schemas(settings: Settings) -> Any:
    """Build the type of /predict's body: `{"text": …}` or `{"texts": […]}`.

    The limits stand in the schema, so that /docs tells them.
    """
    one = Annotated[str, Field(min_length=1, max_length=settings.max_characters)]

    class OneText(_Schema):
        """One text."""

        text: one  # type: ignore[valid-type]

    class ManyTexts(_Schema):
        """A batch: cheaper for each text than a request for each."""

        texts: Annotated[
            list[one],  # type: ignore[valid-type]
            Field(min_length=1, max_length=settings.max_texts),
        ]

    def which(body: Any) -> str | None:
        if isinstance(body, OneText):
            return "one"
        if isinstance(body, ManyTexts):
            return "many"
        if not isinstance(body, Mapping):
            return None
        return "many" if "texts" in body else "one"

    return Annotated[
        Annotated[OneText, Tag("one")] | Annotated[ManyTexts, Tag("many")],
        Discriminator(
            which,
            custom_error_type="not_an_object",
            custom_error_message='Input should be {"text": …} or {"texts": […]}',
        ),
        Body(
            openapi_examples={
                "one text": {"value": {"text": "One of the best films of the year."}},
                "a batch": {
                    "value": {"texts": ["A waste of two hours.", "I laughed a lot."]}
                },
            }
        ),
    ]


# --- What is written down: one line a request, and metrics ----------------------------


class _Lines(logging.StreamHandler):
    """Writes what it gets, a line each: without a formatter that is the message."""


class Log:
    """JSON lines on standard output, one an event."""

    def __init__(self, texts: bool):
        self.texts = texts
        self._logger = logging.getLogger("sentiment.api")
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False
        if not any(isinstance(one, _Lines) for one in self._logger.handlers):
            self._logger.addHandler(_Lines(sys.stdout))

    def write(self, event: str, level: str = "info", **facts: Any) -> None:
        """Write one line; ASCII only, so that nothing can break it into two."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": level,
            "event": event,
            **{name: fact for name, fact in facts.items() if fact is not None},
        }
        self._logger.log(getattr(logging, level.upper()), json.dumps(line))


class Metrics:
    """What Prometheus may ask for. Labels take few values: each pair is a time series.

    Every app has a registry of its own, so that two can live in one process.
    """

    def __init__(self) -> None:
        self.registry = prometheus.CollectorRegistry()
        self.shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        if not self.shared:
            prometheus.ProcessCollector(registry=self.registry)
        counter, gauge, histogram = (
            self._maker(kind)
            for kind in (prometheus.Counter, prometheus.Gauge, prometheus.Histogram)
        )
        self.requests = counter(
            "requests", "Requests by path and status", ["method", "path", "status"]
        )
        times = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5]
        self.seconds = histogram(
            "request_seconds", "From the headers to the answer", ["path"], times
        )
        self.refused = counter("refused", "Requests without a prediction", ["reason"])
        self.in_flight = gauge(
            "in_flight", "Predictions at work or waiting", mode="livesum"
        )
        self.labels = counter("texts", "Texts by predicted label", ["label"])
        # What Day 33 watches for drift: the inputs and the outputs, not who sent them
        self.probability = histogram(
            "probability", "Predicted probabilities", [], [i / 10 for i in range(1, 11)]
        )
        self.characters = histogram(
            "text_characters", "Lengths of texts", [], [2**i for i in range(4, 15)]
        )
        self.model = gauge(
            "model_info",
            "1 for the model that serves",
            ["name", "manifest"],
            mode="max",
        )
        self.reloads = counter("model_reloads", "Models tried", ["outcome"])
        self._series: dict[tuple, tuple] = {}
        self._serving: tuple[str, str] | None = None

    def _maker(self, kind: type) -> Callable[..., Any]:
        def make(
            name: str,
            words: str,
            labels: Sequence[str] = (),
            buckets: Sequence[float] = (),
            mode: str = "",
        ) -> Any:
            more = {"buckets": buckets} if buckets else {}
            more |= {"multiprocess_mode": mode} if mode else {}
            return kind(
                f"sentiment_{name}", words, labels, registry=self.registry, **more
            )

        return make

    def answered(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = method, path, status
        if key not in self._series:  # looking a series up costs more than counting
            self._series[key] = (
                self.requests.labels(method, path, str(status)),
                self.seconds.labels(path),
            )
        count, times = self._series[key]
        count.inc()
        times.observe(seconds)

    def predicted(
        self, texts: Iterable[str], probabilities: Iterable[float], positive: int
    ) -> None:
        """Count predictions."""
        total = 0
        for text, probability in zip(texts, probabilities, strict=True):
            self.characters.observe(len(text))
            self.probability.observe(probability)
            total += 1
        self.labels.labels("positive").inc(positive)
        self.labels.labels("negative").inc(total - positive)

    def serves(self, predictor: Predictor) -> None:
        """Note that a model has begun to serve."""
        if self._serving is not None:
            self.model.labels(*self._serving).set(0)
        self._serving = predictor.manifest.kind, predictor.digest[:12]
        self.model.labels(*self._serving).set(1)
        self.reloads.labels("served").inc()

    def exposition(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        registry = self.registry
        if self.shared:
            registry = prometheus.CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        return prometheus.generate_latest(registry)


# --- The model, and the watch over its folder -----------------------------------------


class Holder:
    """The predictor that serves, and the task that looks for a better one.

    Attributes:
        predictor: serves now; None until a first model was verified.
        problem: why the files now in the folder do not serve; None if they do.
    """

    def __init__(self, settings: Settings, metrics: Metrics, log: Log):
        self.predictor: Predictor | None = None
        self.problem: str | None = "the model is being loaded"
        self._settings, self._metrics, self._log = settings, metrics, log
        self._seen: tuple | None = None

    async def watch(self) -> None:
        """Look at the folder now, and then again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:  # the watch must outlive whatever it sees
                self._note(f"the model folder cannot be watched: {_in_a_word(error)}")
            if not self._settings.reload_seconds:
                return
            await asyncio.sleep(self._settings.reload_seconds)

    async def look(self) -> None:
        """Load and verify what is in the folder if it has changed; swap it in then."""
        stamp = await asyncio.to_thread(_stamp, self._settings.model)
        if stamp == self._seen:
            return
        self._seen = stamp
        began = time.perf_counter()
        try:
            candidate = await asyncio.to_thread(
                _verified, self._settings.model, self._settings.threads
            )
        except BundleError as reason:
            self._seen = None  # what failed is tried again: it may have been bad luck
            self._note(str(reason).rstrip("."))
            return
        first, same = self.predictor is None, False
        if self.predictor is not None:
            same = self.predictor.digest == candidate.digest
        if not same:
            self.predictor = candidate  # one assignment: a request sees old or new
        self.problem = None
        if same:
            return
        self._metrics.serves(candidate)
        self._log.write(
            "model",
            model=candidate.manifest.kind,
            manifest_sha256=candidate.digest,
            seconds=round(time.perf_counter() - began, 3),
        )
        if first:
            # The vocabulary and the schemas live as long as the process: the cyclic
            # garbage collector need not walk through them during a request
            gc.collect()
            gc.freeze()

    def _note(self, reason: str) -> None:
        if reason == self.problem:
            return
        self.problem = reason
        self._metrics.reloads.labels("refused").inc()
        self._log.write("model", level="error", problem=reason)


def _stamp(folder: Path) -> tuple:
    """Return what changes when a file of the folder is written, replaced or removed."""
    try:
        facts = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
    except OSError as error:
        return (type(error).__name__,)
    return tuple((n, s.st_mtime_ns, s.st_size, s.st_ino) for n, s in facts)


def _verified(folder: Path, threads: int) -> Predictor:
    """Load a model and try it on a few texts.

    Raises:
        BundleError: it cannot serve; one sentence why.
    """
    try:
        predictor = Predictor.load(folder, threads=threads)
        together = predictor.probabilities(_PROOF)
        alone = [predictor.probabilities([text])[0] for text in _PROOF]
    except BundleError:
        raise
    except Exception as error:  # whatever a broken file leads to is a reason, no crash
        raise BundleError(f"the model cannot be run: {_in_a_word(error)}") from None
    if not all(0 <= p <= 1 for p in together):  # also false for nan
        raise BundleError("the model gives no probabilities for the test sentences")
    if max(abs(p - q) for p, q in zip(together, alone, strict=True)) > 1e-4:
        raise BundleError("the model gives a text another probability in a batch")
    return predictor


def _in_a_word(error: BaseException) -> str:
    """Return an error without its paths and its lines after the first."""
    words = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__} {re.sub(r'[^ ]*[/][^ ]*', '…', words)}"[:200]


# --- Refusals -------------------------------------------------------------------------


class _Answer(Response):
    """JSON in ASCII: a lone surrogate in a name from a client breaks nothing."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode("ascii")


def _problem(
    scope: Scope,
    status: int,
    error: str,
    message: str,
    *,
    retry: int | None = None,
    close: bool = False,
    details: Sequence[Detail] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build a refusal, and leave its reason for the log."""
    scope["state"]["refused"] = error
    headers = dict(headers or {})
    if retry is not None:
        headers["Retry-After"] = str(retry)
    if close:
        headers["Connection"] = "close"
    problem = Problem(
        error=error,
        message=message,
        request_id=scope["state"]["request_id"],
        details=list(details),
    )
    return _Answer(problem.model_dump(), status, headers)


_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": words}
    for status, words in {
        400: "The body is not JSON",
        401: "The key is missing or wrong",
        408: "The body came too slowly",
        413: "The body is too large",
        422: "The body is not what the schema says",
        429: "Too many requests of this client",
        503: "No model serves, or all places are taken",
    }.items()
}
for _status in (429, 503):
    _REFUSALS[_status]["headers"] = {
        "Retry-After": {"schema": {"type": "integer"}, "description": "seconds to wait"}
    }


class Observed:
    """The outermost layer: request id, log line, metrics, and no crash gets past it."""

    def __init__(self, app: ASGIApp, paths: frozenset[str], metrics: Metrics, log: Log):
        self._app, self._paths, self._metrics, self._log = app, paths, metrics, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; see the class."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = _request_id(scope)
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        trace = None
        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            # Without the error's own words: they may quote what a user wrote
            frames = traceback.extract_tb(error.__traceback__)
            trace = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames]
            trace.append(type(error).__name__)
            if status:
                raise ConnectionAbortedError("the answer had begun") from None
            answer = _problem(scope, 500, "internal", "Something went wrong in here.")
            await answer(scope, receive, noting)
        finally:
            seconds = time.perf_counter() - began
            path = _path(scope)
            known = path in self._paths
            method = scope["method"] if scope["method"] in _METHODS else "other"
            status = status or _CLIENT_LEFT
            self._metrics.answered(method, path if known else "other", status, seconds)
            if refused := state.get("refused"):
                self._metrics.refused.labels(refused).inc()
            self._log.write(
                "request",
                level="error" if status == 500 else "info",
                request_id=request_id,
                method=method,
                path=path if known or self._log.texts else "other",
                status=status,
                seconds=round(seconds, 6),
                texts=state.get("count"),
                refused=refused,
                trace=trace,
                content=state.get("texts") if self._log.texts else None,
            )


_METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])


def _request_id(scope: Scope) -> str:
    """Return the client's request id if it is a decent one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(given):
                return given
    return uuid.uuid4().hex


def _path(scope: Scope) -> str:
    """Return the path below the prefix that a proxy may have put in front."""
    return scope["path"].removeprefix(scope.get("root_path", ""))


class _BodyRefused(Exception):
    """The body is not read on; holds the answer, None for a client that left."""

    def __init__(self, answer: Response | None):
        self.answer = answer


class Gate:
    """In front of every POST: refuses what must not pass, the cheapest test first.

    There is one such path, /predict; the others are read with GET, without a body.

    A request holds a place only once its body is there, so that slow clients do not
    keep quick ones out. The number of places bounds how long a request waits: who
    comes when all are taken hears so at once, and when to come back.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics):
        self._app, self._settings, self._metrics = app, settings, metrics
        key = settings.api_key
        self._key = None if key is None else key.get_secret_value().encode()
        rate = settings.requests_per_second
        self._bucket = None if rate is None else Buckets(rate)
        self._in_flight = 0
        self._buffered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it; see the class."""
        # Whatever its path: two readings of a path are a gap beside the gate
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        answer = self._refusal(scope)
        if answer is None:
            try:
                body = await self._read(scope, receive)
            except _BodyRefused as refused:
                answer = refused.answer
                if answer is None:
                    return
        if answer is None and self._in_flight >= self._settings.max_in_flight:
            answer = self._full(scope)
        if answer is not None:
            await answer(scope, receive, send)
            return
        self._in_flight += 1
        self._metrics.in_flight.set(self._in_flight)
        try:
            await self._app(scope, _replay(body, receive), send)
        finally:
            self._in_flight -= 1
            self._metrics.in_flight.set(self._in_flight)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return why not even the body is read, or None."""
        headers = scope["headers"]
        if self._key is not None:
            given = next((v for name, v in headers if name == _KEY_HEADER), b"")
            # Takes the same time wherever the first wrong byte stands
            if not hmac.compare_digest(given, self._key):
                return _problem(
                    scope,
                    401,
                    "unauthorized",
                    "Send the key in the header X-API-Key.",
                    headers={"WWW-Authenticate": "ApiKey"},
                )
        if self._bucket is not None:
            client = (scope.get("client") or ("unknown",))[0]
            if wait := self._bucket.wait(client):
                wait = math.ceil(wait)
                message = f"Too many requests; try again in {wait} s."
                return _problem(scope, 429, "rate_limited", message, retry=wait)
        if self._in_flight >= self._settings.max_in_flight:
            return self._full(scope)
        return None

    def _full(self, scope: Scope) -> Response:
        message = f"All places are taken; try again in {RETRY_SECONDS} s."
        return _problem(scope, 503, "overloaded", message, retry=RETRY_SECONDS)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """Read the body, counting what comes, whatever its headers promise.

        Raises:
            _BodyRefused: it is too large or too slow, or the client left.
        """
        limit = self._settings.max_body_bytes
        chunks: list[bytes] = []
        size = held = 0
        more, too_large = True, _content_length(scope) > limit
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                while more and size <= _DRAINED_BODIES * limit:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _BodyRefused(None)
                    chunk, more = message.get("body", b""), message.get("more_body")
                    size += len(chunk)
                    too_large = too_large or size > limit
                    if too_large:
                        chunks.clear()
                        self._buffered -= held
                        held = 0
                        continue
                    chunks.append(chunk)
                    held += len(chunk)
                    self._buffered += len(chunk)
                    if more and self._buffered > _BUFFERED_BODIES * limit:
                        raise _BodyRefused(self._full(scope))
        except TimeoutError:
            if not too_large:
                seconds = self._settings.body_seconds
                message = f"The body did not arrive within {seconds:g} s."
                refusal = _problem(scope, 408, "too_slow", message, close=True)
                raise _BodyRefused(refusal) from None
        finally:
            self._buffered -= held
        if too_large:
            message = f"The body has more than {limit:,} bytes; send fewer texts."
            refusal = _problem(scope, 413, "too_large", message, close=bool(more))
            raise _BodyRefused(refusal)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _content_length(scope: Scope) -> int:
    """Return what the header promises, 0 without one (a chunked body)."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            with contextlib.suppress(ValueError):
                return int(value)
    return 0


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that hands out a body that has been read already."""
    handed = False

    async def replayed() -> Message:
        nonlocal handed
        if handed:
            return await receive()
        handed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


class Buckets:
    """A token bucket for each client: `rate` requests a second, twice that at once.

    The oldest buckets are forgotten beyond 10,000 clients, so that made-up addresses
    cannot fill the memory.
    """

    LARGEST = 10_000

    def __init__(self, rate: float):
        self._rate, self._size = rate, max(1.0, 2 * rate)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str, now: float | None = None) -> float:
        """Take a token and return 0, or the seconds until there is one."""
        now = time.monotonic() if now is None else now
        tokens, then = self._buckets.pop(client, (self._size, now))
        tokens = min(self._size, tokens + (now - then) * self._rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._buckets[client] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > self.LARGEST:
            self._buckets.popitem(last=False)
        return wait


# --- The application ------------------------------------------------------------------


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; uvicorn's factory.

    Args:
        settings: from the environment if not given. Then settings that cannot be
            used end the process with one sentence, as nobody could catch an error.
    """
    if settings is None:
        try:
            settings = Settings.from_environment()
        except SettingsError as reason:
            print(reason, file=sys.stderr)
            raise SystemExit(_STARTUP_FAILURE) from None
    metrics, log = Metrics(), Log(settings.log_texts)
    holder = Holder(settings, metrics, log)
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="predict")

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        _take_over_the_access_log()
        _raise_the_limit_of_open_files()
        for sentence in settings_module.misspelt():
            log.write("settings", level="warning", problem=sentence)
        watching = asyncio.create_task(holder.watch())
        yield
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        pool.shutdown(wait=False, cancel_futures=True)

    app = FastAPI(
        title="Sentiment of film reviews",
        version=API_VERSION,
        description="Is a review positive or negative? One text, or a batch of them.",
        lifespan=lifespan,
    )
    app.state.holder, app.state.settings = holder, settings
    _add_operations(app, holder, settings, metrics)
    _add_prediction(app, holder, settings, metrics, pool)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_problem)
    paths = frozenset(route.path for route in app.routes)
    # The one added last is the outermost
    app.add_middleware(Gate, settings=settings, metrics=metrics)
    app.add_middleware(Observed, paths=paths, metrics=metrics, log=log)
    return app


def _add_operations(
    app: FastAPI, holder: Holder, settings: Settings, metrics: Metrics
) -> None:
    """Add what those who run the service ask for: open to all, without user data."""

    @app.get("/health", tags=["operations"])
    async def health() -> Alive:
        """Whether the process lives: restart it if this does not answer."""
        return Alive()

    @app.get("/ready", tags=["operations"], response_model=Ready, responses=_only(503))
    async def ready(request: Request) -> Any:
        """Whether a model serves: send no requests here while this says 503."""
        predictor = holder.predictor
        if predictor is None:
            return _not_ready(request.scope, holder)
        return Ready(
            model=predictor.manifest.kind,
            manifest_sha256=predictor.digest,
            warning=holder.problem,
        )

    limits = settings.model_dump(
        include={
            "max_characters",
            "max_texts",
            "max_body_bytes",
            "body_seconds",
            "max_in_flight",
            "requests_per_second",
        }
    )
    software = {"python": platform.python_version()} | {
        name: version(name) for name in ("fastapi", "onnxruntime", "numpy")
    }

    @app.get("/version", tags=["operations"])
    async def what_runs() -> Version:
        """Which model answers, and under which limits."""
        predictor = holder.predictor
        shown = {"kind", "created", "threshold", "temperature", "versions"}
        return Version(
            api=API_VERSION,
            ready=predictor is not None,
            model=predictor
            and predictor.manifest.model_dump(mode="json", include=shown),
            manifest_sha256=predictor and predictor.digest,
            warning=holder.problem,
            limits=limits,
            software=software,
        )

    @app.get(
        "/metrics",
        tags=["operations"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def exposed() -> Response:
        """Counts and times, for Prometheus."""
        text = metrics.exposition()
        return Response(text, media_type=prometheus.CONTENT_TYPE_LATEST)


def _add_prediction(
    app: FastAPI,
    holder: Holder,
    settings: Settings,
    metrics: Metrics,
    pool: ThreadPoolExecutor,
) -> None:
    texts_of_a_request = _request_schemas(settings)
    turn = asyncio.Lock()
    # The Gate has compared the key already; this makes /docs ask for it
    key = APIKeyHeader(name="X-API-Key", auto_error=False)
    with_key = [] if settings.api_key is None else [Depends(key)]

    @app.post(
        "/predict",
        tags=["predictions"],
        response_model=Predictions,
        responses=_REFUSALS,
        dependencies=with_key,
    )
    async def predict(body: texts_of_a_request, request: Request) -> Any:  # type: ignore[valid-type]
        """Say of each text whether it is positive, and how probable that is.

        The probability is calibrated: of the texts with 0.8 about 80 in 100 are
        positive, if they are like the reviews that the model learned from.
        """
        texts = body.texts if hasattr(body, "texts") else [body.text]
        request.state.count = len(texts)
        if settings.log_texts:
            request.state.texts = texts
        predictor = holder.predictor  # the one that serves now, to the end of this
        if predictor is None:
            return _not_ready(request.scope, holder)
        if sum(map(len, texts)) <= settings.inline_characters:
            # One prediction at a time, and before each the loop accepts, counts and
            # refuses whoever has come: overload is answered within one prediction
            async with turn:
                await asyncio.sleep(0)
                found = predictor.probabilities(texts)
        else:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(pool, predictor.probabilities, texts)
        probabilities = found.tolist()
        labels = [predictor.label(p) for p in probabilities]
        metrics.predicted(texts, probabilities, labels.count("positive"))
        return Predictions(
            predictions=[
                Prediction(label=label, probability=p)
                for label, p in zip(labels, probabilities, strict=True)
            ],
            model=predictor.manifest.kind,
            manifest_sha256=predictor.digest,
        )


def _only(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: _REFUSALS[status] for status in statuses}


def _not_ready(scope: Scope, holder: Holder) -> Response:
    message = f"No model serves here: {holder.problem}."
    return _problem(scope, 503, "not_ready", message, retry=RETRY_SECONDS)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    """Say what is wrong with a body, without repeating what the user wrote."""
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return _problem(request.scope, 400, "not_json", "The body is not valid JSON.")
    details = [Detail(where=_place(one["loc"]), what=one["msg"]) for one in found[:10]]
    message = f"The body is not what /docs asks for: {details[0].where}: "
    message += f"{details[0].what}."
    return _problem(request.scope, 422, "invalid", message, details=details)


def _place(loc: Sequence[str | int]) -> str:
    """Turn pydantic's ("body", "many", "texts", 3) into "texts[3]"."""
    place = ""
    for part in loc:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part not in ("body", "one", "many"):
            place += f".{part[:50]}" if place else part[:50]
    return place or "the body"


async def _http_problem(request: Request, error: HTTPException) -> Response:
    """Give an error of the framework (404, 405, a broken body) the common form."""
    codes = {400: "not_json", 404: "not_found", 405: "method_not_allowed"}
    words = {400: "The body is not valid JSON.", 404: "There is nothing at this path."}
    return _problem(
        request.scope,
        error.status_code,
        codes.get(error.status_code, "refused"),
        words.get(error.status_code, f"{error.detail}."),
        headers=error.headers,
    )


def _take_over_the_access_log() -> None:
    """Silence uvicorn's line a request: ours replaces it, and holds no query."""
    access = logging.getLogger("uvicorn.access")
    access.handlers, access.propagate = [], False


def _raise_the_limit_of_open_files() -> None:
    """Ask for as many open files as the system allows: a connection is one."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
