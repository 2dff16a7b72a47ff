"""The model that serves, and the watch over its folder."""

import asyncio
import contextlib
import gc
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import Response
from starlette.types import Scope

from common.sentiment.api.log import Log
from common.sentiment.api.metrics import Metrics
from common.sentiment.api.refusals import RETRY_SECONDS, refusal
from common.sentiment.bundle import BundleError
from common.sentiment.predictor import Predictor
from common.sentiment.settings import Settings, default_model

_PROOF = ("A wonderful film.", "", "Dull, and far too long. " * 40)
_CURE = "run Day 30's notebook once, or let SENTIMENT_MODEL name an exported model"


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
        self._folder: Path | None = None
        self._seen: tuple | None = None
        self._reading: threading.Thread | None = None

    async def watch(self) -> None:
        """Look at the folder now, and then again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:  # the watch must outlive whatever it sees
                self._note(f"the model folder cannot be read: {without_paths(error)}")
            if not self._settings.reload_seconds:
                return
            await asyncio.sleep(self._settings.reload_seconds)

    async def look(self) -> None:
        """Load and verify what is in the folder if it has changed; swap it in then."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._settings.load_seconds):
                found = await self._read_beside()
        except TimeoutError:
            seconds = self._settings.load_seconds
            self._note(f"the model folder cannot be read: no answer in {seconds:g} s")
            return
        except BundleError as reason:
            self._seen = None  # what failed is tried again: it may have been bad luck
            self._note(str(reason).rstrip("."))
            return
        self.problem = None
        if found is None:
            return
        self._seen, candidate = found
        first = self.predictor is None
        if not first and self.predictor.digest == candidate.digest:
            return
        self.predictor = candidate  # one assignment: a request sees old or new
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

    async def _read_beside(self) -> tuple[tuple, Predictor] | None:
        """Read the folder in a thread that nobody has to wait for.

        A file may hang (a pipe, a network drive): the thread of an executor would then
        keep the process from ending, and a second one would hang beside it.
        """
        while self._reading is not None and self._reading.is_alive():
            await asyncio.sleep(0.01)  # the last one hangs still, until the time-out
        answer: asyncio.Future = asyncio.get_running_loop().create_future()
        self._reading = threading.Thread(
            target=_answering, args=(answer, self._read), name="model", daemon=True
        )
        self._reading.start()
        return await answer

    def _read(self) -> tuple[tuple, Predictor] | None:
        """Return what changes with the files, and the model; None if nothing has.

        Raises:
            BundleError: it cannot serve; one sentence why.
        """
        self._folder = folder = self._settings.model or default_model()
        if not folder.is_dir():
            raise BundleError(
                f'the model folder "{folder.name}" does not exist: {_CURE}'
            )
        try:
            stamp = (folder, *_stamp(folder))
        except OSError as error:
            reason = f"the model folder cannot be read: {without_paths(error)}"
            raise BundleError(reason) from None
        if stamp == self._seen:
            return None
        return stamp, _verified(folder, self._settings.threads)

    def _note(self, reason: str) -> None:
        if reason == self.problem:
            return
        self.problem = reason
        self._metrics.reloads.labels("refused").inc()
        where = None if self._folder is None else str(self._folder)
        self._log.write("model", level="error", problem=reason, folder=where)


def _answering(answer: asyncio.Future, work: Callable[[], Any]) -> None:
    """Run `work`, and hand its result to the event loop if that still waits."""
    try:
        result, error = work(), None
    except Exception as reason:
        result, error = None, reason

    def hand_over() -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)

    with contextlib.suppress(RuntimeError):  # the loop has ended
        answer.get_loop().call_soon_threadsafe(hand_over)


def _stamp(folder: Path) -> tuple:
    """Return what changes when a file of the folder is written, replaced or removed."""
    facts = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
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
        reason = f"the model cannot be run: {without_paths(error)}"
        raise BundleError(reason) from None
    if not all(0 <= p <= 1 for p in together):  # also false for nan
        raise BundleError("the model gives no probabilities for the test sentences")
    if max(abs(p - q) for p, q in zip(together, alone, strict=True)) > 1e-4:
        raise BundleError("the model gives a text another probability in a batch")
    return predictor


def without_paths(error: BaseException) -> str:
    """Return an error without its paths and its lines after the first."""
    words = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__} {re.sub(r'[^ ]*[/][^ ]*', '…', words)}"[:200]


def not_ready(scope: Scope, holder: Holder) -> Response:
    """Build the 503 of a service without a model."""
    message = f"No model serves here: {holder.problem}."
    return refusal(scope, 503, "not_ready", message, retry=RETRY_SECONDS)
