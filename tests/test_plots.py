"""The common figures: each returns its Axes, refuses what it cannot draw."""

import itertools

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from common import plots, runtime
from common.results import DayResult


@pytest.fixture(autouse=True)
def style():
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def test_learning_curves_draw_training_dashed_and_validation_solid():
    history = {"loss": [2.0, 1.0], "val_loss": [2.1, 1.5]}
    ax = plt.subplots()[1]
    assert plots.learning_curves({"A": history}, ax=ax) is ax
    solid, dashed = ax.get_lines()
    assert solid.get_linestyle() == "-"
    assert dashed.get_linestyle() == "--"
    assert solid.get_color() == dashed.get_color()
    np.testing.assert_array_equal(solid.get_ydata(), history["val_loss"])
    np.testing.assert_array_equal(solid.get_xdata(), [1, 2])
    assert ax.get_xlabel() == "epoch"


def test_a_known_model_keeps_its_colour():
    ax = plots.learning_curves({"Dense(128)": {"loss": [1.0]}})
    assert ax.get_lines()[0].get_color() == plots.COLORS["Dense(128)"]


def test_learning_curves_name_the_missing_metric():
    with pytest.raises(KeyError, match="no 'accuracy', only loss"):
        plots.learning_curves({"A": {"loss": [1.0]}}, metric="accuracy")


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 8, 8, 1), (5, 8, 6, 3)])
def test_image_grid_draws_every_image_inside_its_limits(shape):
    images = np.random.default_rng(0).random(shape)
    ax = plots.image_grid(images, titles=list("abcde"), columns=3)
    assert len(ax.get_images()) == 5
    assert [text.get_text() for text in ax.texts] == list("abcde")
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for image in ax.get_images():
        x0, x1, y0, y1 = image.get_extent()
        assert left <= x0 < x1 <= right
        assert top <= y1 < y0 <= bottom


def test_image_grid_refuses_other_shapes_and_missing_titles():
    with pytest.raises(ValueError, match=r"not \(8, 8\)"):
        plots.image_grid(np.zeros((8, 8)))
    with pytest.raises(ValueError, match="5 images but 2 titles"):
        plots.image_grid(np.zeros((5, 8, 8)), titles=["a", "b"])


def test_confusion_matrix_counts_true_rows_against_predicted_columns():
    y_true, y_pred = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    ax = plots.confusion_matrix(y_true, y_pred, ["a", "b", "c"])
    numbers = {
        (t.get_position()[1], t.get_position()[0]): t.get_text() for t in ax.texts
    }
    assert numbers[0.5, 0.5] == "1"  # a read as a
    assert numbers[0.5, 1.5] == "1"  # a read as b
    assert numbers[2.5, 0.5] == "1"  # c read as a
    assert numbers[1.5, 0.5] == "0"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")


def test_heat_map_writes_the_numbers():
    ax = plots.heat_map(np.array([[0.5, 1.0]]), ["r"], ["c", "d"], label="accuracy")
    assert [t.get_text() for t in ax.texts] == ["0.50", "1.00"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["c", "d"]


def test_changes_show_points_and_leave_undecided_dots_hollow():
    rows = {"lost": (-0.05, 0.02), "undecided": (0.01, 0.02), "one seed": (0.1, np.nan)}
    ax = plots.changes(rows, ["red", "green", "blue"])
    dots = [line for line in ax.get_lines() if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == pytest.approx([-5, 1, 10])
    assert [dot.get_markerfacecolor() for dot in dots] == ["red", "white", "white"]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(rows)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row stands above


def test_days_stand_where_their_seconds_and_accuracy_are():
    def row(day, accuracy, seconds, parameters):
        return DayResult(day, "A day", accuracy, seconds, parameters, "full", "CPU")

    rows = [row(5, 0.75, 60, 25_000), row(6, 0.85, None, 1), row(7, 0.86, 600, None)]
    ax = plots.accuracy_against_seconds(rows)
    places = [tuple(points.get_offsets()[0]) for points in ax.collections]
    assert places == [(60, 0.75), (600, 0.86)]
    assert [text.get_text() for text in ax.texts] == ["Day 5", "Day 7"]
    assert ax.get_xscale() == "log"
    first, last = (tuple(one.get_facecolor()[0]) for one in ax.collections)
    assert first != last
    again = plots.accuracy_against_seconds(rows, plt.subplots()[1], today=5)
    assert tuple(again.collections[0].get_facecolor()[0]) == last
    sizes = [
        plots.accuracy_against_seconds([row(5, 0.7, 9, n)]).collections[0].get_sizes()
        for n in (1_000, 1_000_000)
    ]
    assert sizes[0] < sizes[1]
    with pytest.raises(ValueError, match="nothing to draw"):
        plots.accuracy_against_seconds(rows[1:2])


def test_days_of_nearly_one_place_keep_their_labels_apart():
    near = [(100, 0.80), (104, 0.801), (101, 0.802), (98, 0.799), (9_000, 0.90)]
    rows = [
        DayResult(day, "A day", accuracy, seconds, 9_999, "full", "CPU")
        for day, (seconds, accuracy) in enumerate(near, start=10)
    ]
    ax = plots.accuracy_against_seconds(rows)
    renderer = ax.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in ax.texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_a_gpu_stands_as_a_triangle_and_the_legend_covers_no_day():
    def row(day, seconds, device):
        return DayResult(day, "A day", 0.7 + day / 100, seconds, 9, "full", device)

    mixed = [row(5, 90, "CPU, 2 cores"), row(6, 80, "GPU, Tesla T4"), row(7, 900, "")]
    ax = plots.accuracy_against_seconds(mixed)
    shapes = [len(points.get_paths()[0].vertices) for points in ax.collections]
    here = "CPU" in runtime.device()
    assert (shapes[0] == shapes[1], shapes[0] == shapes[2]) == (False, here)
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [
        "trained on a CPU",
        "trained on a GPU",
    ]
    box = legend.get_window_extent(ax.figure.canvas.get_renderer())
    assert not any(
        box.overlaps(text.get_window_extent(ax.figure.canvas.get_renderer()))
        for text in ax.texts
    )
    alone = plots.accuracy_against_seconds(mixed[:1])
    assert alone.get_legend() is None
