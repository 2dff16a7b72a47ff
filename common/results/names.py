"""The names under which numbers are recorded: one list for the whole course.

A day adds its names to the module of its part, part1 to part4, in the order of the
days. What most days say of a network needs no line for each number: whoever enters a
model in `MODELS` of a part, with its words, may record what `OF_A_MODEL` lists:
lenet_accuracy, lenet_train_seconds, lenet_parameters and so on.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from common.results import part1, part2, part3, part4
from common.results.metric import Metric, ResultsError, refuse_impossible

__all__ = [
    "BENCHMARKS", "METRICS", "MODELS", "Metric", "ResultsError", "known_benchmark",
    "known_metric", "refuse_impossible",
]  # fmt: skip

PARTS = (part1, part2, part3, part4)

OF_A_MODEL = {
    "accuracy": Metric("Test accuracy, {}"),
    "valid_accuracy": Metric("Validation accuracy, {}"),
    "train_seconds": Metric("Training, {}", "seconds", True),
    "parameters": Metric("Parameters, {}", "count", True),
    "flops": Metric("FLOPs for one example, {}", "flops", True),
    "text_seconds": Metric("One text in ONNX Runtime, median, {}", "seconds", True),
}
"""What a day may record of every model. FLOPs are those of a forward pass, a
multiplication and an addition counting as two. A text goes through ONNX Runtime alone,
in a batch of one, on one thread."""

MODELS: dict[str, str] = {
    name: words for p in PARTS for name, words in p.MODELS.items()
}
"""The models of the course, with the words for them in a table."""


def _in_order() -> Iterator[tuple[str, Metric]]:
    yield "test_accuracy", Metric("Test accuracy of the day's model")
    yield "valid_accuracy", Metric("Validation accuracy of the day's model")
    for part in PARTS:
        yield from part.METRICS.items()
        for suffix, metric in OF_A_MODEL.items():
            for model, words in part.MODELS.items():
                if f"{model}_{suffix}" not in part.METRICS:
                    yield f"{model}_{suffix}", _said_of(words, metric)
    for suffix in ("train_seconds", "parameters", "flops", "text_seconds"):
        yield suffix, _said_of("the day's model", OF_A_MODEL[suffix])


def _said_of(model: str, metric: Metric) -> Metric:
    return metric._replace(description=metric.description.format(model))


METRICS: dict[str, Metric] = dict(_in_order())
"""Every name a notebook may record, in the order in which tables show them.

`test_accuracy` is the day's headline; train_seconds, parameters, flops and text_seconds
are those of the same model.
"""

BENCHMARKS: dict[str, str] = {
    k: v for part in PARTS for k, v in part.BENCHMARKS.items()
}
"""Every speed a notebook may record: a ratio of two times on the same machine."""


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
        f"common/results/names.py says where the list stands."
    )
