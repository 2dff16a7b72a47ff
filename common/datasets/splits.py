"""Stratified splits that are the same on every machine, in every session.

The draws use NumPy's `RandomState`, whose stream is frozen for good (NEP 19), and
only its doubles: the indices depend on neither the platform, nor NumPy's version,
nor the global seed.
"""

import operator
from typing import NamedTuple

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


class Cut(NamedTuple):
    """Which examples of a published data set go into which split."""

    train: np.ndarray
    """Indices into the published training set, ascending; so is `valid`."""
    valid: np.ndarray
    test: np.ndarray
    """Indices into the published test set, ascending."""
    size: str
    """How large the published set is, and how much of it is left, for people."""
    complete: bool
    """Whether the limits left everything in."""


def cut(train: np.ndarray, test: np.ndarray, valid: int, limit: int | None) -> Cut:
    """Cut the validation split out of the training set, then the limits.

    Args:
        train: (n,) labels of the published training set.
        test: (m,) labels of the published test set.
        valid: how many training examples are kept for validation.
        limit: at most so many training examples, and max(500, limit // 5) for
            validation and test each; None for all.

    Returns:
        The splits as indices; each class has its share in each.
    """
    valid_indices = validation_indices(train, valid)
    train_indices = np.setdiff1d(np.arange(len(train)), valid_indices)
    test_indices = np.arange(len(test))
    size, complete = f"{len(train):,} + {len(test):,}", True
    if limit is not None:
        full = len(train_indices), len(valid_indices), len(test_indices)
        share = max(500, limit // 5)
        train_indices = _limited(train, train_indices, limit)
        valid_indices = _limited(train, valid_indices, share)
        test_indices = _limited(test, test_indices, share)
        left = len(train_indices), len(valid_indices), len(test_indices)
        if left != full:
            size += f", {sum(left):,} of them"
            complete = False
    return Cut(train_indices, valid_indices, test_indices, size, complete)


def _limited(labels: np.ndarray, indices: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of `indices`, stratified."""
    if count >= len(indices):
        return indices
    return indices[stratified(labels[indices], count, LIMIT_SEED)]


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
