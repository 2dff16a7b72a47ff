"""The data ladder, its splits and its stand-ins, on small files made here.

Nothing in this file needs a network or a data set: the recipes are pointed at tiny
files and at servers on 127.0.0.1. The last tests read the real files of a mirror and
are skipped where `COURSE_DATA` names none.
"""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import importlib.util
import io
import lzma
import os
import pickle
import shutil
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import support

import common
from common import datasets
from common.datasets import download, formats, images, ladder, splits, stand_ins
from common.datasets.dataset import Dataset

REAL_MIRROR = os.environ.get("COURSE_DATA", "")
NOBODY = "http://127.0.0.1:9"  # the discard port: refused at once
TRAIN, TEST, VALID = 400, 60, 100

# ------------------------------------------------------------------ small real files


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def some_images(shape: tuple[int, ...], seed: int = 3) -> tuple:
    random = np.random.RandomState(seed)
    return tuple(
        (
            random.randint(0, 256, (count, *shape)).astype(np.uint8),
            (np.arange(count) % 10).astype(np.uint8),
        )
        for count in (TRAIN, TEST)
    )


def npz_file(seed: int = 3) -> bytes:
    (x_train, y_train), (x_test, y_test) = some_images((28, 28), seed)
    stream = io.BytesIO()
    np.savez_compressed(
        stream, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test
    )
    return stream.getvalue()


def idx_file(array: np.ndarray) -> bytes:
    header = b"\x00\x00\x08" + bytes([array.ndim])
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return gzip.compress(header + lengths + array.tobytes(), mtime=0)


