"""Numbers and tables as a reader sees them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.results.files import (
    NOT_RECORDED,
    RECORDED_BUDGETS,
    SOURCES,
    STALE,
    benchmark,
    best_record,
    device_kind,
    is_current,
    rank,
)
from common.results.names import METRICS, ResultsError, known_benchmark, known_metric

HEADLINES = ("test_accuracy", "minilm_accuracy")
"""What a day is known by; Day 22 has the second where no larger model was at hand."""

_POWERS = ("", "k", "M", "G", "T")


def format_metric(name: str, value: Mapping[str, float]) -> str:
    """Return a metric as a reader sees it: "98.31 % ± 0.06", "1.8 ms", "0.42".

    The number of digits follows the standard deviation over seeds, whose first digit
    is the last that says something; without one it follows the kind of number.
    """
    kind = known_metric(name).kind
    mean, std, several = value["mean"], value["std"], value["seeds"] > 1
    if kind == "difference":
        text = f"{mean:.1e}" if mean else "0"
        return f"{text} ± {std:.1e}" if several and std else text
    if kind == "fraction":
        mean, std, unit, digits, limits = mean * 100, std * 100, " %", 1, (1, 2)
    elif kind == "seconds":
        factor, unit = _unit_of_time(mean)
        mean, std, digits, limits = mean * factor, std * factor, 1, (0, 2)
    elif kind == "ratio":
        unit, digits, limits = "×", _significant(mean, 2), (0, 3)
    elif kind == "flops":
        power = min(max(math.floor(math.log10(max(mean, 1)) / 3), 0), 4)
        mean, std = mean / 1e3**power, std / 1e3**power
        unit, digits, limits = f" {_POWERS[power]}".rstrip(), min(power, 1), (0, 2)
    elif kind == "bytes":
        mean, std, unit, digits, limits = mean / 1e6, std / 1e6, " MB", 0, (0, 1)
    elif kind == "nats":
        unit, digits, limits = "", 3, (1, 4)
    else:
        unit, digits, limits = "", 0 if float(mean).is_integer() else 1, (0, 2)
    if several and std > 0:
        digits = min(max(_significant(std, 1), limits[0]), limits[1])
    text = f"{mean:,.{digits}f}{unit}"
    return f"{text} ± {std:,.{digits}f}" if several else text


def format_ratio(ratio: float) -> str:
    """Return a benchmark's ratio with two significant digits: "0.42×", "130×"."""
    rounded = float(f"{ratio:.2g}")
    return f"{rounded:,.{max(_significant(rounded, 2), 0)}f}×"


def format_duration(seconds: float) -> str:
    """Return a notebook's running time: "24 s", "4 min 12 s", "1 h 5 min"."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def format_memory(count: int) -> str:
    """Return bytes as a reader counts them: "2.4 GB"."""
    return f"{count / 1e9:.1f} GB"


def _significant(number: float, digits: int) -> int:
    """Return the decimals that show so many significant digits of a number."""
    if number == 0:
        return digits
    return digits - 1 - math.floor(math.log10(float(f"{abs(number):.{digits - 1}e}")))


def _unit_of_time(seconds: float) -> tuple[float, str]:
    if seconds >= 1 or seconds == 0:
        return 1.0, " s"
    return (1e3, " ms") if seconds >= 1e-3 else (1e6, " µs")


_PACKAGES = {
    "keras": "Keras",
    "tensorflow": "TensorFlow",
    "jax": "JAX",
    "torch": "PyTorch",
    "numpy": "NumPy",
}


def render_table(results: Mapping[str, Any]) -> str:
    """Return the README's table of a day: every metric, every record, in Markdown."""
    columns = _columns(results["records"])
    recorded = [one for one in columns.values() if one is not None]
    rows = {
        metric.description: [_of_metric(one, name) for one in columns.values()]
        for name, metric in METRICS.items()
        if any(name in one["metrics"] for one in recorded)
    }
    if recorded:
        for fact, words in _FACTS.items():
            rows[fact] = ["" if one is None else words(one) for one in columns.values()]
        if not any(rows[_MEMORY]):
            del rows[_MEMORY]
    table = [["", *columns], ["---"] * (len(columns) + 1)]
    table += [[head, *cells] for head, cells in rows.items()]
    lines = [table_row(cells) for cells in table]
    if results["benchmarks"]:
        lines += [
            "",
            table_row(["Speed", "ratio", "on", "recorded on"]),
            table_row(["---"] * 4),
        ]
    for one in results["benchmarks"]:
        ratio = format_ratio(one["ratio"])
        lines.append(
            table_row([known_benchmark(one["name"]), ratio, one["device"], one["date"]])
        )
    return "\n".join(lines)


_MEMORY = "At its peak it holds in memory"
_FACTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "The whole notebook takes": lambda one: format_duration(one["seconds"]),
    _MEMORY: lambda one: _memory(one),
    "On": lambda one: one["device"],
    "With": lambda one: ", ".join(
        f"{_PACKAGES.get(name, name)} {version}"
        for name, version in one["versions"].items()
    ),
    "Data": lambda one: f"{one['data']} ({SOURCES[one['source']]})",
    "Recorded on": lambda one: one["date"],
}
"""What stands below the metrics, for each record."""


