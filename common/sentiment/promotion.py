"""May a challenger take the champion's place? The same reviews, and rules in a row.

    decision = judge(champion, challenger, texts, labels)
    decision.accepted, decision.reasons

Every rule that is broken gives one sentence. A challenger has to be *better*, by more
than the reviews at hand can produce by chance, and must not be worse in any way that an
average hides: on a part of the reviews, in its probabilities, in its time, in its size.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.sentiment import evaluation
from common.sentiment.predictor import Predictor


@dataclass(frozen=True)
class Rules:
    """What a challenger has to keep. Shares are fractions, times ratios."""

    confidence: float = 0.95
    """Of the interval of the accuracy difference, which must lie above 0."""
    slice_loss: float = 0.02
    """How much accuracy any slice may lose, beyond chance."""
    calibration_loss: float = 0.02
    """How much the calibration error may grow."""
    slower: float = 2.0
    """How many times the champion's time a text may take."""
    latency_seconds: float = 0.002
    """No rule on time is broken while the slowest hundredth stays below this."""
    largest_bytes: int = 50 * 2**20
    """Of the files that a server loads."""


@dataclass(frozen=True)
class Decision:
    """What the gate says, and everything that it looked at."""

    accepted: bool
    reasons: list[str]
    """One sentence for each rule that is broken; empty if accepted."""
    measured: dict[str, float] = field(default_factory=dict)


def discordant(right_a: np.ndarray, right_b: np.ndarray) -> tuple[int, int]:
    """Count the texts that only b gets right, and those that only a gets right.

    Args:
        right_a, right_b: (n,) of bool, the same texts in the same order.
    """
    only_b = int(np.sum(~right_a & right_b))
    return only_b, int(np.sum(right_a & ~right_b))


def mcnemar(only_b: int, only_a: int) -> float:
    """The exact two-sided p-value of McNemar's test.

    If neither model is better, each text on which exactly one of them is right is as
    likely to favour a as b: the smaller count is that of heads in so many fair tosses.
    Source: Q. McNemar, 1947; exact by the binomial distribution.
    """
    tosses, fewer = only_a + only_b, min(only_a, only_b)
    if tosses == 0:
        return 1.0
    tail = sum(math.comb(tosses, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / 2**tosses)


def bootstrap(
    difference: np.ndarray, confidence: float = 0.95, draws: int = 2_000, seed: int = 0
) -> tuple[float, float]:
    """The percentile interval of the mean of paired differences.

    Args:
        difference: (n,) of -1, 0 or 1: b right minus a right, text by text.
        confidence: how often such an interval holds the true difference.
        draws: how many samples of n texts are drawn with replacement.
        seed: of the draws.

    Returns:
        The lower and the upper end, fractions.
    """
    if len(difference) == 0:
        return -1.0, 1.0
    # A sample is told by how often each of the three values occurs in it
    values, counts = np.unique(difference, return_counts=True)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(difference), counts / counts.sum(), size=draws)
    means = drawn @ values / len(difference)
    low, high = np.quantile(means, ((1 - confidence) / 2, (1 + confidence) / 2))
    return float(low), float(high)


def seconds_a_text(
    predictors: Mapping[str, Predictor], texts: Sequence[str], rounds: int = 5
) -> dict[str, float]:
    """The time of a slow text, in seconds: the 99th percentile over the texts.

    The predictors take turns text by text, and of several rounds each text's quickest
    counts, so that what else the machine does is not held against a model.
    """
    quickest = {name: np.full(len(texts), np.inf) for name in predictors}
    for _ in range(rounds):
        for i, text in enumerate(texts):
            for name, predictor in predictors.items():
                began = time.perf_counter()
                predictor.probabilities([text])
                taken = time.perf_counter() - began
                quickest[name][i] = min(quickest[name][i], taken)
    return {name: float(np.quantile(all_, 0.99)) for name, all_ in quickest.items()}


def size_of(folder: str | Path) -> int:
    """The bytes of the files in a model folder."""
    return sum(path.stat().st_size for path in Path(folder).iterdir())


def judge(
    champion: Predictor,
    challenger: Predictor,
    texts: Sequence[str],
    labels: np.ndarray,
    *,
    size: int = 0,
    rules: Rules | None = None,
    timed: int = 200,
) -> Decision:
    """Hold a challenger against the champion.

    Args:
        champion, challenger: the models at work.
        texts: n texts that neither has learnt from.
        labels: (n,) 0 and 1.
        size: bytes of the challenger's folder.
        rules: what is asked; the course's own if not given.
        timed: how many of the texts are used to measure times.
    """
    rules = Rules() if rules is None else rules
    p = {"a": champion.probabilities(texts), "b": challenger.probabilities(texts)}
    cut = {"a": champion.manifest.threshold, "b": challenger.manifest.threshold}
    right = {name: (p[name] >= cut[name]) == (labels == 1) for name in p}
    difference = right["b"].astype(int) - right["a"].astype(int)
    low, high = bootstrap(difference, rules.confidence)
    only_b, only_a = discordant(right["a"], right["b"])
    measured = {
        "gain": float(difference.mean()) if len(difference) else 0.0,
        "gain_low": low,
        "gain_high": high,
        "p_value": mcnemar(only_b, only_a),
        "size": float(size),
    }
    reasons = []
    if low <= 0:
        known = "It is worse" if high < 0 else "It is not better beyond chance"
        reasons.append(
            f"{known}: {measured['gain']:+.1%}, {rules.confidence:.0%} interval "
            f"from {low:+.1%} to {high:+.1%}."
        )
    reasons += _worse_slices(difference, texts, rules)
    errors = {k: evaluation.expected_calibration_error(labels, p[k]) for k in p}
    measured["calibration_error"] = errors["b"]
    if errors["b"] > errors["a"] + rules.calibration_loss:
        reasons.append(
            f"Its probabilities are further off: calibration error {errors['b']:.1%} "
            f"against {errors['a']:.1%}."
        )
    p99 = seconds_a_text({"a": champion, "b": challenger}, texts[:timed])
    measured["p99_seconds"] = p99["b"]
    if p99["b"] > max(rules.slower * p99["a"], rules.latency_seconds):
        reasons.append(
            f"It is too slow: {1000 * p99['b']:.1f} ms in the slowest hundredth, "
            f"{p99['b'] / p99['a']:.0f} times the champion's."
        )
    if size > rules.largest_bytes:
        reasons.append(f"It is too large: {size / 2**20:.0f} MiB to load.")
    return Decision(not reasons, reasons, measured)


def _worse_slices(
    difference: np.ndarray, texts: Sequence[str], rules: Rules
) -> list[str]:
    """A sentence for each slice that loses more than is allowed, beyond chance.

    Several slices are looked at, and each could fall by chance; so each is judged at a
    confidence for which all together keep the one that is asked for (Bonferroni).
    """
    parts = {
        name: mask for name, mask in evaluation.slices(texts).items() if mask.any()
    }
    each = 1 - (1 - rules.confidence) / max(len(parts), 1)
    sentences = []
    for name, mask in parts.items():
        _, high = bootstrap(difference[mask], each)
        if high < -rules.slice_loss:
            sentences.append(
                f"It is worse on {name.replace('_', ' ')}: "
                f"{difference[mask].mean():+.1%} on {int(mask.sum()):,} reviews."
            )
    return sentences