def cifar_batch(x: np.ndarray, y: np.ndarray) -> bytes:
    """A batch in the opcodes that Python 2 wrote, as the published files have them."""

    def text(value: bytes) -> bytes:
        return b"T" + len(value).to_bytes(4, "little") + value

    def number(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little", signed=True)

    rows = x.transpose(0, 3, 1, 2).reshape(len(x), 3072)
    dtype = b"cnumpy\ndtype\n(" + text(b"u1") + number(0) + number(1) + b"tR("
    dtype += number(3) + text(b"|") + b"NNN" + number(-1) * 2 + number(0) + b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n("
    array += number(0) + b"t" + text(b"b") + b"tR(" + number(1)
    array += b"(" + number(len(rows)) + number(3072) + b"t" + dtype + b"\x89"
    array += text(rows.tobytes()) + b"tb"
    labels = b"](" + b"".join(number(int(label)) for label in y) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + labels + b"u."


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def retarget(
    recipe: ladder.Recipe, contents: dict[str, bytes], base: str = NOBODY
) -> ladder.Recipe:
    """`recipe` with the hashes of small files and with their address at `base`."""
    files = tuple(
        dataclasses.replace(
            file,
            sha256=sha256(contents[file.name]),
            size=len(contents[file.name]),
            url=f"{base}/{file.name}" if file.url else "",
        )
        for file in recipe.files
    )
    archive = recipe.archive
    if archive is not None:
        content = contents["archive"]
        archive = dataclasses.replace(
            archive,
            sha256=sha256(content),
            size=len(content),
            url=f"{base}/archive",
        )
    return dataclasses.replace(recipe, files=files, archive=archive)


@dataclasses.dataclass
class Place:
    """One data set in small, and the folders in which the ladder looks."""

    load: object
    recipe_name: str
    contents: dict[str, bytes]
    root: Path
    patch: pytest.MonkeyPatch

    @property
    def recipe(self) -> ladder.Recipe:
        return getattr(images, self.recipe_name)

    @property
    def first(self) -> ladder.DataFile:
        return self.recipe.files[0]

    def source_at(self, base: str) -> None:
        recipe = retarget(self.recipe, self.contents, base)
        self.patch.setattr(images, self.recipe_name, recipe)

    def fill_mirror(self, sums: bool = True) -> Path:
        mirror, lines = self.root / "mirror", []
        for file in self.recipe.files:
            content = self.contents[file.name]
            if file.mirror.endswith(".xz"):
                content = lzma.compress(content, preset=0)
            write(mirror / file.mirror, content)
            lines.append(f"{sha256(content)}  {file.mirror}\n")
        if sums:
            write(mirror / "SHA256SUMS", "".join(lines).encode())
        self.patch.setenv("COURSE_DATA", str(mirror))
        return mirror

    def fill_keras(self, layout: int = 0) -> Path:
        keras = self.root / "keras"
        for file in self.recipe.files:
            write(keras / file.library[layout], self.contents[file.name])
        return keras

    @property
    def kept(self) -> list[str]:
        return sorted(
            path.relative_to(self.root / "home" / "datasets").as_posix()
            for path in (self.root / "home").rglob("*")
            if path.is_file()
        )


def snapshot(root: Path) -> dict[str, tuple]:
    """Every file under `root`: its hash, mode and time of change."""
    return {
        str(path): (
            sha256(path.read_bytes()) if path.is_file() else "folder",
            path.stat().st_mode,
            path.stat().st_mtime_ns if path.is_file() else 0,
        )
        for path in sorted(root.rglob("*"))
    }


@pytest.fixture(autouse=True)
def own_session(tmp_path, monkeypatch):
    """A fresh session: own folders, nothing tried yet, no way to the real source."""
    support.fresh_data_session(tmp_path, monkeypatch)


@pytest.fixture
def few(monkeypatch):
    """Generated stand-ins of a few images, for tests that only need to see one."""
    monkeypatch.setattr(stand_ins, "_TRAIN", 600)
    monkeypatch.setattr(stand_ins, "_TEST", 100)


@pytest.fixture
def mnist(tmp_path, monkeypatch) -> Place:
    contents = {"mnist.npz": npz_file()}
    monkeypatch.setattr(images, "VALIDATION", VALID)
    monkeypatch.setattr(images, "MNIST", retarget(images.MNIST, contents))
    return Place(datasets.mnist, "MNIST", contents, tmp_path, monkeypatch)


@pytest.fixture
def fashion(tmp_path, monkeypatch, few) -> Place:
    (x_train, y_train), (x_test, y_test) = some_images((28, 28), seed=4)
    arrays = (x_train, y_train, x_test, y_test)
    names = (file.name for file in images.FASHION_MNIST.files)
    contents = {
        name: idx_file(array) for name, array in zip(names, arrays, strict=True)
    }
    monkeypatch.setattr(images, "VALIDATION", VALID)
    recipe = retarget(images.FASHION_MNIST, contents)
    monkeypatch.setattr(images, "FASHION_MNIST", recipe)
    return Place(
        datasets.fashion_mnist, "FASHION_MNIST", contents, tmp_path, monkeypatch
    )


@pytest.fixture
def cifar(tmp_path, monkeypatch, few) -> Place:
    (x_train, y_train), (x_test, y_test) = some_images((32, 32, 3), seed=5)
    parts = [slice(i, i + TRAIN // 5) for i in range(0, TRAIN, TRAIN // 5)]
    batches = [cifar_batch(x_train[part], y_train[part]) for part in parts]
    batches.append(cifar_batch(x_test, y_test))
    names = [file.name for file in images.CIFAR10.files]
    contents = dict(zip(names, batches, strict=True))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    contents["archive"] = stream.getvalue()
    monkeypatch.setattr(images, "VALIDATION", VALID)
    monkeypatch.setattr(images, "CIFAR10", retarget(images.CIFAR10, contents))
    return Place(datasets.cifar10, "CIFAR10", contents, tmp_path, monkeypatch)


@pytest.fixture(params=["mnist", "fashion", "cifar"])
def place(request) -> Place:
    return request.getfixturevalue(request.param)


# ------------------------------------------------------------------- small servers


class Server:
    """A web server on 127.0.0.1 that serves bytes, or misbehaves on purpose."""

    def __init__(self, contents: dict[str, bytes], manner: str = "good") -> None:
        self.contents, self.manner = contents, manner
        self.asked: list[str] = []
        self.release = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(
            target=self.server.serve_forever, args=(0.02,), daemon=True
        ).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        name = handler.path.removeprefix("/")
        name = name.removeprefix("http://nowhere.invalid/")  # as a proxy is asked
        if self.manner == "404" or name not in self.contents:
            return handler.send_error(404, "Not Found")
        if self.manner == "silent":
            return self.release.wait(30)
        if self.manner == "dropping":
            return handler.connection.shutdown(socket.SHUT_RDWR)
        content = self.contents[name]
        if self.manner == "thinking":
            self.release.wait(1.2)
        handler.send_response(200)
        if self.manner == "endless":
            handler.end_headers()
            try:
                while not self.release.is_set():
                    handler.wfile.write(content)
            except OSError:
                return
        if self.manner == "wrong":
            content = content[:-1] + bytes([content[-1] ^ 1])
        if self.manner != "unsized":
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        half = len(content) // 2
        if self.manner == "cut":
            handler.wfile.write(content[:half])
        elif self.manner == "stalling":
            handler.wfile.write(content[:half])
            handler.wfile.flush()
            self.release.wait(30)
        elif self.manner == "slow":
            for start in range(0, len(content), len(content) // 8):
                handler.wfile.write(content[start : start + len(content) // 8])
                handler.wfile.flush()
                time.sleep(0.15)
        else:
            handler.wfile.write(content)

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def serve():
    servers = []

    def start(contents: dict[str, bytes], manner: str = "good") -> Server:
        servers.append(Server(contents, manner))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def impatient(monkeypatch):
    """A stall is noticed soon; a connection on a busy machine still has its time."""
    monkeypatch.setattr(download, "CONNECT_TIMEOUT", 4.0)
    monkeypatch.setattr(download, "STALL_TIMEOUT", 0.5)


# ------------------------------------------------------------------- what comes back


def check_real(data: Dataset, place: Place) -> None:
    """`data` is the small data set of `place`, image for image."""
    shape = data.train[0].shape[1:]
    seed = {"MNIST": 3, "FASHION_MNIST": 4, "CIFAR10": 5}[place.recipe_name]
    plain = shape if shape[2] == 3 else shape[:2]
    (x_train, y_train), (x_test, y_test) = some_images(plain, seed)
    for x, y in (data.train, data.valid, data.test):
        assert x.dtype == np.float32 and y.dtype == np.int64
        assert x.flags.c_contiguous and x.flags.writeable and y.flags.writeable
        assert x.shape == (len(y), *shape) and y.ndim == 1
        assert x.min() == 0 and x.max() == 1
    expected = (x_test.reshape(-1, *shape) / np.float32(255)).astype(np.float32)
    np.testing.assert_array_equal(data.test[0], expected)
    np.testing.assert_array_equal(data.test[1], y_test)
    valid = splits.validation_indices(y_train, VALID)
    train = np.setdiff1d(np.arange(TRAIN), valid)
    for (x, y), chosen in ((data.train, train), (data.valid, valid)):
        expected = x_train[chosen].reshape(-1, *shape) / np.float32(255)
        np.testing.assert_array_equal(x, expected)
        np.testing.assert_array_equal(y, y_train[chosen])
    assert data.source == "official" and data.name == place.recipe.name
    assert data.title == f"{place.recipe.name}, {TRAIN:,} + {TEST:,}"
    assert data.num_classes == 10


def check_stand_in(data: Dataset) -> None:
    assert (data.source, data.rung) == ("stand_in", "stand-in")
    assert data.name.startswith("stand-in for ")
    assert data.title.startswith("stand-in for ")


def check_gives_up(place: Place) -> None:
    """The stand-in comes, and long before a server's own 20 or 30 s are over."""
    stand_ins.digits()  # so that the import of scikit-learn is not timed
    started = time.perf_counter()
    check_stand_in(place.load())
    assert time.perf_counter() - started < 8


SIZES = f"{TRAIN - VALID} training, {VALID} validation, {TEST} test images"


def test_mirror_comes_first(place, capsys):
    mirror = place.fill_mirror()
    place.fill_keras()
    before = snapshot(mirror), snapshot(place.root / "keras")
    data = place.load()
    check_real(data, place)
    assert data.rung == "mirror"
    name = place.recipe.name
    assert capsys.readouterr().out == (
        f"{name}: {SIZES} (official, from the local mirror).\n"
    )
    assert (snapshot(mirror), snapshot(place.root / "keras")) == before


def test_mirror_relative_to_the_course(mnist, monkeypatch, tmp_path):
    mnist.fill_mirror()
    monkeypatch.setattr(common, "ROOT", tmp_path)
    monkeypatch.setenv("COURSE_DATA", "mirror")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert mnist.load().rung == "mirror"


def test_sums_as_other_tools_write_them(mnist):
    mirror = mnist.fill_mirror()
    digest = sha256(mnist.contents["mnist.npz"]).upper()
    line = f"{digest} *./{mnist.first.mirror}\r\n"
    write(mirror / "SHA256SUMS", line.encode())
    assert mnist.load().rung == "mirror"


def test_mirror_may_hold_an_equivalent(mnist, monkeypatch):
    official = mnist.first
    other = npz_file(seed=8)
    files = (dataclasses.replace(official, equivalent=sha256(other)),)
    recipe = dataclasses.replace(images.MNIST, files=files)
    monkeypatch.setattr(images, "MNIST", recipe)
    mirror = mnist.fill_mirror()
    write(mirror / official.mirror, other)
    write(mirror / "SHA256SUMS", f"{sha256(other)}  {official.mirror}\n".encode())
    data = mnist.load()
    assert (data.source, data.rung) == ("equivalent", "mirror")


def test_packed_files_are_unpacked_once(cifar, monkeypatch):
    cifar.fill_mirror()
    check_real(cifar.load(), cifar)
    assert cifar.kept == sorted(file.name for file in cifar.recipe.files)
    monkeypatch.setattr(
        ladder.lzma, "decompress", lambda _: pytest.fail("unpacked a second time")
    )
    data = cifar.load()
    check_real(data, cifar)
    assert data.rung == "mirror"
    monkeypatch.delenv("COURSE_DATA")
    data = cifar.load()
    check_real(data, cifar)
    assert data.rung == "cache"


def test_broken_unpacked_files_are_replaced_beside_themselves(cifar):
    cifar.fill_mirror()
    stale = write(cifar.root / "home" / "datasets" / cifar.first.name, b"half")
    check_real(cifar.load(), cifar)
    assert stale.read_bytes() == b"half"
    assert f"{cifar.first.name}.{cifar.first.sha256[:8]}" in cifar.kept


def test_keras_cache(place, capsys):
    keras = place.fill_keras()
    before = snapshot(keras)
    data = place.load()
    check_real(data, place)
    assert data.rung == "cache"
    assert capsys.readouterr().out == (
        f"{place.recipe.name}: {SIZES} (official, from Keras' cache).\n"
    )
    assert snapshot(keras) == before
    assert not (place.root / "home").exists()


def test_default_keras_cache_is_in_the_home_folder(mnist, monkeypatch):
    keras = mnist.fill_keras()
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(mnist.root))
    monkeypatch.setenv("USERPROFILE", str(mnist.root))
    keras.rename(mnist.root / ".keras")
    assert mnist.load().rung == "cache"


@pytest.mark.parametrize("layout", [0, 1, 2])
def test_cifar_folders_of_every_keras(cifar, layout):
    cifar.fill_keras(layout)
    check_real(cifar.load(), cifar)


@pytest.mark.parametrize("path", images.CIFAR10.archive.library)
def test_cifar_archive_of_every_keras(cifar, path):
    archive = write(cifar.root / "keras" / path, cifar.contents["archive"])
    before = snapshot(cifar.root / "keras")
    data = cifar.load()
    check_real(data, cifar)
    assert data.rung == "cache" and archive.exists()
    assert snapshot(cifar.root / "keras") == before


def test_download_is_kept_and_found_again(place, serve, capsys):
    server = serve(place.contents)
    place.source_at(server.url)
    data = place.load()
    check_real(data, place)
    assert data.rung == "download"
    host = server.url.removeprefix("http://")
    lines = capsys.readouterr().out.splitlines()
    size = 1 if place.recipe.archive else 0
    assert lines == [
        f"{place.recipe.name}: downloading {size} MB from {host}.",
        f"{place.recipe.name}: {SIZES} (official, downloaded just now).",
    ]
    assert place.kept == sorted(file.name for file in place.recipe.files)
    asked = len(server.asked)
    data = place.load()
    check_real(data, place)
    assert data.rung == "cache" and len(server.asked) == asked
    assert "from the course's cache" in capsys.readouterr().out


def test_what_an_upper_rung_has_is_not_downloaded(fashion, serve):
    keras = fashion.fill_keras()
    absent = fashion.recipe.files[2]
    (keras / absent.library[0]).unlink()
    server = serve(fashion.contents)
    fashion.source_at(server.url)
    data = fashion.load()
    check_real(data, fashion)
    assert data.rung == "download"
    assert server.asked == [f"/{absent.name}"]


def test_download_without_a_length(mnist, serve):
    mnist.source_at(serve(mnist.contents, "unsized").url)
    check_real(mnist.load(), mnist)


def test_server_may_think_longer_than_a_connection_takes(mnist, serve, monkeypatch):
    monkeypatch.setattr(download, "CONNECT_TIMEOUT", 0.8)
    mnist.source_at(serve(mnist.contents, "thinking").url)
    check_real(mnist.load(), mnist)


def test_slow_line_may_take_longer_than_any_time_out(
    mnist, serve, impatient, monkeypatch
):
    monkeypatch.setattr(download, "CHUNK", 1 << 24)  # more than all there is
    mnist.source_at(serve(mnist.contents, "slow").url)
    started = time.perf_counter()
    check_real(mnist.load(), mnist)
    assert time.perf_counter() - started > 1.1 > 2 * download.STALL_TIMEOUT


def test_proxy_is_honoured(mnist, serve, monkeypatch):
    proxy = serve(mnist.contents)
    mnist.source_at("http://nowhere.invalid")
    monkeypatch.setenv("http_proxy", proxy.url)
    assert mnist.load().rung == "download"
    assert proxy.asked == ["http://nowhere.invalid/mnist.npz"]


# ----------------------------------------------------------- sources that do not help


@pytest.mark.parametrize(
    ("manner", "sentence"),
    [
        ("404", "answered 404 Not Found."),
        ("wrong", "sent other bytes than the official ones."),
        ("endless", "sent other bytes than the official ones."),
        ("silent", "sent nothing for 0.5 s."),
        ("stalling", "sent nothing for 0.5 s."),
        ("dropping", "broke off the transfer ("),
        ("cut", "broke off after "),
    ],
)
def test_source_fails(mnist, serve, impatient, capsys, manner, sentence):
    server = serve(mnist.contents, manner)
    mnist.source_at(server.url)
    check_gives_up(mnist)
    lines = capsys.readouterr().out.splitlines()
    named = [line for line in lines if sentence in line]
    assert len(named) == 1 and named[0].startswith("MNIST: 127.0.0.1:")
    assert "NOT the real data but a stand-in" in lines[-1]
    assert "COURSE_DATA" in lines[-1]
    assert not (mnist.root / "home").exists()
    check_stand_in(mnist.load())
    assert len(server.asked) == 1, "a failed source is tried once a session"
    assert "failed earlier in this session" in capsys.readouterr().out


def test_source_refused(mnist, capsys):
    check_gives_up(mnist)
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("MNIST: 127.0.0.1:9 could not be reached (")
    assert "Errno" not in first


def test_name_look_up_that_hangs(mnist, monkeypatch, capsys):
    monkeypatch.setattr(download, "CONNECT_TIMEOUT", 0.3)
    release = threading.Event()
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *args, **kwargs: release.wait(20) and []
    )
    mnist.source_at("http://nowhere.invalid")
    check_gives_up(mnist)
    release.set()
    assert "nowhere.invalid could not be reached within 0.3 s." in (
        capsys.readouterr().out
    )


def test_silent_host_is_not_asked_for_another_data_set(
    mnist, fashion, serve, impatient
):
    server = serve(mnist.contents | fashion.contents, "silent")
    mnist.source_at(server.url)
    fashion.source_at(server.url)
    check_stand_in(mnist.load())
    check_stand_in(fashion.load())
    assert server.asked == ["/mnist.npz"]


def test_interrupted_download_leaves_nothing(mnist, serve, monkeypatch):
    mnist.source_at(serve(mnist.contents, "stalling").url)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ladder._Climb, "tell", interrupt)
    with pytest.raises(KeyboardInterrupt):
        mnist.load()
    assert not (mnist.root / "home").exists()


def test_files_that_came_before_a_break_are_kept(fashion, serve):
    last = fashion.recipe.files[-1].name
    server = serve({k: v for k, v in fashion.contents.items() if k != last})
    fashion.source_at(server.url)
    check_stand_in(fashion.load())
    assert fashion.kept == sorted(set(fashion.contents) - {last})


def test_https(mnist, monkeypatch, tmp_path, serve, capsys):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, so there is no certificate to test with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        + ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    server = serve(mnist.contents)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    mnist.source_at(server.url.replace("http:", "https:"))
    check_stand_in(mnist.load())
    assert "certificate verify failed" in capsys.readouterr().out.lower()
    monkeypatch.setattr(download, "_failed", set())
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert mnist.load().rung == "download"


# ------------------------------------------------------------------- broken files


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut_off, change])
def test_broken_mirror_file(place, capsys, damage):
    mirror = place.fill_mirror()
    keras = place.fill_keras()
    broken = mirror / place.first.mirror
    damage(broken)
    before = snapshot(mirror), snapshot(keras)
    data = place.load()
    check_real(data, place)
    assert data.rung == "cache"
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert f"{broken} is passed over and left as it is: its SHA-256" in lines[0]
    assert (snapshot(mirror), snapshot(keras)) == before


@pytest.mark.parametrize(
    ("damage", "reason"),
    [(cut_off, "it is cut off, "), (change, "its SHA-256 is not the official file's")],
)
def test_broken_cache_file(place, serve, capsys, damage, reason):
    keras = place.fill_keras()
    broken = keras / place.first.library[0]
    damage(broken)
    before = snapshot(keras)
    place.source_at(serve(place.contents).url)
    data = place.load()
    check_real(data, place)
    assert data.rung == "download"
    first = capsys.readouterr().out.splitlines()[0]
    assert f"{broken} is passed over and left as it is: {reason}" in first
    assert snapshot(keras) == before


def test_broken_everywhere_and_no_source(place, capsys):
    mirror, keras = place.fill_mirror(), place.fill_keras()
    home = place.root / "home"
    for file in place.recipe.files:
        cut_off(mirror / file.mirror)
        cut_off(keras / file.library[0])
        write(home / "datasets" / file.name, b"half")
    before = snapshot(place.root)
    check_stand_in(place.load())
    assert snapshot(place.root) == before
    assert str(home) in capsys.readouterr().out


def test_many_broken_files_make_one_sentence(cifar, capsys):
    mirror = cifar.fill_mirror()
    cifar.fill_keras()
    for file in cifar.recipe.files:
        cut_off(mirror / file.mirror)
    cifar.load()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "and 5 more are passed over and left as they are: its SHA-256" in lines[0]


def test_broken_course_cache_is_left_and_worked_around(mnist, serve, capsys):
    stale = write(mnist.root / "home" / "datasets" / "mnist.npz", b"half")
    server = serve(mnist.contents)
    mnist.source_at(server.url)
    assert mnist.load().rung == "download"
    assert f"{stale} is passed over" in capsys.readouterr().out
    assert mnist.load().rung == "cache"
    assert "passed over" not in capsys.readouterr().out, "named once, then found"
    assert stale.read_bytes() == b"half" and len(server.asked) == 1
    cut_off(stale.with_name(f"mnist.npz.{mnist.first.sha256[:8]}"))
    before = snapshot(mnist.root / "home")
    assert mnist.load().rung == "download"
    assert "broken files are in the way" in capsys.readouterr().out
    assert snapshot(mnist.root / "home") == before


def test_unreadable_file_is_named(mnist, capsys):
    in_the_way = mnist.root / "keras" / mnist.first.library[0]
    in_the_way.mkdir(parents=True)
    check_stand_in(mnist.load())
    assert f"{in_the_way} is passed over" in capsys.readouterr().out


def break_missing_file(mirror: Path, file: ladder.DataFile) -> None:
    (mirror / file.mirror).unlink()


def break_missing_line(mirror: Path, file: ladder.DataFile) -> None:
    sums = mirror / "SHA256SUMS"
    lines = sums.read_text().splitlines(keepends=True)
    sums.write_text("".join(line for line in lines if file.mirror not in line))


def break_agreeing_list(mirror: Path, file: ladder.DataFile) -> None:
    change(mirror / file.mirror)
    break_missing_line(mirror, file)
    digest = sha256((mirror / file.mirror).read_bytes())
    with (mirror / "SHA256SUMS").open("a") as sums:
        sums.write(f"{digest}  {file.mirror}\n")


def break_missing_sums(mirror: Path, file: ladder.DataFile) -> None:
    (mirror / "SHA256SUMS").unlink()


def break_binary_sums(mirror: Path, file: ladder.DataFile) -> None:
    (mirror / "SHA256SUMS").write_bytes(b"\xff\xfe\x00")


def break_folder(mirror: Path, file: ladder.DataFile) -> None:
    shutil.rmtree(mirror)


def break_into_a_file(mirror: Path, file: ladder.DataFile) -> None:
    shutil.rmtree(mirror)
    mirror.write_bytes(b"")


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (break_missing_file, "the mirror does not hold it."),
        (break_missing_line, "SHA256SUMS has no line for it."),
        (break_agreeing_list, "it agrees with SHA256SUMS but is not the official"),
        (break_missing_sums, "which holds no SHA256SUMS."),
        (break_binary_sums, "whose SHA256SUMS cannot be read ("),
        (break_folder, "which does not exist."),
        (break_into_a_file, "which is not a folder."),
    ],
)
def test_mirror_in_disorder(mnist, capsys, harm, sentence):
    mirror = mnist.fill_mirror()
    mnist.fill_keras()
    harm(mirror, mnist.first)
    before = snapshot(mnist.root)
    data = mnist.load()
    check_real(data, mnist)
    assert data.rung == "cache"
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert sentence in lines[0] and str(mirror) in lines[0]
    assert snapshot(mnist.root) == before


