"""The one shape in which every data set of the course arrives."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Source = Literal["official", "equivalent", "subset", "stand_in"]
Rung = Literal["mirror", "cache", "download", "stand-in"]
Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Three splits of labelled examples, and where they came from.

    The arrays are the caller's own: a notebook may change them in place.

    Attributes:
        name: the data set's name for texts and figures, "MNIST"; a stand-in
            is called "stand-in for MNIST".
        title: the name with its size as published, "MNIST, 60,000 + 10,000".
        train: (x, y) to learn from. For images x is
            (n, height, width, channels) float32 in [0, 1]; y is (n,) int64.
        valid: (x, y) to choose on, cut from the published training set.
        test: (x, y) to be touched once, at the end.
        class_names: what label 0, 1, 2, ... means.
        source: "official" (byte for byte as published), "equivalent" (the same
            content in other bytes), "subset" (part of it, by `limit=`) or
            "stand_in" (other data in its place).
        rung: where the files were found: "mirror", "cache", "download" or
            "stand-in". Files from several rungs carry the last one.
    """

    name: str
    title: str
    train: Pair
    valid: Pair
    test: Pair
    class_names: tuple[str, ...]
    source: Source
    rung: Rung

    @property
    def num_classes(self) -> int:
        """How many different labels there are."""
        return len(self.class_names)

    def __repr__(self) -> str:
        """The title and the sizes: a cell that ends in a Dataset stays short."""
        sizes = ", ".join(
            f"{split}: {len(y):,}"
            for split, (_, y) in (
                ("train", self.train),
                ("valid", self.valid),
                ("test", self.test),
            )
        )
        return f"Dataset({self.title!r}, {sizes}, source={self.source!r})"
