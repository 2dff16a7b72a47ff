"""Gates in a row: what must hold before a change goes on, and what an order costs.

    outcomes = gates.run(GATES, candidate)       # stops at the first failure
    print(gates.report(outcomes))

A gate is closed until it is opened: a check that raises, or that forgets to answer,
has failed. What the gates of the sentiment product look at stands in `release.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Gate:
    """One thing that must hold."""

    name: str
    check: Callable[[Any], str]
    """Looks at a candidate; returns "" if all is well, else the reason, a sentence."""
    seconds: float = float("nan")
    """What it is expected to take."""


class Outcome(NamedTuple):
    """What a gate said of a candidate."""

    gate: str
    passed: bool
    reason: str
    """A sentence if it failed, else ""."""
    seconds: float
    """What it took."""


def run(gates: Sequence[Gate], candidate: Any, *, stop: bool = True) -> list[Outcome]:
    """Send a candidate through the gates, in their order.

    Args:
        gates: in the order in which they are asked.
        candidate: handed to each check.
        stop: end at the first failure; else ask every gate.

    Returns:
        One outcome for each gate that was asked.
    """
    outcomes = []
    for gate in gates:
        began = time.perf_counter()
        try:
            reason = gate.check(candidate)
            if not isinstance(reason, str):
                reason = "Its check gave no answer, so nobody knows."
        except Exception as error:
            reason = f"It could not be checked: {type(error).__name__}: {error}"
        took = time.perf_counter() - began
        outcomes.append(Outcome(gate.name, not reason, reason, took))
        if reason and stop:
            break
    return outcomes


def stopped_at(outcomes: Sequence[Outcome]) -> str:
    """The name of the first gate that failed, or "" if none did."""
    return next((one.gate for one in outcomes if not one.passed), "")


def report(outcomes: Sequence[Outcome]) -> str:
    """One line a gate: its name, the verdict, the time, and the reason of a failure."""
    return "\n".join(
        f"{one.gate:<10} {'passed' if one.passed else 'FAILED'} "
        f"{one.seconds:6.1f} s  {one.reason}".rstrip()
        for one in outcomes
    )


def expected_seconds(costs: Sequence[float], catches: Sequence[float]) -> float:
    """The mean time until a row of gates has answered, if they catch independently.

    A gate is reached if all before it let the change pass, so its time counts with
    the product of their 1 - p.

    Args:
        costs: seconds of each gate, in the order in which they are asked.
        catches: the probability that a change fails there, in the same order.
    """
    total, reached = 0.0, 1.0
    for cost, p in zip(costs, catches, strict=True):
        total += reached * cost
        reached *= 1 - p
    return total


def by_ratio(costs: Sequence[float], catches: Sequence[float]) -> list[int]:
    """The order with the least `expected_seconds`: by cost over probability.

    Two neighbours i, j are in the right order if c_i / p_i <= c_j / p_j, since their
    exchange changes the mean by p_i c_j - p_j c_i times the probability that they are
    reached. Source: W. E. Smith, "Various optimizers for single-stage production",
    1956, for jobs with weights; the same exchange serves tests that may end the row.

    Returns:
        Places in `costs`; a gate that never catches anything comes last.
    """

    def ratio(i: int) -> float:
        return costs[i] / catches[i] if catches[i] else float("inf")

    return sorted(range(len(costs)), key=ratio)
