"""Photographs of flowers, as the files that they are: sizes differ, nothing is cut.

The function climbs the ladder (see `ladder`): the publisher's archive in a mirror or
a cache, then the part of it that a mirror holds as single files, then a download,
last a stand-in of drawn flowers.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping

import numpy as np

from common.datasets import ladder, splits
from common.datasets.dataset import Dataset, Pair, Rung, Source
from common.datasets.ladder import DataFile, Recipe

CLASS_NAMES = ("daisy", "dandelion", "roses", "sunflowers", "tulips")
PUBLISHED = 3_670  # photographs

FLOWERS = Recipe(
    name="tf_flowers",
    files=(
        DataFile(
            name="flower_photos.tgz",
            sha256="4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
            size=228_813_984,
            mirror="data/flower_photos.tgz",
            # as Keras' tutorials on images call it, in several versions of Keras
            library=tuple(
                f"datasets/flower_photos{end}"
                for end in (".tgz", "_archive", ".tar.gz", ".tar", "")
            ),
            url="https://storage.googleapis.com/download.tensorflow.org/"
            "example_images/flower_photos.tgz",
        ),
    ),
)

PART = "data/flower_photos/"
"""Where a mirror may hold some of the photographs, scaled to at most 192 pixels."""

PART_SHA256 = "48018c2cde17443a544177695afdded6ff5bad3c11ae3f0956957cb2de8eca97"
"""Of the 900 lines that SHA256SUMS has for them, in the order of their paths."""


def load_flowers(limit: int | None) -> Dataset:
    """Find, read, limit, say so; see `common.datasets.flowers`."""
    limit = splits.checked_limit(limit, len(CLASS_NAMES))
    archive = ladder.climb(_without_address(FLOWERS), say=_nothing)
    found = archive or _climb_part()
    if found is None:
        found = archive = ladder.climb(FLOWERS)
    if found is None:
        return _drawn(limit)
    files = found.files if archive is None else _unpacked(*found.files.values())
    data = _assembled(_labelled(files), limit, found.source, found.rung)
    origin = f"{data.source.replace('subset', 'an official subset')}, {found.place}"
    print(f"{FLOWERS.name}: {len(data.train[1]):,} photographs ({origin}).")
    return data


def _without_address(recipe: Recipe) -> Recipe:
    """The same recipe for the rungs that need no network."""
    files = tuple(dataclasses.replace(file, url="") for file in recipe.files)
    return dataclasses.replace(recipe, files=files)


def _nothing(text: str) -> None:
    """Take a sentence and say nothing: another rung may still do."""


def _climb_part() -> ladder.Found | None:
    """The part of the photographs that a mirror holds, if it is the known part."""
    sums = dict(sorted(ladder.listed(PART).items()))
    lines = "".join(f"{digest}  {path}\n" for path, digest in sums.items())
    if hashlib.sha256(lines.encode()).hexdigest() != PART_SHA256:
        return None
    files = (
        DataFile(name=path.removeprefix("data/"), sha256=digest, size=0, mirror=path)
        for path, digest in sums.items()
    )
    return ladder.climb(Recipe(name=FLOWERS.name, files=tuple(files)))


def _unpacked(archive: bytes) -> dict[str, bytes]:
    """The photographs of the archive, whose hash has been checked, by path."""
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.name.endswith(".jpg") else None
            if stream is not None:
                files[member.name] = stream.read()
    return files


def _labelled(files: Mapping[str, bytes]) -> Pair:
    """Files by path (folder/class/name.jpg) as x and y, in the order of the paths."""
    paths = sorted(files)
    x = _objects(files[path] for path in paths)
    y = [CLASS_NAMES.index(path.split("/")[-2]) for path in paths]
    return x, np.array(y, np.int64)


def _objects(files: Iterable[bytes]) -> np.ndarray:
    """Bytes objects as an array of objects: NumPy's own type cuts off zero bytes."""
    files = list(files)
    array = np.empty(len(files), object)
    array[:] = files
    return array


def _assembled(whole: Pair, limit: int | None, source: Source, rung: Rung) -> Dataset:
    """All photographs under `train`, as many as the limit leaves."""
    x, y = whole
    count = len(y)
    if limit is not None and limit < count:
        keep = splits.stratified(y, limit, splits.LIMIT_SEED)
        x, y = x[keep], y[keep]
    name = FLOWERS.name
    title = f"{name}, {PUBLISHED:,} photographs"
    if source == "stand_in":
        title = f"stand-in for {name} (drawn flowers), {count:,} pictures"
        name = f"stand-in for {name}"
    elif len(y) < PUBLISHED:
        title, source = f"{title}, {len(y):,} of them", "subset"
    if source == "stand_in" and len(y) < count:
        title += f", {len(y):,} of them"
    none = _objects([]), np.empty(0, np.int64)
    return Dataset(name, title, (x, y), none, none, CLASS_NAMES, source, rung)


def _drawn(limit: int | None) -> Dataset:
    """The stand-in, with a line that says so."""
    from common.datasets import stand_in_flowers

    data = _assembled(stand_in_flowers.draw(), limit, "stand_in", "stand-in")
    print(
        f"{FLOWERS.name}: NOT the real data but a stand-in, drawn flowers: "
        f"{len(data.train[1]):,} pictures. For the real data connect to the internet "
        "and restart, or point COURSE_DATA at a local mirror."
    )
    return data
