"""Readers of the file formats in which the data sets are published.

Each takes the bytes of files whose hash has been checked, by name, and returns
`(x_train, y_train), (x_test, y_test)`: x (n, height, width, channels) uint8 in
[0, 255], y (n,) int64. None of them runs code that a file brings along.
"""

import gzip
import io
import pickle
from collections.abc import Mapping

import numpy as np

from common.datasets.dataset import Pair

Files = Mapping[str, bytes]


def read_npz(files: Files) -> tuple[Pair, Pair]:
    """The one file of MNIST as Keras publishes it, grey images (n, 28, 28)."""
    (content,) = files.values()
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return tuple(
            (arrays[f"x_{part}"][..., None], arrays[f"y_{part}"].astype(np.int64))
            for part in ("train", "test")
        )


def read_idx(content: bytes) -> np.ndarray:
    """One gzipped IDX file of bytes, the format of the original MNIST.

    The header is big-endian: two zero bytes, the type (8: unsigned byte), the
    number of axes, then each axis' length as four bytes.

    Raises:
        ValueError: it is not such a file, or its length and its header differ.
    """
    data = gzip.decompress(content)
    if len(data) < 4 or data[:3] != b"\x00\x00\x08":
        raise ValueError("not an IDX file of unsigned bytes")
    start = 4 + 4 * data[3]
    shape = np.frombuffer(data[4:start], ">u4").astype(np.int64)
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def read_idx_set(files: Files) -> tuple[Pair, Pair]:
    """The four gzipped IDX files of Fashion-MNIST."""
    by_end = {name.rpartition("/")[2]: content for name, content in files.items()}
    return tuple(
        (
            read_idx(by_end[f"{part}-images-idx3-ubyte.gz"])[..., None],
            read_idx(by_end[f"{part}-labels-idx1-ubyte.gz"]).astype(np.int64),
        )
        for part in ("train", "t10k")
    )


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles containers, numbers, strings and NumPy arrays, nothing else."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return getattr(np, name)
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and (
            name == "_reconstruct"
        ):
            return np.empty(0).__reduce__()[0]  # wherever NumPy keeps it today
        raise pickle.UnpicklingError(f"a data file may not ask for {module}.{name}")


def read_cifar_batch(content: bytes) -> Pair:
    """One batch of CIFAR-10's Python version.

    A row of its `data` holds 1,024 red, then 1,024 green, then 1,024 blue values,
    each in rows of 32.
    """
    batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    planes = batch[b"data"].reshape(-1, 3, 32, 32)
    return planes.transpose(0, 2, 3, 1), np.array(batch[b"labels"], np.int64)


def read_cifar_set(files: Files) -> tuple[Pair, Pair]:
    """The training batches of CIFAR-10 in their order, and its test batch."""
    names = sorted(name for name in files if "data_batch" in name)
    (test,) = (name for name in files if "test_batch" in name)
    batches = [read_cifar_batch(files[name]) for name in names]
    train = tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))
    return train, read_cifar_batch(files[test])