def test_list_that_agrees_with_a_broken_archive(cifar, capsys):
    mirror = cifar.fill_mirror()
    cifar.fill_keras()
    cut_off(mirror / cifar.first.mirror)
    content = (mirror / cifar.first.mirror).read_bytes()
    break_missing_line(mirror, cifar.first)
    with (mirror / "SHA256SUMS").open("a") as sums:
        sums.write(f"{sha256(content)}  {cifar.first.mirror}\n")
    assert cifar.load().rung == "cache"
    assert "it is not a whole .xz file" in capsys.readouterr().out


# ------------------------------------------------------ a cache that takes nothing


def check_kept_for_this_session(place: Place, serve, capsys) -> None:
    server = serve(place.contents)
    place.source_at(server.url)
    data = place.load()
    check_real(data, place)
    assert data.rung == "download"
    out = capsys.readouterr().out
    assert "cannot be written (" in out and "kept for this session only" in out
    asked = len(server.asked)
    check_real(place.load(), place)
    assert len(server.asked) == asked
    assert "downloaded earlier in this session" in capsys.readouterr().out


def test_course_home_is_a_file(place, serve, capsys):
    home = write(place.root / "home", b"not a folder")
    check_kept_for_this_session(place, serve, capsys)
    assert home.read_bytes() == b"not a folder"


