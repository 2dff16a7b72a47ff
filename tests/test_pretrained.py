"""Weights that others have trained: which file is taken, and what it becomes.

The recipes are pointed at small files made here; nothing needs a network. The last
tests read the real files of a mirror and are skipped where `COURSE_DATA` names none.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import support

from common import pretrained, results

REAL_MIRROR = os.environ.get("COURSE_DATA", "")
NOBODY = "http://127.0.0.1:9"
CONTENTS = {"NARROW": b"0.35", "WIDE": b"1.0 with classifier", "WIDE_8BIT": b"8 bits"}
RESAVED = b"0.35, saved again"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def own_session(tmp_path, monkeypatch):
    """A fresh session: small files, own folders, no way to the real source."""
    support.fresh_data_session(tmp_path, monkeypatch)


@pytest.fixture
def small(monkeypatch):
    for name, content in CONTENTS.items():
        recipe = getattr(pretrained, name)
        file = dataclasses.replace(
            recipe.files[0],
            sha256=sha256(content),
            size=len(content),
            url=f"{NOBODY}/x" if recipe.files[0].url else "",
            equivalent=sha256(RESAVED) if recipe.files[0].equivalent else "",
        )
        recipe = dataclasses.replace(recipe, files=(file,))
        monkeypatch.setattr(pretrained, name, recipe)


def put(root: Path, path: str, content: bytes) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)


def mirror(tmp_path, monkeypatch, **contents: bytes) -> None:
    """A mirror that holds these recipes' files."""
    root, lines = tmp_path / "mirror", []
    for name, content in contents.items():
        path = getattr(pretrained, name).files[0].mirror
        put(root, path, content)
        lines.append(f"{sha256(content)}  {path}\n")
    put(root, "SHA256SUMS", "".join(lines).encode())
    monkeypatch.setenv("COURSE_DATA", str(root))


def test_the_mirrors_file_is_taken(small, tmp_path, monkeypatch, capsys):
    mirror(tmp_path, monkeypatch, NARROW=CONTENTS["NARROW"])
    found = pretrained.mobilenet_v2(0.35)
    assert (found.source, found.rung, found.content) == ("official", "mirror", b"0.35")
    assert not found.folded and not found.with_classifier
    assert capsys.readouterr().out == (
        "MobileNetV2 0.35: weights from ImageNet (official, from the local mirror).\n"
    )
    assert repr(found) == "Weights('MobileNetV2 0.35 (ImageNet)', source='official')"


def test_the_same_numbers_saved_again_are_equivalent(small, tmp_path, monkeypatch):
    mirror(tmp_path, monkeypatch, NARROW=RESAVED)
    assert pretrained.mobilenet_v2(0.35).source == "equivalent"


def test_keras_cache_comes_next(small, tmp_path, capsys):
    path = pretrained.WIDE.files[0].library[0]
    put(tmp_path / "keras", path, CONTENTS["WIDE"])
    found = pretrained.mobilenet_v2(1.0)
    assert (found.source, found.rung) == ("official", "cache")
    assert found.with_classifier and not found.folded
    assert "from Keras' cache" in capsys.readouterr().out


def test_the_8_bit_model_stands_before_a_download(small, tmp_path, monkeypatch, capsys):
    mirror(tmp_path, monkeypatch, WIDE_8BIT=CONTENTS["WIDE_8BIT"])
    found = pretrained.mobilenet_v2(1.0)
    assert (found.source, found.rung) == ("equivalent", "mirror")
    assert found.folded and not found.with_classifier and "8-bit" in found.title
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "BatchNorm folded (equivalent" in said


def test_the_official_file_is_better_than_the_8_bit_model(small, tmp_path, monkeypatch):
    both = {name: CONTENTS[name] for name in ("WIDE", "WIDE_8BIT")}
    mirror(tmp_path, monkeypatch, **both)
    assert pretrained.mobilenet_v2(1.0).content == CONTENTS["WIDE"]


