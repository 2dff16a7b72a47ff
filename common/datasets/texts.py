"""The course's data set of texts: film reviews from IMDB, as text and as word ids.

It climbs the same ladder as the images. The reviews are published twice: as raw text
in an archive of 84 MB, and as the ranks of their words in a file that Keras offers
with a word index. The ladder brings the second; the archive is taken where somebody
has put it, and never fetched.
"""

from collections.abc import Callable, Sequence

import numpy as np

from common.datasets import ladder, splits, stand_in_texts, text_formats
from common.datasets.dataset import Dataset, Pair, Source
from common.datasets.ladder import DataFile, Found, Recipe

VALIDATION = 2_500  # reviews cut from the published training set
CLASS_NAMES = ("negative", "positive")
MARKS = ("[pad]", "[start]", "[unknown]", "[unused]")
"""What ids 0 to 3 stand for; the most frequent word, of rank 1, has id 4."""

_START = MARKS.index("[start]")
_FIRST_RANK = len(MARKS) - 1  # added to a word's rank, as Keras' index_from=3
_MIXING_SEED = 20240122
_GOOGLE_TEXTS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

IMDB = Recipe(
    name="IMDB",
    files=(
        DataFile(
            name="imdb.npz",
            sha256="69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
            size=17_464_789,
            mirror="data/imdb/imdb.npz",
            library=("datasets/imdb.npz",),
            url=_GOOGLE_TEXTS + "imdb.npz",
            # The same reviews and ranks in another order, made from the raw text.
            equivalent=(
                "755fcfdb5d77d862c33dc369e81ee9d18196a85c514ad3806dda402336787ca5"
            ),
        ),
        DataFile(
            name="imdb_word_index.json",
            sha256="027313fe9a320280f3bf0fac5baf58c4a683cf39a7ed9c3d3d3912bde4284cf6",
            size=1_641_221,
            mirror="keras/datasets/imdb_word_index.json",
            library=("datasets/imdb_word_index.json",),
            url=_GOOGLE_TEXTS + "imdb_word_index.json",
        ),
    ),
)

IMDB_RAW = Recipe(
    name="IMDB as raw text",
    files=(
        DataFile(
            name="aclImdb_v1.tar.gz",
            sha256="c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
            size=84_125_825,
            mirror="data/imdb/aclImdb_v1.tar.gz",
            # Under the names that Keras' get_file gives it, with and without unpacking
            library=(
                "datasets/aclImdb_v1.tar.gz",
                "datasets/aclImdb_v1.tar.gz_archive",
                "datasets/aclImdb_v1_archive",
            ),
        ),
    ),
)

# The words that go with the reviews which `load_imdb` gave last.
_last_words: tuple[str, ...] = ()


def load_imdb(form: str, limit: int | None) -> Dataset:
    """Return the reviews; `common.datasets.imdb` says in full what comes back."""
    global _last_words
    if form not in ("text", "ids"):
        raise ValueError(f'form must be "text" or "ids", not {form!r}')
    limit = splits.checked_limit(limit, len(CLASS_NAMES))
    if form == "text" and (raw := climb_quietly(IMDB_RAW)) is not None:
        train, test = text_formats.read_archive(raw.files)
        _last_words = ()  # the published ones, to be read when they are asked for
        return _official(raw, train, test, str, "raw text", limit)
    found = ladder.climb(IMDB)
    if found is not None:
        train, test = text_formats.read_ranks(found.files["imdb.npz"])
        ranked = text_formats.read_words(found.files["imdb_word_index.json"])
        _last_words = MARKS + ranked
        convert = _to_ids if form == "ids" else _text_maker(ranked)
        kind = "word ids" if form == "ids" else "text rebuilt from word ids"
        return _official(found, train, test, convert, kind, limit)
    other = stand_in_texts.reviews()
    _last_words = MARKS + other.words
    data = _assembled(
        name="stand-in for IMDB",
        what=f"stand-in for IMDB ({other.what})",
        train=other.train,
        test=other.test,
        validation=len(other.train[1]) // 10,
        convert=_to_ids if form == "ids" else _text_maker(other.words),
        found=None,
        limit=limit,
    )
    print(
        f"IMDB: NOT the real data but a stand-in, {other.what}: {_sizes_of(data)}. "
        "For the real data connect to the internet and restart, or point COURSE_DATA "
        "at a local mirror."
    )
    return data