def test_course_home_is_read_only(mnist, serve, capsys):
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        pytest.skip("file modes do not bind this user")
    home = mnist.root / "home"
    home.mkdir()
    home.chmod(0o555)
    try:
        check_kept_for_this_session(mnist, serve, capsys)
    finally:
        home.chmod(0o755)


def test_disk_full_in_mid_write(mnist, serve, capsys, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ladder.os, "replace", full)
    check_kept_for_this_session(mnist, serve, capsys)
    assert mnist.kept == []


def test_mirror_unpacks_once_a_session_without_a_cache(cifar, capsys, monkeypatch):
    write(cifar.root / "home", b"not a folder")
    cifar.fill_mirror()
    check_real(cifar.load(), cifar)
    assert "kept for this session only" in capsys.readouterr().out
    monkeypatch.setattr(
        ladder.lzma, "decompress", lambda _: pytest.fail("unpacked a second time")
    )
    check_real(cifar.load(), cifar)


# -------------------------------------------------------------------- file formats


def test_formats_refuse_what_they_are_not():
    with pytest.raises(ValueError, match="not an IDX file"):
        formats.read_idx(gzip.compress(b"\x00\x00\x0d\x01\x00\x00\x00\x01\x00"))
    short = gzip.compress(b"\x00\x00\x08\x01\x00\x00\x00\x05\x01\x02")
    with pytest.raises(ValueError, match="reshape"):
        formats.read_idx(short)