def test_another_file_under_the_name_is_not_taken(small, tmp_path, monkeypatch, capsys):
    mirror(tmp_path, monkeypatch, NARROW=b"something else")
    found = pretrained.mobilenet_v2(0.35)
    assert found.source == "stand_in" and not found.content
    said = capsys.readouterr().out
    assert "is not the official file" in said and "NO weights from ImageNet" in said
    kept = tmp_path / "mirror" / pretrained.NARROW.files[0].mirror
    assert kept.read_bytes() == b"something else"


@pytest.mark.parametrize("alpha", pretrained.ALPHAS)
def test_without_any_file_there_are_no_weights(small, alpha, capsys):
    found = pretrained.mobilenet_v2(alpha)
    assert (found.source, found.rung) == ("stand_in", "stand-in")
    assert "127.0.0.1:9 could not be reached" in capsys.readouterr().out
    with pytest.raises(ValueError, match="no weights"):
        found.load_into(None)
    with pytest.raises(results.ResultsError, match="stand-in"):
        results.refuse_stand_in([found])
    assert "stand-in" in results.loaded_stand_in({"narrow": found})


def test_an_alpha_without_files_is_refused():
    with pytest.raises(ValueError, match=r"one of \(0.35, 1.0\), not 0.5"):
        pretrained.mobilenet_v2(0.5)


def build(alpha: float, **size: object) -> keras.Model:
    return keras.applications.MobileNetV2(alpha=alpha, weights=None, **size)


def weights_of(model: keras.Model, path: Path, alpha: float) -> pretrained.Weights:
    """The weights of a model in a file of the kind that Keras publishes."""
    model.save(path)
    content, with_top = path.read_bytes(), "predictions" in model.layers[-1].name
    return pretrained.Weights(
        "x", "x", "official", "cache", alpha, content=content, with_classifier=with_top
    )


def same(ours: keras.Model, theirs: list[np.ndarray]) -> bool:
    pairs = zip(ours.get_weights(), theirs, strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.filterwarnings("ignore")
def test_weights_reach_a_base_of_another_size(tmp_path):
    trained = build(0.35, include_top=False, input_shape=(32, 32, 3))
    base = build(0.35, include_top=False, input_shape=(None, None, 3))
    weights_of(trained, tmp_path / "x.h5", 0.35).load_into(base)
    assert same(base, trained.get_weights())


@pytest.mark.filterwarnings("ignore")
def test_the_classifier_is_left_out(tmp_path):
    whole = build(1.0)
    base = build(1.0, include_top=False, input_shape=(32, 32, 3))
    weights_of(whole, tmp_path / "x.h5", 1.0).load_into(base)
    assert same(base, whole.get_weights()[:-2])


@pytest.mark.parametrize("name", ["NARROW", "WIDE", "WIDE_8BIT"])
def test_recipes_ask_over_https_and_by_hash(name):
    (file,) = getattr(pretrained, name).files
    assert len(file.sha256) == 64 and file.size > 0
    assert not file.url or file.url.startswith("https://")
    assert file.url.endswith(file.library[0].rpartition("/")[2] if file.library else "")


@pytest.mark.skipif(not REAL_MIRROR, reason="COURSE_DATA names no mirror")
@pytest.mark.parametrize("alpha", pretrained.ALPHAS)
def test_the_real_files_fit_and_are_folded_as_said(alpha, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", REAL_MIRROR)
    found = pretrained.mobilenet_v2(alpha)
    if not found.content:
        pytest.skip("this mirror holds no such weights")
    base = build(alpha, include_top=False, input_shape=(64, 64, 3), pooling="avg")
    fresh = base.get_weights()
    found.load_into(base)
    assert len(base.get_weights()) == 260 and not same(base, fresh)
    scales = [one.get_weights()[0] for one in base.layers if "BN" in one.name]
    assert found.folded == all(np.all(scale == 1) for scale in scales)
