"""A number in a document: where it comes from, how sure it is, how it is written.

    places = {"course": ROOT, "served": model, "evidence": folder}
    claim = read("Accuracy", "evidence/evaluation.json#all", places)
    row(claim)    # | Accuracy | 90.2 % | 89.8 % to 90.5 % | 25,000 reviews | … |

A source is a JSON file in one of the places and a path of keys in it. What stands there
decides what is said:

    {"right": 27, "n": 30, "of": "reviews"}                 a share, Wilson's interval
    {"value": 0.2, "low": 0.1, "high": 0.3, "n": 9, "of": "names", "unit": "points"}
    {"low": 1, "high": 20, "unit": "Wh", "of": "assumptions"}     a range, no best guess
    {"said": "short", "because": "Holm, 5 %", "of": "14 slices"}    a decision, in words
    {"mean": 0.9, "std": 0.001, "seeds": 3}                 a metric of a results.json
    123, 0.83, "bigrams"                                    exact: counted, or set

and whatever cannot be read is *not measured*, for a reason that somebody has to give.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from common import results

Places = Mapping[str, Path]
"""Folders by the first part of a source's path."""

HEADER = "| measured | value | 95 % interval | of | source | date |"
RULE = "|---|---|---|---|---|---|"
EXACT, NONE = "exact", "–"
NOT_MEASURED = "not measured"
HASH_DIGITS = 12
_RESULTS = "results.json"
_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


class ClaimError(ValueError):
    """A number whose source cannot be read; says why in a sentence."""


class Source(NamedTuple):
    """Where a number stands."""

    path: str
    """Of the file: a place, then the path in it."""
    key: str
    """In the file: keys with dots between them."""
    sha256: str = ""
    """Of the file's bytes when the number was read."""

    def __str__(self) -> str:
        return f"`{self.path}#{self.key}` {self.sha256[:HASH_DIGITS]}".strip()


class Claim(NamedTuple):
    """A number with all that a reader needs to weigh it, each part in words."""

    name: str
    value: str
    interval: str = NONE
    """"89.8 % to 90.5 %"; or "exact"; or "none: " and a reason."""
    of: str = NONE
    """How many of what the number stands on: "25,000 reviews"."""
    source: str = NONE
    date: str = NONE


