"""`make progress`: the learner's own forty days, as a grid in the terminal."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
runpy.run_path(str(ROOT / "common" / "notebook.py"))["bind"]("common", "tools")

from common import course_home, homes  # noqa: E402
from tools import console  # noqa: E402
from tools.course import Course, CourseError, Day, load_course  # noqa: E402

WIDTH = 10
"""Boxes of the bar: one a tenth of a day's exercises."""


class State(NamedTuple):
    """What a learner has done of one day."""

    opened: bool
    passed: int
    total: int

    @property
    def finished(self) -> bool:
        """Whether every exercise of the day is passed."""
        return self.total > 0 and self.passed == self.total


def exercise_ids(path: Path) -> list[str]:
    """Return the ids in a day's exercises.py, without running it.

    A grid of forty days must not wait for forty imports of NumPy and Keras. In the
    source an id stands first in `Exercise(id="1.1", ...)`; a test compares the two.
    """
    source = path.read_text(encoding="utf-8")
    return re.findall(r'\bExercise\(\s*(?:id=)?"([^"]+)"', source)


def state(course: Course, day: Day, home: Path) -> State:
    """Return what the learner has done of a day; a damaged file counts as nothing."""
    exercises = course.folder(day) / "exercises.py"
    ids = set(exercise_ids(exercises)) if exercises.is_file() else set()
    path = home / "progress" / f"{day.folder}.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        passed = ids & set(kept["passed"])
        return State(bool(kept["opened"]), len(passed), len(ids))
    except (OSError, ValueError, KeyError, TypeError):
        return State(False, 0, len(ids))


def grid(course: Course, home: Path) -> str:
    """Return the forty days as text: one line a day, under the names of the parts."""
    states = {day: state(course, day, home) for day in course.landed()}
    opened = [one for one in states.values() if one.opened]
    lines = [course.name, ""]
    for part in course.parts:
        lines.append(f"Part {part.number} · {part.title}")
        lines += [_line(day, states.get(day)) for day in course.of_part(part)]
        lines.append("")
    if not opened:
        lines += [
            "You have not opened a day yet. `make lab` opens the first one; what you",
            "pass there is remembered here.",
        ]
    else:
        passed = sum(one.passed for one in states.values())
        total = sum(one.total for one in states.values())
        finished = sum(one.finished for one in states.values())
        lines += [
            f"Days opened {len(opened)}, finished {finished}, of {len(states)} "
            f"published · exercises passed {passed} of {total}",
            f"Kept in {home / 'progress'}",
        ]
    return "\n".join(lines)


def _line(day: Day, done: State | None) -> str:
    head = f"  {day.number:>2}  {day.title:<40}"
    if done is None:
        return f"{head}  planned"
    boxes = WIDTH * done.passed // done.total if done.total else 0
    bar = "#" * boxes + "." * (WIDTH - boxes)
    words = "done" if done.finished else "" if done.opened else "not opened"
    return f"{head}  {bar}  {done.passed:>2} of {done.total:<2}  {words}".rstrip()


def main(root: Path = ROOT) -> int:
    """Print the grid; returns the exit status."""
    console.write_anything()
    homes.find_home()
    try:
        print(grid(load_course(root), course_home()))
    except CourseError as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
