"""Do two sets of texts differ by more than chance? Numbers for counts in bins.

    counts = drift.binned(values, edges)
    drift.psi(reference, counts), drift.chi_square(reference, counts)
    drift.holm(p_values, 0.001)
    drift.expected_accuracy(probabilities, threshold)

Nothing here needs a label, and nothing needs a text: a service that counts in bins
(`api/metrics.py`) tells enough. Pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from common.sentiment.features import FIRST_WORD, UNKNOWN, Tokenizer, tokenise

HALF = 0.5
"""Added to every count, so that an empty bin has a logarithm."""
FEWEST_EXPECTED = 5.0
"""A bin in which fewer are expected is joined to its neighbour (W. Cochran, 1954)."""

NEGATIONS = frozenset(
    ("not", "no", "never", "nothing", "nobody", "none", "neither", "nor")
    + ("hardly", "without", "cannot")
)
"""Those of `evaluation`, which needs Keras; a test holds the two equal."""

DESCRIBED = ("characters", "unknown", "negations", "rarity")
"""What `describe` measures of a text."""


class Estimate(NamedTuple):
    """An accuracy that nobody has measured, and its spread by chance."""

    accuracy: float
    error: float
    """Standard error of a measured accuracy around it, if the model is calibrated."""


def describe(texts: Sequence[str], tokenizer: Tokenizer) -> dict[str, np.ndarray]:
    """Turn texts into numbers, from which no text can be read back.

    Args:
        texts: n texts.
        tokenizer: the served model's, whose vocabulary says what is known.

    Returns:
        "characters": lengths; "unknown": share of words outside the vocabulary;
        "negations": share of words that negate; "rarity": the mean logarithm of the
        known words' ranks, 0 if there are none. Each (n,) float64.
    """
    numbers = {word: i for i, word in enumerate(tokenizer.words, FIRST_WORD)}
    rows = np.zeros((len(texts), 3))
    for row, text in zip(rows, texts, strict=True):
        words = tokenise(text)
        ids = np.array([numbers.get(word, UNKNOWN) for word in words], np.int64)
        known = ids[ids >= FIRST_WORD]
        negating = sum(w in NEGATIONS or w.endswith("n't") for w in words)
        row[:2] = np.mean(ids == UNKNOWN) if words else 0, negating / max(len(words), 1)
        row[2] = np.log(known - FIRST_WORD + 1).mean() if len(known) else 0
    lengths = np.array([len(text) for text in texts], np.float64)
    return dict(zip(DESCRIBED, (lengths, *rows.T), strict=True))


def quantile_edges(values: np.ndarray, bins: int = 10) -> np.ndarray:
    """Inner edges of bins that hold equally many of the values; equal edges once.

    Args:
        values: (n,) of the reference.
        bins: how many at most.

    Returns:
        (k,) ascending, k < bins: bins are cut at these, the outer two are open.
    """
    inner = np.quantile(values, np.arange(1, bins) / bins)
    return np.unique(inner)


def binned(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Count values in bins; an edge belongs to the bin below, as in Prometheus.

    Args:
        values: (n,).
        edges: (k,) ascending inner edges.

    Returns:
        (k + 1,) int64 counts.
    """
    place = np.searchsorted(edges, values, side="left")
    return np.bincount(place, minlength=len(edges) + 1)


def psi(reference: np.ndarray, window: np.ndarray) -> float:
    """The population stability index of two rows of counts, with half a count added.

    The sum over bins of (q - p) · ln(q / p): the Kullback-Leibler divergences of both
    directions together (H. Jeffreys, 1946). It is a size of the difference, not a
    test: without any drift its mean is about (bins - 1) · (1 / n + 1 / m).

    Args:
        reference, window: (k,) counts in the same bins.
    """
    p, q = (
        (np.asarray(counts, np.float64) + HALF) / (np.sum(counts) + HALF * len(counts))
        for counts in (reference, window)
    )
    return float(np.sum((q - p) * np.log(q / p)))


def chi_square(reference: np.ndarray, window: np.ndarray) -> float:
    """The p-value of "both rows of counts come from one distribution".

    Pearson's test of homogeneity; neighbouring bins are joined until at least five
    texts are expected in each. 1 if fewer than two bins remain.

    Args:
        reference, window: (k,) counts in the same bins.
    """
    table = _joined(np.array([reference, window], np.float64))
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return 1.0
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    statistic = np.sum((table - expected) ** 2 / expected)
    return float(chdtrc(table.shape[1] - 1, statistic))


def _joined(table: np.ndarray) -> np.ndarray:
    """Join neighbouring columns until the smaller row expects enough in each."""
    share = table.sum(axis=1).min() / max(table.sum(), 1)
    columns: list[np.ndarray] = []
    open_column = np.zeros(2)
    for column in table.T:
        open_column = open_column + column
        if open_column.sum() * share >= FEWEST_EXPECTED:
            columns.append(open_column)
            open_column = np.zeros(2)
    if columns:
        columns[-1] = columns[-1] + open_column  # what is left joins the last one
    return np.array(columns).T.reshape(2, -1)


def holm(p_values: Mapping[str, float], risk: float) -> set[str]:
    """Which of several tests may alarm, if one false alarm in all has this risk.

    The smallest p-value is compared with risk / k, the next with risk / (k - 1), and
    so on; the first that fails ends it. S. Holm, 1979: never weaker than Bonferroni.

    Args:
        p_values: by name.
        risk: of one false alarm or more among them, without drift.
    """
    alarmed: set[str] = set()
    for name in sorted(p_values, key=lambda name: p_values[name]):
        if p_values[name] > risk / (len(p_values) - len(alarmed)):
            break
        alarmed.add(name)
    return alarmed


def expected_accuracy(probabilities: np.ndarray, threshold: float = 0.5) -> Estimate:
    """The accuracy that a calibrated model has on texts without labels.

    A text called positive is positive with its probability p, one called negative is
    negative with 1 - p; the mean over the texts is the estimate. It believes the
    model: where the rule behind the labels changed, it is wrong and does not know.

    Args:
        probabilities: (n,) of "positive", calibrated; n at least 1.
        threshold: from which a text is called positive.
    """
    p = np.asarray(probabilities, np.float64)
    right = np.where(p >= threshold, p, 1 - p)
    spread = np.sum(right * (1 - right)) ** 0.5 / len(p)
    return Estimate(float(right.mean()), float(spread))


def expected_accuracy_of_counts(counts: np.ndarray, right: np.ndarray) -> float:
    """The same from a histogram of the probability, with what each bin once was worth.

    Args:
        counts: (k,) predictions in each bin.
        right: (k,) share of right answers in each bin of the reference.
    """
    return float(np.sum(counts * right) / max(np.sum(counts), 1))
