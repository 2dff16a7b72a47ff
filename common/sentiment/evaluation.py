"""How good a sentiment model is: accuracy, calibration, cost, and where it fails."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from common.sentiment.config import EvaluationConfig
from common.sentiment.features import tokenise

NEGATIONS = frozenset(
    ("not", "no", "never", "nothing", "nobody", "none", "neither", "nor")
    + ("hardly", "without", "cannot")
)
CONTRASTS = frozenset(
    ("but", "although", "though", "however", "yet", "despite", "except")
)


def logits(model: keras.Model, x: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """Push word numbers (n, length) through a model: (n,) float64 logits."""
    if len(x) == 0:
        return np.zeros(0)
    out = model.predict(x, batch_size=batch_size, verbose=0)
    return np.asarray(out, np.float64)[:, 0]


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)) in float64, without overflow for any finite z."""
    z = np.asarray(z, np.float64)
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, small) / (1 + small)


def accuracy(y: np.ndarray, p: np.ndarray, threshold: float = 0.5) -> float:
    """Share of labels (n,) that the probabilities (n,) of "positive" get right."""
    return float(np.mean((p >= threshold) == y))


def cross_entropy(y: np.ndarray, p: np.ndarray) -> float:
    """Mean binary cross-entropy in nats; probabilities are kept off 0 and 1."""
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return float(-np.mean(np.where(y == 1, np.log(p), np.log1p(-p))))


def reliability(y: np.ndarray, p: np.ndarray, bins: int = 15) -> dict[str, np.ndarray]:
    """Compare what a model says with what happens, bin by bin of equal width.

    Args:
        y: (n,) labels 0 and 1.
        p: (n,) probabilities of 1.
        bins: how many parts [0, 1] is cut into.

    Returns:
        "confidence": mean p in each bin that is not empty, "frequency": share of
        y = 1 in it, "count": how many. All (k,) with k <= bins.
    """
    place = np.minimum((np.asarray(p) * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    used = count > 0
    return {
        "confidence": np.bincount(place, p, bins)[used] / count[used],
        "frequency": np.bincount(place, y, bins)[used] / count[used],
        "count": count[used],
    }


def expected_calibration_error(y: np.ndarray, p: np.ndarray, bins: int = 15) -> float:
    """Mean distance between stated and observed frequency, weighted by bin size.

    Source: C. Guo et al., "On calibration of modern neural networks", ICML 2017, for
    the probability of the positive class.
    """
    parts = reliability(y, p, bins)
    gap = np.abs(parts["confidence"] - parts["frequency"])
    return float(np.sum(gap * parts["count"]) / np.sum(parts["count"]))


def fit_temperature(logits_: np.ndarray, y: np.ndarray) -> float:
    """Find the T > 0 whose sigmoid(logit / T) has the least cross-entropy.

    One number cannot change which of two texts scores higher. The loss is convex in
    1 / T, so a bounded search finds the minimum: Guo et al., as above.

    Args:
        logits_: (n,) of held-out examples.
        y: (n,) their labels.

    Returns:
        T in [0.05, 20]; 1 if there is nothing to fit on, no example or none with a
        logit other than 0.
    """
    from scipy.optimize import minimize_scalar

    if not np.any(logits_):  # also of none
        return 1.0

    def loss(inverse: float) -> float:
        z = logits_ * inverse
        return float(np.mean(np.logaddexp(0, z) - y * z))

    found = minimize_scalar(loss, bounds=(1 / 20, 1 / 0.05), method="bounded")
    return float(1 / found.x)


def expected_cost(
    y: np.ndarray,
    p: np.ndarray,
    threshold: float,
    false_positive_cost: float,
    false_negative_cost: float,
) -> float:
    """Mean cost of a decision at `threshold`, in the unit of the two costs."""
    said = p >= threshold
    false_positive = np.mean(said & (y == 0))
    false_negative = np.mean(~said & (y == 1))
    return float(
        false_positive * false_positive_cost + false_negative * false_negative_cost
    )


def best_threshold(false_positive_cost: float, false_negative_cost: float) -> float:
    """The threshold that costs least if the probabilities are calibrated.

    Saying "positive" costs (1 - p) · c_fp on average, saying "negative" p · c_fn; the
    first is smaller above c_fp / (c_fp + c_fn). Source: C. Elkan, "The foundations
    of cost-sensitive learning", IJCAI 2001.
    """
    return 1 / (1 + false_negative_cost / false_positive_cost)  # no sum to overflow


def slices(texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Parts of a set of texts that may behave differently, as masks (n,) of bool.

    The quarter with the fewest and the quarter with the most of: words, negations
    per word, words of contrast per word. Ties can make a part larger.
    """
    if not len(texts):
        return {}
    measured = np.array([_rates(tokenise(text)) for text in texts])
    names = ("short", "long"), ("few_negations", "many_negations")
    names += (("few_contrasts", "many_contrasts"),)
    parts = {}
    for column, (few, many) in zip(measured.T, names, strict=True):
        low, high = np.quantile(column, (0.25, 0.75))
        parts[few], parts[many] = column <= low, column >= high
    return parts


def _rates(words: Sequence[str]) -> tuple[int, float, float]:
    negations = sum(w in NEGATIONS or w.endswith("n't") for w in words)
    contrasts = sum(w in CONTRASTS for w in words)
    count = max(len(words), 1)
    return len(words), negations / count, contrasts / count


def evaluate(
    texts: Sequence[str], y: np.ndarray, p: np.ndarray, threshold: float
) -> dict:
    """Everything a run reports about one split.

    Args:
        texts: n texts, for the slices.
        y: (n,) labels.
        p: (n,) calibrated probabilities of "positive".
        threshold: at and above which a text is called positive.

    Returns:
        "accuracy", "cross_entropy" in nats, "expected_calibration_error", "count",
        and "slices": accuracy and count of each that is not empty.
    """
    parts = {
        name: {"accuracy": accuracy(y[m], p[m], threshold), "count": int(m.sum())}
        for name, m in slices(texts).items()
        if m.any()
    }
    return {
        "accuracy": accuracy(y, p, threshold),
        "cross_entropy": cross_entropy(y, p),
        "expected_calibration_error": expected_calibration_error(y, p),
        "count": len(y),
        "slices": parts,
    }


def shipped_threshold(config: EvaluationConfig) -> float:
    """The threshold that belongs to a configuration's costs."""
    return best_threshold(config.false_positive_cost, config.false_negative_cost)
