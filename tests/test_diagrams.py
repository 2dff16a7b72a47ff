"""The drawings: where things lie, and that their letters fit."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

from common import diagrams


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


def extent(ax, artist):
    """A thing's (left, bottom, right, top) in inches, as it is drawn."""
    shown = artist.get_window_extent(ax.figure.canvas.get_renderer())
    return np.array(shown.extents) / ax.figure.dpi


def arrows(ax):
    return [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]


def test_one_unit_is_one_inch_with_a_title_and_without():
    plain, titled = diagrams.canvas(5, 2), diagrams.canvas(5, 2, "Five by two")
    assert tuple(plain.figure.get_size_inches()) == (5, 2)
    assert titled.figure.get_size_inches()[1] > 2
    for ax in (plain, titled):
        a, b = ax.transData.transform([(0, 0), (1, 1)])
        np.testing.assert_allclose(b - a, ax.figure.dpi)


def test_a_drawing_without_an_area_is_refused():
    with pytest.raises(ValueError, match="no area"):
        diagrams.canvas(3, 0)


@pytest.mark.parametrize("text", ["x", "a rather long name of a layer", "two\nlines"])
def test_a_box_is_as_large_as_its_text_needs(text):
    ax = diagrams.canvas(6, 2)
    place = diagrams.box(ax, 3, 1, text)
    left, bottom, right, top = extent(ax, ax.texts[0])
    assert place.left[0] < left and right < place.right[0]
    assert place.bottom[1] < bottom and top < place.top[1]


def test_letters_are_readable_on_their_ground():
    ax = diagrams.canvas(6, 2)
    for color, ink in (
        ("#000000", "white"),
        ("#F0E442", "black"),
        (diagrams.BLUE, "white"),
    ):
        diagrams.box(ax, 1, 1, "text", color=color)
        assert ax.texts[-1].get_color() == ink


def test_an_arrow_stops_at_the_borders_of_its_boxes():
    ax = diagrams.canvas(6, 1)
    first, last = diagrams.box(ax, 1, 0.5, "first"), diagrams.box(ax, 5, 0.5, "last")
    diagrams.arrow(ax, first, last, "then")
    left, _, right, _ = extent(ax, arrows(ax)[0])
    assert first.right[0] - 0.02 <= left and right <= last.left[0] + 0.05
    assert ax.texts[-1].get_text() == "then"
    assert 2.5 < ax.texts[-1].get_position()[0] < 3.5


def test_the_text_of_a_bent_arrow_follows_the_bend():
    ax = diagrams.canvas(6, 3)
    diagrams.arrow(ax, (1, 1), (5, 1), "up", bend=-0.5, offset=(0, 0))
    assert ax.texts[-1].get_position() == pytest.approx((3, 2))
    _, bottom, _, top = extent(ax, arrows(ax)[0])
    assert bottom < 1.1 and 1.9 < top < 2.2


def test_a_chain_joins_boxes_that_do_not_touch():
    ax = diagrams.canvas(9, 1)
    names = ["text", "tokens", "vectors", "logit"]
    boxes = diagrams.chain(
        ax, names, x=0.2, y=0.5, notes=["", "(n,)"], labels=["cut"], color=["C0"] * 4
    )
    assert len(arrows(ax)) == 3
    assert boxes[0].left[0] == pytest.approx(0.2)
    for one, following in itertools.pairwise(boxes):
        assert following.left[0] - one.right[0] == pytest.approx(0.45)
    assert {"cut", "(n,)"} <= {text.get_text() for text in ax.texts}


def test_a_network_has_a_node_a_unit_and_an_arrow_a_weight():
    ax = diagrams.canvas(5, 3)
    nodes = diagrams.network(
        ax, [2, 3, 1], x=2.5, y=1.6, width=4, height=2.4,
        values=[["1", "2"], ["3", "4", "5"], ["6"]], weights={(0, 1, 2): "w"},
        labels=["input", "hidden", "output"],
    )  # fmt: skip
    assert [len(layer) for layer in nodes] == [2, 3, 1]
    assert len(arrows(ax)) == 2 * 3 + 3 * 1
    written = [text.get_text() for text in ax.texts]
    assert sorted(written) == sorted(["1", "2", "3", "4", "5", "6", "w", "input",
                                      "hidden", "output"])  # fmt: skip


@pytest.mark.parametrize(
    "values", [np.arange(6).reshape(2, 3), [["a", "b"]], [1.5, -2]]
)
def test_a_matrix_writes_each_number_into_its_cell(values):
    ax = diagrams.canvas(4, 3)
    grid = diagrams.matrix(ax, values, 2, 1.5)
    table = np.atleast_2d(values)
    assert (grid.rows, grid.columns) == table.shape
    for i, j in np.ndindex(table.shape):
        place, text = grid.part(i, j), ax.texts[i * grid.columns + j]
        assert text.get_position() == pytest.approx((place.x, place.y))
        left, _, right, _ = extent(ax, text)
        assert place.left[0] <= left and right <= place.right[0]


def test_long_numbers_stay_inside_their_cells():
    ax = diagrams.canvas(4, 3)
    grid = diagrams.matrix(ax, [[-12345.678]], 2, 1.5)
    left, _, right, _ = extent(ax, ax.texts[0])
    assert grid.frame.left[0] <= left and right <= grid.frame.right[0]


def test_shades_and_marks_colour_what_they_should():
    ax = diagrams.canvas(4, 3)
    diagrams.matrix(ax, [[0, 1, -1]], 2, 1.5, shade=True)
    zero, positive, negative = (patch.get_facecolor()[:3] for patch in ax.patches[:3])
    assert zero == (1, 1, 1) and positive[2] > positive[0] and negative[0] > negative[2]
    ax = diagrams.canvas(4, 3)
    diagrams.matrix(ax, [[1, 2]], 2, 1.5, marked=[(0, 1)])
    plain, marked = (patch.get_facecolor()[:3] for patch in ax.patches[:2])
    assert plain == (1, 1, 1) and marked != plain


def test_a_block_of_cells_spans_them_and_may_reach_over_the_edge():
    ax = diagrams.canvas(4, 4)
    grid = diagrams.matrix(ax, np.zeros((4, 4)), 2, 2, cell=0.5)
    block = grid.part(0, 1, 2, 3)
    assert (block.width, block.height) == (1.5, 1.0)
    assert block.top[1] == pytest.approx(grid.frame.top[1])
    assert block.right[0] == pytest.approx(grid.frame.right[0])
    assert grid.part(-1, -1).right[0] == pytest.approx(grid.frame.left[0])


def test_an_array_of_three_axes_is_refused():
    with pytest.raises(ValueError, match="two axes"):
        diagrams.matrix(diagrams.canvas(2, 2), np.zeros((2, 2, 2)), 1, 1)
