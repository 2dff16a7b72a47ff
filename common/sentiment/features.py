"""From a text to word numbers: the one tokeniser that training and serving share.

    tokenizer = Tokenizer.fit(texts, vocabulary_size=20_000, max_tokens=1_000)
    tokenizer.encode("Not a bad film!")      # (n,) int32
    tokenizer.batch(["Good.", "Bad."])       # (2, length) int32, padded with 0
    tokenizer.save(path); Tokenizer.load(path)

Plain Python and NumPy: no Keras, no backend, so that a server needs neither, and the
numbers cannot depend on which of them is there.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

PADDING, UNKNOWN, START = 0, 1, 2
FIRST_WORD = 3
"""The number of the most frequent word; the three before it are marks."""

_FORMAT = "forty-days tokenizer 2"
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘`´ʼ", "'"))


# Combining marks: vowel signs of Hindi, points of Hebrew, accents that stand apart.
# They follow a letter and belong to it. All of Unicode's lie in these two spans; the
# half-width signs of Japanese have another category and become marks by NFKC.
_MARKS = frozenset(
    mark
    for mark in map(chr, (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)))
    if unicodedata.category(mark).startswith("M") or mark in "\uff9e\uff9f"
)
# As ranges: a pattern tries the characters above U+FFFF one after another.
_FIRST = sorted(mark for mark in _MARKS if chr(ord(mark) - 1) not in _MARKS)
_LAST = sorted(mark for mark in _MARKS if chr(ord(mark) + 1) not in _MARKS)
_MARK = f"[{''.join(map('{}-{}'.format, _FIRST, _LAST))}]"
_LONG_RUN = re.compile(rf"({_MARK}{{30}}){_MARK}+")
# Letters and digits of any script; apostrophes inside.
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
# The same, each letter with its marks: slower, so only for texts that hold one.
_PART = rf"[^\W_]+(?:{_MARK}+[^\W_]*)*"
_MARKED_WORD = re.compile(rf"{_PART}(?:'{_PART})*")
# Odd, without a pattern in its bits: 2**64 divided by the golden ratio (D. Knuth,
# "The art of computer programming", volume 3, section 6.4).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class FeatureError(ValueError):
    """A tokeniser that cannot be made, read or used; says why in a sentence."""


def tokenise(text: str) -> list[str]:
    """Cut a text into lower-case words.

    A word is a run of letters and digits of any script, with their combining marks;
    an apostrophe inside keeps it whole ("don't"). Line-break tags, punctuation and
    all else separate words. Compatible characters become one (NFKC), so that "ﬁlm"
    and "film" are the same.

    NFKC sorts the marks on a letter in quadratic time, so that one text of nothing
    but marks could stop a server. Of a run of marks the first 30 count, as many as
    the Stream-Safe Text Format allows (Unicode Standard Annex 15, section 13); no
    language needs more than a few.

    Args:
        text: any string, even an empty one or one with lone surrogates.

    Returns:
        The words in their order; none for a text without a letter or a digit.

    Raises:
        FeatureError: `text` is not a string.
    """
    if not isinstance(text, str):
        raise FeatureError(
            f"a text must be a string, not {type(text).__name__}: {text!r:.40}"
        )
    # Before NFKC, which cuts ´ off its word, and after it, which turns ｀ into `
    text = _BREAK.sub(" ", text).translate(_APOSTROPHES)
    if text.isascii():
        return _WORD.findall(text.lower())
    if not _MARKS.isdisjoint(text):
        text = _LONG_RUN.sub(r"\1", text)
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).lower()
    return (_WORD if _MARKS.isdisjoint(text) else _MARKED_WORD).findall(text)


def bigram_numbers(ids: np.ndarray, buckets: int) -> np.ndarray:
    """Give every pair of neighbours one of `buckets` numbers, by hashing.

    Two pairs may share a number; with 2**19 buckets few frequent ones do. Source of
    the idea: K. Weinberger et al., "Feature hashing for large scale multitask
    learning", ICML 2009.

    Args:
        ids: (n,) word numbers, each below 2**31.
        buckets: how many numbers there are, at least 1.

    Returns:
        (n - 1,) int64 in [0, buckets), or (0,) for fewer than two words.
    """
    pairs = (ids[:-1].astype(np.uint64) << np.uint64(32)) | ids[1:].astype(np.uint64)
    mixed = (pairs ^ (pairs >> np.uint64(29))) * _GOLDEN
    return ((mixed >> np.uint64(32)) % np.uint64(buckets)).astype(np.int64)


def pad(rows: Sequence[np.ndarray], length: int | None = None) -> np.ndarray:
    """Put rows of numbers into one array, PADDING at the end of shorter ones.

    Args:
        rows: n arrays of int32, possibly none.
        length: of a row of the result; the longest row's if it is not given.

    Returns:
        (n, length) int32, in memory order.

    Raises:
        FeatureError: a row is longer than `length`.
    """
    longest = max((len(row) for row in rows), default=1)
    length = longest if length is None else length
    if longest > length:
        raise FeatureError(f"a text has {longest} numbers, a row only {length}")
    padded = np.full((len(rows), length), PADDING, np.int32)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return padded


@dataclass(frozen=True, eq=False, repr=False)
class Tokenizer:
    """A vocabulary, and the rule that turns a text into numbers with it.

    A text becomes START, then the numbers of its last `max_tokens` words (UNKNOWN
    for one that is not in `words`), then one number for each pair of neighbours if
    there are `bigram_buckets`.

    Attributes:
        words: the vocabulary; `words[i]` has the number FIRST_WORD + i.
        max_tokens: how many words of a text count, the last ones: a review's end
            holds its verdict more often than its beginning.
        bigram_buckets: how many numbers pairs of neighbours share; 0 for none.
    """

    words: tuple[str, ...]
    max_tokens: int
    bigram_buckets: int = 0
    _numbers: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Check the fields and build the look-up table."""
        if self.max_tokens < 1:
            raise FeatureError(f"max_tokens must be at least 1, not {self.max_tokens}")
        if self.bigram_buckets < 0:
            raise FeatureError(
                f"bigram_buckets must be 0 or more, not {self.bigram_buckets}"
            )
        numbers = {word: FIRST_WORD + i for i, word in enumerate(self.words)}
        if len(numbers) != len(self.words):
            raise FeatureError("the vocabulary holds a word twice")
        object.__setattr__(self, "_numbers", numbers)

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        *,
        vocabulary_size: int,
        max_tokens: int,
        bigram_buckets: int = 0,
    ) -> Tokenizer:
        """Learn the vocabulary: the most frequent words of training texts.

        Args:
            texts: training texts only; a word of the test set is an unknown word.
            vocabulary_size: how many words to keep at most.
            max_tokens: as in the class.
            bigram_buckets: as in the class.

        Returns:
            The tokeniser. Words of equal frequency stand in alphabetical order, so
            that it does not depend on the order of the texts.

        Raises:
            FeatureError: no text holds a word, or a size is impossible.
        """
        if vocabulary_size < 1:
            raise FeatureError(
                f"vocabulary_size must be at least 1, not {vocabulary_size}"
            )
        counts = Counter(word for text in texts for word in tokenise(text))
        if not counts:
            raise FeatureError("there is no word in the training texts")
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        words = tuple(word for word, _ in ranked[:vocabulary_size])
        return cls(words, max_tokens, bigram_buckets)

    @property
    def size(self) -> int:
        """How many different numbers there are: the rows of an embedding."""
        return FIRST_WORD + len(self.words) + self.bigram_buckets

    @property
    def max_length(self) -> int:
        """The most numbers that one text can become."""
        words = self.max_tokens + 1  # with START
        return words + (words - 1 if self.bigram_buckets else 0)

    def encode(self, text: str) -> np.ndarray:
        """Turn one text into its numbers, (n,) int32 with 1 <= n <= `max_length`.

        Raises:
            FeatureError: `text` is not a string.
        """
        known = self._numbers.get
        words = tokenise(text)[-self.max_tokens :]
        ids = np.array([START, *(known(word, UNKNOWN) for word in words)], np.int32)
        if not self.bigram_buckets:
            return ids
        pairs = bigram_numbers(ids, self.bigram_buckets)
        first = FIRST_WORD + len(self.words)
        return np.concatenate([ids, (pairs + first).astype(np.int32)])

    def batch(self, texts: Sequence[str], length: int | None = None) -> np.ndarray:
        """Turn texts into one array, shorter ones filled with PADDING at the end.

        Args:
            texts: n texts, possibly none.
            length: of a row; the longest text's if it is not given.

        Returns:
            (n, length) int32, in memory order.

        Raises:
            FeatureError: a text is not a string, or longer than `length`.
        """
        return pad([self.encode(text) for text in texts], length)

    def save(self, path: str | Path) -> None:
        """Write the tokeniser to one JSON file, the same bytes on every machine."""
        Path(path).write_bytes(self._as_json())

    @classmethod
    def load(cls, path: str | Path) -> Tokenizer:
        """Read what `save` wrote.

        Raises:
            FeatureError: the file is missing, cut off, or not a tokeniser's.
        """
        name = Path(path).name
        try:
            content = json.loads(Path(path).read_bytes())
        except FileNotFoundError:
            raise FeatureError(f"there is no {name}") from None
        except (OSError, ValueError, RecursionError) as error:
            raise FeatureError(f"{name} cannot be read: {error}") from None
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise FeatureError(
                f"{name} is not a tokeniser of this version of the course; a model "
                "of an earlier one has to be trained again"
            )
        words = content.get("words")
        sizes = content.get("max_tokens"), content.get("bigram_buckets")
        if not isinstance(words, list) or not all(isinstance(w, str) for w in words):
            raise FeatureError(f"{name} holds no list of words")
        if not all(type(size) is int for size in sizes):
            raise FeatureError(f"{name} holds no whole numbers for its sizes")
        return cls(tuple(words), *sizes)

    @property
    def digest(self) -> str:
        """The SHA-256 of the saved file: two equal ones give equal numbers."""
        return hashlib.sha256(self._as_json()).hexdigest()

    def _as_json(self) -> bytes:
        content = {
            "format": _FORMAT,
            "max_tokens": self.max_tokens,
            "bigram_buckets": self.bigram_buckets,
            "words": self.words,
        }
        text = json.dumps(content, ensure_ascii=True, indent=0)
        return (text + "\n").encode("ascii")

    def __repr__(self) -> str:
        """The sizes: a cell that ends in a Tokenizer stays short."""
        return (
            f"Tokenizer({len(self.words):,} words, last {self.max_tokens} of a text, "
            f"{self.bigram_buckets:,} buckets for bigrams)"
        )
