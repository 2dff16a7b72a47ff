"""The figure that grows from day to day: what a model reaches, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.ticker import LogLocator, NullLocator
from matplotlib.transforms import Bbox

if TYPE_CHECKING:
    from common.results import DayResult

MARKERS = {"cpu": "o", "gpu": "^"}

LABEL_PLACES = [
    (x, y) for away in (0, 10, 20) for y in (4 + away, -12 - away) for x in (6, -38)
]
"""Where a label may stand beside its point, in points; the first free one is taken."""


def accuracy_against_seconds(
    rows: Sequence[DayResult], ax: Axes | None = None, today: int | None = None
) -> Axes:
    """Draw what the models of several days reach against what their training takes.

    Left and up is better. Rows without training seconds are left out; the area of a
    point grows with the number of parameters. Seconds of a CPU and of a GPU do not
    compare: a point is a circle or a triangle, and where both occur, a legend says so.

    Args:
        rows: from `results.of_days`, and the day's own; a row without a device stands
            for this run.
        ax: where to draw; a new figure without it.
        today: the day whose point is coloured; by default the last one.

    Raises:
        ValueError: no row has training seconds.
    """
    from common import plots, runtime  # which import this module
    from common.results import device_kind

    rows = [row for row in rows if row.seconds is not None]
    if not rows:
        raise ValueError("No row has training seconds, so there is nothing to draw.")
    today = rows[-1].day if today is None else today
    ax = plt.subplots()[1] if ax is None else ax
    labels, kinds = [], {}
    for row in rows:
        color = "C0" if row.day == today else plots.BASELINE_COLOR
        kind = device_kind({"device": row.device or runtime.device()})
        area = (
            30 if row.parameters is None else 12 * np.log10(row.parameters + 1) ** 1.5
        )
        kinds[kind] = ax.scatter(
            row.seconds, row.accuracy, s=area, color=color, marker=MARKERS[kind]
        )
        place = (row.seconds, row.accuracy)
        labels.append(
            ax.annotate(
                f"Day {row.day}",
                place,
                xytext=(6, 4),
                textcoords="offset points",
                fontsize=9,
            )
        )
    ax.set(xscale="log", xlabel="training (seconds, log scale)", ylabel="accuracy")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.margins(x=0.2, y=0.2)
    if len(kinds) > 1:
        words = [f"trained on a {kind.upper()}" for kind in kinds]
        # In a frame and smaller, lest its points be read as days
        ax.legend(kinds.values(), words, markerscale=0.6, frameon=True, fontsize=9)
    _set_labels_apart(ax, labels)
    return ax


def _set_labels_apart(ax: Axes, labels: Sequence[Annotation]) -> None:
    """Give each label the first place around its point that nothing else covers."""
    ax.figure.draw_without_rendering()  # settles the layout, so that places are true
    renderer = ax.figure.canvas.get_renderer()
    points = ax.transData.transform([label.xy for label in labels])
    taken = [Bbox.from_bounds(x - 3, y - 3, 6, 6) for x, y in points]
    if (legend := ax.get_legend()) is not None:
        taken.append(legend.get_window_extent(renderer))
    for label in labels:
        for place in LABEL_PLACES:
            label.set_position(place)
            box = label.get_window_extent(renderer)
            if not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)
