"""The model that serves, and the watch over its folder."""

import asyncio
import gc
import re
import time
from pathlib import Path

from fastapi import Response
from starlette.types import Scope

from common.sentiment.api.log import Log
from common.sentiment.api.metrics import Metrics
from common.sentiment.api.refusals import RETRY_SECONDS, refusal
from common.sentiment.bundle import BundleError
from common.sentiment.predictor import Predictor
from common.sentiment.settings import Settings

_PROOF = ("A wonderful film.", "", "Dull, and far too long. " * 40)


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
                self._note(
                    f"the model folder cannot be watched: {without_paths(error)}"
                )
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
        raise BundleError(f"the model cannot be run: {without_paths(error)}") from None
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
