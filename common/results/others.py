"""What other days have recorded, for a figure that grows from day to day."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from common import ROOT
from common.results.files import RECORDED_BUDGETS, load
from common.results.names import known_metric


class DayResult(NamedTuple):
    """What the model of a day reaches, and what it costs.

    A notebook makes one of its own for the day that it is: its record is not written
    yet. Fields without a record are None.
    """

    day: int
    label: str
    """The day's title."""
    accuracy: float
    """`test_accuracy`, a fraction, the mean over seeds."""
    seconds: float | None
    """`train_seconds`, on `device`."""
    parameters: float | None
    budget: str
    device: str


def of_days(
    days: Iterable[int],
    budget: str | None = None,
    root: Path | None = None,
    accuracy: str = "test_accuracy",
) -> list[DayResult]:
    """Return the recorded results of those days that have one, in their order.

    Seconds of two devices or two budgets do not compare: `device` and `budget` say
    what a row stands on.

    Args:
        days: their numbers, for example range(5, 7).
        budget: "full" or "quick"; by default that of the active run. A day without a
            record in this budget gives the better one that it has.
        root: the course's root; by default the one this module belongs to.
        accuracy: the name of the metric to take for the accuracy.

    Raises:
        ResultsError: a results.json is broken, or the metric is unknown.
    """
    known_metric(accuracy)
    root = ROOT if root is None else root
    if budget is None:
        from common import runtime

        budget = runtime.active_budget()
    table = tomllib.loads((root / "course.toml").read_text(encoding="utf-8"))["days"]
    rows = {row["number"]: row for row in table}
    found = []
    for day in days:
        records = [
            one
            for one in load(root / rows[day]["folder"])["records"]
            if accuracy in one["metrics"]
        ]
        if not records:
            continue
        newest_first = sorted(records, key=lambda one: one["date"], reverse=True)
        best = min(
            newest_first,
            key=lambda one: (
                one["budget"] != budget,
                RECORDED_BUDGETS.index(one["budget"]),
            ),
        )
        mean = {name: value["mean"] for name, value in best["metrics"].items()}
        found.append(
            DayResult(
                day,
                rows[day]["title"],
                mean[accuracy],
                mean.get("train_seconds"),
                mean.get("parameters"),
                best["budget"],
                best["device"],
            )
        )
    return found
