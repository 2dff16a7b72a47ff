"""What stands in when a data set is on no rung: small, learnable, and labelled so.

scikit-learn brings real handwritten digits along. The other two are drawn by the
functions below, the same on every machine, with the shapes and the number of classes
of what they replace. Their results say that code runs, nothing about the real data.
"""

from dataclasses import dataclass

import numpy as np

from common.datasets.dataset import Pair


@dataclass(frozen=True, eq=False)
class StandIn:
    """Images (n, height, width, channels) uint8 and labels (n,) int64, in two parts.

    Attributes:
        what: what it is, in a few words for the printed line and the title.
    """

    train: Pair
    test: Pair
    class_names: tuple[str, ...]
    what: str


def digits() -> StandIn:
    """scikit-learn's 1,797 real digits, brought from 8×8 to MNIST's 28×28.

    As in MNIST the digit fills a box of 20×20 and its centre of mass lies in the
    middle of the picture. Source: E. Alpaydin, C. Kaynak, "Optical recognition of
    handwritten digits", UCI Machine Learning Repository, 1998, CC BY 4.0.
    """
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    box = _enlarged(small.reshape(-1, 8, 8) / 16, 20)
    ink = np.clip((box - 0.2) / 0.6, 0, 1)
    images = np.zeros((len(ink), 28, 28))
    for image, digit in zip(images, ink, strict=True):
        rows, columns = (_top_left(digit.sum(axis)) for axis in (1, 0))
        image[rows : rows + 20, columns : columns + 20] = digit
    x = np.rint(images[..., None] * 255).astype(np.uint8)
    y = labels.astype(np.int64)
    return StandIn(
        train=(x[:1_500], y[:1_500]),
        test=(x[1_500:], y[1_500:]),
        class_names=tuple("0123456789"),
        what="scikit-learn's digits, 8×8 scaled to 28×28",
    )


def _top_left(mass: np.ndarray) -> int:
    """Where a 20-pixel box starts so that its centre of mass is at 13.5 of 28."""
    centre = (mass * np.arange(20)).sum() / mass.sum()
    return int(np.clip(np.rint(13.5 - centre), 0, 8))


def _enlarged(images: np.ndarray, side: int) -> np.ndarray:
    """Square images (n, s, s) at (n, side, side), by cubic interpolation.

    Keys' kernel with a = -1/2: R. Keys, "Cubic convolution interpolation for digital
    image processing", IEEE Transactions on ASSP 29 (6), 1981. Beyond the edge the
    picture is empty.
    """
    size = images.shape[1]
    wanted = (np.arange(side) + 0.5) * size / side - 0.5
    distance = np.abs(wanted[:, None] - np.arange(size))
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    return weights @ images @ weights.T


_TRAIN, _TEST = 6_000, 1_000  # generated images
_SHAPES = 5

# (shape, hue) of each colour pattern. A shape belongs to two or three patterns and
# so does a hue: who sees only one of the two cannot get beyond 4 in 10.
_COLOUR_PATTERNS = np.array(
    [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (1, 3), (3, 2), (3, 3), (4, 3), (4, 0)]
)


