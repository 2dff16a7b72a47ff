"""The figures used on many days. Each takes an Axes and returns it.

A figure that a single day needs is drawn in that day's notebook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from common.day_points import accuracy_against_seconds as accuracy_against_seconds

STYLE = Path(__file__).with_name("course.mplstyle")

BASELINE_COLOR = "0.55"
"""Baselines are grey lines all through the course."""

COLORS = {
    "from scratch": "#E69F00",
    "Dense(128)": "#0072B2",
    "CNN": "#009E73",
}
"""Models that come back on later days keep their colour."""


def use_style() -> None:
    """Draw every later figure in the course's one style, and in nobody's own.

    It starts from Matplotlib's defaults: what a user's matplotlibrc says (LaTeX that
    is not installed, other sizes) would break or change the lessons' figures.
    """
    plt.style.use(["default", STYLE])


def learning_curves(
    histories: Mapping[str, Mapping[str, Sequence[float]]],
    metric: str = "loss",
    ax: Axes | None = None,
) -> Axes:
    """Draw training (dashed) and validation (solid) curves, one colour a model.

    Args:
        histories: for each model's name the `history.history` of its fit: lists of
            one value an epoch, under `metric` and `"val_" + metric`. A name in
            `COLORS` brings its colour with it.
        metric: "loss" (nats), "accuracy" (a fraction), or another recorded metric.
        ax: where to draw; a new figure without it.

    Raises:
        KeyError: a history holds neither the metric nor its validation twin.
    """
    ax = plt.subplots()[1] if ax is None else ax
    for name, history in histories.items():
        if metric not in history and f"val_{metric}" not in history:
            raise KeyError(
                f"The history of {name!r} has no {metric!r}, only {', '.join(history)}."
            )
        color = COLORS.get(name)
        for key, style in ((f"val_{metric}", "-"), (metric, "--")):
            if key in history:
                values = history[key]
                epochs = np.arange(1, len(values) + 1)
                (line,) = ax.plot(
                    epochs,
                    values,
                    style,
                    color=color,
                    label=f"{name}, {'validation' if style == '-' else 'training'}",
                )
                color = line.get_color()
                if len(values) == 1:
                    line.set_marker("o")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="epoch", ylabel=metric)
    ax.legend()
    return ax


def image_grid(
    images: np.ndarray,
    titles: Sequence[str] | None = None,
    columns: int = 6,
    ax: Axes | None = None,
    cmap: str = "gray_r",
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Draw many small images as one picture, each with a line of text above it.

    Args:
        images: (n, height, width), (n, height, width, 1) or (n, height, width, 3).
            Colour images are in [0, 1].
        titles: one short text an image.
        columns: how many images stand in a row.
        ax: where to draw; without it a new figure of a fitting size.
        cmap: the colour map of images without colour.
        limits: the values at the colour map's two ends; by default the range of
            all images together, so that they can be compared.

    Raises:
        ValueError: the shape is none of the above, or titles and images differ
            in number.
    """
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] != 3):
        raise ValueError(
            "image_grid draws (n, height, width), (n, height, width, 1) or "
            f"(n, height, width, 3), not {images.shape}."
        )
    titles = None if titles is None else list(titles)
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"There are {len(images)} images but {len(titles)} titles.")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height, width = images.shape[1:3]
    gap = 0.08
    lines = max((str(t).count("\n") + 1 for t in titles), default=0) if titles else 0
    head = 0.08 + 0.17 * lines
    if ax is None:
        inches = 1.15 * columns, 1.15 * rows * (height / width + head) + 0.4
        ax = plt.subplots(figsize=inches)[1]
    low, high = limits or (images.min(), images.max())
    for i, image in enumerate(images):
        left = (i % columns) * (1 + gap)
        top = (i // columns) * (height / width + head)
        ax.imshow(
            image,
            cmap=cmap,
            vmin=low,
            vmax=high,
            extent=(left, left + 1, top + height / width, top),
        )
        if titles is not None:
            ax.text(
                left + 0.5, top - 0.03, titles[i], ha="center", va="bottom", fontsize=9
            )
    ax.set(
        xlim=(-0.02, columns * (1 + gap)),
        ylim=(rows * (height / width + head), -head),
        aspect="equal",
    )
    ax.axis("off")
    return ax


def confusion_matrix(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    class_names: Sequence[str],
    ax: Axes | None = None,
) -> Axes:
    """Draw how often each true class (row) was called each class (column).

    The right answers on the diagonal are left uncoloured, or they would drown the
    mistakes that the figure is about.

    Args:
        y_true: labels, (n,) int.
        y_pred: predicted labels, (n,) int.
        class_names: one name a class.
        ax: where to draw; a new figure without it.
    """
    import seaborn as sns
    from sklearn.metrics import confusion_matrix as count

    counts = count(y_true, y_pred, labels=np.arange(len(class_names)))
    mistakes = counts.astype(float)
    np.fill_diagonal(mistakes, np.nan)
    ax = plt.subplots(figsize=(6.5, 5.5))[1] if ax is None else ax
    sns.heatmap(
        mistakes,
        annot=counts,
        fmt="d",
        cmap="Blues",
        square=True,
        ax=ax,
        annot_kws={"fontsize": 9},
        cbar_kws={"label": "mistakes (count)"},
        xticklabels=class_names,
        yticklabels=class_names,
    )
    # seaborn writes no number into a cell without a colour: the diagonal is ours.
    for i, hits in enumerate(np.diag(counts)):
        ax.text(i + 0.5, i + 0.5, hits, ha="center", va="center", fontsize=9)
    ax.grid(False)
    ax.set(xlabel="predicted class", ylabel="true class")
    return ax


def heat_map(
    values: np.ndarray,
    row_names: Sequence[str],
    column_names: Sequence[str],
    ax: Axes | None = None,
    fmt: str = ".2f",
    label: str = "",
    cmap: str = "viridis",
) -> Axes:
    """Draw a small table of numbers as colours with the numbers in the cells.

    Args:
        values: (rows, columns) float.
        row_names: one name a row.
        column_names: one name a column.
        ax: where to draw; a new figure without it.
        fmt: how a number is written.
        label: what the colours mean, with the unit.
        cmap: the colour map; a diverging one for signed values.
    """
    import seaborn as sns

    ax = plt.subplots()[1] if ax is None else ax
    sns.heatmap(
        values,
        annot=True,
        fmt=fmt,
        cmap=cmap,
        ax=ax,
        cbar_kws={"label": label},
        xticklabels=column_names,
        yticklabels=row_names,
    )
    ax.grid(False)
    return ax


def changes(
    rows: Mapping[str, tuple[float, float]],
    colors: str | Sequence[str] = "#0072B2",
    ax: Axes | None = None,
) -> Axes:
    """Draw changes of an accuracy, a row each: a dot and its interval.

    A hollow dot is undecided: zero lies within its interval, or there is none.

    Args:
        rows: for each name the change and half the width of its interval, both as
            fractions; the width is nan where nothing is known about it.
        colors: one for all rows, or one a row.
        ax: where to draw; a new figure without it.
    """
    ax = plt.subplots()[1] if ax is None else ax
    for row, (change, half) in enumerate(rows.values()):
        color = colors if isinstance(colors, str) else colors[row]
        face = color if abs(change) > half else "white"
        width = None if np.isnan(half) else 100 * half
        ax.errorbar(
            100 * change,
            row,
            xerr=width,
            color=color,
            fmt="o",
            ms=7,
            mfc=face,
            capsize=3,
        )
    ax.axvline(0, color=BASELINE_COLOR, zorder=0)
    ax.set(yticks=range(len(rows)), yticklabels=rows, ylim=(len(rows) - 0.5, -0.5))
    ax.set(xlabel="change of accuracy (points)")
    return ax
