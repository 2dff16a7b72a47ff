"""`make record`: run a day's notebook on the real data and keep what it measured.

    python tools/record.py DAY BUDGET       for example  day01_mnist full,  or  1 quick
    python tools/record.py --days "6 7 8" --budget full    a queue: what is not current
    python tools/record.py --stale --budget "quick full"   every day that is not current
    python tools/record.py DAY --redraw          the drawings, and no new number

CONTRIBUTING.md says what a run records and refuses. If it made the best record whose
code is current (full before quick), the notebook's outputs and the README's figures
are those of this run. Text cells may be edited while the notebook runs; when code was,
nothing is recorded and the executed copy is kept in runs/.
"""

from __future__ import annotations

import argparse
import contextlib
import runpy
import signal
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
runpy.run_path(str(ROOT / "common" / "notebook.py"))["bind"]("common", "tools")

from common import results  # noqa: E402
from tools import console, stamp  # noqa: E402
from tools.course import Course, CourseError, Day, load_course  # noqa: E402
from tools.recorded_run import NotRecorded  # noqa: E402
from tools.recording import record_day, redraw_day  # noqa: E402


class Outcome(NamedTuple):
    """How it went with a day, as the queue's table shows it."""

    day: str
    budget: str
    seconds: str = ""
    memory: str = ""
    words: str = "not begun"
    failed: bool = False


def _attempt(course: Course, day: Day, budget: str) -> Outcome:
    """Record a day and say how that went; only being told to stop ends the queue."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # kill is a Ctrl-C
    print(f"{day.folder}, {budget} budget:", flush=True)
    try:
        new, missed = record_day(course, day, budget)
    except Exception as reason:
        expected = (NotRecorded, CourseError, results.ResultsError, stamp.StampError)
        kind = ""
        if not isinstance(reason, expected):
            traceback.print_exc()
            kind = f"{type(reason).__name__}: "
        print(f"Not recorded, nothing was changed. {kind}{reason}", file=sys.stderr)
        return Outcome(day.folder, budget, words=f"failed: {kind}{reason}", failed=True)
    for sentence in missed:
        print(f"Below target: {sentence}")
    return Outcome(
        day.folder,
        budget,
        results.format_duration(new["seconds"]),
        results.format_memory(new["memory_bytes"]),
        " ".join(["recorded", *(f"· below target: {one}" for one in missed)]),
    )


def _is_current(course: Course, day: Day, budget: str) -> bool:
    """Whether a day has a record of this budget that its present code made."""
    with contextlib.suppress(results.ResultsError):  # the attempt will say it
        hashes = results.code_hashes(course.notebook(day), course.root)
        best = results.best_record(results.load(course.folder(day)), hashes, budget)
        return best is not None and best.current
    return False


def work_through(course: Course, days: Iterable[Day], budgets: list[str]) -> int:
    """Record days one after another, those that are current excepted; print a table.

    Whatever stops it, the next call goes on where this one ended.
    """
    waiting = [(day, budget) for day in days for budget in budgets]
    table = [Outcome(day.folder, budget) for day, budget in waiting]
    status = 0
    for place, (day, budget) in enumerate(waiting):
        if course.has(day) and _is_current(course, day, budget):
            table[place] = Outcome(day.folder, budget, words="current, skipped")
            continue
        try:
            table[place] = _attempt(course, day, budget)
        except KeyboardInterrupt:
            table[place] = Outcome(day.folder, budget, words="stopped")
            status = 130
            break
    rows = [("day", "budget", "took", "memory", ""), *(one[:5] for one in table)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print()
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())
    return status or int(any(one.failed for one in table))


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Record one day or a queue; returns the exit status, 0 also below a target."""
    console.write_anything()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("day", nargs="?", help="a folder or number, day01_mnist or 1")
    parser.add_argument("budget", nargs="?", help="full or quick")
    parser.add_argument("--budget", dest="option", help="the same; a queue takes both")
    parser.add_argument("--days", default="", help='a queue: "6 7 8"')
    parser.add_argument("--redraw", action="store_true", help="no number is new")
    parser.add_argument("--stale", action="store_true", help="all that is not current")
    asked = parser.parse_args(argv)
    budgets = (asked.budget or asked.option or "full").split()
    try:
        for budget in budgets:
            if budget not in results.RECORDED_BUDGETS:
                raise NotRecorded(
                    f"The budget {budget!r} is not recorded: choose full or quick."
                )
        course = load_course(root)
        if asked.stale or asked.days:
            named = [course.day(name) for name in asked.days.split()]
            return work_through(course, named or course.landed(), budgets)
        day = course.day(asked.day or "")
        if asked.redraw:
            print(f"{day.folder}, drawings:", flush=True)
            redraw_day(course, day)
            return 0
        attempts = [_attempt(course, day, budget) for budget in budgets]
        return int(any(one.failed for one in attempts))
    except (NotRecorded, CourseError) as reason:
        print(f"Not recorded, nothing was changed. {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Not recorded, nothing was changed. Interrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
