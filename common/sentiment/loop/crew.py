"""Who starts the driver again when it has ended: the supervisor, and a nursery.

    with Nursery() as nursery, Supervisor(home, nursery) as crew:
        ...                       # whatever happens to a driver, the next one comes
    crew.lives                    # how each of them ended

Importing Keras and MLflow takes longer than most steps. So one process imports them
and waits; for each driver it forks, and the child begins at once. Where a process
cannot fork (Windows), each driver is a new process, and slower.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from common import program
from common.sentiment.loop.home import Home
from common.sentiment.loop.stops import Stops

_PAUSE_SECONDS = 0.2
_CAN_FORK = hasattr(os, "fork")


class Nursery(Stops):
    """A process with everything imported, which forks a driver when asked."""

    def __init__(self, log: Path | None = None) -> None:
        """Start it; it is ready when its imports are done.

        Args:
            log: where drivers write what they say; nowhere if not given.
        """
        self._lock = threading.Lock()
        log_to = subprocess.DEVNULL if log is None else open(log, "ab")  # noqa: SIM115
        self._process = subprocess.Popen(
            program.command("common.sentiment.loop.crew"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_to,
            text=True,
        )
        if log is not None:
            log_to.close()  # type: ignore[union-attr]

    def live(self, home: Home) -> int:
        """Let one driver live; return its exit status, minus the signal if killed.

        Raises:
            RuntimeError: the nursery itself has ended.
        """
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            try:
                self._process.stdin.write(json.dumps(str(home.folder)) + "\n")
                self._process.stdin.flush()
                return int(self._process.stdout.readline())
            except (OSError, ValueError):
                raise RuntimeError("The nursery has ended.") from None

    def stop(self) -> None:
        """End it, and a driver that is alive."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)


class Supervisor(Stops):
    """Keeps one driver alive until the end of the block, and the watch on its timer.

    Attributes:
        lives: (began, ended, exit status) of each driver, times by `time.time`.
    """

    def __init__(self, home: Home, nursery: Nursery) -> None:
        """Start the first driver."""
        self.home, self._nursery = home, nursery
        self.lives: list[tuple[float, float, int]] = []
        (home.folder / "stop").unlink(missing_ok=True)
        self._thread = threading.Thread(target=self._run, name="crew", daemon=True)
        self._thread.start()
        self._watch = threading.Thread(target=self._look, name="watch", daemon=True)
        self._watch.start()

    def stop(self) -> None:
        """Ask the driver to end when its step is done, and start no other."""
        (self.home.folder / "stop").touch()
        self._thread.join(self.home.settings.patience_seconds)
        self._watch.join(self.home.settings.patience_seconds)

    def wait_for_end(self, key: str, seconds: float = 900) -> str:
        """Wait until a batch's turn has ended; how it did.

        Raises:
            TimeoutError: it has not.
            RuntimeError: nobody is left who could end it.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := self.home.journal.done(key).get("end"):
                return found["how"]
            if not self._thread.is_alive():
                raise RuntimeError("No driver lives any more: the nursery has ended.")
            time.sleep(0.1)
        raise TimeoutError(f"The turn of batch {key} has not ended.")

    def _look(self) -> None:
        """Day 33's watch, on a timer: it does not depend on what a driver does."""
        from common.sentiment.loop.turn import look

        while not self.home.stopping:
            with contextlib.suppress(OSError, ValueError, KeyError):
                look(self.home)  # a file may change under its hands; the next look
            time.sleep(self.home.settings.watch_seconds)

    def _run(self) -> None:
        while not self.home.stopping:
            began = time.time()
            try:
                status = self._nursery.live(self.home)
            except RuntimeError:
                return
            self.lives.append((began, time.time(), status))
            if status:
                time.sleep(_PAUSE_SECONDS)


@functools.cache
def nursery() -> Nursery:
    """The nursery of this process: started at the first call, ended with it."""
    started = Nursery()
    atexit.register(started.stop)
    return started


def _fork(folder: str) -> int:
    from common.sentiment.loop.__main__ import main

    if not _CAN_FORK:
        command = program.command("common.sentiment.loop", "--home", folder)
        return subprocess.run(command, stdin=subprocess.DEVNULL).returncode
    child = os.fork()
    if child == 0:
        program.end_with_parent()
        os._exit(main(["--home", folder]))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main(arguments: Sequence[str] = ()) -> None:
    """Be a nursery: import, then a driver for each line of standard input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    from common import quiet, surroundings

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    surroundings.choose_backend()
    with quiet.native_stderr_closed():  # imported, not started: that is the child's
        import mlflow  # noqa: F401

        from common.sentiment import export, promotion, training  # noqa: F401
        from common.sentiment.loop import __main__  # noqa: F401

    for line in sys.stdin:
        status = _fork(json.loads(line))
        print(status, file=answers, flush=True)


if __name__ == "__main__":
    main()
