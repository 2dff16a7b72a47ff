"""What learners do, and what their machines are like: every notebook survives it.

One more run of each notebook, in a copy of the course, puts together what users of
such courses report: cells run twice, exercises after Run All, a proxy in the
environment, a backend of Matplotlib's and files of settings that another project
needed, and files beside ours that are called like Python's own modules.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import support
from nbformat import NotebookNode

from tools import notebooks

MODULES = ("queue", "random", "tokenize", "statistics", "token", "copy", "common")
"""Names of Python's own that learners give to their files, and one of ours."""

KERAS_JSON = {
    "backend": "theano",
    "epsilon": 1e-3,
    "floatx": "float16",
    "image_data_format": "channels_first",
}
MATPLOTLIBRC = "text.usetex: True\nfigure.figsize: 50, 1\nbackend: TkAgg\n"
NOBODY = "http://127.0.0.1:9"
"""A proxy at a port where nothing listens."""


def machine(course: Path, home: Path) -> dict[str, str]:
    """Prepare a learner's machine; return the environment of what runs there."""
    for name in MODULES:
        text = f'raise ImportError("a learner\'s {name}.py was imported")\n'
        (course / f"{name}.py").write_text(text, encoding="utf-8")
    keras = home / "keras"
    keras.mkdir(parents=True)
    (keras / "keras.json").write_text(json.dumps(KERAS_JSON), encoding="utf-8")
    (home / "matplotlibrc").write_text(MATPLOTLIBRC, encoding="utf-8")
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return support.surroundings(
        home,
        MPLBACKEND="Agg",
        MATPLOTLIBRC=str(home / "matplotlibrc"),
        **{name: NOBODY for one in proxies for name in (one, one.lower())},
    )


@pytest.mark.twice
@pytest.mark.parametrize("notebook", support.days_as_parameters("twice"))
def test_a_notebook_survives_its_learner(notebook: Path, tmp_path: Path) -> None:
    """Every cell runs twice, the exercises again at the end, and figures are shown."""
    course = support.copy_of_course(tmp_path / "course")
    env = machine(course, tmp_path / "home")
    finished, ran = support.run_notebook(
        support.CURRENT_PYTHON, course / notebook, env, twice=True
    )
    assert finished.returncode == 0, support.tail(finished)
    support.assert_ran_to_the_end(ran)
    said = support.printed(ran)
    assert "Set aside in this notebook: MPLBACKEND=Agg;" in said
    assert "the backend theano of " in said
    stored = notebooks.read(support.ROOT / notebook)
    assert drawn(ran) >= 2 * drawn(stored) > 0, "figures have vanished"
    assert_exercises_wait(ran)


def drawn(notebook: NotebookNode) -> int:
    """Return how many code cells show a picture."""
    return sum(bool(notebooks.pictures(cell)) for cell in support.code_cells(notebook))


def assert_exercises_wait(ran: NotebookNode) -> None:
    """Every check, also those made again at the end, says that its blank waits."""
    for cell in support.code_cells(ran):
        said = "".join(o.get("text", "") for o in cell.outputs)
        asked, waiting = cell.source.count('check("'), said.count("not attempted yet")
        assert waiting == asked, f"{notebooks.title(cell)}: {said}"
