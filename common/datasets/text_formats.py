"""Readers of the files in which IMDB's reviews are published.

Each takes bytes whose hash has been checked. None of them runs code that a file
brings along.
"""

import io
import json
import re
import tarfile
import zipfile
from collections.abc import Mapping

import numpy as np

from common.datasets.formats import _ArrayUnpickler

Texts = tuple[list, np.ndarray]


def read_ranks(content: bytes) -> tuple[Texts, Texts]:
    """The .npz file of Keras: (x_train, y_train), (x_test, y_test).

    x is a list of n lists of word ranks, 1 for the most frequent word; y is (n,)
    int64. NumPy stores lists of unequal length as a pickle, which `np.load` refuses
    or else runs unseen: it is read here by an unpickler that builds arrays only.
    """
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(content)) as members:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            arrays[name] = _read_member(io.BytesIO(members.read(f"{name}.npy")))
    return tuple(
        (list(arrays[f"x_{part}"]), np.asarray(arrays[f"y_{part}"], np.int64))
        for part in ("train", "test")
    )


def _read_member(stream: io.BytesIO) -> np.ndarray:
    """One array of an .npz file, of numbers or of lists."""
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    _, _, dtype = read_header(stream)
    if dtype.hasobject:
        return _ArrayUnpickler(stream, encoding="bytes").load()
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def read_words(content: bytes) -> tuple[str, ...]:
    """The word index: every word, by its rank, the most frequent first.

    Raises:
        ValueError: the ranks are not 1, 2, 3, ...
    """
    index = json.loads(content)
    words = sorted(index, key=index.__getitem__)
    if [index[word] for word in words] != list(range(1, len(words) + 1)):
        raise ValueError("the word index leaves a rank out or gives one twice")
    return tuple(words)


_REVIEW = re.compile(r"aclImdb/(train|test)/(neg|pos)/(\d+)_\d+\.txt")


def read_archive(files: Mapping[str, bytes]) -> tuple[Texts, Texts]:
    """The labelled reviews of the raw archive: (x_train, y_train), (x_test, y_test).

    x is a list of n texts as people wrote them, y (n,) int64, 0 negative, 1 positive;
    the negative ones come first, each class by the number in its file's name.
    """
    (content,) = files.values()
    found: dict[str, list[tuple[int, int, str]]] = {"train": [], "test": []}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r|gz") as archive:
        for member in archive:
            match = _REVIEW.fullmatch(member.name)
            if match and (stream := archive.extractfile(member)) is not None:
                part, side, number = match.groups()
                text = stream.read().decode("utf-8")
                found[part].append((int(side == "pos"), int(number), text))
    return tuple(
        (
            [text for _, _, text in sorted(reviews)],
            np.array([label for label, _, _ in sorted(reviews)], np.int64),
        )
        for reviews in (found["train"], found["test"])
    )
