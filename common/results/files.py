"""results.json of a day: read, checked, added to, and which record counts."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from common.results.names import (
    ResultsError,
    known_benchmark,
    known_metric,
    refuse_impossible,
)

NOT_RECORDED = "not recorded yet"
STALE = "recorded for an earlier version"
RECORDED_BUDGETS = ("full", "quick")
"""The budgets that are recorded, the better one first. A smoke run measures nothing."""

SOURCES = {
    "official": "the published files",
    "equivalent": "the published content in other bytes",
    "subset": "a part of the data set",
}
"""What a record may stand on, the best first; a stand-in is always refused."""

_FIELDS = {
    "budget": str,
    "data": str,
    "source": str,
    "metrics": dict,
    "seconds": (int, float),
    "device": str,
    "backend": str,
    "versions": dict,
    "date": str,
    "code_sha256": str,
}
_OPTIONAL = {"memory_bytes": int}
"""What records lack that were made before it was measured."""

_BENCHMARK_FIELDS = {
    "name": str,
    "ratio": (int, float),
    "unit": str,
    "device": str,
    "date": str,
}


def load(day_folder: Path) -> dict[str, Any]:
    """Read and check a day's results.json; an absent one holds no records.

    Raises:
        ResultsError: the file is broken, in one sentence with the place.
    """
    path = Path(day_folder) / "results.json"
    number = day_number(path.parent.name)
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"day": number, "records": [], "benchmarks": []}
    except ValueError as error:
        raise ResultsError(f"{_short(path)} is not JSON: {error}.") from None
    try:
        validate(results, number)
    except ResultsError as reason:
        raise ResultsError(f"{_short(path)}: {reason}") from None
    return results


def validate(results: Any, number: int) -> None:
    """Raise ResultsError unless `results` is what results.json of a day holds."""
    _expect_fields(results, {"day": int, "records": list, "benchmarks": list}, "it")
    if results["day"] != number:
        raise ResultsError(f"it says day {results['day']}, its folder day {number}.")
    seen = set()
    for place, one in enumerate(results["records"], start=1):
        where = f"record {place}"
        there = {name: _OPTIONAL[name] for name in _OPTIONAL if name in one}
        _expect_fields(one, _FIELDS | there, where)
        if one["budget"] not in RECORDED_BUDGETS:
            raise ResultsError(f"{where} has the budget {one['budget']!r}.")
        if one["source"] not in SOURCES:
            raise ResultsError(f"{where} has the source {one['source']!r}.")
        if not re.fullmatch(r"[0-9a-f]{64}", one["code_sha256"]):
            raise ResultsError(f"{where} has no SHA-256 in code_sha256.")
        _expect_date(one["date"], where)
        if not one["metrics"]:
            raise ResultsError(f"{where} holds no metric.")
        for name, value in one["metrics"].items():
            _validate_metric(name, value, where)
        key = _key(one)
        if key in seen:
            raise ResultsError(f"{where} is a second {' '.join(key)} record.")
        seen.add(key)
    for place, one in enumerate(results["benchmarks"], start=1):
        where = f"benchmark {place}"
        _expect_fields(one, _BENCHMARK_FIELDS, where)
        _expect_date(one["date"], where)
        known_benchmark(one["name"])
        refuse_impossible(one["name"], "ratio", one["ratio"])


def _validate_metric(name: str, value: Any, where: str) -> None:
    kind = known_metric(name).kind
    numbers = {"mean": (int, float), "std": (int, float), "seeds": int}
    _expect_fields(value, numbers, f"{name} of {where}")
    refuse_impossible(name, kind, value["mean"])
    refuse_impossible(f"the std of {name}", "ratio", value["std"])
    if value["seeds"] < 1 or (value["seeds"] == 1 and value["std"] != 0):
        raise ResultsError(f"{name} of {where} has a std that its seeds cannot give.")


def _expect_fields(found: Any, fields: Mapping[str, Any], where: str) -> None:
    if not isinstance(found, dict):
        raise ResultsError(f"{where} is not an object.")
    if missing := [name for name in fields if name not in found]:
        raise ResultsError(f"{where} lacks {', '.join(missing)}.")
    if surplus := [name for name in found if name not in fields]:
        raise ResultsError(f"{where} has an unknown field {', '.join(surplus)}.")
    for name, kind in fields.items():
        if not isinstance(found[name], kind) or isinstance(found[name], bool):
            raise ResultsError(f"{name} of {where} has the wrong type.")


def _expect_date(text: str, where: str) -> None:
    try:
        datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        raise ResultsError(f"{where} has the date {text!r}, not a day.") from None


def add(
    results: Mapping[str, Any],
    handover: Mapping[str, Any],
    *,
    seconds: float,
    hashes: Mapping[str, str],
    memory_bytes: int = 0,
) -> dict[str, Any]:
    """Return `results` with a run's hand-over added; the newest of its kind wins.

    There is one record a budget and kind of device, one benchmark a name and kind
    of device. A quick run replaces no benchmark while a full run of the present code
    stands: the ratios that a README shows are those in its notebook's outputs.

    Args:
        results: what `load` returned.
        handover: what `record` wrote in the recorded run.
        seconds: that the run took.
        hashes: `code_hashes` of the notebook that ran.
        memory_bytes: that it held at its peak, 0 if nobody knows.
    """
    today = datetime.now(UTC).date().isoformat()
    new = handover["record"] | {
        "seconds": round(seconds, 1),
        "date": today,
        "code_sha256": hashes[handover["record"]["budget"]],
    }
    new = {field: new[field] for field in _FIELDS}
    if memory_bytes:
        new["memory_bytes"] = memory_bytes
    records = [one for one in results["records"] if _key(one) != _key(new)] + [new]
    old, fresh = (
        {(one["name"], device_kind(one)): one for one in ratios}
        for ratios in (
            results["benchmarks"],
            [one | {"date": today} for one in handover["benchmarks"]],
        )
    )
    stands = any(
        rank(one) < rank(new) and device_kind(one) == device_kind(new)
        for one in results["records"]
        if is_current(one, hashes)
    )
    ratios = fresh | old if stands else old | fresh
    return {
        "day": results["day"],
        "records": sorted(records, key=rank),
        "benchmarks": sorted(ratios.values(), key=lambda one: one["name"]),
    }


def dump(results: Mapping[str, Any]) -> str:
    """Return the text of results.json."""
    return json.dumps(results, indent=2, ensure_ascii=False) + "\n"


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file in one step: a kill in the middle leaves the old one whole."""
    data = content.encode() if isinstance(content, str) else content
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        aside = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            aside.unlink()
            raise
    aside.chmod(mode)
    aside.replace(path)


