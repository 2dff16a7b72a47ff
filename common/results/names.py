"""The names under which numbers are recorded: one list for the whole course."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any, NamedTuple


class Metric(NamedTuple):
    """One name under which a number may be recorded."""

    description: str
    """In words, as the README's table shows it."""
    kind: str = "fraction"
    """fraction (in [0, 1], shown as percent), nats, seconds, ratio or count."""
    lower_is_better: bool = False
    """Which side of a target is the wrong one."""


_ACTIVATIONS = {
    "linear": "no activation (linear)",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "relu": "ReLU",
    "leaky_relu": "Leaky ReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
}
_OPTIMIZERS = {
    "sgd": "SGD",
    "momentum": "SGD with momentum",
    "nesterov": "SGD with Nesterov momentum",
    "adagrad": "AdaGrad",
    "rmsprop": "RMSProp",
    "adam": "Adam",
    "adamw": "AdamW",
}
_SCHEDULES = {
    "constant": "a constant learning rate",
    "step": "step decay",
    "cosine": "cosine decay",
    "warmup": "warm-up and cosine decay",
    "one_cycle": "the one-cycle schedule",
}
_REGULARIZERS = {
    "none": "no regularization",
    "l1": "an L1 penalty",
    "l2": "an L2 penalty",
    "weight_decay": "decoupled weight decay",
    "dropout": "dropout",
    "early_stopping": "early stopping",
    "all": "all of them together",
}

METRICS: dict[str, Metric] = {
    "test_accuracy": Metric("Test accuracy of the day's model"),
    "valid_accuracy": Metric("Validation accuracy of the day's model"),
    # Day 1
    "plain_accuracy": Metric("Test accuracy, plain network (128 hidden units)"),
    "scratch_accuracy": Metric("Test accuracy, the network from scratch in NumPy"),
    "scratch_epoch_seconds": Metric(
        "One epoch of the NumPy network", "seconds", lower_is_better=True
    ),
    "baseline_most_frequent_accuracy": Metric(
        "Baseline: always the most frequent class"
    ),
    "baseline_nearest_mean_accuracy": Metric("Baseline: nearest class mean"),
    "baseline_logistic_regression_accuracy": Metric("Baseline: logistic regression"),
    # Day 2
    **{
        f"{name}_accuracy": Metric(f"Test accuracy with {words}")
        for name, words in _ACTIVATIONS.items()
    },
    "sigmoid_epochs_to_loss": Metric(
        "Epochs to the common validation loss, sigmoid", "count", True
    ),
    "relu_epochs_to_loss": Metric(
        "Epochs to the common validation loss, ReLU", "count", True
    ),
    "relu_dead_fraction": Metric(
        "Dead units in the ReLU network", lower_is_better=True
    ),
    # Day 3
    **{
        f"{name}_accuracy": Metric(f"Test accuracy with {words}, its own learning rate")
        for name, words in _OPTIMIZERS.items()
    },
    **{
        f"{name}_schedule_valid_accuracy": Metric(f"Validation accuracy with {words}")
        for name, words in _SCHEDULES.items()
    },
    "mse_accuracy": Metric("Test accuracy, trained on the mean squared error"),
    "cross_entropy_accuracy": Metric("Test accuracy, trained on the cross-entropy"),
    # Day 4
    **{
        f"cross_entropy_gap_{name}": Metric(
            f"Gap, 1,000 digits, {words}",
            "nats",
            True,
        )
        for name, words in _REGULARIZERS.items()
    },
    **{
        f"valid_accuracy_{name}": Metric(f"Accuracy, 1,000 digits, {words}")
        for name, words in _REGULARIZERS.items()
    },
    "label_noise_accuracy": Metric("Test accuracy, noisy labels, regularized"),
    "label_noise_plain_accuracy": Metric(
        "Test accuracy, noisy labels, no regularization"
    ),
    # Day 5
    "mnist_accuracy": Metric("MNIST test accuracy of the convolutional network"),
    "lenet_accuracy": Metric("MNIST test accuracy of LeNet"),
    "mlp_accuracy": Metric("Test accuracy of Day 1's network on the same images"),
}
"""Every name a notebook may record, in the order in which tables show them.

`test_accuracy` is the day's headline. A new day adds its names here, with the
words of its tables, and nowhere else.
"""

BENCHMARKS: dict[str, str] = {
    "scratch_epoch_over_keras_epoch": (
        "One training epoch from scratch in NumPy over one of Keras"
    ),
    "im2col_speedup_over_loops": (
        "Convolution by im2col: how many times faster than loops"
    ),
    "sliding_window_speedup_over_loops": (
        "Convolution by sliding windows: how many times faster than loops"
    ),
    "loops_over_keras_convolution": "Convolution by loops: time over Keras'",
    "im2col_over_keras_convolution": "Convolution by im2col: time over Keras'",
    "sliding_window_over_keras_convolution": (
        "Convolution by sliding windows: time over Keras'"
    ),
    "loops_over_keras_pooling": "Max pooling by loops: time over Keras'",
    "sliding_window_over_keras_pooling": (
        "Max pooling by sliding windows: time over Keras'"
    ),
}
"""Every speed a notebook may record: a ratio of two times on the same machine."""


class ResultsError(ValueError):
    """A results file, a metric or a run that cannot be used; says why in a sentence."""


def known_metric(name: str) -> Metric:
    """Return the entry of `METRICS`.

    Raises:
        ResultsError: there is none; the message names the closest ones.
    """
    return _known("metric", name, METRICS)


def known_benchmark(name: str) -> str:
    """Return the description of a benchmark, or raise like `known_metric`."""
    return _known("benchmark", name, BENCHMARKS)


def _known(what: str, name: str, names: Mapping[str, Any]) -> Any:
    if name in names:
        return names[name]
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    raise ResultsError(
        f"{name!r} is not a {what} of the course.{hint} "
        f"The list is {what.upper()}S in common/results/names.py."
    )


def refuse_impossible(name: str, kind: str, number: float) -> None:
    """Raise ResultsError for a number that its kind cannot take."""
    if not math.isfinite(number):
        raise ResultsError(f"{name} is {number}: there is nothing to record.")
    if kind == "fraction" and not 0 <= number <= 1:
        raise ResultsError(f"{name} is {number}: give a fraction in [0, 1].")
    if kind in ("seconds", "ratio", "count") and number < 0:
        raise ResultsError(f"{name} is {number}: {kind} cannot be negative.")
