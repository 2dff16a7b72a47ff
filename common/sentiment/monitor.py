"""Has the world changed since the release? From what the service counts alone.

    reference = monitor.Reference.measured(predictor, texts, labels)
    before, after = monitor.read(scrape_1), monitor.read(scrape_2)
    monitor.check(reference, monitor.window(before, after))

The service counts lengths and probabilities in bins (`api/metrics.py`) and keeps no
text; the difference of two scrapes is a window. A window alarms where a row of counts
differs from the reference by more than chance, by the rule of `Rules`, *and* by enough
to care. A window in which another model began to serve is not judged. What asks a
running service, and remembers, is `watch`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel, ConfigDict, ValidationError

from common.sentiment import drift

if TYPE_CHECKING:
    from common.sentiment.predictor import Predictor

WATCHED = ("probability", "text_characters")
"""Histograms of the service that are held against the reference."""
EDGES = {
    "probability": tuple(i / 10 for i in range(1, 10)),
    "text_characters": tuple(float(2**i) for i in range(4, 15)),
}
"""Inner edges of their bins, as `api/metrics.py` sets them; a test holds them equal."""
_SERVES = "sentiment_model_info"
_DIGITS = 12


class MonitorError(ValueError):
    """A scrape or a reference that cannot be used; says why in a sentence."""


class Snapshot(NamedTuple):
    """What one scrape says: counts since the service started."""

    model: str
    """First digits of the manifest's hash; "" while no model serves."""
    counts: dict[str, np.ndarray]
    """(bins,) int64 by statistic."""


class Alarm(NamedTuple):
    """One statistic of one window that left the reference."""

    statistic: str
    p_value: float
    psi: float
    sentence: str


@dataclass(frozen=True)
class Rules:
    """When to wake somebody. Chosen before the first window is seen."""

    false_alarms: float = 0.001
    """Risk that a window without drift alarms, all statistics together."""
    smallest_psi: float = 0.02
    """A difference below this size is nobody's business, however certain it is."""
    fewest_texts: int = 100
    """A window with fewer is added to the next one."""


class Reference(BaseModel):
    """How texts and answers looked when the model was released."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str
    """First digits of the manifest's hash: a reference belongs to one model."""
    counts: dict[str, list[int]]
    """By statistic, in the bins of `EDGES`."""
    right: list[float]
    """Share of right answers in each bin of the probability."""
    accuracy: float
    """Measured on the same texts: what was promised."""

    @classmethod
    def measured(
        cls, predictor: Predictor, texts: Sequence[str], labels: np.ndarray
    ) -> Self:
        """Count held-out texts as the service would; labels say what bins are worth.

        Args:
            predictor: the model that is going to serve.
            texts: n texts that it has not learnt from.
            labels: (n,) of 0 and 1.
        """
        p = predictor.probabilities(texts)
        right = (p >= predictor.manifest.threshold) == (np.asarray(labels) == 1)
        counts = counted(texts, p)
        place = np.searchsorted(EDGES["probability"], p, side="left")
        sums = np.bincount(place, right, len(EDGES["probability"]) + 1)
        return cls(
            model=predictor.digest[:_DIGITS],
            counts={name: row.tolist() for name, row in counts.items()},
            right=(sums / np.maximum(counts["probability"], 1)).tolist(),
            accuracy=float(right.mean()),
        )

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="ascii")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; raises MonitorError if it cannot be used."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise MonitorError(f"There is no {path.name}: save a reference.") from None
        except (OSError, ValidationError):
            raise MonitorError(f"{path.name} is no reference of a model.") from None


def counted(texts: Sequence[str], probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """Count texts and answers in the service's bins, (bins,) int64 by statistic."""
    lengths = np.array([len(text) for text in texts], np.float64)
    values = dict(zip(WATCHED, (probabilities, lengths), strict=True))
    return {
        name: drift.binned(row, np.array(EDGES[name])) for name, row in values.items()
    }


def read(exposition: str) -> Snapshot:
    """Read a scrape of `/metrics`.

    Raises:
        MonitorError: it is not one of this service.
    """
    cumulative: dict[str, list[tuple[float, float]]] = {name: [] for name in WATCHED}
    model = ""
    try:
        for family in text_string_to_metric_families(exposition):
            for sample in family.samples:
                name = sample.name.removeprefix("sentiment_").removesuffix("_bucket")
                if name in cumulative and sample.name.endswith("_bucket"):
                    edge = float(sample.labels["le"])
                    cumulative[name].append((edge, sample.value))
                elif sample.name == _SERVES and sample.value == 1:
                    model = sample.labels["manifest"][:_DIGITS]
    except (ValueError, KeyError):
        raise MonitorError("The scrape cannot be read as Prometheus' text.") from None
    counts = {}
    for name, rows in cumulative.items():
        rows.sort()
        sums = np.array([0, *(value for _, value in rows)])
        row = np.diff(sums).astype(np.int64)
        if name == "probability" and len(row) == len(EDGES[name]) + 2:
            row = row[:-1]  # above 1 there is nothing
        if len(row) != len(EDGES[name]) + 1 or (row < 0).any():
            raise MonitorError(f"The scrape holds no histogram {name} of this service.")
        counts[name] = row
    return Snapshot(model, counts)


def restarted(before: Snapshot, after: Snapshot) -> bool:
    """Whether the service began to count anew in between: counts only fall by that."""
    return any((after.counts[name] < row).any() for name, row in before.counts.items())


def window(before: Snapshot, after: Snapshot) -> dict[str, np.ndarray] | None:
    """What was counted between two scrapes; None if the model changed meanwhile.

    After a restart of the service all of its counts are new.
    """
    if before.model != after.model:
        return None
    if restarted(before, after):
        return dict(after.counts)
    return {name: row - before.counts[name] for name, row in after.counts.items()}


def check(
    reference: Reference,
    counts: Mapping[str, np.ndarray],
    rules: Rules | None = None,
) -> list[Alarm]:
    """Hold a window against the reference; an empty list means quiet.

    Args:
        reference: of the model that answered.
        counts: of the window, by statistic.
        rules: the course's own if not given.
    """
    rules = Rules() if rules is None else rules
    base = {name: np.array(row) for name, row in reference.counts.items()}
    p_values = {name: drift.chi_square(base[name], counts[name]) for name in base}
    alarms = []
    for name in sorted(drift.holm(p_values, rules.false_alarms)):
        size = drift.psi(base[name], counts[name])
        if size < rules.smallest_psi:
            continue
        sentence = (
            f"{name.replace('_', ' ')} left the reference: PSI {size:.2f}, "
            f"p {_told(p_values[name])}, {int(counts[name].sum()):,} texts."
        )
        alarms.append(Alarm(name, p_values[name], size, sentence))
    return alarms


def _told(p: float) -> str:
    """Return a p-value for people; none is 0."""
    return f"= {p:.0e}" if p >= 1e-99 else "< 1e-99"


def expected_loss(reference: Reference, counts: Mapping[str, np.ndarray]) -> float:
    """Promised accuracy less what the window's probabilities let expect."""
    right = np.array(reference.right)
    now = drift.expected_accuracy_of_counts(counts["probability"], right)
    return reference.accuracy - now
