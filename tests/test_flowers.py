"""The flower photographs: which files are taken, what comes out; and Day 10's reader.

The recipe is pointed at small files made here; nothing needs a network. The last test
of the data reads a real mirror and is skipped where `COURSE_DATA` names none. The
reader is the function in the notebook itself, taken out of its cell.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import io
import os
import struct
import tarfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import support
from PIL import Image, ImageOps

from common import ROOT, datasets, results
from common.datasets import photographs, stand_in_flowers
from tools import notebooks

REAL_MIRROR = os.environ.get("COURSE_DATA", "")
NOBODY = "http://127.0.0.1:9"
EACH = 3


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def content_of(kind: str, number: int) -> bytes:
    return f"{kind} {number}".encode() + b"\0\0"  # as a real file may end


def photo_paths() -> dict[str, bytes]:
    return {
        f"{kind}/{number}.jpg": content_of(kind, number)
        for kind in reversed(photographs.CLASS_NAMES)
        for number in range(EACH)
    }


def archive_file() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        extra = {"LICENSE.txt": b"CC BY 2.0"}
        for path, content in (photo_paths() | extra).items():
            member = tarfile.TarInfo(f"flower_photos/{path}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture(autouse=True)
def own_session(tmp_path, monkeypatch):
    """A fresh session: own folders, no mirror, no way to the real source."""
    support.fresh_data_session(tmp_path, monkeypatch)


@pytest.fixture
def archive(monkeypatch) -> bytes:
    """The recipe asks for a small archive made here, and for a small part."""
    content = archive_file()
    file = dataclasses.replace(
        photographs.FLOWERS.files[0],
        sha256=sha256(content),
        size=len(content),
        url=f"{NOBODY}/flower_photos.tgz",
    )
    recipe = dataclasses.replace(photographs.FLOWERS, files=(file,))
    monkeypatch.setattr(photographs, "FLOWERS", recipe)
    monkeypatch.setattr(photographs, "PUBLISHED", 5 * EACH)
    return content


def put(root: Path, path: str, content: bytes) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)


def mirror(tmp_path, monkeypatch, files: dict[str, bytes]) -> Path:
    root = tmp_path / "mirror"
    for path, content in files.items():
        put(root, path, content)
    lines = (f"{sha256(content)}  {path}\n" for path, content in files.items())
    put(root, "SHA256SUMS", "".join(lines).encode())
    monkeypatch.setenv("COURSE_DATA", str(root))
    return root


def part_of_mirror(monkeypatch) -> dict[str, bytes]:
    """Two photographs a kind, as single files of a mirror, and their known sum."""
    files = {
        f"{photographs.PART}{path}": content
        for path, content in photo_paths().items()
        if not path.endswith("/0.jpg")
    }
    lines = (f"{sha256(files[path])}  {path}\n" for path in sorted(files))
    monkeypatch.setattr(photographs, "PART_SHA256", sha256("".join(lines).encode()))
    return files


def test_the_mirrors_archive_is_taken_whole(archive, tmp_path, monkeypatch, capsys):
    mirror(tmp_path, monkeypatch, {"data/flower_photos.tgz": archive})
    data = datasets.flowers()
    x, y = data.train
    assert (data.source, data.rung) == ("official", "mirror")
    assert y.tolist() == np.repeat(np.arange(5), EACH).tolist() and y.dtype == np.int64
    assert x[0] == content_of("daisy", 0) and x[-1] == content_of("tulips", EACH - 1)
    assert x.shape == (5 * EACH,) and x.dtype == object
    assert [len(part) for part in (*data.valid, *data.test)] == [0, 0, 0, 0]
    assert data.title == "tf_flowers, 15 photographs"
    assert capsys.readouterr().out == (
        "tf_flowers: 15 photographs (official, from the local mirror).\n"
    )


@pytest.mark.parametrize("end", ["_archive", ".tgz", ".tar"])
def test_keras_cache_comes_next(archive, tmp_path, end):
    put(tmp_path / "keras", f"datasets/flower_photos{end}", archive)
    data = datasets.flowers()
    assert (data.source, data.rung, len(data.train[1])) == ("official", "cache", 15)


def test_a_part_in_the_mirror_comes_before_a_download(
    archive, tmp_path, monkeypatch, capsys
):
    mirror(tmp_path, monkeypatch, part_of_mirror(monkeypatch))
    data = datasets.flowers()
    assert (data.source, data.rung, len(data.train[1])) == ("subset", "mirror", 10)
    assert data.title == "tf_flowers, 15 photographs, 10 of them"
    assert data.train[0][0] == content_of("daisy", 1)
    assert capsys.readouterr().out == (
        "tf_flowers: 10 photographs (an official subset, from the local mirror).\n"
    )


def test_the_archive_is_better_than_the_part(archive, tmp_path, monkeypatch):
    files = part_of_mirror(monkeypatch) | {"data/flower_photos.tgz": archive}
    mirror(tmp_path, monkeypatch, files)
    assert len(datasets.flowers().train[1]) == 15


def test_another_part_is_not_taken(archive, tmp_path, monkeypatch, capsys):
    files = part_of_mirror(monkeypatch)
    files.pop(f"{photographs.PART}daisy/1.jpg")
    mirror(tmp_path, monkeypatch, files)
    assert datasets.flowers(limit=5).source == "stand_in"
    assert "127.0.0.1:9 could not be reached" in capsys.readouterr().out


def test_a_part_with_a_broken_file_is_not_taken(archive, tmp_path, monkeypatch, capsys):
    root = mirror(tmp_path, monkeypatch, part_of_mirror(monkeypatch))
    broken = root / photographs.PART / "roses/1.jpg"
    broken.write_bytes(b"other bytes")
    assert datasets.flowers(limit=5).source == "stand_in"
    assert "roses/1.jpg is passed over" in capsys.readouterr().out
    assert broken.read_bytes() == b"other bytes"


def test_a_limit_takes_the_same_ones_of_each_kind(archive, tmp_path, monkeypatch):
    mirror(tmp_path, monkeypatch, {"data/flower_photos.tgz": archive})
    data, again = datasets.flowers(limit=10), datasets.flowers(limit=10)
    assert np.bincount(data.train[1]).tolist() == [2] * 5
    assert data.train[0].tolist() == again.train[0].tolist()
    assert data.source == "subset" and data.title.endswith("15 photographs, 10 of them")
    assert datasets.flowers(limit=99).source == "official"
    with pytest.raises(ValueError, match="at least 5"):
        datasets.flowers(limit=4)


def test_the_stand_in_says_so_and_is_refused(archive, capsys):
    data = datasets.flowers()
    said = capsys.readouterr().out
    assert data.source == "stand_in" and "NOT the real data but a stand-in" in said
    assert data.title == "stand-in for tf_flowers (drawn flowers), 200 pictures"
    with pytest.raises(results.ResultsError, match="stand-in"):
        results.refuse_stand_in([data])
    shapes = set()
    for content in data.train[0]:
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == "JPEG" and image.mode == "RGB"
            shapes.add(image.size)
    assert len(shapes) > 5


def test_the_stand_in_is_drawn_alike_with_copies_and_wrong_labels():
    (x, y), (again, labels) = stand_in_flowers.draw(), stand_in_flowers.draw()
    assert x.tolist() == again.tolist() and y.tolist() == labels.tolist()
    true = np.repeat(np.arange(5), stand_in_flowers.EACH)
    assert np.sum(y != true) == stand_in_flowers.WRONG
    small = [
        np.asarray(Image.open(io.BytesIO(one)).convert("L").resize((9, 8)), int)
        for one in x
    ]
    bits = np.array([(one[:, 1:] > one[:, :-1]).ravel() for one in small])
    for kind in range(5):
        end = (kind + 1) * stand_in_flowers.EACH
        for k in range(stand_in_flowers.COPIES):
            copy = bits[end - stand_in_flowers.COPIES + k]
            distances = np.sum(bits != copy, axis=1)
            assert distances[kind * stand_in_flowers.EACH + k] <= 6


def test_the_recipe_asks_over_https_and_by_hash():
    (file,) = photographs.FLOWERS.files
    assert len(file.sha256) == len(photographs.PART_SHA256) == 64
    assert file.url.startswith("https://") and file.url.endswith(file.name)


@pytest.mark.skipif(not REAL_MIRROR, reason="COURSE_DATA names no mirror")
def test_the_real_photographs_are_what_they_are_said_to_be(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", REAL_MIRROR)
    recipe = dataclasses.replace(
        photographs.FLOWERS,
        files=(dataclasses.replace(photographs.FLOWERS.files[0], url=""),),
    )
    monkeypatch.setattr(photographs, "FLOWERS", recipe)
    data = datasets.flowers()
    if data.source == "stand_in":
        pytest.skip("this mirror holds no flowers")
    x, y = data.train
    assert len(y) in (900, 3_670) and len(set(y)) == 5
    for content in x[:: len(x) // 20]:
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == "JPEG" and min(image.size) >= 32


# --- the reader ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def read_photo():
    """The function of the notebook, with what its cell defines."""
    notebook = notebooks.read(ROOT / "day10_flowers" / "day10_flowers.ipynb")
    (source,) = (c.source for c in notebook.cells if "def read_photo(" in c.source)
    names = {"io": io, "np": np, "warnings": warnings}
    names |= {"Image": Image, "ImageOps": ImageOps}
    exec(compile(ast.parse(source), "the notebook's cell", "exec"), names)
    return names["read_photo"]


def picture(width: int = 96, height: int = 64) -> Image.Image:
    """Red on the left, blue on the right, brighter towards the bottom."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = pixels[:, width // 2 :, 2] = 200
    pixels += np.linspace(0, 55, height, dtype=np.uint8)[:, None, None]
    return Image.fromarray(pixels)


