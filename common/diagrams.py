"""Drawings of a mechanism: boxes, arrows, networks, grids of numbers.

`canvas` opens a drawing in which one unit is one inch, x grows to the right and y
upwards; every other function puts a thing onto it and returns where it lies, so that
an arrow can join two things without a coordinate being typed twice.

Example:
    >>> ax = canvas(6, 1.2)
    >>> image, scores = box(ax, 1, 0.6, "image"), box(ax, 4, 0.6, "logits")
    >>> arrow(ax, image, scores, "weights")
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Patch, Rectangle
from matplotlib.text import Text

BLUE, ORANGE, GREEN, PURPLE, YELLOW, SKY = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
)  # fmt: skip
"""The course's colours, by name: the first six of its colour cycle."""

LINE = "0.35"
"""Arrows, edges and notes are dark grey, so that colour can carry a meaning."""

_TITLE_HEIGHT = 0.42
_PAD = 0.14


class Box(NamedTuple):
    """Where a thing lies: its centre and its size, in inches."""

    x: float
    y: float
    width: float
    height: float
    patch: Patch | None = None
    """What an arrow ends at; without one, at the centre."""

    @property
    def left(self) -> tuple[float, float]:
        """The middle of the left side."""
        return self.x - self.width / 2, self.y

    @property
    def right(self) -> tuple[float, float]:
        """The middle of the right side."""
        return self.x + self.width / 2, self.y

    @property
    def top(self) -> tuple[float, float]:
        """The middle of the upper side."""
        return self.x, self.y + self.height / 2

    @property
    def bottom(self) -> tuple[float, float]:
        """The middle of the lower side."""
        return self.x, self.y - self.height / 2


class Grid(NamedTuple):
    """A matrix on the drawing: its frame, and the size of one cell in inches."""

    frame: Box
    rows: int
    columns: int
    cell: float

    def part(self, row: int, column: int, height: int = 1, width: int = 1) -> Box:
        """Return where a cell lies, or a block of height x width cells from it on.

        Row 0 is the uppermost. A block may reach over the edge, as a window over
        the padding does.
        """
        x = self.frame.x - self.frame.width / 2 + (column + width / 2) * self.cell
        y = self.frame.y + self.frame.height / 2 - (row + height / 2) * self.cell
        return Box(x, y, width * self.cell, height * self.cell)


def canvas(width: float, height: float, title: str = "") -> Axes:
    """Open a drawing of width x height inches; a title gets a line of its own above.

    Raises:
        ValueError: the drawing would have no area.
    """
    if min(width, height) <= 0:
        raise ValueError(f"A drawing of {width} x {height} inches has no area.")
    full = height + (_TITLE_HEIGHT if title else 0)
    figure = plt.figure(figsize=(width, full), layout="none")
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, full))
    ax.axis("off")
    if title:
        ax.text(0.05, full - 0.08, title, va="top", weight="bold", size=12)
    return ax


def box(
    ax: Axes,
    x: float,
    y: float,
    text: str,
    *,
    width: float | None = None,
    height: float | None = None,
    color: str = BLUE,
    filled: bool = True,
    note: str = "",
    size: float = 11,
) -> Box:
    """Draw a rounded box around a text, centred at (x, y).

    Args:
        ax: a drawing made by `canvas`.
        x, y: the centre, in inches.
        text: what stands in it; may have several lines.
        width, height: in inches; without them the text decides.
        color: of the box if it is filled, else of its outline and its text.
        filled: an outline alone says "not yet" or "outside".
        note: a line in small grey letters below, for example a shape.
        size: of the letters, in points.
    """
    ink = _readable_on(color) if filled else color
    label = _write(ax, x, y, text, color=ink, size=size)
    needed = _extent(ax, label)
    width = needed[0] + 2 * _PAD if width is None else width
    height = needed[1] + 2 * _PAD if height is None else height
    patch = FancyBboxPatch(
        (x - width / 2, y - height / 2),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=color if filled else "white",
        edgecolor=color,
        linewidth=1.5,
        zorder=3,
    )
    ax.add_patch(patch)
    if note:
        _write(ax, x, y - height / 2 - 0.06, note, va="top", color=LINE)
    return Box(x, y, width, height, patch)


