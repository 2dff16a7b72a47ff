"""The log: one line a request, in JSON."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any


class Lines(logging.StreamHandler):
    """Writes what it gets, a line each: without a formatter that is the message."""


class Log:
    """JSON lines on standard output, one an event."""

    def __init__(self, texts: bool):
        self.texts = texts
        self._logger = logging.getLogger("sentiment.api")
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False
        if not any(isinstance(one, Lines) for one in self._logger.handlers):
            self._logger.addHandler(Lines(sys.stdout))

    def write(self, event: str, level: str = "info", **facts: Any) -> None:
        """Write one line; ASCII only, so that nothing can break it into two."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": level,
            "event": event,
            **{name: fact for name, fact in facts.items() if fact is not None},
        }
        self._logger.log(getattr(logging, level.upper()), json.dumps(line))
