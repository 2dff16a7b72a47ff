"""What the loop has done, in lines that are only ever added.

    journal = Journal(path)
    journal.once("b1f0", "train", effect)    # does it, unless it is noted

Each line is on the disk before the next step begins. A step that was cut off between
its effect and its note is done again, so every effect has to be idempotent: *at least
once*, with effects that do not add up, is *exactly once* for whoever looks at the end.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

At = Callable[[str, str], None]
"""Called at each step with its name and "before", "between" or "after"."""


def nothing_happens(step: str, moment: str) -> None:
    """What happens at a moment of a step when nobody injects a fault."""


def key_of(*parts: Any) -> str:
    """16 hex digits that stand for what a step depends on: equal for equal inputs.

    Args:
        parts: what JSON can hold, for example hashes, numbers and settings.
    """
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


class Journal:
    """One file of JSON lines: "turn", "step", "result", "time" and "seconds".

    Attributes:
        path: of the file, which need not be there yet.
    """

    def __init__(self, path: str | Path) -> None:
        """Name the file; nothing is read or written yet."""
        self.path = Path(path)

    def rows(self) -> list[dict]:
        """Every whole line, oldest first; half a line is what a kill leaves."""
        rows = []
        if self.path.exists():
            for line in self.path.read_text(encoding="ascii").splitlines():
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    continue
        return rows

    def done(self, turn: str) -> dict[str, dict]:
        """The results of a turn's steps, by name; what was reopened is not done."""
        steps: dict[str, dict] = {}
        for row in self.rows():
            if row["turn"] != turn:
                continue
            if row["step"] == "reopen":
                names = list(steps)
                for name in names[names.index(row["result"]["from"]) :]:
                    del steps[name]
            else:
                steps[row["step"]] = row["result"]
        return steps

    def note(self, turn: str, step: str, result: dict, seconds: float = 0.0) -> None:
        """Add a line, and return when the disk has it.

        Raises:
            OSError: there is no room; half a line may stand there, and is ignored.
        """
        row = {"turn": turn, "step": step, "result": result}
        row |= {"time": time.time(), "seconds": round(seconds, 3)}
        with open(self.path, "a+b") as file:
            if file.tell() and not _ends_a_line(file):
                file.write(b"\n")  # half a line must not spoil this one
            file.write(json.dumps(row).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def once(
        self,
        turn: str,
        step: str,
        effect: Callable[[], dict],
        at: At = nothing_happens,
    ) -> dict:
        """Do a step unless it is noted, then note it; what it came to.

        Args:
            turn: the key of what the step is done for.
            step: its name.
            effect: does it; must change nothing if it has been done already.
            at: told of the moments before, between effect and note, and after.
        """
        kept = self.done(turn)
        if step in kept:
            return kept[step]
        began = time.monotonic()
        at(step, "before")
        result = effect()
        at(step, "between")
        self.note(turn, step, result, time.monotonic() - began)
        at(step, "after")
        return result

    def reopen(self, turn: str, step: str) -> None:
        """Let a step, and those noted after it, be done again: by one line more.

        Raises:
            KeyError: the step is not noted.
        """
        if step not in self.done(turn):
            raise KeyError(f"The step {step} of turn {turn} is not noted.")
        self.note(turn, "reopen", {"from": step})


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
