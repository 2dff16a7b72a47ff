"""IMDB's reviews: as ids, as text, from the raw archive, and their stand-in.

Small files made here stand for the published ones; no test needs a network. The last
tests read the real files of a mirror and are skipped where `COURSE_DATA` names none.
How the ladder treats files and servers that misbehave is tested with the images.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import support
import test_datasets as shared
from test_datasets import cut_off, sha256, snapshot, write

import common
from common import datasets
from common.datasets import stand_in_texts, text_formats
from common.datasets import texts as imdb_texts
from common.datasets.dataset import Dataset

TRAIN, TEST, VALID = 80, 40, 20
WORDS = ("the", "film", "is", "not", "good", "bad", "i'd", "see", "it", "again")
REAL_MIRROR = os.environ.get("COURSE_DATA", "")

# ------------------------------------------------------------------ small real files


def some_ranks(seed: int = 5) -> tuple:
    """Reviews as lists of ranks, one class after the other as in Keras' file."""
    random = np.random.RandomState(seed)
    return tuple(
        (
            [
                random.randint(1, len(WORDS) + 1, 3 + i % 5).tolist() + [1 + i % 10]
                for i in range(count)
            ],
            np.repeat([1, 0], count // 2),
        )
        for count in (TRAIN, TEST)
    )


def ragged(rows: list) -> np.ndarray:
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def npz_file(seed: int = 5) -> bytes:
    (x_train, y_train), (x_test, y_test) = some_ranks(seed)
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        x_train=ragged(x_train),
        y_train=y_train,
        x_test=ragged(x_test),
        y_test=y_test,
    )
    return stream.getvalue()


def index_file() -> bytes:
    ranks = {word: rank for rank, word in enumerate(WORDS, start=1)}
    return json.dumps(dict(reversed(ranks.items()))).encode()


def raw_text(part: str, side: str, number: int) -> str:
    return f"{side.upper()}! <br /><br />Review {number} of “{part}”, café."