def device_kind(entry: Mapping[str, Any]) -> str:
    """Return "gpu" or "cpu" for a record or a benchmark, from its device in words."""
    return "cpu" if entry["device"].upper().startswith("CPU") else "gpu"


def day_number(folder: str) -> int:
    """Return 7 for "day07_batchnorm_dropout".

    Raises:
        ResultsError: the folder is not named like a day.
    """
    found = re.match(r"day(\d\d)_[a-z0-9_]+$", folder)
    if not found:
        raise ResultsError(f"{folder!r} is not a day's folder, such as day01_mnist.")
    return int(found[1])


def notebook_path(day_folder: Path) -> Path:
    """Return where a day's notebook stands: day01_mnist/day01_mnist.ipynb."""
    day_folder = Path(day_folder)
    return day_folder / f"{day_folder.name}.ipynb"


def _key(one: Mapping[str, Any]) -> tuple[str, str]:
    return one["budget"], device_kind(one)


def rank(one: Mapping[str, Any]) -> tuple[int, str]:
    return RECORDED_BUDGETS.index(one["budget"]), device_kind(one)


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


class Best(NamedTuple):
    """The record to show, and whether its code is still the notebook's."""

    record: dict[str, Any]
    current: bool


def best_record(
    results: Mapping[str, Any], hashes: Mapping[str, str], budget: str | None = None
) -> Best | None:
    """Return the best record: a current one before a stale one, full before quick.

    Args:
        results: what `load` returned.
        hashes: `code_hashes` of the notebook as it stands.
        budget: only records of this budget.
    """
    candidates = [one for one in results["records"] if budget in (None, one["budget"])]
    if not candidates:
        return None
    newest_first = sorted(candidates, key=lambda one: one["date"], reverse=True)
    best = min(
        newest_first,
        key=lambda one: (
            not is_current(one, hashes),
            RECORDED_BUDGETS.index(one["budget"]),
        ),
    )
    return Best(best, is_current(best, hashes))


def is_current(one: Mapping[str, Any], hashes: Mapping[str, str]) -> bool:
    """Return whether the code of a record is still the notebook's."""
    return one["code_sha256"] == hashes.get(one["budget"])


def benchmark(results: Mapping[str, Any], name: str) -> float | None:
    """Return the newest ratio recorded under a name of `BENCHMARKS`, if any."""
    known_benchmark(name)
    found = [one for one in results["benchmarks"] if one["name"] == name]
    return max(found, key=lambda one: one["date"])["ratio"] if found else None
