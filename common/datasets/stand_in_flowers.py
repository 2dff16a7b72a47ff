"""Five kinds of drawn flowers, as JPEG files of many sizes: the stand-in for photos.

Place, size, angle, colours and ground are chance. A few pictures come twice, the
second time as someone would upload it again (smaller, a little brighter, saved
anew), and a few carry a wrong label: a project has to find both. The drawing is the
same on every machine; the bytes are Pillow's.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from common.datasets.dataset import Pair

EACH = 40  # pictures of a kind, copies included
COPIES = 2  # of them, of a kind
WRONG = 6  # wrong labels, in all
SEED = 20240121

_RED, _PINK, _WHITE = (0.75, 0.08, 0.15), (0.95, 0.6, 0.7), (0.95, 0.93, 0.9)
_YELLOW, _VIOLET = (0.95, 0.8, 0.1), (0.5, 0.25, 0.65)
_BROWN, _GREEN, _GOLD = (0.3, 0.17, 0.06), (0.2, 0.45, 0.15), (0.9, 0.65, 0.05)


def draw() -> Pair:
    """Draw 40 pictures of each kind.

    Returns:
        x (n,) of bytes objects, each a JPEG file, and y (n,) int64 with the labels
        0 daisy, 1 dandelion, 2 roses, 3 sunflowers, 4 tulips, in ascending order but
        for the wrong ones.
    """
    random = np.random.RandomState(SEED)
    files, labels = [], []
    for kind in range(5):
        pictures = [_picture(random, kind) for _ in range(EACH - COPIES)]
        pictures += [_again(random, picture) for picture in pictures[:COPIES]]
        files += [_jpeg(picture, 88) for picture in pictures]
        labels += [kind] * EACH
    x = np.empty(len(files), object)
    x[:] = files
    y = np.array(labels, np.int64)
    doubtful = np.argsort(random.random_sample(len(y)), kind="stable")[:WRONG]
    y[doubtful] = (y[doubtful] + 1 + np.arange(WRONG) % 4) % 5
    return x, y


def _jpeg(picture: np.ndarray, quality: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def _again(random: np.random.RandomState, picture: np.ndarray) -> np.ndarray:
    """The same picture, smaller and a little brighter."""
    image = Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))
    share = 0.7 + 0.2 * random.random_sample()
    size = [round(share * side) for side in image.size]
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR)) / 255 * 1.04


def _picture(random: np.random.RandomState, kind: int) -> np.ndarray:
    """One flower of a kind on its ground: (height, width, 3) float64, about [0, 1]."""
    uniform = random.uniform
    height, width = (int(side) for side in random.randint(88, 145, 2))
    rows, columns = np.mgrid[:height, :width].astype(float)
    ground = _ground(random, rows / height, columns / width)
    radius = uniform(0.3, 0.48) * min(height, width)
    v = (rows - height * uniform(0.4, 0.6)) / radius
    u = (columns - width * uniform(0.4, 0.6)) / radius
    tilt = uniform(-0.5, 0.5) if kind == 4 else uniform(0, 2 * np.pi)
    u, v = u * np.cos(tilt) + v * np.sin(tilt), v * np.cos(tilt) - u * np.sin(tilt)
    flower = (_daisy, _dandelion, _rose, _sunflower, _tulip)[kind]
    cover, colour = flower(random, u, v * uniform(1.0, 1.3))
    cover = np.clip(cover, 0, 1)[..., None]
    picture = cover * colour + (1 - cover) * ground
    light = uniform(0.65, 1.15) * (1 + uniform(-0.25, 0.25) * u[..., None])
    noise = 0.03 * random.standard_normal(picture.shape)
    return picture * np.clip(light, 0.3, 1.6) + noise


def _ground(
    random: np.random.RandomState, down: np.ndarray, across: np.ndarray
) -> np.ndarray:
    """Grass, earth or sky with soft spots."""
    colours = np.array([_GREEN, (0.12, 0.2, 0.1), (0.45, 0.4, 0.3), (0.55, 0.7, 0.9)])
    first, second = colours[random.randint(0, 4, 2)]
    spots = sum(
        np.sin(random.uniform(4, 30) * (down * a + across * b) + random.uniform(0, 6))
        for a, b in random.standard_normal((4, 2))
    )
    share = np.clip(0.5 + 0.2 * spots, 0, 1)[..., None]
    return share * first + (1 - share) * second


def _petals(
    random: np.random.RandomState, u: np.ndarray, v: np.ndarray, count: int, gap: float
) -> tuple[np.ndarray, np.ndarray]:
    """Radius of each point, and how far inside a ring of petals it lies."""
    r, angle = np.hypot(u, v), np.arctan2(v, u)
    edge = 1 - gap * np.abs(np.sin(count / 2 * angle + random.uniform(0, 6)))
    return r, 12 * (edge - r)


def _mixed(share: np.ndarray, inner: tuple, outer: tuple) -> np.ndarray:
    share = np.clip(share, 0, 1)[..., None]
    return share * np.array(inner) + (1 - share) * np.array(outer)


def _daisy(random, u, v):
    r, cover = _petals(random, u, v, random.randint(13, 22), 0.5)
    return cover, _mixed(12 * (random.uniform(0.25, 0.32) - r), _GOLD, _WHITE)


def _dandelion(random, u, v):
    r, cover = _petals(random, u, v, random.randint(40, 60), 0.18)
    rays = 0.5 + 0.5 * np.sin(random.randint(45, 70) * np.arctan2(v, u) + 30 * r)
    if random.random_sample() < 0.3:  # gone to seed
        return 0.75 * cover * (0.4 + rays), _mixed(3 * (0.2 - r), _BROWN, _WHITE)
    return cover, _mixed(0.6 * rays * (1.2 - r), _GOLD, _YELLOW)


def _rose(random, u, v):
    r, cover = _petals(random, u, v, random.randint(4, 7), 0.15)
    turns = np.sin(random.uniform(7, 11) * np.log(r + 0.05) + 3 * np.arctan2(v, u))
    colour = (_RED, _PINK, _WHITE, _YELLOW)[random.randint(0, 4)]
    dark = tuple(0.55 * part for part in colour)
    return cover, _mixed(0.5 - 0.5 * turns, dark, colour)


def _sunflower(random, u, v):
    r, cover = _petals(random, u, v, random.randint(15, 24), 0.42)
    disc = random.uniform(0.42, 0.55)
    seeds = _mixed(
        0.5 + 0.5 * np.sin(40 * u) * np.sin(40 * v), _BROWN, (0.2, 0.1, 0.03)
    )
    share = np.clip(14 * (disc - r), 0, 1)[..., None]
    return cover, share * seeds + (1 - share) * np.array(_YELLOW)


def _tulip(random, u, v):
    top = -0.55 + 0.35 * np.abs(np.sin(1.5 * np.pi * u / 0.62 + np.pi / 2))
    side = 0.62 * np.sqrt(np.clip(1 - np.clip(v - 0.1, 0, None) ** 2 / 0.5, 0, 1))
    cup = np.clip(
        12 * np.minimum(np.minimum(v - top, side - np.abs(u)), 0.75 - v), 0, 1
    )
    stem = np.clip(12 * np.minimum(0.07 - np.abs(u), v - 0.6), 0, 1)
    colour = (_RED, _PINK, _YELLOW, _VIOLET)[random.randint(0, 4)]
    shade = _mixed(np.abs(np.sin(5 * u)), colour, tuple(0.7 * part for part in colour))
    return np.maximum(cup, stem), np.where(
        cup[..., None] > 0.5, shade, np.array(_GREEN)
    )
