"""Which words made a probability: exact for a model that averages.

    words = Words.load(folder)          # the exported model, verified
    made = words.of("Not a bad film.")
    made.words, made.shares             # each word with its part of the logit
    made.start + made.shares.sum()      # the logit itself, up to rounding

The served model takes the mean of the vectors of a text's n numbers (words, pairs of
neighbours, a mark at the start) and applies one linear layer. A linear function of a
mean is the mean of the function, so the text's logit is the mean of the logits that its
numbers have alone. Number i brings its own logit over n: no approximation, no sampling.
A pair's part goes to its two words, half to each.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from common.sentiment.features import FIRST_WORD, UNKNOWN, tokenise
from common.sentiment.predictor import Predictor

ROUNDING = 1e-3
"""By how much a sum of parts and the model's logit may differ in single precision."""
_FOR, _AGAINST = (158, 202, 255), (255, 190, 140)


class NotAdditive(ValueError):
    """The model's logit is not the mean of its parts' logits: an LSTM, for example."""


@dataclass(frozen=True, eq=False)
class Made:
    """A logit, taken apart.

    Attributes:
        words: the n words that the model read, in lower case, the last of a long text.
        shares: (n,) float64, what each word brings, its halves of pairs included.
        known: (n,) bool, whether the vocabulary holds the word.
        start: what the mark at the text's start brings, with its half of a pair.
        dropped: how many words of the text the model did not read.
    """

    words: tuple[str, ...]
    shares: np.ndarray
    known: np.ndarray
    start: float
    dropped: int

    @property
    def logit(self) -> float:
        """The sum of all parts, after the temperature."""
        return float(self.start + self.shares.sum())

    @property
    def probability(self) -> float:
        """Of "positive", from the sum of all parts."""
        return float(np.exp(-np.logaddexp(0, -self.logit)))

    def strongest(self, count: int) -> list[tuple[str, float, int]]:
        """Return the words that bring most, either way: word, total share, how often.

        A word that stands twice is one row.
        """
        total: dict[str, float] = {}
        often: dict[str, int] = {}
        for word, share in zip(self.words, self.shares.tolist(), strict=True):
            total[word] = total.get(word, 0.0) + share
            often[word] = often.get(word, 0) + 1
        ranked = sorted(total, key=lambda word: (-abs(total[word]), word))
        return [(word, total[word], often[word]) for word in ranked[:count]]

    def html(self) -> str:
        """Return the words, coloured and underlined by what they bring.

        Colour never speaks alone: what argues for "positive" has a solid line below
        it, what argues against it a dotted one.
        """
        most = float(np.abs(self.shares).max(initial=0.0)) or 1.0
        marked = (
            _marked(word, share / most, share)
            for word, share in zip(self.words, self.shares.tolist(), strict=True)
        )
        return f'<p style="line-height:2">{" ".join(marked)}</p>'


class Words(Predictor):
    """A predictor that can also say what each word brings."""

    def of(self, text: str) -> Made:
        """Take the logit of one text apart.

        Raises:
            NotAdditive: the parts do not sum to what the model says.
            FeatureError: `text` is not a string.
        """
        ids = self.tokenizer.encode(text)
        alone = self._alone(ids) / (len(ids) * self.manifest.temperature)
        said = self.logits([text]).item() / self.manifest.temperature
        if not abs(alone.sum() - said) < ROUNDING * max(1.0, abs(said)):
            raise NotAdditive(
                "This model does not add its words up: no word has a part of its own."
            )
        every = tokenise(text)
        words = every[-self.tokenizer.max_tokens :]
        parts = alone[: 1 + len(words)].copy()  # the mark, then a part for each word
        pairs = alone[1 + len(words) :]
        parts[: len(pairs)] += pairs / 2
        parts[1 : 1 + len(pairs)] += pairs / 2
        known = (ids[1 : 1 + len(words)] >= FIRST_WORD) & (
            ids[1 : 1 + len(words)] != UNKNOWN
        )
        dropped = len(every) - len(words)
        return Made(tuple(words), parts[1:], known, float(parts[0]), dropped)

    def _alone(self, ids: np.ndarray) -> np.ndarray:
        """Return the logit that each of n numbers has alone, (n,) float64."""
        (got,) = self._session.run(None, {self._input: ids[:, None]})
        return got.reshape(len(ids)).astype(np.float64)


def _marked(word: str, strength: float, share: float) -> str:
    """One word as HTML; `strength` in [-1, 1]."""
    shown = escape(word)
    if abs(strength) < 0.1:
        return f"<span>{shown}</span>"
    paint = _FOR if strength > 0 else _AGAINST
    # Mixed with white: black letters stay readable on it, in a dark theme as well
    mixed = [round(255 + (c - 255) * abs(strength)) for c in paint]
    line = "solid" if strength > 0 else "dotted"
    style = (
        f"background:rgb({','.join(map(str, mixed))});color:#111;padding:0 .2em;"
        f"border-bottom:2px {line} #111;border-radius:.2em"
    )
    return f'<span style="{style}" title="{share:+.3f}">{shown}</span>'
