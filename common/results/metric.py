"""What a recorded number is: its words, its kind, and what it cannot be."""

from __future__ import annotations

import math
from typing import NamedTuple


class Metric(NamedTuple):
    """One name under which a number may be recorded."""

    description: str
    """In words, as the README's table shows it."""
    kind: str = "fraction"
    """fraction (in [0, 1], shown as percent), nats, seconds, bytes, ratio, count, flops
    or difference (of results that should be equal, shown as a power of ten)."""
    lower_is_better: bool = False
    """Which side of a target is the wrong one."""


class ResultsError(ValueError):
    """A results file, a metric or a run that cannot be used; says why in a sentence."""


def refuse_impossible(name: str, kind: str, number: float) -> None:
    """Raise ResultsError for a number that its kind cannot take."""
    if not math.isfinite(number):
        raise ResultsError(f"{name} is {number}: there is nothing to record.")
    if kind == "fraction" and not 0 <= number <= 1:
        raise ResultsError(f"{name} is {number}: give a fraction in [0, 1].")
    if kind not in ("fraction", "nats") and number < 0:
        raise ResultsError(f"{name} is {number}: {kind} cannot be negative.")
