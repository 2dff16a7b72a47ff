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
    """fraction (in [0, 1], shown as percent), nats, seconds, ratio, count, or
    difference (between results that should be equal, shown as a power of ten)."""
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
_SLICES = {
    "short": "the shortest reviews",
    "long": "the longest reviews",
    "few_negations": "the fewest negations",
    "many_negations": "the most negations",
    "few_contrasts": "the fewest words of contrast",
    "many_contrasts": "the most words of contrast",
}
_WORD_MODELS = {
    "words": "words alone",
    "words_no_mask": "words alone, padding not masked",
    "words_no_dropout": "words alone, no dropout",
    "words_last": "the last 100 words of a text",
    "words_first": "the first 100 words of a text",
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
    # Day 19
    "baseline_tfidf_unigrams_accuracy": Metric(
        "Baseline: TF-IDF of words and logistic regression"
    ),
    "baseline_tfidf_bigrams_accuracy": Metric(
        "Baseline: TF-IDF of words and bigrams and logistic regression"
    ),
    "bigrams_accuracy": Metric(
        "Test accuracy of averaged words and bigrams, trained on the training split"
    ),
    "bilstm_accuracy": Metric(
        "Test accuracy of the bidirectional LSTM, trained on the training split"
    ),
    "unseen_texts_accuracy": Metric(
        "Test accuracy on texts that stand in no other split"
    ),
    **{
        f"slice_{name}_accuracy": Metric(f"Test accuracy, the quarter with {words}")
        for name, words in _SLICES.items()
    },
    "raw_calibration_error": Metric(
        "Calibration error on the test set, raw", lower_is_better=True
    ),
    "scaled_calibration_error": Metric(
        "Calibration error on the test set, temperature scaled", lower_is_better=True
    ),
    "raw_cross_entropy": Metric("Test cross-entropy, raw", "nats", True),
    "scaled_cross_entropy": Metric(
        "Test cross-entropy, temperature scaled", "nats", True
    ),
    "cost_at_half": Metric(
        "Cost of 1,000 test reviews at 5 : 1, threshold 0.5", "count", True
    ),
    "cost_at_threshold": Metric(
        "Cost of 1,000 test reviews at 5 : 1, threshold from the costs", "count", True
    ),
    "bigrams_valid_accuracy": Metric("Validation accuracy of words and bigrams"),
    "bilstm_valid_accuracy": Metric("Validation accuracy of the bidirectional LSTM"),
    **{
        f"{name}_valid_accuracy": Metric(f"Validation accuracy of {words}")
        for name, words in _WORD_MODELS.items()
    },
    # Day 29
    "monolith_differing_weights": Metric(
        "Weights in which the pipeline's model and the notebook's differ", "count", True
    ),
    "resumed_probability_change": Metric(
        "Largest change of a probability by a kill, order and dropout from the epoch",
        "difference",
        True,
    ),
    "callback_probability_change": Metric(
        "Largest change of a probability by a kill, BackupAndRestore",
        "difference",
        True,
    ),
    "skewed_texts": Metric(
        "Texts of 10,000 that become other numbers when served", "count", True
    ),
    "leaked_accuracy_with_copies": Metric(
        "Test accuracy on leaked reviews, trained with their copies"
    ),
    "leaked_accuracy_without_copies": Metric(
        "Test accuracy on leaked reviews, trained without them"
    ),
    "unchanged_run_seconds": Metric(
        "A run of the pipeline in which nothing changed, reviews in memory",
        "seconds",
        True,
    ),
    # Day 30
    "latency_p50_seconds": Metric(
        "Median answer time at 200 requests a second", "seconds", True
    ),
    "latency_p99_seconds": Metric(
        "99th percentile of the answer time at 200 requests a second", "seconds", True
    ),
    "latency_poisson_p99_seconds": Metric(
        "99th percentile at the same load, with Poisson arrivals", "seconds", True
    ),
    "answered_fraction": Metric("Of the 200 a second, answered and not refused"),
    "sustained_requests_per_second": Metric(
        "Highest load in requests a second up to which every request was answered",
        "count",
    ),
    "parity_difference": Metric(
        "Largest difference in probability, Keras to ONNX Runtime", "difference", True
    ),
    "parity_label_flips": Metric(
        "Labels that differ, outside 1e-4 around the threshold", "count", True
    ),
    "served_accuracy": Metric("Test accuracy of the served model"),
    "onnx_seconds": Metric("One text in ONNX Runtime, median", "seconds", True),
    "onnx_bilstm_seconds": Metric(
        "One text in ONNX Runtime, BiLSTM(48) over 300 tokens, median", "seconds", True
    ),
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
    "im2col_over_keras_pooling": "Max pooling by im2col: time over Keras'",
    "sliding_window_over_keras_pooling": (
        "Max pooling by sliding windows: time over Keras'"
    ),
    # Day 30
    "keras_predict_over_onnx": "model.predict on one text: time over ONNX Runtime's",
    "keras_eager_over_onnx": "Eager Keras call on one text: time over ONNX Runtime's",
    "keras_compiled_over_onnx": (
        "Compiled Keras call on one text: time over ONNX Runtime's"
    ),
    "onnx_bilstm_over_bigrams": (
        "BiLSTM(48) over 300 tokens in ONNX Runtime: time over the served model's"
    ),
    "http_predict_over_api": (
        "model.predict behind a plain HTTP server: p50 over the API's"
    ),
    "mlflow_serve_over_api": "mlflow models serve, same model: p50 over the API's",
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
    if kind in ("seconds", "ratio", "count", "difference") and number < 0:
        raise ResultsError(f"{name} is {number}: {kind} cannot be negative.")
