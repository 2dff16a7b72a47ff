"""The three calls of a notebook, and what a learner has done of a day."""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
import types
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from common import ROOT, course_home
from common.exercises.judge import judge


def load(day: str) -> types.ModuleType:
    """Load a day's `exercises.py` by its path.

    Raises:
        FileNotFoundError: there is no such day, or it has no exercises.
    """
    path = ROOT / day / "exercises.py"
    if not path.is_file():
        raise FileNotFoundError(f"There is no {day}/exercises.py in the course.")
    spec = importlib.util.spec_from_file_location(f"{Path(day).name}_exercises", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start(day: str) -> tuple[Callable[..., None], Callable, Callable]:
    """Load a day's exercises, note that it was opened, and return its three calls.

    Args:
        day: the day's folder, for example `"day01_mnist"`.

    Returns:
        `check(id, answer)`, `hint(id)` and `solution(id)`; each prints.

    Raises:
        FileNotFoundError: there is no such day, or it has no exercises.
    """
    by_id = {exercise.id: exercise for exercise in load(day).EXERCISES}
    hints_seen: dict[str, int] = {}
    progress = Progress(day)
    progress.note_opened()

    def known(exercise_id: str) -> bool:
        if exercise_id not in by_id:
            print(f"There is no exercise {exercise_id!r} here: {', '.join(by_id)}.")
        return exercise_id in by_id

    def check(exercise_id: str, answer: Any) -> None:
        if known(exercise_id):
            verdict = judge(by_id[exercise_id], answer)
            print(f"Exercise {exercise_id}: {verdict.message}")
            if verdict.status == "passed":
                progress.note_passed(exercise_id)

    def hint(exercise_id: str) -> None:
        if known(exercise_id):
            hints = by_id[exercise_id].hints
            number = min(hints_seen.get(exercise_id, 0), len(hints) - 1)
            hints_seen[exercise_id] = number + 1
            print(f"Hint {number + 1} of {len(hints)}: {hints[number]}")

    def solution(exercise_id: str) -> None:
        if known(exercise_id):
            print(by_id[exercise_id].solution.strip())

    return check, hint, solution


class Progress:
    """What a learner has done of one day, in a file of their own.

    One file a day, outside the repository, replaced in one step: a kill in the
    middle of a write leaves the old file whole, and two open notebooks do not
    meet. A disk that refuses costs a sentence, not the lesson.
    """

    def __init__(self, day: str):
        self.path = course_home() / "progress" / f"{Path(day).name}.json"

    def read(self) -> dict:
        """Return {"opened": iso date or None, "passed": {id: iso date}}.

        A file that cannot be understood is set aside, never overwritten.
        """
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return {"opened": found["opened"], "passed": dict(found["passed"])}
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            print(f"Your progress in {self.path} cannot be read ({error.strerror}).")
        except (ValueError, KeyError, TypeError):
            self._set_aside()
        return {"opened": None, "passed": {}}

    def note_opened(self) -> None:
        """Remember the day on which the notebook was first opened."""
        state = self.read()
        if state["opened"] is None:
            self._write(state | {"opened": date.today().isoformat()})

    def note_passed(self, exercise_id: str) -> None:
        """Remember that an exercise was passed, and when first."""
        state = self.read()
        if exercise_id not in state["passed"]:
            state["passed"][exercise_id] = date.today().isoformat()
            self._write(state)

    def _set_aside(self) -> None:
        number = 1
        while (aside := self.path.with_suffix(f".broken-{number}.json")).exists():
            number += 1
        try:
            self.path.rename(aside)
        except OSError:
            return
        print(f"Your progress file was damaged; it is kept as {aside} and begun anew.")

    def _write(self, state: dict) -> None:
        temporary = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=self.path.parent, delete=False
            ) as file:
                temporary = file.name
                json.dump(state, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except OSError as error:
            print(
                f"Your progress could not be saved in {self.path.parent} "
                f"({error.strerror}); free some space or set COURSE_HOME to a folder "
                "that you can write to."
            )
            if temporary is not None and os.path.exists(temporary):
                os.unlink(temporary)
