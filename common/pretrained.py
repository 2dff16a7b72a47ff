"""Weights that others have trained, for the days that begin with them.

    from common import pretrained

    imagenet = pretrained.mobilenet_v2(alpha=0.35)
    base = keras.applications.MobileNetV2(
        input_shape=(96, 96, 3), alpha=0.35, include_top=False, weights=None)
    imagenet.load_into(base)

They come up the same ladder as the data sets (`common.datasets.ladder`): a mirror,
Keras' cache or the course's, the official source, and only bytes of a known SHA-256.
Keras itself publishes no hash of these files; those below are the ones that users of
the files report, and a file with another one is not taken. Where nothing is at hand,
`source` is "stand_in" and there are no weights: the notebook then trains a small
network in their place.
"""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from common.datasets import ladder
from common.datasets.dataset import Rung, Source
from common.datasets.ladder import DataFile, Found, Recipe

if TYPE_CHECKING:
    import keras

_GOOGLE = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"


def _keras_file(name: str, sha256: str, size: int, equivalent: str = "") -> DataFile:
    name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{name}.h5"
    return DataFile(
        name=f"models/{name}",
        sha256=sha256,
        size=size,
        mirror=f"keras/models/{name}",
        library=(f"models/{name}",),
        url=_GOOGLE + name,
        equivalent=equivalent,
    )


NARROW = Recipe(
    name="MobileNetV2 0.35",
    files=(
        _keras_file(
            "0.35_224_no_top",
            "df1c3db1d0d9193719c4c70f707c56f7021f999f825bdc57454c275cf6def19f",
            2_019_640,
            # The same numbers, saved again by a later Keras.
            "d43c70f8ea04b1087170401b2f4739f41b94200e30892ea8d050ac65779146c6",
        ),
    ),
)

WIDE = Recipe(
    name="MobileNetV2 1.0",
    files=(
        # With its classifier: of this file a SHA-256 is known.
        _keras_file(
            "1.0_224",
            "3e195a2857356cfc092cbbb460beb2a5bce279015d7792598b8d3d9e451902e3",
            14_536_120,
        ),
    ),
)

WIDE_8BIT = Recipe(
    name="MobileNetV2 1.0 in 8 bits",
    files=(
        DataFile(
            name="models/mobilenet_v2_1.0_224_no_top.dequantised.h5",
            sha256="21234ee0a1208d85eab553672a4241fc1e8966e5656cedb59a6ef73622f31f30",
            size=4_052_339,
            mirror="data/mobilenet_v2_1.0_dequantised/"
            "mobilenet_v2_1.0_224_no_top.dequantised.h5",
        ),
    ),
)

ALPHAS = (0.35, 1.0)


@dataclass(frozen=True, eq=False, repr=False)
class Weights:
    """The weights of a network, and where they came from.

    Attributes:
        name: for texts and figures, "MobileNetV2 0.35".
        title: the name with what the weights are, for the record.
        source: "official" (the publisher's file), "equivalent" (the same network in
            other bytes or fewer bits) or "stand_in" (there are none).
        rung: where the file was found, or "stand-in".
        alpha: the width of the network, as `keras.applications` counts it.
        folded: whether each BatchNorm layer has been multiplied into the convolution
            before it. It still stands there, but does nothing except add its beta.
    """

    name: str
    title: str
    source: Source
    rung: Rung
    alpha: float
    folded: bool = False
    content: bytes = field(default=b"")
    with_classifier: bool = False

    def __repr__(self) -> str:
        """The title and the source: a cell that ends in weights stays short."""
        return f"Weights({self.title!r}, source={self.source!r})"

    def load_into(self, base: keras.Model) -> None:
        """Give a network without its classifier these weights.

        Args:
            base: `keras.applications.MobileNetV2(..., include_top=False)` of this
                `alpha`, of any input size: no weight depends on it.

        Raises:
            ValueError: there are no weights (`source` is "stand_in"), or the network
                has another width.
        """
        if not self.content:
            raise ValueError(
                f"There are no weights of {self.name} at hand: train a network instead."
            )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.h5"
            path.write_bytes(self.content)
            if not self.with_classifier:
                base.load_weights(path)
                return
            import keras

            whole = keras.applications.MobileNetV2(alpha=self.alpha, weights=None)
            whole.load_weights(path)
            base.set_weights(whole.get_weights()[:-2])  # all but the classifier's


def mobilenet_v2(alpha: float) -> Weights:
    """Weights of MobileNetV2, trained on the million photographs of ImageNet.

    Source: M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L. Chen, "MobileNetV2:
    inverted residuals and linear bottlenecks", CVPR 2018, in the files of Keras
    Applications, Apache 2.0. For alpha 1.0 a mirror may hold the publisher's 8-bit
    model instead, turned back into floats; its BatchNorm layers are folded.

    Args:
        alpha: the width, 0.35 or 1.0.

    Returns:
        The weights, from the best file at hand; see `Weights`.

    Raises:
        ValueError: another `alpha`.
    """
    if alpha not in ALPHAS:
        raise ValueError(f"alpha must be one of {ALPHAS}, not {alpha!r}.")
    recipe = NARROW if alpha == 0.35 else WIDE
    found = ladder.climb(_without_address(recipe), say=_nothing)
    eight_bits = False
    if found is None and alpha == 1.0:
        found = ladder.climb(WIDE_8BIT, say=_nothing)
        eight_bits = found is not None
    if found is None:
        found = ladder.climb(recipe)
    if found is None:
        print(
            f"{recipe.name}: NO weights from ImageNet at hand; the notebook trains a "
            "stand-in. For the real ones connect to the internet and restart, or point "
            "COURSE_DATA at a local mirror."
        )
        title = f"stand-in for {recipe.name} (trained on the spot)"
        return Weights(recipe.name, title, "stand_in", "stand-in", alpha)
    return _found(recipe, found, alpha, eight_bits)


def _found(recipe: Recipe, found: Found, alpha: float, eight_bits: bool) -> Weights:
    """Say what was found, and pack it."""
    (content,) = found.files.values()
    what = "ImageNet"
    if eight_bits:
        what = "ImageNet, from the 8-bit model, BatchNorm folded"
    source = "equivalent" if eight_bits else found.source
    print(f"{recipe.name}: weights from {what} ({source}, {found.place}).")
    return Weights(
        name=recipe.name,
        title=f"{recipe.name} ({what})",
        source=source,
        rung=found.rung,
        alpha=alpha,
        folded=eight_bits,
        content=content,
        with_classifier=alpha == 1.0 and not eight_bits,
    )


def _without_address(recipe: Recipe) -> Recipe:
    """The same recipe for the rungs that need no network."""
    files = tuple(dataclasses.replace(file, url="") for file in recipe.files)
    return dataclasses.replace(recipe, files=files)


def _nothing(text: str) -> None:
    """Take a sentence and say nothing: another rung may still do."""
