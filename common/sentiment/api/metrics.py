"""What the service counts and times, for Prometheus."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import prometheus_client as prometheus
from prometheus_client import multiprocess

from common.sentiment.predictor import Predictor


class Metrics:
    """What Prometheus may ask for. Labels take few values: each pair is a time series.

    Every app has a registry of its own, so that two can live in one process.
    """

    def __init__(self) -> None:
        self.registry = prometheus.CollectorRegistry()
        self.shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        if not self.shared:
            prometheus.ProcessCollector(registry=self.registry)
        counter, gauge, histogram = (
            self._maker(kind)
            for kind in (prometheus.Counter, prometheus.Gauge, prometheus.Histogram)
        )
        self.requests = counter(
            "requests", "Requests by path and status", ["method", "path", "status"]
        )
        times = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5]
        self.seconds = histogram(
            "request_seconds", "From the headers to the answer", ["path"], times
        )
        self.refused = counter("refused", "Requests without a prediction", ["reason"])
        self.in_flight = gauge(
            "in_flight", "Predictions at work or waiting", mode="livesum"
        )
        self.labels = counter("texts", "Texts by predicted label", ["label"])
        # What Day 33 watches for drift: the inputs and the outputs, not who sent them
        self.probability = histogram(
            "probability", "Predicted probabilities", [], [i / 10 for i in range(1, 11)]
        )
        self.characters = histogram(
            "text_characters", "Lengths of texts", [], [2**i for i in range(4, 15)]
        )
        self.model = gauge(
            "model_info",
            "1 for the model that serves",
            ["name", "manifest"],
            mode="max",
        )
        self.reloads = counter("model_reloads", "Models tried", ["outcome"])
        self.lines_dropped = counter("log_lines_dropped", "Log lines not written")
        self._series: dict[tuple, tuple] = {}
        self._serving: tuple[str, str] | None = None

    def _maker(self, kind: type) -> Callable[..., Any]:
        def make(
            name: str,
            words: str,
            labels: Sequence[str] = (),
            buckets: Sequence[float] = (),
            mode: str = "",
        ) -> Any:
            more = {"buckets": buckets} if buckets else {}
            more |= {"multiprocess_mode": mode} if mode else {}
            return kind(
                f"sentiment_{name}", words, labels, registry=self.registry, **more
            )

        return make

    def answered(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = method, path, status
        if key not in self._series:  # looking a series up costs more than counting
            self._series[key] = (
                self.requests.labels(method, path, str(status)),
                self.seconds.labels(path),
            )
        count, times = self._series[key]
        count.inc()
        times.observe(seconds)

    def predicted(
        self, texts: Iterable[str], probabilities: Iterable[float], positive: int
    ) -> None:
        """Count predictions."""
        total = 0
        for text, probability in zip(texts, probabilities, strict=True):
            self.characters.observe(len(text))
            self.probability.observe(probability)
            total += 1
        self.labels.labels("positive").inc(positive)
        self.labels.labels("negative").inc(total - positive)

    def serves(self, predictor: Predictor) -> None:
        """Note that a model has begun to serve."""
        if self._serving is not None:
            self.model.labels(*self._serving).set(0)
        self._serving = predictor.manifest.kind, predictor.digest[:12]
        self.model.labels(*self._serving).set(1)
        self.reloads.labels("served").inc()

    def exposition(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        registry = self.registry
        if self.shared:
            registry = prometheus.CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        return prometheus.generate_latest(registry)
