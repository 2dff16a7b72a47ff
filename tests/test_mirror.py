"""A mirror that `tools/mirror.py` fills is one that the ladder climbs."""

import hashlib
import lzma

import pytest

from common import datasets, pretrained
from common.datasets import ladder
from common.datasets.ladder import DataFile, Recipe
from tools import mirror


def data_file(name, content, path):
    return DataFile(
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        mirror=path,
        library=(f"datasets/{name}",),
    )


PLAIN, PACKED = b"plain content", b"content to pack" * 100
TOY = Recipe(
    name="Toy",
    files=(
        data_file("plain.bin", PLAIN, "data/plain.bin"),
        data_file("packed.bin", PACKED, "data/packed.bin.xz"),
    ),
)


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    home = tmp_path / "keras"
    (home / "datasets").mkdir(parents=True)
    (home / "datasets/plain.bin").write_bytes(PLAIN)
    (home / "datasets/packed.bin").write_bytes(PACKED)
    monkeypatch.setenv("KERAS_HOME", str(home))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(mirror, "RECIPES", (TOY,))
    monkeypatch.setattr(mirror, "OPTIONAL", ())
    return home


def test_a_filled_mirror_serves_without_the_cache(
    keras_home, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "stick"
    assert mirror.main([str(folder)]) == 0
    assert lzma.decompress((folder / "data/packed.bin.xz").read_bytes()) == PACKED
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("COURSE_DATA", str(folder))
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "other"))
    found = ladder.climb(TOY)
    assert (found.rung, found.source) == ("mirror", "official")
    assert list(found.files.values()) == [PLAIN, PACKED]
    capsys.readouterr()
    assert mirror.main([str(folder)]) == 0
    assert "there already" in capsys.readouterr().out


def test_what_is_missing_is_named_and_the_rest_is_kept(
    keras_home, tmp_path, monkeypatch, capsys
):
    other = Recipe("Other", (data_file("other.bin", b"other", "data/other.bin"),))
    monkeypatch.setattr(mirror, "RECIPES", (TOY, other))
    assert mirror.main([str(tmp_path / "stick")]) == 1
    assert "Not to be had now: Other." in capsys.readouterr().err
    assert (tmp_path / "stick/data/plain.bin").read_bytes() == PLAIN


def test_other_content_in_the_way_is_left_alone(keras_home, tmp_path, capsys):
    folder = tmp_path / "stick"
    (folder / "data").mkdir(parents=True)
    (folder / "data/plain.bin").write_bytes(b"somebody's own")
    assert mirror.main([str(folder)]) == 1
    assert "move it away" in capsys.readouterr().err
    assert (folder / "data/plain.bin").read_bytes() == b"somebody's own"
    assert not (folder / "SHA256SUMS").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(keras_home, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert mirror.main([str(tmp_path / "file/stick")]) == 1
    assert "could not be written" in capsys.readouterr().err


def test_what_is_optional_comes_along_where_it_is(
    keras_home, tmp_path, monkeypatch, capsys
):
    extra = Recipe("Extra", (data_file("extra.bin", b"extra", "data/extra.bin"),))
    monkeypatch.setattr(mirror, "OPTIONAL", (extra,))
    folder = tmp_path / "stick"
    assert mirror.main([str(folder)]) == 0, "nobody misses it"
    out, err = capsys.readouterr()
    assert "Extra" not in out + err and "complete" in out
    (keras_home / "datasets/extra.bin").write_bytes(b"extra")
    assert mirror.main([str(folder)]) == 0
    assert "Extra: 1 file, from Keras' cache." in capsys.readouterr().out
    assert (folder / "data/extra.bin").read_bytes() == b"extra"
    assert "data/extra.bin" in mirror.read_sums(folder)


def test_every_dataset_and_all_weights_of_the_course_are_offered():
    weights = {pretrained.NARROW.name, pretrained.WIDE.name}
    names = {recipe.name for recipe in mirror.RECIPES} - weights
    assert names == {
        "MNIST", "Fashion-MNIST", "CIFAR-10", "IMDB", "tf_flowers",
        "Melbourne temperatures", "The Time Machine",
    }  # fmt: skip
    assert len(names) == len(set(datasets.__all__) - {"Dataset", "imdb_words"})
    assert weights <= {recipe.name for recipe in mirror.RECIPES}
