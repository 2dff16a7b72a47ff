"""The world outside: people write reviews, others label some, and habits change.

    world = World(texts, labels)
    with Traffic(host.port, world, rate=20) as traffic:
        world.mood = "phones"              # from now on many reviews come in shorthand
        batches.deliver(home, "monday", *world.labelled(500))
    traffic.table()

Nothing here knows the loop; it sends requests, and hands labelled reviews over.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from common.sentiment.load import Load
from common.sentiment.loop.stops import Stops

VOWELS = str.maketrans("", "", "aeiou")
DIGITS = str.maketrans("aeiost", "431057")


def shorthand(text: str) -> str:
    """Write as on a phone: words of four letters and more lose their inner vowels."""
    return " ".join(
        word if len(word) < 4 else word[0] + word[1:-1].translate(VOWELS) + word[-1]
        for word in text.split()
    )


def disguised(text: str) -> str:
    """Write digits for letters, as people do to get past a filter of words."""
    return text.translate(DIGITS)


MOODS: dict[str, list[tuple[float, Callable[[str], str]]]] = {
    "as ever": [(1.0, str)],
    "phones": [(0.3, str), (0.7, shorthand)],
    "filter": [(0.2, str), (0.3, shorthand), (0.5, disguised)],
}
"""How reviews are written: shares of all, and what is done to a text."""


class World:
    """Reviews that have not been used yet, written in the mood of the moment.

    Attributes:
        mood: one of `MOODS`; may change at any time.
    """

    def __init__(self, texts: Sequence[str], labels: np.ndarray, seed: int = 0) -> None:
        """Take reviews and their labels; the first ones are used first."""
        self.mood = "as ever"
        self._texts, self._labels = list(texts), np.asarray(labels, np.int64)
        self._rng = np.random.default_rng(seed)
        self._next = 0

    @property
    def left(self) -> int:
        """How many reviews have not been used yet."""
        return len(self._texts) - self._next

    def written(self, text: str, chance: float) -> str:
        """A text in the mood of the moment.

        Args:
            text: as its writer thinks it.
            chance: in [0, 1), chooses among the mood's ways of writing.
        """
        for share, way in MOODS[self.mood]:
            if chance < share:
                return way(text)
            chance -= share
        return text

    def labelled(self, count: int) -> tuple[list[str], np.ndarray]:
        """Take reviews of this mood that people have labelled.

        Raises:
            ValueError: there are not so many left.
        """
        if count > self.left:
            raise ValueError(f"There are {self.left} reviews left, not {count}.")
        chosen = slice(self._next, self._next + count)
        self._next += count
        chances = self._rng.random(count)
        pairs = zip(self._texts[chosen], chances, strict=True)
        return [self.written(text, c) for text, c in pairs], self._labels[chosen].copy()


class Requests(Sequence[bytes]):
    """Request i, made at the moment at which it is sent: it has the world's mood."""

    def __init__(self, world: World, texts: Sequence[str], name: str = "visit") -> None:
        """Take the texts that visitors send, in turn; request 7 is called visit-7."""
        self._world, self._sent, self._name = world, list(texts), name
        self._chances = np.random.default_rng(1).random(4_096)

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, i: int) -> bytes:  # type: ignore[override]
        text = self._sent[i % len(self._sent)]
        text = self._world.written(text, self._chances[i % len(self._chances)])
        body = json.dumps({"text": text}).encode("ascii")
        return (
            "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"X-Request-Id: {self._name}-{i}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body


class Traffic(Stops):
    """Visitors, at a steady rate, until the end of the block.

    Attributes:
        load: Day 32's sender.
    """

    def __init__(
        self, port: int, requests: Sequence[bytes], *, rate: float, seconds: float = 900
    ) -> None:
        """Begin to send.

        Args:
            port: on 127.0.0.1.
            requests: in their order.
            rate: requests a second.
            seconds: at most.
        """
        self.rate = rate
        self._shift = time.time() - time.monotonic()
        patience = 90.0
        self.load = Load(
            port, requests, rate=rate, seconds=seconds, patience=patience, lines=128
        )

    def stop(self) -> None:
        """Send no more, and wait for the last answers."""
        self.load.enough()
        self.load.__exit__(None, None, None)

    def table(self) -> pd.DataFrame:
        """One row a request: as `Load.table`, with `time` (by `time.time`)."""
        table = self.load.table()
        return table.assign(time=table.index + self.load.began + self._shift)
