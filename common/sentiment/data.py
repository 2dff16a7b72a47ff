"""Which reviews a model may learn from: ingest, and the checks that stop a run.

    corpus = ingest(datasets.imdb(form="text"))
    stop_on_problems(validate(corpus))

Two texts are the same review when they have the same words (`identity`): the model
sees words alone, so that a copy with another comma, another case or a line-break tag
in it would be learnt by heart like a true copy. Pure functions but for `write` and
`read`; plain Python and NumPy.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from common.sentiment.features import tokenise

if TYPE_CHECKING:
    from common.datasets.dataset import Dataset

SPLITS = ("train", "valid", "test")
LABELS = (0, 1)

FEWEST_OF_A_LABEL = 2
"""Reviews of each label that every split must hold."""
SMALLEST_SHARE = 0.3
"""Of each label in every split: below it, accuracy no longer says much."""
MOST_DROPPED = 0.1
"""Share of the training reviews that ingest may drop before something is wrong."""

_ABOUT = "corpus.json"
_FORMAT = "forty-days corpus 1"


class ValidationError(ValueError):
    """Data that must not be trained on; one sentence for each problem."""


class Split(NamedTuple):
    """Reviews and their labels."""

    texts: tuple[str, ...]
    labels: np.ndarray
    """(n,) int64, 1 for a positive review and 0 for a negative one."""


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """Three splits after ingest, and what was left out of them.

    Attributes:
        train: to learn from.
        valid: to fit the temperature and choose settings on.
        test: to judge with; ingest never changes it.
        title: of the data set it was made from.
        source: as in `common.datasets.dataset.Dataset`.
        dropped: how many reviews ingest left out, by reason.
    """

    train: Split
    valid: Split
    test: Split
    title: str
    source: str
    dropped: dict[str, int]

    @property
    def sizes(self) -> dict[str, int]:
        """Reviews in each split."""
        return {name: len(getattr(self, name).labels) for name in SPLITS}

    @property
    def sha256(self) -> str:
        """The hash of every text and label, in their order."""
        return content_sha256(getattr(self, name) for name in SPLITS)

    def __repr__(self) -> str:
        """The title and the sizes: a cell that ends in a Corpus stays short."""
        sizes = ", ".join(f"{name}: {size:,}" for name, size in self.sizes.items())
        return f"Corpus({self.title!r}, {sizes}, dropped: {self.num_dropped:,})"

    @property
    def num_dropped(self) -> int:
        """How many reviews ingest left out."""
        return sum(self.dropped.values())


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    passed: bool
    sentence: str


def identity(text: str) -> bytes:
    """What two copies of a review have in common: a hash of their words, (16 bytes).

    Raises:
        FeatureError: `text` is not a string.
    """
    words = " ".join(tokenise(text))  # no word holds a space
    return hashlib.blake2b(_bytes(words), digest_size=16).digest()


def content_sha256(splits: Iterable[tuple[Sequence[str], np.ndarray]]) -> str:
    """The SHA-256 of texts and labels: lengths go in too, so that no text can end
    where another one begins without a difference."""
    digest = hashlib.sha256()
    for texts, labels in splits:
        digest.update(f"split {len(texts)}\n".encode())
        for text, label in zip(texts, labels, strict=True):
            content = _bytes(text)
            digest.update(f"{int(label)} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()


def require_schema(dataset: Dataset) -> None:
    """Raise ValidationError unless x holds strings and y as many labels 0 and 1."""
    problems = []
    for name in SPLITS:
        texts, labels = getattr(dataset, name)
        if len(texts) != len(labels):
            problems.append(
                f"The {name} split has {len(texts):,} texts and {len(labels):,} labels."
            )
            continue
        strange = [text for text in texts if not isinstance(text, str)]
        unknown = sorted({repr(y) for y in np.asarray(labels).tolist()} - {"0", "1"})
        if strange:
            kind = type(strange[0]).__name__
            problems.append(
                f"In the {name} split {_are(len(strange), 'text')} no string: "
                f"the first of them is of type {kind}."
            )
        if unknown:
            problems.append(
                f"The {name} split has labels other than 0 and 1: "
                f"{', '.join(unknown[:3])}."
            )
    _stop(problems)


def ingest(dataset: Dataset) -> Corpus:
    """Take a data set in, without the reviews that must not be learnt from.

    The test split stays as it is: results are compared on it. The validation split
    loses reviews that stand in the test split, and repeats. The training split loses
    reviews that stand in one of the other two, repeats, and every copy of a review
    that occurs with both labels.

    Args:
        dataset: with texts; x of each split is (n,) of str, y (n,) of 0 and 1.

    Returns:
        The corpus, with the count of each reason in `dropped`.

    Raises:
        ValidationError: a text is no string, a label is neither 0 nor 1, or their
            numbers differ.
    """
    require_schema(dataset)
    keys = {
        name: [identity(text) for text in getattr(dataset, name)[0]] for name in SPLITS
    }
    test, valid = set(keys["test"]), set(keys["valid"])
    contradictory = _with_both_labels(keys["train"], dataset.train[1])
    dropped: Counter[str] = Counter()
    kept = {}
    reasons = {
        "valid": (("in_test", test),),
        "train": (
            ("in_test", test),
            ("in_valid", valid),
            ("with_both_labels", contradictory),
        ),
    }
    for name, to_avoid in reasons.items():
        dropped.update({f"{name}_{reason}": 0 for reason, _ in to_avoid})
        dropped[f"{name}_repeated"] = 0
        seen: set[bytes] = set()
        kept[name] = []
        for i, key in enumerate(keys[name]):
            reason = next((why for why, hashes in to_avoid if key in hashes), None)
            if reason is None and key in seen:
                reason = "repeated"
            if reason is None:
                kept[name].append(i)
                seen.add(key)
            else:
                dropped[f"{name}_{reason}"] += 1
    return Corpus(
        train=_split(*dataset.train, kept["train"]),
        valid=_split(*dataset.valid, kept["valid"]),
        test=_split(*dataset.test),
        title=dataset.title,
        source=dataset.source,
        dropped=dict(dropped),
    )


def validate(corpus: Corpus) -> tuple[Check, ...]:
    """Look at a corpus as if nobody had cleaned it; see `stop_on_problems`.

    Returns:
        One check each for size, words, repeats, contradictions, leakage, balance
        and what was dropped, passed or not, with a sentence on what was found.
    """
    splits = {name: getattr(corpus, name) for name in SPLITS}
    keys = {name: [identity(t) for t in split.texts] for name, split in splits.items()}
    return (
        _check_sizes(splits),
        _check_words(keys),
        _check_repeats(keys),
        _check_contradictions(keys, splits),
        _check_leakage(keys),
        _check_balance(splits),
        _check_dropped(corpus),
    )


def stop_on_problems(checks: Iterable[Check]) -> None:
    """Raise ValidationError with the sentence of every check that failed."""
    _stop([check.sentence for check in checks if not check.passed])


def _check_sizes(splits: dict[str, Split]) -> Check:
    small = [
        f"{np.sum(split.labels == label)} with label {label} in {name}"
        for name, split in splits.items()
        for label in LABELS
        if np.sum(split.labels == label) < FEWEST_OF_A_LABEL
    ]
    if small:
        sentence = (
            f"There are too few reviews: {', '.join(small)}; "
            f"{FEWEST_OF_A_LABEL} of each label are the least."
        )
        return Check("size", False, sentence)
    sizes = ", ".join(f"{len(s.texts):,} in {name}" for name, s in splits.items())
    return Check("size", True, f"Reviews: {sizes}.")


def _check_words(keys: dict[str, list[bytes]]) -> Check:
    empty = identity("")
    found = {name: hashes.count(empty) for name, hashes in keys.items()}
    if any(found.values()):
        return Check(
            "words",
            False,
            f"There are texts without a single word: {_listed(found)}.",
        )
    return Check("words", True, "Every text holds a word.")


def _check_repeats(keys: dict[str, list[bytes]]) -> Check:
    found = {name: len(hashes) - len(set(hashes)) for name, hashes in keys.items()}
    known = found.pop("test")  # published so: kept, that results compare
    if any(found.values()):
        return Check("repeats", False, f"Reviews are repeated: {_listed(found)}.")
    more = f"; the test split, left as published, repeats {known:,}" if known else ""
    return Check("repeats", True, f"No review is learnt from twice{more}.")


def _check_contradictions(
    keys: dict[str, list[bytes]], splits: dict[str, Split]
) -> Check:
    found = _with_both_labels(keys["train"], splits["train"].labels)
    if found:
        return Check(
            "contradictions",
            False,
            f"In the training split {_are(len(found), 'review')} "
            "called both positive and negative.",
        )
    return Check("contradictions", True, "No training review has both labels.")


def _check_leakage(keys: dict[str, list[bytes]]) -> Check:
    found = {
        f"{one} and {other}": len(set(keys[one]) & set(keys[other]))
        for one, other in (("train", "test"), ("train", "valid"), ("valid", "test"))
    }
    if any(found.values()):
        return Check(
            "leakage",
            False,
            f"The same reviews stand in two splits: {_listed(found)}.",
        )
    return Check("leakage", True, "No review stands in two splits.")


def _check_balance(splits: dict[str, Split]) -> Check:
    shares = {
        name: float(np.mean(split.labels)) if len(split.labels) else 0.0
        for name, split in splits.items()
    }
    told = ", ".join(f"{share:.0%} of {name}" for name, share in shares.items())
    if any(min(share, 1 - share) < SMALLEST_SHARE for share in shares.values()):
        return Check(
            "balance",
            False,
            f"The labels are out of balance: positive are {told}; each label must "
            f"have at least {SMALLEST_SHARE:.0%}.",
        )
    return Check("balance", True, f"Positive are {told}.")


def _check_dropped(corpus: Corpus) -> Check:
    gone = sum(n for why, n in corpus.dropped.items() if why.startswith("train_"))
    before = gone + len(corpus.train.texts)
    if gone > MOST_DROPPED * before:
        return Check(
            "dropped",
            False,
            f"Ingest dropped {gone:,} of {before:,} training reviews, more than "
            f"{MOST_DROPPED:.0%}: look where the data come from.",
        )
    return Check("dropped", True, f"Ingest dropped {gone:,} of {before:,} to learn.")


def write(folder: Path, corpus: Corpus) -> None:
    """Write a corpus as one JSON line a review, the same bytes on every machine."""
    for name in SPLITS:
        split = getattr(corpus, name)
        with open(
            folder / f"{name}.jsonl", "w", encoding="ascii", newline="\n"
        ) as file:
            for text, label in zip(split.texts, split.labels.tolist(), strict=True):
                file.write(json.dumps({"label": label, "text": text}) + "\n")
    about = {
        "format": _FORMAT,
        "title": corpus.title,
        "source": corpus.source,
        "sha256": corpus.sha256,
        "reviews": corpus.sizes,
        "dropped": corpus.dropped,
    }
    text = json.dumps(about, indent=1) + "\n"
    (folder / _ABOUT).write_text(text, encoding="ascii", newline="\n")


def read(folder: Path) -> Corpus:
    """Read what `write` wrote.

    Raises:
        ValidationError: a file is missing, or holds something else.
    """
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="ascii"))
        splits = {}
        for name in SPLITS:
            with open(folder / f"{name}.jsonl", encoding="ascii") as file:
                rows = [json.loads(line) for line in file]
            labels = np.array([row["label"] for row in rows], np.int64)
            splits[name] = Split(tuple(row["text"] for row in rows), labels)
        corpus = Corpus(
            **splits,
            title=about["title"],
            source=about["source"],
            dropped=dict(about["dropped"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValidationError(f"The corpus cannot be read: {error}.") from None
    if about.get("format") != _FORMAT or corpus.sha256 != about["sha256"]:
        raise ValidationError("The corpus is not the one that ingest wrote.")
    return corpus


def _with_both_labels(keys: Sequence[bytes], labels: np.ndarray) -> set[bytes]:
    given: dict[bytes, set[int]] = {}
    for key, label in zip(keys, labels, strict=True):
        given.setdefault(key, set()).add(int(label))
    return {key for key, labels in given.items() if len(labels) > 1}


def _split(
    texts: Sequence[str], labels: np.ndarray, kept: Sequence[int] | None = None
) -> Split:
    kept = range(len(texts)) if kept is None else kept
    numbers = np.asarray(labels)[list(kept)] if len(texts) else []
    return Split(tuple(str(texts[i]) for i in kept), np.asarray(numbers, np.int64))


def _stop(problems: Sequence[str]) -> None:
    if problems:
        raise ValidationError(" ".join(problems))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # half a pair is text too


def _are(count: int, what: str) -> str:
    return f"{count:,} {what} is" if count == 1 else f"{count:,} {what}s are"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} in {name}" for name, count in counts.items() if count)
