"""Stratified splits that are the same on every machine, in every session.

The draws use NumPy's `RandomState`, whose stream is frozen for good (NEP 19), and
only its doubles: the indices depend on neither the platform, nor NumPy's version,
nor the global seed.
"""

import operator

import numpy as np

SPLIT_SEED = 20240117
LIMIT_SEED = 20240118


def stratified(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draw `count` examples in which each class has its share.

    Shares are rounded by the largest remainder, ties go to the lower label, and a
    class that exists gets at least one example.

    Args:
        labels: (n,) integers.
        count: how many to draw, from the number of classes to n.
        seed: of this draw alone.

    Returns:
        (count,) int64 indices into `labels`, ascending, no two alike.

    Raises:
        ValueError: `count` is below the number of classes or above n.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    if not len(classes) <= count <= len(labels):
        raise ValueError(
            f"cannot draw {count:,} of {len(labels):,} examples "
            f"with all of {len(classes)} classes in"
        )
    shares = sizes * count / len(labels)
    takes = np.clip(np.floor(shares).astype(np.int64), 1, None)
    while takes.sum() < count:
        takes[np.argmax(np.where(takes < sizes, shares - takes, -np.inf))] += 1
    while takes.sum() > count:
        takes[np.argmax(np.where(takes > 1, takes - shares, -np.inf))] -= 1
    random = np.random.RandomState(seed)
    drawn = []
    for label, take in zip(classes, takes, strict=True):
        members = np.flatnonzero(labels == label)
        order = np.argsort(random.random_sample(len(members)), kind="stable")
        drawn.append(members[order[:take]])
    return np.sort(np.concatenate(drawn)).astype(np.int64)


def validation_indices(labels: np.ndarray, count: int) -> np.ndarray:
    """The `count` training examples that the course keeps for validation."""
    return stratified(labels, count, SPLIT_SEED)


def checked_limit(limit: int | None, num_classes: int) -> int | None:
    """`limit` as a plain int, or None; refuse what makes no sense.

    Raises:
        ValueError: not a whole number, or smaller than the number of classes.
    """
    if limit is None:
        return None
    try:
        number = operator.index(limit)
    except TypeError:
        number = None
    if number is None or isinstance(limit, bool):
        raise ValueError(
            f"limit must be a whole number of training examples, not {limit!r}"
        )
    if number < num_classes:
        raise ValueError(
            f"limit must be at least {num_classes}, one training example a class, "
            f"not {number}"
        )
    return number