def arrow(
    ax: Axes,
    start: Box | tuple[float, float],
    end: Box | tuple[float, float],
    text: str = "",
    *,
    bend: float = 0.0,
    color: str = LINE,
    dashed: bool = False,
    offset: tuple[float, float] = (0.0, 0.1),
) -> None:
    """Draw an arrow from one thing (or point) to another, with a text at its middle.

    Args:
        ax: a drawing made by `canvas`.
        start, end: boxes, at whose borders the arrow stops, or points in inches.
        text: stands at the middle, moved by `offset`.
        bend: height of the arc over its length; positive bends to the right of
            the direction of travel.
        color: of line and text.
        dashed: for what happens only sometimes, or backwards.
        offset: of the text from the middle of the arc, in inches.
    """
    (x0, y0), (x1, y1) = (tuple(p[:2]) for p in (start, end))
    ends = {}
    for name, place in (("patchA", start), ("patchB", end)):
        if isinstance(place, Box) and place.patch is not None:
            ends[name] = place.patch
    ax.add_patch(
        FancyArrowPatch(
            (x0, y0),
            (x1, y1),
            arrowstyle="-|>",
            mutation_scale=13,
            connectionstyle=f"arc3,rad={bend}",
            shrinkA=2,
            shrinkB=2,
            color=color,
            linewidth=1.4,
            linestyle="--" if dashed else "-",
            zorder=2,
            **ends,
        )
    )
    if text:  # the middle of a quadratic curve lies half-way to its control point
        x = (x0 + x1) / 2 + bend * (y1 - y0) / 2 + offset[0]
        y = (y0 + y1) / 2 - bend * (x1 - x0) / 2 + offset[1]
        _write(ax, x, y, text, color=color, zorder=5)


def chain(
    ax: Axes,
    texts: Sequence[str],
    *,
    x: float,
    y: float,
    gap: float = 0.45,
    notes: Sequence[str] = (),
    labels: Sequence[str] = (),
    **style: Any,
) -> list[Box]:
    """Draw boxes in a row from left to right, each with an arrow to the next.

    Args:
        ax: a drawing made by `canvas`.
        texts: one box each.
        x: where the row begins (the left side of its first box), in inches.
        y: the height of the centres.
        gap: between two boxes, in inches.
        notes: a small line below each box, for example the shape that it gives on.
        labels: a text above each arrow.
        style: as for `box`; a list or tuple gives each box its own value.
    """
    boxes: list[Box] = []
    for i, text in enumerate(texts):
        own = {k: v[i] if isinstance(v, list | tuple) else v for k, v in style.items()}
        note = notes[i] if i < len(notes) else ""
        width = own.pop("width", None) or _box_width(ax, text, own.get("size", 11))
        boxes.append(box(ax, x + width / 2, y, text, width=width, note=note, **own))
        if i:
            label = labels[i - 1] if i <= len(labels) else ""
            arrow(ax, boxes[-2], boxes[-1], label)
        x += width + gap
    return boxes


def network(
    ax: Axes,
    sizes: Sequence[int],
    *,
    x: float,
    y: float,
    width: float,
    height: float,
    radius: float = 0.2,
    values: Sequence[Sequence[str]] = (),
    labels: Sequence[str] = (),
    weights: Mapping[tuple[int, int, int], str] | None = None,
    colors: Sequence[str] = (),
) -> list[list[Box]]:
    """Draw a fully connected network as nodes and arrows.

    Args:
        ax: a drawing made by `canvas`.
        sizes: nodes a layer, from the input to the output.
        x, y: the centre of the network, in inches.
        width, height: the room from the first layer to the last, and for the nodes.
        radius: of a node, in inches.
        values: for each layer the text in each of its nodes.
        labels: a text below each layer.
        weights: a text on the arrow (layer, i, j), from node i of a layer to node j
            of the next.
        colors: of each layer's nodes.

    Returns:
        The nodes, for arrows of your own: `nodes[layer][i]`.
    """
    nodes: list[list[Box]] = []
    ground = {"fc": "white", "ec": "none", "pad": 1}
    for k, size in enumerate(sizes):
        at = x - width / 2 + width * k / max(len(sizes) - 1, 1)
        line = {"edgecolor": colors[k] if k < len(colors) else BLUE, "linewidth": 1.8}
        nodes.append([])
        for i in range(size):
            up = y + height / 2 - height * (i + 0.5) / size
            patch = Circle((at, up), radius, facecolor="white", zorder=3, **line)
            ax.add_patch(patch)
            nodes[k].append(Box(at, up, 2 * radius, 2 * radius, patch))
            if k < len(values):
                _write(ax, at, up, values[k][i])
        if k < len(labels):
            _write(ax, at, y - height / 2 - 0.08, labels[k], va="top", color=LINE)
    for k, (layer, following) in enumerate(itertools.pairwise(nodes)):
        for (i, start), (j, end) in itertools.product(
            enumerate(layer), enumerate(following)
        ):
            arrow(ax, start, end)
            if weights and (k, i, j) in weights:
                # a third of the way on, where the arrows have not crossed yet
                x = start.x + 0.36 * (end.x - start.x)
                y = start.y + 0.36 * (end.y - start.y)
                _write(ax, x, y, weights[k, i, j], zorder=5, bbox=ground)
    return nodes