def load_words() -> tuple[str, ...]:
    """Return the word of every id; `common.datasets.imdb_words` says more."""
    global _last_words
    if not _last_words:
        found = ladder.climb(IMDB)
        if found is None:
            _last_words = MARKS + stand_in_texts.reviews().words
        else:
            content = found.files["imdb_word_index.json"]
            _last_words = MARKS + text_formats.read_words(content)
    return _last_words


def climb_quietly(recipe: Recipe) -> Found | None:
    """Climb for files that most machines do not have: only broken ones are named."""
    told: list[str] = []
    found = ladder.climb(recipe, told.append)
    for sentence in told:
        if "passed over" in sentence and "does not hold it" not in sentence:
            print(sentence)
    return found


def _official(
    found: Found,
    train: Pair,
    test: Pair,
    convert: Callable,
    kind: str,
    limit: int | None,
) -> Dataset:
    """The published reviews, and the line that says so."""
    data = _assembled(
        name="IMDB",
        what=f"IMDB ({kind})",
        train=_mixed(*train),
        test=_mixed(*test),
        validation=VALIDATION,
        convert=convert,
        found=found,
        limit=limit,
    )
    origin = found.source
    if data.source == "subset":
        origin = f"an {found.source} subset"
    print(f"IMDB: {_sizes_of(data)} as {kind} ({origin}, {found.place}).")
    return data


def _mixed(x: Sequence, y: np.ndarray) -> Pair:
    """Both classes in one random order, always the same.

    The archive, and the file made from it, hold one class after the other. Keras'
    loader mixes them as well.
    """
    random = np.random.RandomState(_MIXING_SEED)
    order = np.argsort(random.random_sample(len(y)), kind="stable")
    return [x[i] for i in order], y[order]


def _assembled(
    *,
    name: str,
    what: str,
    train: Pair,
    test: Pair,
    validation: int,
    convert: Callable,
    found: Found | None,
    limit: int | None,
) -> Dataset:
    """Cut the validation split, then the limits, and convert what is left."""
    source: Source = "stand_in" if found is None else found.source
    cut = splits.cut(train[1], test[1], validation, limit)
    if not cut.complete and source != "stand_in":
        source = "subset"
    return Dataset(
        name=name,
        title=f"{what}, {cut.size}",
        train=_converted(train, cut.train, convert),
        valid=_converted(train, cut.valid, convert),
        test=_converted(test, cut.test, convert),
        class_names=CLASS_NAMES,
        source=source,
        rung="stand-in" if found is None else found.rung,
    )


def _converted(pair: Pair, indices: np.ndarray, convert: Callable) -> Pair:
    """Chosen reviews as an object array (n,), their labels as int64."""
    x, y = pair
    chosen = np.empty(len(indices), dtype=object)
    for place, index in enumerate(indices):
        chosen[place] = convert(x[index])
    return chosen, y[indices].astype(np.int64)


def _to_ids(ranks: Sequence[int]) -> np.ndarray:
    """A review's ids in Keras' numbering, with the start mark: (words + 1,) int32."""
    ids = np.empty(len(ranks) + 1, np.int32)
    ids[0] = _START
    ids[1:] = ranks
    ids[1:] += _FIRST_RANK
    return ids


def _text_maker(words: tuple[str, ...]) -> Callable[[Sequence[int]], str]:
    """A function from a review's ranks to its words, joined by spaces.

    The index holds what is left of a line break when punctuation is dropped; a
    reader of text is given the tag, as the raw reviews have it.
    """
    by_rank = ("", *("<br />" if word == "br" else word for word in words))
    return lambda ranks: " ".join([by_rank[rank] for rank in ranks])


def _sizes_of(data: Dataset) -> str:
    train, valid, test = (len(y) for _, y in (data.train, data.valid, data.test))
    return f"{train:,} training, {valid:,} validation, {test:,} test reviews"
