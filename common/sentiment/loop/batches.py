"""Labelled reviews arrive: the inbox, the door, and versions of the data.

A batch is a file of JSON lines, {"text": ..., "label": 0 or 1}. What it *holds* is its
key, not its name: delivered twice, it is the same batch. A version of the data is a
list of keys, so that what a model learnt from is named by one hash.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.datasets.dataset import Dataset
from common.sentiment import data, reaction
from common.sentiment.loop.home import Home, read_json, write_json
from common.sentiment.loop.journal import key_of
from common.sentiment.predictor import Predictor

FEWEST = 20
"""Reviews of a batch."""
MOST_REPEATED = 0.1
HELD, VALID = 3, 4
"""Of ten parts the first three are held out for the gate, the fourth is for the
temperature, the rest to learn from. A review's words decide, so it keeps its part."""


class BatchError(ValueError):
    """A file that is no batch; says why in a sentence."""


class Batch(NamedTuple):
    """Reviews and their labels."""

    texts: tuple[str, ...]
    labels: np.ndarray
    """(n,) int64, 0 or 1."""

    @property
    def key(self) -> str:
        """16 hex digits, of every text and label."""
        return data.content_sha256([self])[:16]


def deliver(home: Home, name: str, texts: Sequence[str], labels: Sequence[int]) -> str:
    """Put a batch into the inbox, whole or not at all; its key."""
    inbox = home.place("inbox")
    rows = [{"label": int(y), "text": x} for x, y in zip(texts, labels, strict=True)]
    part = inbox / f".part-{name}"
    part.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="ascii")
    os.replace(part, inbox / f"{name}.jsonl")
    return Batch(tuple(texts), np.asarray(labels, np.int64)).key


def read(path: Path) -> Batch:
    """Read a batch.

    Raises:
        BatchError: a line is no review with a label; torn off, for example.
    """
    try:
        rows = [json.loads(line) for line in path.read_bytes().splitlines()]
        texts = tuple(row["text"] for row in rows)
        labels = np.array([row["label"] for row in rows], np.int64)
    except (ValueError, KeyError, TypeError) as error:
        raise BatchError(f"{path.name} cannot be read: {error}.") from None
    if not set(labels.tolist()) <= {0, 1} or not all(isinstance(t, str) for t in texts):
        raise BatchError(f"{path.name} holds something else than texts and 0 or 1.")
    return Batch(texts, labels)


def part_of(text: str) -> str:
    """Return "hold", "valid" or "train": by a hash of the words."""
    tenth = data.identity(text)[0] % 10
    return "hold" if tenth < HELD else "valid" if tenth < VALID else "train"


def problems(batch: Batch, champion: Predictor | None) -> list[str]:
    """Say why nobody may learn from a batch: sentences, none if all is well.

    Args:
        batch: as it arrived.
        champion: the model that serves, which knows something about labels: if it is
            wrong more often than a coin, the labels are turned, not the world.
    """
    said = []
    n = len(batch.texts)
    if n < FEWEST:
        return [f"It holds {n} reviews; {FEWEST} are the fewest."]
    keys = [data.identity(text) for text in batch.texts]
    if (empty := keys.count(data.identity(""))) > 0:
        said.append(f"{empty} of its texts hold no word.")
    if n - len(set(keys)) > MOST_REPEATED * n:
        said.append(f"{n - len(set(keys))} of its {n} reviews are repeats.")
    positive = float(batch.labels.mean())
    if min(positive, 1 - positive) < data.SMALLEST_SHARE:
        said.append(f"{positive:.0%} of its labels are positive.")
    if champion is not None:
        right = rights(champion, batch)
        _, high = reaction.wilson(int(right.sum()), n)
        if high < 0.5:
            said.append(
                f"The champion is right on {right.mean():.0%} of it, fewer than a "
                "coin would be: its labels are turned."
            )
    return said


def rights(predictor: Predictor, batch: Batch) -> np.ndarray:
    """Whether a model is right, (n,) of bool."""
    p = predictor.probabilities(batch.texts)
    return (p >= predictor.manifest.threshold) == (batch.labels == 1)


def keep(home: Home, path: Path, key: str) -> Path:
    """Copy a batch under its key; nothing happens if it is there."""
    target = home.place("data") / f"{key}.jsonl"
    if not target.exists():
        part = target.with_name(f".part-{os.getpid()}-{key}")
        shutil.copyfile(path, part)
        os.replace(part, target)
    return target


def stored(home: Home, key: str) -> Batch:
    """Read a kept batch; raises BatchError if it is not what was kept."""
    batch = read(home.place("data") / f"{key}.jsonl")
    if batch.key != key:
        raise BatchError(f"The batch {key} is not what was kept.")
    return batch


def commit(home: Home, keys: Sequence[str]) -> str:
    """Name a version of the data: a list of batches under the hash of the list."""
    version = key_of(*keys)
    write_json(home.place("data") / f"version-{version}.json", list(keys))
    return version


def keys_of(home: Home, version: str) -> list[str]:
    """The batches of a version of the data, oldest first; [] for none."""
    return read_json(home.place("data") / f"version-{version}.json") or []


def held_out(home: Home, keys: Sequence[str]) -> Batch:
    """The reviews of some batches that no model learns from."""
    return _part([stored(home, key) for key in keys], "hold")


def dataset(home: Home, version: str) -> Dataset:
    """A version of the data as the pipeline takes it; its test part is held out."""
    batches = [stored(home, key) for key in keys_of(home, version)]
    parts = {name: _part(batches, name) for name in ("train", "valid", "hold")}
    train, valid, hold = (
        (np.array(part.texts, object), part.labels) for part in parts.values()
    )
    about = (home.settings.title, f"{home.settings.title}, version {version}")
    classes = ("negative", "positive")
    source = home.settings.source
    return Dataset(*about, train, valid, hold, classes, source, "mirror")  # type: ignore[arg-type]


def _part(batches: Sequence[Batch], name: str) -> Batch:
    rows = [
        (text, label)
        for batch in batches
        for text, label in zip(batch.texts, batch.labels.tolist(), strict=True)
        if part_of(text) == name
    ]
    return Batch(tuple(x for x, _ in rows), np.array([y for _, y in rows], np.int64))