def _columns(records: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any] | None]:
    """Return heading and record of every column; a budget without one has a column."""
    columns: dict[str, dict[str, Any] | None] = {}
    for budget in RECORDED_BUDGETS:
        found = [one for one in records if one["budget"] == budget]
        for one in found:
            kind = f", {device_kind(one).upper()}" if len(found) > 1 else ""
            columns[f"{budget}{kind}"] = one
        if not found:
            columns[f"{budget} ({NOT_RECORDED})"] = None
    return columns


def _of_metric(one: Mapping[str, Any] | None, name: str) -> str:
    if one is None:
        return ""
    value = one["metrics"].get(name)
    if value is None:
        return "–"
    text = format_metric(name, value)
    return f"{text} ({value['seeds']} seeds)" if value["seeds"] > 1 else text


def render_expected(
    header: str,
    results: Mapping[str, Any],
    hashes: Mapping[str, str],
) -> str:
    """Return a day's header table with its two generated rows brought up to date.

    Args:
        header: the table as it stands; its other rows (You will, You need) are kept.
        results: what `load` returned.
        hashes: `code_hashes` of the notebook as it stands.
    """
    generated = ("It takes", "Recorded result")
    kept = [
        line
        for line in header.strip().splitlines()
        if not any(line.startswith(f"| {name} |") for name in generated)
    ]
    if not kept:
        kept = [table_row(["", ""]), table_row(["---", "---"])]
    return "\n".join(
        [
            *kept,
            table_row([generated[0], _times(results)]),
            table_row([generated[1], headline(results, hashes)]),
        ]
    )


def headline(
    results: Mapping[str, Any], hashes: Mapping[str, str], words: bool = True
) -> str:
    """Return the day's recorded result in words, with what it stands on.

    Here, once, a reader learns that a record is of an earlier version of the code.

    The first of `HEADLINES` of the best record; a day without them shows its first
    metric.
    `words=False` leaves out the metric's name where a table's head says it.
    """
    best = best_record(results, hashes)
    if best is None:
        return NOT_RECORDED
    measured = best.record["metrics"]
    name = next(name for name in (*HEADLINES, *METRICS) if name in measured)
    text = format_metric(name, measured[name])
    if words or name != "test_accuracy":
        plain = METRICS[name].description
        text += f" {plain[0].lower()}{plain[1:]}"
    remarks = []
    if best.record["budget"] != "full":
        remarks += [f"{best.record['budget']} run", best.record["device"]]
    old = [o["budget"] for o in results["records"] if not is_current(o, hashes)]
    if old:
        some = len(old) < len(results["records"])
        remarks += [f"{' and '.join(old)}: {STALE}" if some else STALE]
    return f"{text} ({', '.join(remarks)})" if remarks else text


def render_value(
    results: Mapping[str, Any], hashes: Mapping[str, str], key: str
) -> str:
    """Return one number for a sentence: "98.3 % ± 0.1".

    Args:
        results: what `load` returned.
        hashes: `code_hashes` of the notebook as it stands.
        key: "full.test_accuracy", "quick.test_accuracy", "best.test_accuracy",
            "full.seconds", "full.memory", "full.device", "full.date" or
            "benchmark.<name>".

    Raises:
        ResultsError: the key is not one of these.
    """
    column, _, name = key.replace(":", ".").partition(".")
    if column == "benchmark":
        ratio = benchmark(results, name)
        return NOT_RECORDED if ratio is None else format_ratio(ratio)
    if column not in (*RECORDED_BUDGETS, "best"):
        raise ResultsError(f"{key!r} should start with full, quick, best or benchmark.")
    facts = {
        "seconds": lambda one: format_duration(one["seconds"]),
        "memory": lambda one: _memory(one) or NOT_RECORDED,
        "device": lambda one: one["device"],
        "date": lambda one: one["date"],
    }
    if name not in facts:
        known_metric(name)
    best = best_record(results, hashes, None if column == "best" else column)
    if best is None or (name not in facts and name not in best.record["metrics"]):
        return NOT_RECORDED
    if name in facts:
        return facts[name](best.record)
    return format_metric(name, best.record["metrics"][name])


def _times(results: Mapping[str, Any]) -> str:
    """Return the recorded runs' time and memory, the quick one first."""
    parts = [
        ", ".join(filter(None, [format_duration(one["seconds"]), _memory(one)]))
        + f" ({one['budget']}, {one['device']})"
        for one in sorted(results["records"], key=rank, reverse=True)
    ]
    return " · ".join(parts) if parts else NOT_RECORDED


def _memory(one: Mapping[str, Any]) -> str:
    """Return a record's peak memory, "" for one made before it was measured."""
    return format_memory(one["memory_bytes"]) if "memory_bytes" in one else ""


def table_row(cells: Sequence[str]) -> str:
    """Return a line of a Markdown table."""
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def missed_targets(one: Mapping[str, Any], targets: Mapping[str, float]) -> list[str]:
    """Return a sentence for each target that a record does not reach."""
    sentences = []
    for name, target in targets.items():
        metric = known_metric(name)
        goal = format_metric(name, {"mean": target, "std": 0.0, "seeds": 1})
        bound = "at most" if metric.lower_is_better else "at least"
        value = one["metrics"].get(name)
        if value is None:
            sentences.append(f"{name} was not recorded; it should be {bound} {goal}.")
        elif (
            (value["mean"] > target)
            if metric.lower_is_better
            else (value["mean"] < target)
        ):
            sentences.append(
                f"{name} is {format_metric(name, value)}; it should be {bound} {goal}."
            )
    return sentences
