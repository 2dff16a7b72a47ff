"""A book to learn to write from: its characters in their order, with what follows each.

It climbs the ladder like the other data sets. Characters are numbered after a light
cleaning, so that a small network can learn them: lower case, every run of white space
a single space, and only the marks of `ALPHABET`.
"""

import numpy as np

from common.datasets import ladder, stand_in_texts
from common.datasets.dataset import Dataset, Pair
from common.datasets.ladder import DataFile, Recipe

ALPHABET = " abcdefghijklmnopqrstuvwxyz.,;:'\"!?-"
"""The characters that are kept, by their number; all others are left out."""

TIME_MACHINE = Recipe(
    name="The Time Machine",
    files=(
        DataFile(
            name="timemachine.txt",
            sha256="8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516",
            size=178_979,
            mirror="data/timemachine/timemachine.txt",
            library=("datasets/timemachine.txt",),
            url="https://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt",
        ),
    ),
)

_STAND_IN_REVIEWS = 600


def load_time_machine() -> Dataset:
    """Return the book; `common.datasets.time_machine` says in full what comes back."""
    found = ladder.climb(TIME_MACHINE)
    if found is None:
        name, text = f"stand-in for {TIME_MACHINE.name}", _sentences()
    else:
        name, text = TIME_MACHINE.name, found.files["timemachine.txt"].decode("utf-8")
    numbers = numbered(text)
    size = f"{len(numbers):,} characters"
    first, second = len(numbers) * 8 // 10, len(numbers) * 9 // 10
    data = Dataset(
        name=name,
        title=f"{name}, {size}",
        train=_pairs(numbers[:first]),
        valid=_pairs(numbers[first:second]),
        test=_pairs(numbers[second:]),
        class_names=tuple(ALPHABET),
        source="stand_in" if found is None else found.source,
        rung="stand-in" if found is None else found.rung,
    )
    if found is None:
        print(
            f"{TIME_MACHINE.name}: NOT the real book but a stand-in, generated "
            f"sentences: {size}. For the book connect to the internet and restart, or "
            "point COURSE_DATA at a local mirror."
        )
    else:
        print(f"{TIME_MACHINE.name}: {size} ({found.source}, {found.place}).")
    return data


def numbered(text: str) -> np.ndarray:
    """A text's characters after the cleaning, as places in `ALPHABET`: (n,) int64."""
    number_of = {character: i for i, character in enumerate(ALPHABET)}
    clean = " ".join(
        "".join(c for c in text.lower() if c in number_of or c.isspace()).split()
    )
    return np.array([number_of[character] for character in clean], np.int64)


def _pairs(numbers: np.ndarray) -> Pair:
    """Every character but the last, and the one that follows it."""
    return numbers[:-1].copy(), numbers[1:].copy()


def _sentences() -> str:
    """Generated reviews as one text, each a sentence."""
    reviews = stand_in_texts.reviews()
    rows = reviews.train[0][:_STAND_IN_REVIEWS]
    return " ".join(
        " ".join(reviews.words[rank - 1] for rank in row) + "." for row in rows
    )