def wilson(right: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a share of which right / n was seen.

    It holds every share p that lies within z of its own standard error
    sqrt(p(1 - p) / n) from right / n. Source: E. B. Wilson, 1927.

    Args:
        right: how many of n, from 0 to n.
        n: at least 1.
        confidence: how often such an interval holds the true share, about.
    """
    from scipy.stats import norm

    if not 0 <= right <= n or n < 1:
        raise ClaimError(f"{right} of {n} is no share.")
    z, p = norm.ppf((1 + confidence) / 2), right / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def of_seeds(mean: float, std: float, seeds: int) -> tuple[float, float]:
    """The interval of a mean over seeds, by Student's t with seeds - 1 degrees."""
    from scipy.stats import t

    half = float(t.ppf(0.975, seeds - 1)) * std / math.sqrt(seeds)
    return mean - half, mean + half


def say(value: float | str, unit: str) -> str:
    """Write a number in its unit: 0.9015 as "90.2 %", 0.00027 s as "0.27 ms"."""
    if isinstance(value, str):
        return value
    if unit in ("share", "fraction"):
        return f"{100 * value:.1f} %"
    if unit == "points":
        return f"{100 * value:+.2f} points"
    if unit == "seconds":
        size, name = next(
            ((size, name) for size, name in _TIMES if abs(value) >= size), _TIMES[-1]
        )
        return f"{value / size:.3g} {name}"
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "logit":
        return f"{value:+.3f}"
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{text} {unit}" if unit and unit != "number" else text


def locate(path: str, places: Places) -> Path:
    """Find the file of a source.

    Raises:
        ClaimError: its place is not known, or there is no such file.
    """
    place, _, rest = path.partition("/")
    if place not in places or not rest or ".." in Path(rest).parts:
        raise ClaimError(f"{path} lies in no place that is known here.")
    file = Path(places[place]) / rest
    if not file.is_file():
        raise ClaimError(f"{path} does not exist.")
    return file


def file_hash(file: Path) -> str:
    """The SHA-256 of a file's bytes."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def look_up(path: str, key: str, places: Places) -> tuple[Any, str, str, str]:
    """Read what stands at a source.

    In a day's results.json the key is the name of a metric, and the record is the full
    one, else the quick one.

    Returns:
        The node, its unit if the place tells one, the date, the file's SHA-256.

    Raises:
        ClaimError: the file or the key is not there, or the file is not JSON.
    """
    file = locate(path, places)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise ClaimError(f"{path} is not JSON.") from None
    sha256 = file_hash(file)
    if file.name == _RESULTS:
        for budget in results.RECORDED_BUDGETS:
            for one in content.get("records", []):
                if one["budget"] == budget and key in one["metrics"]:
                    unit = results.known_metric(key).kind
                    return one["metrics"][key], unit, one["date"], sha256
        raise ClaimError(f"{path} has no record of {key}.")
    node = content
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            raise ClaimError(f"{path} has nothing at {key}.")
        node = node[part]
    date = str(content.get("date", content.get("created", "")))[:10]
    return node, "", date or NONE, sha256


def read(name: str, source: str, places: Places, otherwise: str = "") -> Claim:
    """Make a claim of what stands at a source.

    Args:
        name: what the number says, in words.
        source: "place/path/file.json#key.key".
        places: folders by name.
        otherwise: why it is not measured, should the source not be there.

    Raises:
        ClaimError: the source cannot be read, and `otherwise` gives no reason.
    """
    path, _, key = source.partition("#")
    try:
        node, unit, date, sha256 = look_up(path, key, places)
    except ClaimError:
        if not otherwise:
            raise
        return Claim(name, f"{NOT_MEASURED}: {otherwise}")
    if isinstance(node, Mapping) and NOT_MEASURED in node:
        return Claim(name, f"{NOT_MEASURED}: {node[NOT_MEASURED]}")
    value, interval, of = in_words(node, unit)
    return Claim(name, value, interval, of, str(Source(path, key, sha256)), date)


def in_words(node: Any, unit: str = "") -> tuple[str, str, str]:
    """Say a node of a source: its value, its interval, what it stands on.

    Raises:
        ClaimError: the node has none of the forms that the module lists.
    """
    if isinstance(node, str):
        return node, EXACT, NONE
    if isinstance(node, int | float) and not isinstance(node, bool):
        return say(node, "count" if isinstance(node, int) else "number"), EXACT, NONE
    if not isinstance(node, Mapping):
        raise ClaimError(f"{node!r:.40} is no number.")
    unit = str(node.get("unit", unit))
    if {"right", "n"} <= set(node):
        low, high = wilson(node["right"], node["n"])
        value, n, unit = node["right"] / node["n"], node["n"], "share"
    elif {"mean", "std", "seeds"} <= set(node):
        value, n = node["mean"], node["seeds"]
        if n < 3:
            return say(value, unit), "none: one run", f"{n} seed"
        low, high = of_seeds(value, node["std"], n)
        return say(value, unit), _between(low, high, unit), f"{n} seeds"
    elif {"said", "because", "of"} <= set(node):
        return node["said"], f"none: {node['because']}", node["of"]
    elif {"low", "high"} <= set(node):
        value, n = node.get("value", NONE), node.get("n")
        low, high = node["low"], node["high"]
    else:
        raise ClaimError(f"{dict(node)!r:.60} has no form of a number.")
    count = "" if n is None else f"{n:,} "
    return say(value, unit), _between(low, high, unit), f"{count}{node.get('of', '')}"


def _between(low: float, high: float, unit: str) -> str:
    return f"{say(low, unit)} to {say(high, unit)}"


def row(claim: Claim) -> str:
    """Write a claim as a line of the table under `HEADER`."""
    cells = (str(cell).replace("|", "/").replace("\n", " ") for cell in claim)
    return f"| {' | '.join(cells)} |"


def parse_row(line: str) -> Claim | None:
    """Read a line that `row` wrote; None if it is no such line."""
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    ruled = all(cell and set(cell) <= set("-:") for cell in cells)
    if len(cells) != len(Claim._fields) or ruled or line.strip() == HEADER:
        return None
    return Claim(*cells)


def parse_source(cell: str) -> Source | None:
    """Read the source of a claim; None if the cell names none."""
    location, _, sha256 = cell.strip().rpartition(" ")
    if not location:
        location, sha256 = sha256, ""
    path, _, key = location.strip("`").partition("#")
    return Source(path, key, sha256) if key and location.startswith("`") else None