def grey_patterns() -> StandIn:
    """Five bright silhouettes on black, plain or striped: ten classes of 28×28×1.

    Pattern 2k is silhouette k plain, pattern 2k + 1 the same with stripes, whose
    contrast may be faint: no model gets all of them right.
    """
    random = np.random.RandomState(20240119)
    labels = _balanced_labels(random, _TRAIN + _TEST)
    mask, u, v = _silhouettes(random, labels // 2, 28, turn=0.4)
    wave = np.sin(_uniform(random, labels, 5, 9) * (u + 0.3 * v))
    contrast = np.where(labels % 2, random.beta(2, 2, len(labels)), 0)
    shade = _uniform(random, labels, 0.4, 0.9) * (
        1 + contrast[:, None, None].astype(np.float32) * (wave - 1) / 2
    )
    fold = 1 + 0.15 * np.sin(_uniform(random, labels, 1, 4) * v)  # as cloth has
    return _generated(random, (mask * shade * fold)[..., None], 0.08, labels, "grey")


def colour_patterns() -> StandIn:
    """Coloured shapes on coloured ground, ten classes of 32×32×3.

    A class is a shape together with a hue; place, size, angle, brightness and the
    ground's colour are chance. Hues scatter so far that neighbours overlap: no model
    gets all of them right.
    """
    random = np.random.RandomState(20240120)
    labels = _balanced_labels(random, _TRAIN + _TEST)
    shapes, hues = _COLOUR_PATTERNS[labels].T
    mask, u, _ = _silhouettes(random, shapes, 32, turn=2 * np.pi)
    hue = hues / 4 + 0.06 * random.standard_normal(len(labels))
    colour = _rgb(hue, _uniform(random, labels, 0.35, 0.9), labels, random)
    ground = _rgb(random.random_sample(len(labels)), 0.35, labels, random)
    slope = 1 + _uniform(random, labels, -0.2, 0.2) * u
    mask = mask[..., None]
    images = (mask * colour + (1 - mask) * ground) * slope[..., None]
    return _generated(random, images, 0.05, labels, "colour")


def _generated(
    random: np.random.RandomState,
    images: np.ndarray,
    noise: float,
    labels: np.ndarray,
    kind: str,
) -> StandIn:
    """Add pixel noise, round to uint8, cut into training and test part."""
    images = images + noise * random.standard_normal(images.shape).astype(np.float32)
    x = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    return StandIn(
        train=(x[:_TRAIN], labels[:_TRAIN]),
        test=(x[_TRAIN:], labels[_TRAIN:]),
        class_names=tuple(f"pattern {i}" for i in range(10)),
        what=f"generated {kind} patterns",
    )


def _balanced_labels(random: np.random.RandomState, count: int) -> np.ndarray:
    """As many of each of ten labels, in a random order: (count,) int64."""
    order = np.argsort(random.random_sample(count), kind="stable")
    return (np.arange(count) % 10)[order].astype(np.int64)


def _uniform(
    random: np.random.RandomState, labels: np.ndarray, low: float, high: float
) -> np.ndarray:
    """One number an image, shaped (n, 1, 1) to go with its pixels."""
    drawn = low + (high - low) * random.random_sample(len(labels))
    return drawn.astype(np.float32)[:, None, None]


def _silhouettes(
    random: np.random.RandomState, shapes: np.ndarray, side: int, turn: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A shape in each image, at a random place, size and angle.

    Args:
        shapes: (n,) which of disc, square, triangle, cross, ring.
        side: of the image in pixels.
        turn: width of the range of angles in radians, centred on upright.

    Returns:
        (n, side, side) float32 each: how much of a pixel the shape covers in [0, 1],
        and the pixel's coordinates u, v, in which the shape has about radius 1.
    """
    axis = np.arange(side, dtype=np.float32) - (side - 1) / 2
    radius = _uniform(random, shapes, 0.22, 0.38) * side
    x = axis[None, None, :] - _uniform(random, shapes, -0.12, 0.12) * side
    y = axis[None, :, None] - _uniform(random, shapes, -0.12, 0.12) * side
    angle = _uniform(random, shapes, -turn / 2, turn / 2)
    u = (x * np.cos(angle) + y * np.sin(angle)) / radius
    v = (y * np.cos(angle) - x * np.sin(angle)) / radius
    distance = np.empty_like(u)
    for shape in range(_SHAPES):
        chosen = shapes == shape
        distance[chosen] = _distance(shape, u[chosen], v[chosen])
    return np.clip(0.5 - distance * radius, 0, 1), u, v


def _distance(shape: int, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """How far outside a shape of about unit radius a point lies; negative inside."""
    across, along = np.abs(u), np.abs(v)
    if shape == 0:
        return np.hypot(u, v) - 0.9
    if shape == 1:
        return np.maximum(across, along) - 0.8
    if shape == 2:
        return np.maximum(np.sqrt(3) / 2 * across - v / 2, v) - 0.55
    if shape == 3:
        wide = np.maximum(across - 1, along - 0.35)
        tall = np.maximum(along - 1, across - 0.35)
        return np.minimum(wide, tall)
    return np.abs(np.hypot(u, v) - 0.7) - 0.25


def _rgb(
    hue: np.ndarray,
    saturation: np.ndarray | float,
    labels: np.ndarray,
    random: np.random.RandomState,
) -> np.ndarray:
    """Colours (n, 1, 1, 3) of random brightness; hue in turns, saturation in [0, 1].

    The channels are cosines of the hue, a third of a turn apart.
    """
    phase = 2 * np.pi * (hue[:, None] - np.arange(3) / 3)
    wheel = (1 + np.cos(phase)[:, None, None, :].astype(np.float32)) / 2
    saturation = np.asarray(saturation, np.float32).reshape(-1, 1, 1, 1)
    brightness = _uniform(random, labels, 0.5, 0.95)[..., None]
    return brightness * (1 - saturation * (1 - wheel))
