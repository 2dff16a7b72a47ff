"""The rule for cells tagged `drawing`: each way to break it is found."""

import drawings
import miniature
import pytest

IMPORTS = (
    "import keras\nimport matplotlib.pyplot as plt\nimport numpy as np\n"
    "from common import datasets, diagrams, plots"
)
TOY = "x_toy = np.eye(3)\n\ndef sigmoid(z):\n    return 1 / (1 + np.exp(-z))"
DATA = "data = datasets.mnist()\nmean = data.train[0].mean()\nscale = 2"
MODEL = "model = keras.Sequential()\nsizes = [len(model.layers)]"
RNG = "rng = np.random.default_rng(0)\nnoise = rng.normal(size=3)"
AFTER = (
    "def scaled(x):\n    return scale * x\n\nfor row in x_toy:\n    print(scaled(row))"
)
BEFORE = [IMPORTS, TOY, DATA, MODEL, RNG]
DRAWING = len(BEFORE) + 1


def said(drawing: str, *after: str) -> str:
    """What is said of a drawing between the cells above, the last one after it."""
    sources = [*BEFORE, drawing, *(after or (AFTER,))]
    cells = [miniature.code(source) for source in sources]
    cells[DRAWING - 1] = miniature.code(drawing, drawings.DRAWING)
    return "; ".join(drawings.complaints(list(enumerate(cells, start=1))))


@pytest.mark.parametrize(
    "drawing",
    [
        "ax = diagrams.canvas(6, 2)\nbox = diagrams.box(ax, 1, 1, 'image')\nplt.show()",
        "fig, ax = plt.subplots()\nax.imshow(sigmoid(x_toy))\nax.axis('off')",
        "for row in x_toy:\n    plt.plot([2 * value for value in row])",
        "def arrow(a, b):\n    a.sort()\n    return a, b\n\narrow([2, 1], len(x_toy))",
        "z = np.linspace(0, 1)\nz[0] = 1\nplots.heat_map(x_toy, 'abc', 'abc')",
        "try:\n    y = 1 / 0\nexcept ZeroDivisionError as problem:\n    str(problem)",
        "with plt.rc_context():\n    [plt.text(0, i, w) for i, w in enumerate('ab')]",
    ],
)
def test_a_drawing_of_a_mechanism_is_one(drawing):
    assert said(drawing) == ""


@pytest.mark.parametrize(
    ("drawing", "complaint"),
    [
        ("plt.plot(mean)", "reads datasets,"),
        ("plt.imshow(data.train[0][0])", "reads datasets,"),
        ("sizes", "reads keras,"),
        ("plt.plot(noise)", "reads random,"),
        ("def draw():\n    return mean\n\ndraw()", "reads datasets,"),
        ("np.random.normal()", "reads random,"),
        ("plt.imshow(np.loadtxt('a.csv'))", "reads loadtxt,"),
        ("model.fit(x_toy)", "may change model of"),
        ("x_toy[0] = 1", "may change x_toy of"),
        ("x_toy.sort()", "may change x_toy of"),
        ("np.pi = 3", "may change np of"),
        ("def draw():\n    x_toy[0] = 1", "may change x_toy of"),
        ("def draw():\n    global row\n    row = 1", "may change row of"),
        ("scale = 7", "binds scale, which other cells read"),
        ("x_toy = 2 * x_toy", "binds x_toy, which other cells read"),
        ("import os\nos.getcwd()", "imports"),
        ("%matplotlib inline", "more than Python"),
    ],
)
def test_what_a_drawing_must_not_do_is_found(drawing, complaint):
    assert complaint in said(drawing)


def test_what_a_later_cell_binds_anew_is_not_read():
    """`fig, ax = ...` stands in many cells; each reads its own."""
    drawing = "fig, ax = plt.subplots()\nw = 3"
    own = "fig, ax = plt.subplots()\nax.plot([w for w in (1, 2)])"
    assert said(drawing, own) == ""
    assert "binds ax," in said(drawing, "ax.plot()\nfig, ax = plt.subplots()")
    assert "binds w," in said(drawing, "w += 1")
    assert "binds w," in said(drawing, "def grown(x=w):\n    return x")


def test_a_value_that_changes_after_it_was_written_is_not_a_constant():
    cells = [
        IMPORTS, "shown = [1, 2]", "shown.append(datasets.mnist())", "plt.plot(shown)"
    ]  # fmt: skip
    code = [miniature.code(source) for source in cells]
    code[-1] = miniature.code(cells[-1], drawings.DRAWING, "figure:x")
    found = list(drawings.complaints(list(enumerate(code, start=1))))
    assert found == ["drawing 4 reads datasets, which may be measured"]