def saved(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def close(got: np.ndarray, image: Image.Image, off: float = 6) -> bool:
    wanted = np.asarray(image.convert("RGB"), float)
    return got.shape == wanted.shape and np.abs(got - wanted).mean() < off


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_formats_come_out_as_pixels(read_photo, kind):
    got = read_photo(saved(picture(), kind))
    assert got.dtype == np.uint8 and close(got, picture())


def test_grey_and_print_colours_become_red_green_blue(read_photo):
    grey = picture().convert("L")
    assert close(read_photo(saved(grey)), grey)
    assert close(read_photo(saved(picture().convert("CMYK"))), picture(), 12)
    assert close(read_photo(saved(picture().convert("P"), "PNG")), picture(), 25)
    assert close(read_photo(saved(grey.convert("1"), "PNG")), grey.convert("1"))


def test_transparent_parts_lie_on_white(read_photo):
    image = picture().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    assert read_photo(saved(image, "PNG")).min() == 255


# How the picture lies in the file, for each note of a camera that turns it upright.
LYING = {
    1: [],
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}


@pytest.mark.parametrize("note", LYING)
def test_a_note_of_the_camera_turns_the_picture_upright(read_photo, note):
    stored = picture()
    for turn in LYING[note]:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = note
    assert close(read_photo(saved(stored, exif=exif)), picture())
    assert note == 1 or not close(read_photo(saved(stored)), picture())


def test_large_pictures_come_out_small_and_upright(read_photo):
    lying = Image.Exif()
    lying[0x0112] = 6
    got = read_photo(saved(Image.new("RGB", (5_000, 2_000), "teal"), exif=lying))
    assert got.shape[0] == 512 and 200 <= got.shape[1] <= 210


def claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be large."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


WHOLE = saved(picture(600, 400))

BAD = {
    "a text": (b"A photograph of tulips.", "no JPEG, PNG or WebP"),
    "nothing": (b"", "no JPEG, PNG or WebP"),
    "another format": (saved(picture(), "GIF"), "no JPEG, PNG or WebP"),
    "a page": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no JPEG, PNG or WebP"),
    "half a photograph": (WHOLE[: len(WHOLE) // 2], "damaged or incomplete"),
    "its first bytes": (WHOLE[:20], "damaged|no JPEG"),
    "half a PNG": (saved(picture(), "PNG")[:150], "damaged or incomplete"),
    "90 million pixels": (claiming(10_000, 9_500), "too many pixels"),
    "a billion pixels": (claiming(40_000, 40_000), "too many pixels"),
    "a dot": (saved(picture(8, 8)), "too small"),
    "a line": (saved(picture(3_000, 20)), "too small"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_picture_ends_in_one_sentence(read_photo, case):
    content, reason = BAD[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=reason) as caught:
            read_photo(content)
    sentence = str(caught.value)
    assert sentence.startswith("This ") and sentence.count(".") == 1
    assert "\n" not in sentence
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_random_bytes_never_end_otherwise(read_photo):
    rng = np.random.default_rng(0)
    for _ in range(100):
        content = bytearray(WHOLE)
        for place in rng.integers(2, len(content), 5):
            content[place] = rng.integers(256)
        try:
            pixels = read_photo(bytes(content))
        except ValueError as sentence:
            assert str(sentence).startswith("This ")
        else:
            assert pixels.ndim == 3 and pixels.shape[2] == 3
