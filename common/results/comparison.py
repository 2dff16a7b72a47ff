"""A table of several days side by side, for the README of the day that ends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from common.results.files import NOT_RECORDED, STALE, best_record
from common.results.names import known_metric
from common.results.words import format_metric, table_row

_HEADS = {
    "parameters": "Parameters",
    "flops": "FLOPs an example",
    "train_seconds": "Training",
    "text_seconds": "One text, ONNX Runtime",
}
_ACCURACY = "test_accuracy"


class Compared(NamedTuple):
    """A day of the comparison."""

    title: str
    """In Markdown, as it shall stand in the first column."""
    results: Mapping[str, Any]
    """What `load` returned."""
    hashes: Mapping[str, str]
    """`code_hashes` of its notebook as it stands."""


def render_comparison(days: Sequence[Compared], names: Sequence[str]) -> str:
    """Return one row a day: its test accuracy, and what its headline model costs.

    A day's numbers are those of its best record, and the last column says of which
    budget and device that is: seconds of two devices do not compare. Where the days
    have different budgets, an accuracy that is not of a full run says so at once.

    Args:
        days: in the order of the rows.
        names: metrics of the headline model, one a column.

    Raises:
        ResultsError: a name is no metric.
    """
    heads = [_HEADS.get(name) or known_metric(name).description for name in names]
    lines = [table_row(["Day", "Test accuracy", *heads, "Recorded"])]
    lines.append(table_row(["---"] * (len(names) + 3)))
    found = [(day, best_record(day.results, day.hashes)) for day in days]
    mixed = len({best.record["budget"] for _, best in found if best is not None}) > 1
    for day, best in found:
        if best is None:
            lines.append(
                table_row([day.title, NOT_RECORDED, *([""] * (len(names) + 1))])
            )
            continue
        measured = best.record["metrics"]
        cells = [
            format_metric(name, measured[name]) if name in measured else "–"
            for name in (_ACCURACY, *names)
        ]
        if mixed and best.record["budget"] != "full":
            cells[0] += f" ({best.record['budget']} run)"
        note = f"{best.record['budget']}, {best.record['device']}"
        cells.append(note if best.current else f"{note}, {STALE}")
        lines.append(table_row([day.title, *cells]))
    return "\n".join(lines)