def matrix(
    ax: Axes,
    values: np.ndarray | Sequence,
    x: float,
    y: float,
    *,
    cell: float = 0.42,
    fmt: str = "{:g}",
    title: str = "",
    shade: bool = False,
    marked: Iterable[tuple[int, int]] = (),
    color: str = BLUE,
) -> Grid:
    """Draw a matrix with its numbers (or texts) in cells, centred at (x, y).

    Args:
        ax: a drawing made by `canvas`.
        values: (rows, columns) numbers or texts; a vector (n,) becomes one row.
        x, y: the centre, in inches.
        cell: side of a cell, in inches.
        fmt: how a number is written, as in `"{:.2f}"`; a text stands as it is.
        title: a line above.
        shade: the larger a number in amount, the darker its cell; `color` for
            positive ones, orange for negative ones.
        marked: cells (row, column) with a coloured ground; in place of `shade`.
        color: of frame, shades and marks.

    Raises:
        ValueError: `values` has more than two axes.
    """
    table = np.atleast_2d(np.asarray(values))
    if table.ndim != 2:
        raise ValueError(f"A matrix has two axes, this one has {table.ndim}.")
    rows, columns = table.shape
    grid = Grid(Box(x, y, columns * cell, rows * cell), rows, columns, cell)
    marks = set(marked)
    numbers = table.dtype.kind in "iufb"
    largest = np.abs(table.astype(float)).max() if shade and numbers else 0
    for i, j in np.ndindex(rows, columns):
        part, value, ground = grid.part(i, j), table[i, j], "white"
        if largest:
            strength = 0.75 * abs(float(value)) / largest
            ground = _tint(color if value >= 0 else ORANGE, strength)
        elif (i, j) in marks:
            ground = _tint(color, 0.3)
        corner = part.x - cell / 2, part.y - cell / 2
        line = {"edgecolor": "0.7", "linewidth": 0.8, "zorder": 2}
        ax.add_patch(Rectangle(corner, cell, cell, facecolor=ground, **line))
        words = fmt.format(value) if numbers else str(value)
        fitting = min(11, 95 * cell / max(len(words), 1))
        _write(ax, part.x, part.y, words, size=fitting, color=_readable_on(ground))
    outline(ax, grid.frame, color=LINE, linewidth=1.2)
    if title:
        _write(ax, x, y + rows * cell / 2 + 0.08, title, va="bottom", size=10)
    return grid


def outline(
    ax: Axes,
    place: Box,
    text: str = "",
    *,
    color: str = ORANGE,
    linewidth: float = 2.5,
    dashed: bool = False,
) -> None:
    """Draw a frame around a place, for example around `grid.part(0, 0, 3, 3)`.

    Args:
        ax: a drawing made by `canvas`.
        place: what to frame.
        text: a small line below the frame.
        color, linewidth, dashed: of the frame; the text has its colour.
    """
    corner = place.x - place.width / 2, place.y - place.height / 2
    line = {"linewidth": linewidth, "linestyle": "--" if dashed else "-"}
    frame = Rectangle(corner, place.width, place.height, fill=False, **line)
    frame.set(edgecolor=color, zorder=5)
    ax.add_patch(frame)
    if text:
        ground = {"fc": "white", "ec": "none", "pad": 1}
        y = corner[1] - 0.06
        _write(ax, place.x, y, text, va="top", color=color, bbox=ground, zorder=6)


def _write(
    ax: Axes, x: float, y: float, text: str, *, va: str = "center", **style: Any
) -> Text:
    """Write a text centred at x, above every line; small unless `size` is given."""
    style = {"size": 9, "color": "black", "zorder": 4} | style
    return ax.text(x, y, text, ha="center", va=va, **style)


def _box_width(ax: Axes, text: str, size: float) -> float:
    label = ax.text(0, 0, text, size=size)
    width = _extent(ax, label)[0] + 2 * _PAD
    label.remove()
    return width


def _extent(ax: Axes, label: Any) -> tuple[float, float]:
    """Return width and height of a text in inches, which are the drawing's units."""
    shown = label.get_window_extent(ax.figure.canvas.get_renderer())
    return shown.width / ax.figure.dpi, shown.height / ax.figure.dpi


def _tint(color: Any, strength: float) -> tuple[float, float, float]:
    """Mix a colour with white: 0 is white, 1 the colour itself."""
    return tuple(1 - strength * (1 - part) for part in to_rgb(color))


def _readable_on(color: Any) -> str:
    """Return black or white letters, by the luminance of the ground (WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
              for c in to_rgb(color)]  # fmt: skip
    luminance = float(np.dot((0.2126, 0.7152, 0.0722), linear))
    return "white" if luminance < 0.3 else "black"