@pytest.mark.parametrize("protocol", [2, 4])
def test_batch_cannot_run_code(protocol, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    with pytest.raises(pickle.UnpicklingError, match="may not ask for"):
        formats.read_cifar_batch(pickle.dumps({b"data": Attack()}, protocol))
    assert not (tmp_path / "owned").exists()


@pytest.mark.filterwarnings("error")
def test_batch_of_python_2_without_a_warning():
    (x, y), _ = some_images((32, 32, 3))
    x_read, y_read = formats.read_cifar_batch(cifar_batch(x, y))
    np.testing.assert_array_equal(x_read, x)
    np.testing.assert_array_equal(y_read, y)


# -------------------------------------------------------------------------- splits


def uneven_labels(count: int) -> np.ndarray:
    """Ten classes of unequal size, mixed, by integer arithmetic alone."""
    squares = np.arange(count, dtype=np.int64) ** 2 % 9_973
    return np.minimum(squares % 11, 9)


def test_validation_split_is_stratified_and_disjoint():
    labels = uneven_labels(60_000)
    valid = splits.validation_indices(labels, 5_000)
    assert len(valid) == len(np.unique(valid)) == 5_000
    assert (np.diff(valid) > 0).all()
    expected = np.bincount(labels) * 5_000 / 60_000
    assert np.abs(np.bincount(labels[valid]) - expected).max() < 1


def test_validation_split_never_changes():
    labels = uneven_labels(60_000)
    np.random.seed(1)
    first = splits.validation_indices(labels, 5_000)
    state = np.random.get_state()[1].copy()
    np.random.seed(2)
    np.testing.assert_array_equal(splits.validation_indices(labels, 5_000), first)
    np.random.seed(1)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert sha256(first.astype("<i8").tobytes()) == (
        "dcd44b7828e7a92277853da81419839ebb14abfe39cf47e06a81dac9821784fc"
    )


def test_small_draws_keep_every_class():
    labels = np.repeat(np.arange(10), [1, 2, 3, 500, 500, 500, 500, 500, 500, 500])
    for count in (10, 11, 17, 100, len(labels) - 1, len(labels)):
        drawn = splits.stratified(labels, count, 0)
        assert len(np.unique(drawn)) == count
        assert (np.bincount(labels[drawn], minlength=10) >= 1).all()
    for count in (9, len(labels) + 1):
        with pytest.raises(ValueError, match="cannot draw"):
            splits.stratified(labels, count, 0)


# --------------------------------------------------------------------------- limit


def test_limit_is_stratified_stable_and_part_of_the_whole(mnist, capsys):
    mnist.fill_keras()
    whole = mnist.load()
    capsys.readouterr()
    part, again = mnist.load(limit=50), mnist.load(limit=np.int64(50))
    assert capsys.readouterr().out.splitlines()[0] == (
        f"MNIST: 50 training, {VALID} validation, {TEST} test images "
        "(an official subset, from Keras' cache)."
    )
    assert part.source == "subset" and part.rung == "cache"
    assert part.title == f"MNIST, 400 + 60, {50 + VALID + TEST} of them"
    assert (np.bincount(part.train[1]) == 5).all()
    np.testing.assert_array_equal(part.train[0], again.train[0])
    known = {image.tobytes() for image in whole.train[0]}
    assert len({image.tobytes() for image in part.train[0]} & known) == 50


def test_limit_bounds_validation_and_test():
    random = np.random.RandomState(0)
    labels = (np.arange(12_000) % 10).astype(np.int64)
    pixels = random.randint(0, 256, (12_000, 1, 1, 1)).astype(np.uint8)
    arguments = dict(
        name="x",
        what="x",
        train=(pixels, labels),
        test=(pixels, labels),
        validation=5_000,
        class_names=tuple("0123456789"),
        source="official",
        rung="cache",
    )
    for limit, expected in (
        (10, (10, 500, 500)),
        (3_000, (3_000, 600, 600)),
        (9_000, (7_000, 1_800, 1_800)),
    ):
        data = images._assemble(limit=limit, **arguments)
        sizes = tuple(len(y) for _, y in (data.train, data.valid, data.test))
        assert sizes == expected and data.source == "subset"
    data = images._assemble(limit=60_000, **arguments)
    assert len(data.test[1]) == 12_000 and data.source == "official"
    assert data.title == "x, 12,000 + 12,000"


@pytest.mark.parametrize("limit", [9, 0, -5, 100.0, "100", True, [100]])
def test_limit_that_makes_no_sense(mnist, capsys, limit):
    with pytest.raises(ValueError, match="limit must be"):
        mnist.load(limit=limit)
    assert capsys.readouterr().out == ""


# ----------------------------------------------------------------------- stand-ins


@pytest.mark.parametrize(
    ("fixture", "shape", "names", "what"),
    [
        ("mnist", (28, 28, 1), tuple("0123456789"), "scikit-learn's digits"),
        ("fashion", (28, 28, 1), None, "generated grey patterns"),
        ("cifar", (32, 32, 3), None, "generated colour patterns"),
    ],
)
def test_stand_in_says_what_it_is(request, capsys, fixture, shape, names, what):
    place = request.getfixturevalue(fixture)
    data = place.load()
    check_stand_in(data)
    line = capsys.readouterr().out.splitlines()[-1]
    assert "NOT the real data but a stand-in" in line and what in line
    assert what in data.title and place.recipe.name in data.title
    assert str(place.root) not in line
    assert data.class_names == (names or tuple(f"pattern {i}" for i in range(10)))
    for x, y in (data.train, data.valid, data.test):
        assert x.shape == (len(y), *shape) and x.dtype == np.float32
        assert x.flags.c_contiguous and x.min() >= 0 and x.max() <= 1
        assert y.dtype == np.int64 and set(y) == set(range(10))
    limited = place.load(limit=200)
    check_stand_in(limited)
    assert len(limited.train[1]) == 200


def pooled(x: np.ndarray, by: int) -> np.ndarray:
    n, height, width, channels = x.shape
    blocks = x.reshape(n, height // by, by, width // by, by, channels)
    return blocks.mean((2, 4)).reshape(n, -1) / 255


@pytest.fixture(scope="module")
def linear_accuracy():
    from sklearn.linear_model import RidgeClassifier

    make_once = functools.cache(lambda make: make())

    def score(make, by: int, grey: bool = False) -> float:
        data = make_once(make)
        x_train, x_test = data.train[0], data.test[0]
        if grey:
            x_train, x_test = (x.mean(-1, keepdims=True) for x in (x_train, x_test))
        model = RidgeClassifier().fit(pooled(x_train, by), data.train[1])
        return model.score(pooled(x_test, by), data.test[1])

    return score


def test_digit_stand_in_is_learnable(linear_accuracy):
    assert 0.82 < linear_accuracy(stand_ins.digits, 2) < 0.99


def test_grey_stand_in_is_learnable(linear_accuracy):
    assert 0.35 < linear_accuracy(stand_ins.grey_patterns, 2) < 0.8


def test_colour_stand_in_needs_colour(linear_accuracy):
    colour = linear_accuracy(stand_ins.colour_patterns, 4)
    grey = linear_accuracy(stand_ins.colour_patterns, 4, grey=True)
    assert 0.35 < colour < 0.8
    assert grey < colour - 0.1


def test_colour_stand_in_needs_colour_and_shape():
    patterns = stand_ins._COLOUR_PATTERNS
    assert len({tuple(pattern) for pattern in patterns}) == 10
    for column in patterns.T:
        assert len(set(column)) == 4, "one cue alone tells at most 4 of 10 apart"


def test_digits_lie_as_in_mnist():
    x = stand_ins.digits().train[0][..., 0].astype(float)
    mass = x.sum((1, 2))
    for axis in (1, 2):
        centre = (x.sum(3 - axis) * np.arange(28)).sum(1) / mass
        assert np.abs(centre - 13.5).max() < 1.1
    assert x[:, 2:-2, 2:-2].sum() > 0.995 * x.sum()


@pytest.mark.parametrize(
    "make", [stand_ins.digits, stand_ins.grey_patterns, stand_ins.colour_patterns]
)
def test_stand_ins_are_the_same_every_time(make):
    first = make()
    np.random.seed(11)
    second = make()
    np.testing.assert_array_equal(first.train[0], second.train[0])
    np.testing.assert_array_equal(first.test[1], second.test[1])
    together = np.concatenate([first.train[0], first.test[0]])
    distinct = {image.tobytes() for image in together}
    assert len(distinct) == len(together), "an image stands in both parts"


# ------------------------------------------------------------------ the rest of it


def test_dataset_is_frozen_and_short_in_print(mnist):
    mnist.fill_keras()
    data = mnist.load()
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.source = "official"
    assert repr(data) == (
        "Dataset('MNIST, 400 + 60', train: 300, valid: 100, test: 60, "
        "source='official')"
    )


def test_import_is_light():
    code = (
        "import sys, common.datasets; heavy = {'keras', 'tensorflow', 'sklearn', "
        "'torch', 'jax', 'scipy', 'pandas', 'matplotlib'} & set(sys.modules); "
        "sys.exit(f'imports {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=common.ROOT,
        env=os.environ | {"PYTHONPATH": str(common.ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_recipes_ask_over_https_and_by_hash():
    for recipe in (images.MNIST, images.FASHION_MNIST, images.CIFAR10):
        for file in recipe.files:
            assert len(file.sha256) == 64 and file.size > 0 and file.library
            assert file.url.startswith("https://") or recipe.archive
        if recipe.archive:
            assert recipe.archive.url.startswith("https://")
            assert len(recipe.archive.sha256) == 64


def test_recipes_know_what_keras_checks():
    """The installed Keras names the same hashes, so its cache fits the recipes."""
    if importlib.util.find_spec("keras") is None:
        pytest.skip("Keras is not installed")
    root = Path(importlib.util.find_spec("keras").origin).parent / "src" / "datasets"
    assert images.MNIST.files[0].sha256 in (root / "mnist.py").read_text()
    text = (root / "cifar10.py").read_text()
    assert images.CIFAR10.archive.sha256 in text
    assert images.CIFAR10.archive.url in text
    text = (root / "fashion_mnist.py").read_text()
    for file in images.FASHION_MNIST.files:
        assert file.name.rpartition("/")[2] in text


# ------------------------------------------------------------------- the real files

real = pytest.mark.skipif(
    not REAL_MIRROR, reason="COURSE_DATA names no mirror with the real files"
)


@real
@pytest.mark.parametrize(
    ("load", "pinned"),
    [
        (
            datasets.mnist,
            "c57fa414257537d6bc5acde4999be5d4cbee0b74016d0140d8d27b774aa5e64c",
        ),
        (
            datasets.fashion_mnist,
            "8f87516ee30c2eeec5fdb9a0a10799991f66b6124ca3d08f39b02050cdea268d",
        ),
    ],
)
def test_real_files(monkeypatch, capsys, load, pinned):
    monkeypatch.setenv("COURSE_DATA", REAL_MIRROR)
    data = load()
    assert (data.source, data.rung) == ("official", "mirror")
    assert data.title.endswith(", 60,000 + 10,000")
    assert capsys.readouterr().out.endswith(
        ": 55,000 training, 5,000 validation, 10,000 test images "
        "(official, from the local mirror).\n"
    )
    for (x, y), count in ((data.train, 55_000), (data.valid, 5_000)):
        assert x.shape == (count, 28, 28, 1) and len(y) == count
    assert data.test[0].shape == (10_000, 28, 28, 1)
    assert data.train[0].min() == 0 and data.train[0].max() == 1
    x, y = data.valid
    pixels = np.rint(x * 255).astype(np.uint8)
    assert sha256(pixels.tobytes() + y.astype("<i8").tobytes()) == pinned


@real
def test_real_cifar_batches(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", REAL_MIRROR)
    few = (images.CIFAR10.files[0], images.CIFAR10.files[-1])
    monkeypatch.setattr(
        images, "CIFAR10", dataclasses.replace(images.CIFAR10, files=few)
    )
    data = datasets.cifar10()
    assert (data.source, data.rung) == ("official", "mirror")
    assert data.train[0].shape == (5_000, 32, 32, 3)
    assert data.test[0].shape == (10_000, 32, 32, 3)
    assert (np.bincount(data.test[1]) == 1_000).all()
    ships = data.test[0][data.test[1] == data.class_names.index("ship")]
    frogs = data.test[0][data.test[1] == data.class_names.index("frog")]
    blue_over_red = [x[..., 2].mean() / x[..., 0].mean() for x in (ships, frogs)]
    assert blue_over_red[0] > 1 > blue_over_red[1]
    assert data.class_names[data.test[1][0]] == "cat"
