"""The course's data sets: one function each, all returning one frozen `Dataset`.

    from common import datasets

    data = datasets.mnist()
    x_train, y_train = data.train

They work offline: see `common.datasets.ladder` for where files are looked for, and
`Dataset.source` and the printed line for what was found.
"""

from common.datasets.dataset import Dataset
from common.datasets.images import cifar10, fashion_mnist, mnist

__all__ = [
    "Dataset",
    "cifar10",
    "fashion_mnist",
    "flowers",
    "imdb",
    "imdb_words",
    "mnist",
    "temperatures",
    "time_machine",
]

# The code for texts and for photographs is imported when it is asked for: what a day
# that looks at small pictures has measured does not depend on it, and its record does
# not grow old when that code changes.


def flowers(limit: int | None = None) -> Dataset:
    """Photographs of five kinds of flowers, as JPEG files; published without a split.

    All of them stand under `train`, sorted by class and by file name; `valid` and
    `test` are empty, because cutting them is the first job of a project (Day 10).
    x is (n,) of bytes objects, each the content of one JPEG file: sizes differ, and
    what becomes of them is the caller's decision. y is (n,) int64.

    The archive has 3,670 photographs. A mirror may hold 900 of them instead, 180 of a
    kind, scaled to at most 192 pixels: then `source` is "subset". The stand-in is 200
    drawn flowers.

    Source: the TensorFlow team, "Flowers", January 2019, the archive from which
    TensorFlow Datasets makes tf_flowers. Photographs from Flickr, CC BY 2.0; the
    photographers are named in the archive's LICENSE.txt.

    Args:
        limit: take only this many photographs, in equal proportions of the classes
            and always the same ones.

    Returns:
        One split; see `Dataset`.

    Raises:
        ValueError: `limit` is not a whole number, or below 5.
    """
    from common.datasets import photographs

    return photographs.load_flowers(limit)


def imdb(form: str = "text", limit: int | None = None) -> Dataset:
    """Film reviews, for or against: 25,000 to train and validate on, 25,000 to test.

    y is 0 for negative, 1 for positive, as many of each. The title and the printed
    line say which form came:

    - `form="text"`: x is (n,) str. The raw reviews, with capitals, punctuation and
      `<br />`, where the archive aclImdb_v1.tar.gz lies in the mirror (data/imdb), in
      Keras' cache or in the course's; it is never downloaded. Else the text is
      rebuilt from word ids: lower case, single spaces, no punctuation but
      apostrophes.
    - `form="ids"`: x is (n,) of int32 arrays in Keras' numbering: 0 padding, 1 start
      (every review begins with it), 2 unknown, a word's rank + 3 from 4 on. No word
      is left out; `imdb_words` gives the words.

    The reviews are mixed, always in the same order; 2,500 are kept for validation.
    Some texts stand in the published set more than once, 123 of them in both parts:
    they are left in.

    Source: A. Maas, R. Daly, P. Pham, D. Huang, A. Ng, C. Potts, "Learning word
    vectors for sentiment analysis", ACL 2011, to be cited; for research, the texts
    belong to their authors. The word ids and their index are Keras'. The stand-in is
    generated from templates.

    Args:
        form: "text" or "ids".
        limit: take only this many training reviews, in equal proportions of the
            classes and always the same ones, and at most max(500, limit // 5) for
            validation and test each.

    Returns:
        Three splits; see `Dataset`.

    Raises:
        ValueError: `form` is another word; `limit` is not a whole number, or below 2.
    """
    from common.datasets import texts

    return texts.load_imdb(form, limit)


def imdb_words() -> tuple[str, ...]:
    """What the ids of `imdb(form="ids")` mean: the word of id i stands at place i.

    The first four are "[pad]", "[start]", "[unknown]", "[unused]", then come the
    words, the most frequent first. They belong to the reviews that `imdb` gave last,
    real or stand-in, and if it has given none yet, to those that it would give.
    """
    from common.datasets import texts

    return texts.load_words()


def temperatures() -> Dataset:
    """The lowest temperature of each day in Melbourne, 1981 to 1990: a time series.

    x is (n,) datetime64[D], y (n,) float64 in degrees Celsius: there are no classes.
    The splits follow each other in time: seven years to train, 1988 to validate, 1989
    and 1990 to test. Each year has 365 rows: 31 December 1984 and 1988 are missing.

    Source: Australian Bureau of Meteorology; the table is known from R. Hyndman's Time
    Series Data Library. `source` is "equivalent": the Bureau publishes the values, not
    this file. The stand-in is a sine with correlated noise.

    Returns:
        Three splits; see `Dataset`.
    """
    from common.datasets import series

    return series.load_temperatures()


def time_machine() -> Dataset:
    """A short novel, character by character, each with the one that follows.

    x is (n,) int64, the numbers of the characters in their order, y (n,) int64 the
    number of the next one; `class_names[i]` is the character of number i. Letters are
    lower case, runs of white space one space, rare characters left out. The splits
    are consecutive: the first eight tenths of the book, the ninth, and the last.

    Source: H. G. Wells, "The Time Machine", 1895, in the public domain; the file of
    "Dive into Deep Learning" (d2l.ai). The stand-in is generated sentences.

    Returns:
        Three splits; see `Dataset`.
    """
    from common.datasets import books

    return books.load_time_machine()
