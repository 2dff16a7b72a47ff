"""The Time Machine: which file is taken, how it is cleaned and cut, its stand-in."""

from __future__ import annotations

import dataclasses
import hashlib
import os

import numpy as np
import pytest
import support

from common import datasets
from common.datasets import books

REAL_MIRROR = os.environ.get("COURSE_DATA", "")
NOBODY = "http://127.0.0.1:9"
TEXT = "The Time\n\n  Traveller_ said: [1898] 'Why not?'\t" * 5


@pytest.fixture(autouse=True)
def own_session(tmp_path, monkeypatch):
    """A fresh session: own folders, no mirror, no way to the real source."""
    support.fresh_data_session(tmp_path, monkeypatch)
    point_at(monkeypatch, books.TIME_MACHINE.files[0].sha256)


def point_at(monkeypatch, sha256: str) -> None:
    """Ask for a file of this hash, at an address where nobody answers."""
    (file,) = books.TIME_MACHINE.files
    file = dataclasses.replace(file, sha256=sha256, url=f"{NOBODY}/{file.name}")
    recipe = dataclasses.replace(books.TIME_MACHINE, files=(file,))
    monkeypatch.setattr(books, "TIME_MACHINE", recipe)


def read(data: datasets.Dataset, numbers: np.ndarray) -> str:
    return "".join(data.class_names[i] for i in numbers)


def put_into_a_mirror(tmp_path, monkeypatch, content: bytes, listed: str) -> None:
    path = books.TIME_MACHINE.files[0].mirror
    (tmp_path / "mirror" / path).parent.mkdir(parents=True)
    (tmp_path / "mirror" / path).write_bytes(content)
    (tmp_path / "mirror/SHA256SUMS").write_text(f"{listed}  {path}\n")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "mirror"))


def test_the_mirrors_book_is_cleaned_and_cut_in_its_order(
    tmp_path, monkeypatch, capsys
):
    sha256 = hashlib.sha256(TEXT.encode()).hexdigest()
    point_at(monkeypatch, sha256)
    put_into_a_mirror(tmp_path, monkeypatch, TEXT.encode(), sha256)
    data = datasets.time_machine()
    assert (data.source, data.rung) == ("official", "mirror")
    clean = " ".join(["the time traveller said: 'why not?'"] * 5)
    assert data.title == f"The Time Machine, {len(clean):,} characters"
    assert "official, from the local mirror" in capsys.readouterr().out
    parts = []
    for x, y in (data.train, data.valid, data.test):
        assert x.dtype == y.dtype == np.int64 and x.shape == y.shape
        assert read(data, x)[1:] == read(data, y)[:-1], "y is the next character"
        parts.append(read(data, x) + data.class_names[y[-1]])
    assert "".join(parts) == clean, "consecutive, nothing lost, nothing twice"
    assert len(parts[0]) == len(clean) * 8 // 10


def test_a_changed_file_is_named_and_not_taken(tmp_path, monkeypatch, capsys):
    content = TEXT.encode()
    put_into_a_mirror(
        tmp_path, monkeypatch, content, hashlib.sha256(content).hexdigest()
    )
    data = datasets.time_machine()
    printed = capsys.readouterr().out
    assert data.source == "stand_in" and data.name == "stand-in for The Time Machine"
    assert "is not the official file" in printed and "NOT the real book" in printed


def test_the_stand_in_is_a_text_and_always_the_same():
    first, second = datasets.time_machine(), datasets.time_machine()
    np.testing.assert_array_equal(first.train[0], second.train[0])
    text = read(first, first.train[0])
    assert len(text) > 50_000 and text.count(".") > 100 and "  " not in text
    assert first.rung == "stand-in" and first.num_classes == len(books.ALPHABET)


@pytest.mark.parametrize("text", ["", "[]", "\n\t"])
def test_a_text_without_a_kept_character_is_empty(text):
    assert books.numbered(text).shape == (0,)


@pytest.mark.skipif(not REAL_MIRROR, reason="COURSE_DATA names no mirror")
def test_the_real_book(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("COURSE_DATA", REAL_MIRROR)
    data = datasets.time_machine()
    if data.source == "stand_in":
        pytest.skip("this mirror does not hold the book")
    assert data.source == "official"
    assert read(data, data.train[0]).startswith("the time machine, by h. g. wells i ")
    assert read(data, data.test[1]).endswith("still lived on in the heart of man.")
    assert len(data.train[0]) > 130_000
