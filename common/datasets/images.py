"""The image data sets of the course: MNIST, Fashion-MNIST, CIFAR-10.

Each function climbs the ladder (see `ladder`), falls back to a stand-in, cuts the
validation split and prints one line that says what was loaded and from where.
"""

from collections.abc import Callable

import numpy as np

from common.datasets import formats, ladder, splits, stand_ins
from common.datasets.dataset import Dataset, Pair, Rung, Source
from common.datasets.ladder import Archive, DataFile, Recipe

VALIDATION = 5_000  # images cut from the published training set

_GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

MNIST = Recipe(
    name="MNIST",
    files=(
        DataFile(
            name="mnist.npz",
            sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
            size=11_490_434,
            mirror="keras/datasets/mnist.npz",
            library=("datasets/mnist.npz",),
            url=_GOOGLE + "mnist.npz",
        ),
    ),
)


def _fashion_file(name: str, size: int, sha256: str) -> DataFile:
    return DataFile(
        name=f"fashion-mnist/{name}",
        sha256=sha256,
        size=size,
        mirror=f"keras/datasets/fashion-mnist/{name}",
        library=(f"datasets/fashion-mnist/{name}",),
        url=_GOOGLE + name,
    )


FASHION_MNIST = Recipe(
    name="Fashion-MNIST",
    files=(
        _fashion_file(
            "train-images-idx3-ubyte.gz",
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        _fashion_file(
            "train-labels-idx1-ubyte.gz",
            29_515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        _fashion_file(
            "t10k-images-idx3-ubyte.gz",
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        _fashion_file(
            "t10k-labels-idx1-ubyte.gz",
            5_148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
)


def _cifar_file(name: str, size: int, sha256: str) -> DataFile:
    return DataFile(
        name=f"cifar-10-batches-py/{name}",
        sha256=sha256,
        size=size,
        mirror=f"data/cifar10/cifar-10-batches-py/{name}.xz",
        # Keras 3.13 to 3.15; Keras 3.0 and later; Keras 2
        library=tuple(
            f"datasets/{folder}/{name}"
            for folder in (
                "cifar-10-batches-py-target/cifar-10-batches-py",
                "cifar-10-batches-py/cifar-10-batches-py",
                "cifar-10-batches-py",
            )
        ),
    )


CIFAR10 = Recipe(
    name="CIFAR-10",
    files=(
        _cifar_file(
            "data_batch_1",
            31_035_704,
            "54636561a3ce25bd3e19253c6b0d8538147b0ae398331ac4a2d86c6d987368cd",
        ),
        _cifar_file(
            "data_batch_2",
            31_035_320,
            "766b2cef9fbc745cf056b3152224f7cf77163b330ea9a15f9392beb8b89bc5a8",
        ),
        _cifar_file(
            "data_batch_3",
            31_035_999,
            "0f00d98ebfb30b3ec0ad19f9756dc2630b89003e10525f5e148445e82aa6a1f9",
        ),
        _cifar_file(
            "data_batch_4",
            31_035_696,
            "3f7bb240661948b8f4d53e36ec720d8306f5668bd0071dcb4e6c947f78e9682b",
        ),
        _cifar_file(
            "data_batch_5",
            31_035_623,
            "d91802434d8376bbaeeadf58a737e3a1b12ac839077e931237e0dcd43adcb154",
        ),
        _cifar_file(
            "test_batch",
            31_035_526,
            "f53d8d457504f7cff4ea9e021afcf0e0ad8e24a91f3fc42091b8adef61157831",
        ),
    ),
    archive=Archive(
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        size=170_498_071,
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        folder="cifar-10-batches-py",
        library=(
            "datasets/cifar-10-batches-py-target_archive",
            "datasets/cifar-10-batches-py_archive",
            "datasets/cifar-10-batches-py.tar.gz",
        ),
    ),
)


def mnist(limit: int | None = None) -> Dataset:
    """Handwritten digits: 60,000 to train and validate on, 10,000 to test.

    x is (n, 28, 28, 1) float32, 0 the paper and 1 the ink; y is the digit.

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten
    digits", in the file that Keras publishes. Licence: CC BY-SA 3.0. Cite: Y. LeCun,
    L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86 (11), 1998. The stand-in is
    scikit-learn's `load_digits`, 1,797 real digits of 8×8 pixels.

    Args:
        limit: take only this many training images, in equal proportions of the
            classes and always the same ones, and at most max(500, limit // 5) for
            validation and test each.

    Returns:
        Three splits; see `Dataset`.

    Raises:
        ValueError: `limit` is not a whole number, or below 10.
    """
    names = tuple("0123456789")
    return _load(MNIST, formats.read_npz, names, stand_ins.digits, limit)


def fashion_mnist(limit: int | None = None) -> Dataset:
    """Pictures of clothes: 60,000 to train and validate on, 10,000 to test.

    x is (n, 28, 28, 1) float32, 0 the background; ten kinds of garment.

    Source and licence: Zalando SE, MIT. Cite: H. Xiao, K. Rasul, R. Vollgraf,
    "Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms", arXiv:1708.07747, 2017. The stand-in is generated.

    Args:
        limit: as for `mnist`.

    Returns:
        Three splits; see `Dataset`.

    Raises:
        ValueError: `limit` is not a whole number, or below 10.
    """
    names = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal")
    names += ("shirt", "sneaker", "bag", "ankle boot")
    return _load(
        FASHION_MNIST, formats.read_idx_set, names, stand_ins.grey_patterns, limit
    )


def cifar10(limit: int | None = None) -> Dataset:
    """Small colour photographs: 50,000 to train and validate on, 10,000 to test.

    x is (n, 32, 32, 3) float32, red, green, blue in [0, 1]; ten kinds of thing.

    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images",
    technical report, University of Toronto, 2009; to be cited, there is no formal
    licence. The stand-in is generated.

    Args:
        limit: as for `mnist`.

    Returns:
        Three splits; see `Dataset`. All of it takes 740 MB of memory.

    Raises:
        ValueError: `limit` is not a whole number, or below 10.
    """
    names = ("airplane", "automobile", "bird", "cat", "deer")
    names += ("dog", "frog", "horse", "ship", "truck")
    return _load(
        CIFAR10, formats.read_cifar_set, names, stand_ins.colour_patterns, limit
    )


def _load(
    recipe: Recipe,
    read: Callable[[formats.Files], tuple[Pair, Pair]],
    class_names: tuple[str, ...],
    stand_in: Callable[[], stand_ins.StandIn],
    limit: int | None,
) -> Dataset:
    """Find, read, split, limit, say so."""
    limit = splits.checked_limit(limit, len(class_names))
    found = ladder.climb(recipe)
    if found is not None:
        train, test = read(found.files)
        data = _assemble(
            name=recipe.name,
            what=recipe.name,
            train=train,
            test=test,
            validation=VALIDATION,
            class_names=class_names,
            source=found.source,
            rung=found.rung,
            limit=limit,
        )
        origin = f"{data.source.replace('subset', 'an official subset')}, {found.place}"
        print(f"{recipe.name}: {_sizes(data)} ({origin}).")
        return data
    other = stand_in()
    data = _assemble(
        name=f"stand-in for {recipe.name}",
        what=f"stand-in for {recipe.name} ({other.what})",
        train=other.train,
        test=other.test,
        validation=len(other.train[1]) // 10,
        class_names=other.class_names,
        source="stand_in",
        rung="stand-in",
        limit=limit,
    )
    print(
        f"{recipe.name}: NOT the real data but a stand-in, {other.what}: "
        f"{_sizes(data)}. For the real data connect to the internet and restart, "
        "or point COURSE_DATA at a local mirror."
    )
    return data


def _assemble(
    *,
    name: str,
    what: str,
    train: Pair,
    test: Pair,
    validation: int,
    class_names: tuple[str, ...],
    source: Source,
    rung: Rung,
    limit: int | None,
) -> Dataset:
    """Cut the validation split, then the limits, and scale what is left."""
    cut = splits.cut(train[1], test[1], validation, limit)
    if not cut.complete and source != "stand_in":
        source = "subset"
    return Dataset(
        name=name,
        title=f"{what}, {cut.size}",
        train=_scaled(train, cut.train),
        valid=_scaled(train, cut.valid),
        test=_scaled(test, cut.test),
        class_names=class_names,
        source=source,
        rung=rung,
    )


def _scaled(pair: Pair, indices: np.ndarray) -> Pair:
    """Chosen images as contiguous float32 in [0, 1], their labels as int64."""
    x, y = pair
    scaled = x[indices].astype(np.float32, order="C")
    scaled /= 255
    return scaled, y[indices].astype(np.int64)


def _sizes(data: Dataset) -> str:
    train, valid, test = (len(y) for _, y in (data.train, data.valid, data.test))
    return f"{train:,} training, {valid:,} validation, {test:,} test images"
