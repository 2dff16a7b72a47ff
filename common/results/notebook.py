"""What a notebook calls: its numbers beside the recorded ones, or into the record."""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from common import ROOT
from common.results.code import code_hashes
from common.results.files import (
    SOURCES,
    STALE,
    Best,
    benchmark,
    best_record,
    load,
    notebook_path,
    write_atomically,
)
from common.results.names import (
    BENCHMARKS,
    METRICS,
    ResultsError,
    known_benchmark,
    known_metric,
    refuse_impossible,
)
from common.results.words import format_metric, format_ratio

if TYPE_CHECKING:
    import pandas as pd

    from common.datasets.dataset import Dataset


def record(
    metrics: Mapping[str, float | Sequence[float]],
    data: Dataset | Sequence[Dataset],
    benchmarks: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Show a run's numbers beside the recorded ones; in a recorded run, keep them.

    Args:
        metrics: a number, or one number a seed, under names of `METRICS`.
            Accuracies are fractions in [0, 1], not percent.
        data: the data set the numbers were measured on, or several.
        benchmarks: ratios of two times under names of `BENCHMARKS`.

    Returns:
        A table to end a cell with, one row a metric, formatted in words.

    Raises:
        ResultsError: a name is unknown, a number is not finite or not a fraction;
            or, in a recorded run, the data are a stand-in or the call is the second.
    """
    from common import runtime

    measured = {name: summarise(name, values) for name, values in metrics.items()}
    ratios = {name: _ratio(name, value) for name, value in (benchmarks or {}).items()}
    if not measured:
        raise ResultsError("record() was given no metric.")
    handover = os.environ.get("COURSE_RECORD")
    if handover:
        refuse_stand_in(data)
        _hand_over(Path(handover), measured, ratios, data)
        return _table({"recorded": _formatted(measured, ratios)})
    columns = {"this run": _formatted(measured, ratios)}
    found = _recorded_beside_this_run(runtime)
    if found is not None:
        results, best = found
        recorded = _formatted(
            {name: best.record["metrics"].get(name) for name in measured},
            {name: benchmark(results, name) for name in ratios},
        )
        mark = "" if best.current else f", {STALE}"
        columns[f"recorded ({best.record['budget']}{mark})"] = recorded
    return _table(columns)


def summarise(name: str, values: float | Sequence[float]) -> dict[str, float | int]:
    """Return {"mean", "std", "seeds"} of one value a seed.

    `std` is the sample standard deviation (n - 1), and 0.0 for a single value.

    Raises:
        ResultsError: the name is not in `METRICS`, or a value is impossible.
    """
    kind = known_metric(name).kind
    values = getattr(values, "tolist", lambda: values)()
    numbers = [float(v) for v in (values if isinstance(values, Iterable) else [values])]
    if not numbers:
        raise ResultsError(f"{name} was given no value.")
    for number in numbers:
        refuse_impossible(name, kind, number)
    spread = statistics.stdev(numbers) if len(numbers) > 1 else 0.0
    mean = statistics.fmean(numbers)
    return {"mean": _rounded(mean), "std": _rounded(spread), "seeds": len(numbers)}


def refuse_stand_in(data: Dataset | Sequence[Dataset]) -> None:
    """Raise ResultsError when any of the data sets is a stand-in for another one."""
    for one in _several(data):
        if one.source not in SOURCES:
            raise ResultsError(
                f"Not recorded: this run stands on {one.title}, a stand-in. A record "
                "needs the real data: set COURSE_DATA to a mirror, or connect."
            )


def loaded_stand_in(namespace: Mapping[str, Any]) -> str:
    """Return why a notebook's variables cannot lead to a record, or "" if they can.

    tools/record.py asks this after every cell, so that a run on a stand-in ends
    when the data are loaded and not after the training.
    """
    for value in list(namespace.values()):
        kind = type(value).__name__
        if kind in ("Dataset", "Weights") and hasattr(value, "source"):
            try:
                refuse_stand_in(value)
            except ResultsError as reason:
                return str(reason)
    return ""


def peak_memory() -> int:
    """Return the bytes that this process held in memory at most, since it began."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return psutil.Process().memory_info().peak_wset
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes elsewhere


def _ratio(name: str, value: float) -> float:
    known_benchmark(name)
    refuse_impossible(name, "ratio", float(value))
    return _rounded(float(value), 3)


def _rounded(number: float, digits: int = 6) -> float:
    """Keep significant digits, so that a latency of microseconds survives."""
    return float(f"{number:.{digits}g}")


def _several(data: Dataset | Sequence[Dataset]) -> list[Dataset]:
    return list(data) if isinstance(data, (list, tuple)) else [data]


def _hand_over(
    path: Path,
    measured: Mapping[str, Mapping[str, float]],
    ratios: Mapping[str, float],
    data: Dataset | Sequence[Dataset],
) -> None:
    from common import runtime

    if path.exists():
        raise ResultsError("record() was called twice: a day has one record.")
    backend, versions = _software()
    sets = _several(data)
    device = runtime.device()
    handover = {
        "record": {
            "budget": runtime.active_budget(),
            "data": " · ".join(one.title for one in sets),
            "source": max((one.source for one in sets), key=list(SOURCES).index),
            "metrics": measured,
            "device": device,
            "backend": backend,
            "versions": versions,
        },
        "benchmarks": [
            {"name": name, "ratio": ratio, "unit": "1", "device": device}
            for name, ratio in ratios.items()
        ],
    }
    write_atomically(path, json.dumps(handover))


def _software() -> tuple[str, dict[str, str]]:
    """Return Keras' backend and the versions behind it; a day may use neither."""
    from importlib.metadata import version

    if "keras" not in sys.modules:
        return "none", {"numpy": version("numpy")}
    backend = sys.modules["keras"].backend.backend()
    return backend, {package: version(package) for package in ("keras", backend)}


def _recorded_beside_this_run(runtime: ModuleType) -> tuple[dict, Best] | None:
    """Find the record of the day that this notebook belongs to, if there is one.

    `runtime.start` knows the day; without it the working folder tells.
    """
    day = ROOT / (getattr(runtime, "current_day", None) or Path.cwd().name)
    if not notebook_path(day).is_file():
        return None
    try:
        results = load(day)
        best = best_record(results, code_hashes(notebook_path(day)))
    except ResultsError as reason:
        print(f"The recorded results cannot be read: {reason}")
        return None
    return None if best is None else (results, best)


def _formatted(
    measured: Mapping[str, Mapping[str, float] | None],
    ratios: Mapping[str, float | None],
) -> dict[str, str]:
    rows = {
        METRICS[name].description: format_metric(name, value) if value else "–"
        for name, value in sorted(
            measured.items(), key=lambda item: list(METRICS).index(item[0])
        )
    }
    for name, ratio in ratios.items():
        rows[BENCHMARKS[name]] = "–" if ratio is None else format_ratio(ratio)
    return rows


def _table(columns: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns)