def archive_file() -> bytes:
    """The raw archive in small: reviews of both classes, and files of other kinds."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:

        def add(name: str, text: str) -> None:
            content = text.encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))

        add("aclImdb/README", "about")
        for part, count in (("test", TEST), ("train", TRAIN)):
            for side in ("neg", "pos"):
                for number in reversed(range(count // 2)):
                    name = f"aclImdb/{part}/{side}/{number}_{1 + number % 10}.txt"
                    add(name, raw_text(part, side, number))
        add("aclImdb/train/unsup/0_0.txt", "nobody's verdict")
        add("aclImdb/train/pos/feat.txt", "not a review")
    return stream.getvalue()


@dataclasses.dataclass
class Place:
    """IMDB in small, and the folders in which the ladder looks."""

    contents: dict[str, bytes]
    root: Path
    patch: pytest.MonkeyPatch

    def fill_mirror(self, raw: bool = False) -> Path:
        mirror, lines = self.root / "mirror", []
        recipes = [imdb_texts.IMDB] + [imdb_texts.IMDB_RAW] * raw
        for file in (file for recipe in recipes for file in recipe.files):
            write(mirror / file.mirror, self.contents[file.name])
            lines.append(f"{sha256(self.contents[file.name])}  {file.mirror}\n")
        write(mirror / "SHA256SUMS", "".join(lines).encode())
        self.patch.setenv("COURSE_DATA", str(mirror))
        return mirror

    def fill_keras(self) -> Path:
        keras = self.root / "keras"
        for file in imdb_texts.IMDB.files:
            write(keras / file.library[0], self.contents[file.name])
        return keras

    def source_at(self, base: str) -> None:
        recipe = shared.retarget(imdb_texts.IMDB, self.contents, base)
        self.patch.setattr(imdb_texts, "IMDB", recipe)


@pytest.fixture(autouse=True)
def own_session(tmp_path, monkeypatch):
    """A fresh session: own folders, nothing tried yet, no way to the real source."""
    support.fresh_data_session(tmp_path, monkeypatch)
    monkeypatch.setattr(imdb_texts, "_last_words", ())


@pytest.fixture
def place(tmp_path, monkeypatch) -> Place:
    contents = {
        "imdb.npz": npz_file(),
        "imdb_word_index.json": index_file(),
        "aclImdb_v1.tar.gz": archive_file(),
    }
    monkeypatch.setattr(imdb_texts, "VALIDATION", VALID)
    for name in ("IMDB", "IMDB_RAW"):
        recipe = shared.retarget(getattr(imdb_texts, name), contents)
        monkeypatch.setattr(imdb_texts, name, recipe)
    return Place(contents, tmp_path, monkeypatch)


@pytest.fixture
def serve():
    servers = []

    def start(contents: dict[str, bytes], manner: str = "good") -> shared.Server:
        servers.append(shared.Server(contents, manner))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def read_back(data: Dataset) -> list[tuple[str, int]]:
    """Every review of a data set of ids, as text."""
    words = datasets.imdb_words()
    return [
        (" ".join(words[i] for i in ids[1:]), int(label))
        for x, y in (data.train, data.valid, data.test)
        for ids, label in zip(x, y, strict=True)
    ]


def check_shape(data: Dataset, kind: type) -> None:
    assert data.class_names == ("negative", "positive")
    for x, y in (data.train, data.valid, data.test):
        assert x.dtype == object and x.shape == y.shape and y.dtype == np.int64
        assert set(y) == {0, 1}
        assert all(type(review) is kind for review in x)


def check_stand_in(data: Dataset) -> None:
    assert (data.source, data.rung) == ("stand_in", "stand-in")
    assert data.name == "stand-in for IMDB"
    assert data.title.startswith("stand-in for IMDB (generated short reviews), ")


SIZES = f"{TRAIN - VALID} training, {VALID} validation, {TEST} test reviews"

# ------------------------------------------------------------------- what comes back


def test_ids_in_the_numbering_of_keras(place, capsys):
    mirror = place.fill_mirror()
    before = snapshot(mirror)
    data = datasets.imdb(form="ids")
    check_shape(data, np.ndarray)
    assert (data.source, data.rung, data.name) == ("official", "mirror", "IMDB")
    assert data.title == f"IMDB (word ids), {TRAIN} + {TEST}"
    assert capsys.readouterr().out == (
        f"IMDB: {SIZES} as word ids (official, from the local mirror).\n"
    )
    (x_train, y_train), (x_test, y_test) = some_ranks()
    expected = {
        part: sorted(
            ([1, *(rank + 3 for rank in row)], int(label))
            for row, label in zip(x, y, strict=True)
        )
        for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test))
    }
    for part, pairs in (("train", (data.train, data.valid)), ("test", (data.test,))):
        got = [
            (ids.tolist(), int(label))
            for x, y in pairs
            for ids, label in zip(x, y, strict=True)
        ]
        assert sorted(got) == expected[part]
    assert {ids.dtype for ids in data.train[0]} == {np.dtype(np.int32)}
    assert snapshot(mirror) == before


def test_ids_and_text_agree(place):
    place.fill_mirror()
    ids, text = datasets.imdb(form="ids"), datasets.imdb()
    check_shape(text, str)
    rebuilt = [
        (review, int(label))
        for x, y in (text.train, text.valid, text.test)
        for review, label in zip(x, y, strict=True)
    ]
    assert rebuilt == read_back(ids)
    assert text.title == f"IMDB (text rebuilt from word ids), {TRAIN} + {TEST}"


def test_words_of_the_ids(place):
    place.fill_mirror()
    words = ("[pad]", "[start]", "[unknown]", "[unused]", *WORDS)
    assert datasets.imdb_words() == words  # before anything was loaded
    datasets.imdb(form="ids")
    assert datasets.imdb_words() == words


def test_words_belong_to_the_reviews_that_were_given(place, monkeypatch):
    data = datasets.imdb(form="ids")
    check_stand_in(data)
    place.fill_mirror()
    generated = datasets.imdb_words()
    assert len(generated) > 300
    assert max(ids.max() for ids in data.train[0]) < len(generated)
    datasets.imdb(form="ids")
    assert datasets.imdb_words()[4:] == WORDS


def test_classes_are_mixed_and_the_same_on_every_call(place):
    """A file that holds one class after the other does not come as it is."""
    place.fill_mirror()
    first = datasets.imdb()
    np.random.seed(4)
    second = datasets.imdb()
    for one, other in zip(
        (first.train, first.valid, first.test),
        (second.train, second.valid, second.test),
        strict=True,
    ):
        assert list(one[0]) == list(other[0])
        np.testing.assert_array_equal(one[1], other[1])
    assert 4 < first.test[1][:20].sum() < 16


def test_validation_split_is_stratified_and_disjoint(place):
    place.fill_mirror(raw=True)  # no two raw reviews are alike
    data = datasets.imdb()
    assert np.bincount(data.valid[1]).tolist() == [VALID // 2, VALID // 2]
    assert not set(data.train[0]) & set(data.valid[0])
    assert len(set(data.train[0]) | set(data.valid[0])) == TRAIN


def test_arrays_are_the_callers_own(place):
    place.fill_mirror()
    data = datasets.imdb(form="ids")
    data.train[0][0][:] = 0
    data.train[1][:] = 7
    again = datasets.imdb(form="ids")
    assert again.train[0][0][0] == 1 and set(again.train[1]) == {0, 1}


@pytest.mark.parametrize("form", ["words", "Text", None, 1])
def test_forms_that_do_not_exist(place, capsys, form):
    with pytest.raises(ValueError, match='form must be "text" or "ids"'):
        datasets.imdb(form=form)
    assert capsys.readouterr().out == ""


# ---------------------------------------------------------------------- raw archive


@pytest.mark.parametrize("where", ["mirror", "keras", "keras unpacking", "course"])
def test_raw_text_is_taken_where_somebody_put_it(place, capsys, where):
    file = imdb_texts.IMDB_RAW.files[0]
    content = place.contents[file.name]
    if where == "mirror":
        place.fill_mirror(raw=True)
    elif where == "course":
        place.fill_mirror()
        write(place.root / "home" / "datasets" / file.name, content)
    else:
        write(place.root / "keras" / file.library["unpack" in where], content)
    before = snapshot(place.root)
    data = datasets.imdb()
    check_shape(data, str)
    assert data.rung == ("mirror" if where == "mirror" else "cache")
    assert data.source == "official"
    assert data.title == f"IMDB (raw text), {TRAIN} + {TEST}"
    line = capsys.readouterr().out
    assert line.startswith(f"IMDB: {SIZES} as raw text (official, from ")
    assert line.count("\n") == 1
    for part, count, pairs in (
        ("train", TRAIN, (data.train, data.valid)),
        ("test", TEST, (data.test,)),
    ):
        got = {
            (text, int(label))
            for x, y in pairs
            for text, label in zip(x, y, strict=True)
        }
        assert got == {
            (raw_text(part, side, number), int(side == "pos"))
            for side in ("neg", "pos")
            for number in range(count // 2)
        }
    assert snapshot(place.root) == before


def test_raw_archive_is_not_needed_for_ids(place, capsys):
    place.fill_mirror(raw=True)
    assert datasets.imdb(form="ids").title.startswith("IMDB (word ids)")
    assert datasets.imdb_words()[4:] == WORDS


def test_words_after_raw_text_are_the_published_ones(place):
    check_stand_in(datasets.imdb())
    place.fill_mirror(raw=True)
    assert datasets.imdb().title.startswith("IMDB (raw text)")
    assert datasets.imdb_words()[4:] == WORDS


def test_raw_archive_is_never_downloaded():
    (file,) = imdb_texts.IMDB_RAW.files
    assert file.url == "" and imdb_texts.IMDB_RAW.archive is None


def test_broken_raw_archive_is_named_and_left(place, capsys):
    mirror = place.fill_mirror(raw=True)
    broken = mirror / imdb_texts.IMDB_RAW.files[0].mirror
    cut_off(broken)
    before = snapshot(place.root)
    data = datasets.imdb()
    assert data.title.startswith("IMDB (text rebuilt from word ids)")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert f"{broken} is passed over and left as it is: its SHA-256" in lines[0]
    assert snapshot(place.root) == before


# ------------------------------------------------------------------- rungs and files


def test_keras_cache(place, capsys):
    keras = place.fill_keras()
    before = snapshot(keras)
    data = datasets.imdb()
    assert (data.source, data.rung) == ("official", "cache")
    assert "(official, from Keras' cache)." in capsys.readouterr().out
    assert snapshot(keras) == before


def test_download_is_kept_and_found_again(place, serve, capsys):
    server = serve(place.contents)
    place.source_at(server.url)
    data = datasets.imdb()
    assert (data.source, data.rung) == ("official", "download")
    assert "downloading " in capsys.readouterr().out
    assert sorted(server.asked) == ["/imdb.npz", "/imdb_word_index.json"]
    assert datasets.imdb(form="ids").rung == "cache"
    assert len(server.asked) == 2


def test_an_equivalent_file_is_named_so(place, capsys):
    other = npz_file(seed=6)
    official, index = imdb_texts.IMDB.files
    changed = dataclasses.replace(official, equivalent=sha256(other))
    place.patch.setattr(
        imdb_texts,
        "IMDB",
        dataclasses.replace(imdb_texts.IMDB, files=(changed, index)),
    )
    place.contents["imdb.npz"] = other
    place.fill_mirror()
    assert datasets.imdb().source == "equivalent"
    assert "(equivalent, from the local mirror)." in capsys.readouterr().out


@pytest.mark.parametrize("which", [0, 1])
def test_broken_file_is_named_and_left_alone(place, capsys, which):
    mirror, keras = place.fill_mirror(), place.fill_keras()
    broken = mirror / imdb_texts.IMDB.files[which].mirror
    cut_off(broken)
    before = snapshot(place.root)
    assert datasets.imdb().rung == "cache"
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert f"{broken} is passed over and left as it is: its SHA-256" in lines[0]
    assert snapshot(place.root) == before
    cut_off(keras / imdb_texts.IMDB.files[which].library[0])
    before = snapshot(place.root)
    check_stand_in(datasets.imdb())
    assert snapshot(place.root) == before


# ---------------------------------------------------------------------------- limit


def test_limit_takes_part_of_the_whole(place, capsys):
    place.fill_mirror(raw=True)
    whole = datasets.imdb()
    capsys.readouterr()
    part, again = datasets.imdb(limit=10), datasets.imdb(limit=np.int64(10))
    assert capsys.readouterr().out.splitlines()[0] == (
        f"IMDB: 10 training, {VALID} validation, {TEST} test reviews as raw text "
        "(an official subset, from the local mirror)."
    )
    assert part.source == "subset"
    left = 10 + VALID + TEST
    assert part.title == f"IMDB (raw text), {TRAIN} + {TEST}, {left} of them"
    assert part.train[1].sum() == 5
    assert list(part.train[0]) == list(again.train[0])
    assert set(part.train[0]) < set(whole.train[0])
    assert datasets.imdb(limit=TRAIN).source == "official"


@pytest.mark.parametrize("limit", [1, 0, -5, 100.0, "100", True])
def test_limit_that_makes_no_sense(place, capsys, limit):
    with pytest.raises(ValueError, match="limit must be"):
        datasets.imdb(limit=limit)
    assert capsys.readouterr().out == ""


# --------------------------------------------------------------------- file formats


def test_a_file_of_ranks_cannot_run_code(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    stream = io.BytesIO()
    np.savez(stream, x_train=ragged([Attack()]))
    with pytest.raises(pickle.UnpicklingError, match="may not ask for"):
        text_formats.read_ranks(stream.getvalue())
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("protocol", [2, 4])
def test_ranks_as_older_writers_pickled_them(protocol):
    """NumPy has used protocols 2 to 4, Python 2 the first of them."""
    (x_train, y_train), (x_test, y_test) = some_ranks()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": (TRAIN,)}
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as members:
        for name, array in (("y_train", y_train), ("y_test", y_test)):
            member = io.BytesIO()
            np.save(member, array.astype(np.int32))
            members.writestr(f"{name}.npy", member.getvalue())
        for name, rows in (("x_train", x_train), ("x_test", x_test)):
            pickled = (
                pickle.dumps(ragged(rows), protocol)
                if protocol > 2
                else as_python_2_pickled(rows)
            )
            members.writestr(f"{name}.npy", header.getvalue() + pickled)
    train, test = text_formats.read_ranks(stream.getvalue())
    assert train[0] == x_train and test[0] == x_test
    assert train[1].dtype == test[1].dtype == np.int64
    np.testing.assert_array_equal(test[1], y_test)


def as_python_2_pickled(rows: list[list[int]]) -> bytes:
    """An array of lists in the opcodes that Python 2 wrote."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    def number(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little", signed=True)

    def items(parts: list[bytes]) -> bytes:
        return b"](" + b"".join(parts) + b"e"

    dtype = b"cnumpy\ndtype\n(" + text(b"O8") + number(0) + number(1) + b"tR("
    dtype += number(3) + text(b"|") + b"NNN" + number(-1) * 2 + number(63) + b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n("
    array += number(0) + b"t" + text(b"b") + b"tR(" + number(1)
    array += b"(" + number(len(rows)) + b"t" + dtype + b"\x89"
    array += items([items([number(rank) for rank in row]) for row in rows])
    return b"\x80\x02" + array + b"tb."


def test_a_word_index_with_a_gap():
    with pytest.raises(ValueError, match="leaves a rank out"):
        text_formats.read_words(b'{"the": 1, "film": 3}')


# ------------------------------------------------------------------------- stand-in


def test_stand_in_says_what_it_is(place, capsys):
    data = datasets.imdb()
    check_stand_in(data)
    check_shape(data, str)
    assert data.title.endswith(", 4,000 + 1,000")
    line = capsys.readouterr().out.splitlines()[-1]
    assert "NOT the real data but a stand-in, generated short reviews" in line
    assert "3,600 training, 400 validation, 1,000 test reviews" in line
    assert "COURSE_DATA" in line and str(place.root) not in line
    limited = datasets.imdb(limit=200)
    check_stand_in(limited)
    assert len(limited.train[1]) == 200 and len(limited.test[1]) == 500
    assert limited.title.endswith(", 1,100 of them")


def test_stand_in_as_ids(place):
    text, ids = datasets.imdb(), datasets.imdb(form="ids")
    check_stand_in(ids)
    check_shape(ids, np.ndarray)
    assert all(review[0] == 1 and review.dtype == np.int32 for review in ids.train[0])
    together = [review for x, _ in (text.train, text.valid, text.test) for review in x]
    assert [review for review, _ in read_back(ids)] == together


def test_stand_in_reads_like_reviews():
    made = stand_in_texts.reviews()
    rows = made.train[0] + made.test[0]
    lengths = [len(row) for row in rows]
    assert min(lengths) >= 15 and max(lengths) <= 120
    assert len({tuple(row) for row in rows}) == len(rows), "a review stands in twice"
    for _, y in (made.train, made.test):
        assert abs(y.mean() - 0.5) < 0.05
    assert all(word.islower() and word.isalpha() for word in made.words)
    counts = np.bincount(np.concatenate([np.array(row) for row in made.train[0]]))[1:]
    assert (np.diff(counts) <= 0).all(), "rank 1 is the most frequent word"


def test_stand_in_is_the_same_everywhere():
    np.random.seed(3)
    made = stand_in_texts.reviews()
    content = json.dumps([made.words, made.train[0], made.test[0]])
    labels = (
        made.train[1].astype("<i8").tobytes() + made.test[1].astype("<i8").tobytes()
    )
    assert sha256(content.encode() + labels) == PINNED


PINNED = "e6a38afae9144fac4b3d7416da4c26a70e40b85dc8e3f3914897591d4976a012"


def test_stand_in_rewards_more_than_counting_words():
    """Pairs of words help, and the few wrong labels bound every model."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    made = stand_in_texts.reviews()
    parts = [
        [" ".join(made.words[rank - 1] for rank in row) for row in x]
        for x, _ in (made.train, made.test)
    ]
    accuracy = {}
    for longest in (1, 2):
        features = TfidfVectorizer(
            ngram_range=(1, longest), token_pattern=r"\S+", sublinear_tf=True
        )
        x_train, x_test = features.fit_transform(parts[0]), features.transform(parts[1])
        model = LogisticRegression(C=5, max_iter=500).fit(x_train, made.train[1])
        accuracy[longest] = model.score(x_test, made.test[1])
    assert 0.78 < accuracy[1] < 0.87
    assert accuracy[1] + 0.015 < accuracy[2] < 0.95


# ------------------------------------------------------------------- the rest of it


def test_pictures_do_not_load_the_code_for_texts():
    code = (
        "import sys; from common import datasets; "
        "sys.exit('common.datasets.texts' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=common.ROOT,
        env=os.environ | {"PYTHONPATH": str(common.ROOT)},
    )
    assert done.returncode == 0


def test_recipe_knows_what_keras_checks():
    """The installed Keras names the same hash, so its cache fits the recipe."""
    if importlib.util.find_spec("keras") is None:
        pytest.skip("Keras is not installed")
    root = Path(importlib.util.find_spec("keras").origin).parent / "src" / "datasets"
    text = (root / "imdb.py").read_text()
    npz, index = imdb_texts.IMDB.files
    assert npz.sha256 in text
    for file in (npz, index):
        assert file.url.startswith("https://") and file.library == (
            f"datasets/{file.name}",
        )
        assert file.name in text


# ------------------------------------------------------------------- the real files

real = pytest.mark.skipif(
    not REAL_MIRROR, reason="COURSE_DATA names no mirror with the real files"
)


@real
def test_real_reviews(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", REAL_MIRROR)
    data = datasets.imdb(form="ids")
    assert data.source in ("official", "equivalent") and data.rung == "mirror"
    assert data.title == "IMDB (word ids), 25,000 + 25,000"
    assert capsys.readouterr().out.startswith(
        "IMDB: 22,500 training, 2,500 validation, 25,000 test reviews as word ids ("
    )
    for (_, y), count in ((data.train, 22_500), (data.valid, 2_500)):
        assert np.bincount(y).tolist() == [count // 2] * 2
    assert np.bincount(data.test[1]).tolist() == [12_500] * 2
    lengths = [len(ids) for ids in np.concatenate([data.train[0], data.valid[0]])]
    assert np.mean(lengths) == pytest.approx(238.7, abs=0.1)
    words = datasets.imdb_words()
    assert len(words) == 88_588 and words[:5] == (*imdb_texts.MARKS, "the")
    assert max(ids.max() for ids in data.train[0]) < len(words)
    texts = datasets.imdb(form="text").train[0]
    assert any("<br /> <br />" in text for text in texts[:100])
    assert not any(" br " in text for text in texts)
    known = "this film was just brilliant casting location scenery story direction"
    readable = (
        " ".join(words[i] for i in ids[1:11])
        for ids in np.concatenate([data.train[0], data.valid[0]])
    )
    assert known in set(readable)


@real
def test_real_words_that_praise(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", REAL_MIRROR)
    x, y = datasets.imdb(limit=2_000).train
    for word, label in (("wonderful", 1), ("worst", 0)):
        with_word = [word in review.split() for review in x]
        assert (y[with_word] == label).mean() > 0.75
