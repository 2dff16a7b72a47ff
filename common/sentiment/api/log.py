"""The log: JSON lines on standard output, written beside the event loop.

Whoever reads standard output may stop reading; a program that writes then waits. So
lines go through a queue to a thread of their own. When the queue is full they are
dropped and counted: a service without a log is better than a log without a service.
"""

import contextlib
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

LARGEST = 10_000
"""Lines that wait to be written."""
STANDARD_OUTPUT = 1
_PAUSE = 0.05
"""Seconds in which lines gather: each time the thread wakes, the event loop stands."""


class Log:
    """One line an event.

    Attributes:
        texts: whether lines may hold what users wrote.
        waiting: the lines that are still to be written.
    """

    def __init__(self, texts: bool, on_drop: Callable[[], None]):
        """Take what to call for each line that is dropped."""
        self.texts = texts
        self.waiting: queue.Queue[str] = queue.Queue(LARGEST)
        self._on_drop = on_drop
        self._written = threading.Event()

    def write(self, event: str, level: str = "info", **facts: Any) -> None:
        """Hand one line over; ASCII only, so that nothing can break it into two."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": level,
            "event": event,
            **{name: fact for name, fact in facts.items() if fact is not None},
        }
        try:
            self.waiting.put_nowait(json.dumps(line))
        except queue.Full:
            self._on_drop()

    def start(self) -> None:
        """Begin to write, and take over what uvicorn logs."""
        # A daemon: the process can end though nobody reads what it wants to write
        threading.Thread(target=self._write_on, name="log", daemon=True).start()
        logger = logging.getLogger("uvicorn")
        logger.handlers, logger.propagate = [_FromUvicorn(self)], False
        for name in ("uvicorn.error", "uvicorn.access"):
            child = logging.getLogger(name)
            child.handlers, child.propagate = [], name == "uvicorn.error"

    def stop(self, seconds: float = 1.0) -> None:
        """Wait until all is written, but no longer than that."""
        self._written.clear()
        with contextlib.suppress(queue.Full):
            self.waiting.put_nowait(_END)
            self._written.wait(seconds)

    def _write_on(self) -> None:
        while True:
            lines = [self.waiting.get()]
            time.sleep(_PAUSE)
            with contextlib.suppress(queue.Empty):
                while True:
                    lines.append(self.waiting.get_nowait())
            ended = _END in lines
            lines = [line for line in lines if line is not _END]
            rest = "".join(f"{line}\n" for line in lines).encode("ascii")
            try:
                while rest:
                    rest = rest[os.write(STANDARD_OUTPUT, rest) :]
            except OSError:  # closed, or the disk behind it is full
                for _ in lines:
                    self._on_drop()
            if ended:
                self._written.set()


_END = "\n"  # no line looks like this


class _FromUvicorn(logging.Handler):
    """Turns uvicorn's messages into lines of the log."""

    def __init__(self, log: Log):
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write it, unless it is one that quotes a path and its query."""
        if "WebSocket" in str(record.msg):
            return
        error = record.exc_info and record.exc_info[0]
        self._log.write(
            "server",
            level=record.levelname.lower(),
            message=record.getMessage().strip(),
            error=error.__name__ if error else None,
        )
