"""In front of every POST: key, rate, kind, size and time of the body, and the queue."""

import asyncio
import contextlib
import hmac
import math
import time
from collections import OrderedDict

from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.sentiment.api.metrics import Metrics
from common.sentiment.api.queue import ClientLeft, Place, Queue, TooLate
from common.sentiment.api.refusals import overloaded, refusal
from common.sentiment.settings import Settings

_KEY_HEADER, _JSON = b"x-api-key", b"application/json"
_BUFFERED_BODIES = 32
"""Bodies of full size that may be in memory, still coming or waiting for their turn."""
_DRAINED_BODIES = 16
"""How many times its limit of a body is read and thrown away before the line is cut:
a client that is still sending does not see the answer."""


class _BodyRefused(Exception):
    """The body is not read on; holds the answer, None for a client that left."""

    def __init__(self, answer: Response | None):
        self.answer = answer


class Gate:
    """In front of every POST: refuses what must not pass, the cheapest test first.

    There is one such path, /predict; the others are read with GET, without a body.

    A request joins the queue only once its body is there, so that slow clients do not
    keep quick ones out. Who cannot be answered in time hears so at once, and when to
    come back. Large requests have a queue and a thread of their own.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics):
        self._app, self._settings, self._metrics = app, settings, metrics
        key = settings.api_key
        self._key = None if key is None else key.get_secret_value().encode()
        rate = settings.requests_per_second
        self._bucket = None if rate is None else Buckets(rate)
        self._small, self._large = (Queue(settings.answer_seconds) for _ in range(2))
        self._buffered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it; see the class."""
        # Whatever its path: two readings of a path are a gap beside the gate
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        answer, body = self._refusal(scope), b""
        if answer is None:
            try:
                body = await self._read(scope, receive)
            except _BodyRefused as refused:
                answer = refused.answer
                if answer is None:
                    return
        beside = len(body) > self._settings.inline_bytes
        queue = self._large if beside else self._small
        if answer is None and (excess := queue.excess()):
            answer = overloaded(scope, excess)
        if answer is not None:
            await answer(scope, receive, send)
            return
        self._buffered += len(body)
        try:
            with queue.place(receive) as place:
                self._count()
                await place.turn()
                scope["state"]["beside"] = beside
                await self._app(scope, _replay(body, receive), _passing_on(place, send))
        except ClientLeft:
            return
        except TooLate:
            await overloaded(scope)(scope, receive, send)
        finally:
            self._buffered -= len(body)
            self._count()

    def _count(self) -> None:
        self._metrics.in_flight.set(self._small.waiting + self._large.waiting)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return why not even the body is read, or None."""
        headers = scope["headers"]
        if self._key is not None:
            given = next((v for name, v in headers if name == _KEY_HEADER), b"")
            # Takes the same time wherever the first wrong byte stands
            if not hmac.compare_digest(given, self._key):
                return refusal(
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
                return refusal(scope, 429, "rate_limited", message, retry=wait)
        if not _is_json(headers):
            message = 'Send the header "Content-Type: application/json"'
            message += """ (curl: -H "Content-Type: application/json")."""
            return refusal(scope, 415, "not_json", message)
        if excess := self._small.excess():
            return overloaded(scope, excess)
        return None

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
                        raise _BodyRefused(overloaded(scope))
        except TimeoutError:
            if not too_large:
                seconds = self._settings.body_seconds
                message = f"The body did not arrive within {seconds:g} s."
                answer = refusal(scope, 408, "too_slow", message, close=True)
                raise _BodyRefused(answer) from None
        finally:
            self._buffered -= held
        if too_large:
            message = f"The body has more than {limit:,} bytes; send fewer texts."
            answer = refusal(scope, 413, "too_large", message, close=bool(more))
            raise _BodyRefused(answer)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _content_length(scope: Scope) -> int:
    """Return what the header promises, 0 without one (a chunked body)."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            with contextlib.suppress(ValueError):
                return int(value)
    return 0


def _passing_on(place: Place, send: Send) -> Send:
    """Return a `send` that ends the turn before the answer goes on its slow way."""

    async def passing_on(message: Message) -> None:
        place.pass_on()
        await send(message)

    return passing_on


def _is_json(headers: list[tuple[bytes, bytes]]) -> bool:
    """Return whether the body is said to be JSON, with or without parameters."""
    kinds = [value for name, value in headers if name == b"content-type"]
    return len(kinds) == 1 and kinds[0].partition(b";")[0].strip().lower() == _JSON


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
