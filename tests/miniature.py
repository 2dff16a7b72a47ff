"""A course in miniature, built by a test in its own folder: one day, run in seconds.

It has the real course.toml and the real common/results; its runtime and its data set
are stand-ins for the slow ones, and its notebook trains nothing.
"""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from common import ROOT
from tools import notebooks, stamp
from tools.course import Course, load_course

DAY = "day01_mnist"

PNG_TEXT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
PNG = base64.b64decode(PNG_TEXT)
"""One pixel."""

RUNTIME = '''
"""The parts of the real runtime that a record needs."""

import os

current_day = None


def start(day):
    global current_day
    current_day = day


def active_budget():
    return os.environ.get("COURSE_BUDGET", "quick")


def device():
    return "CPU, 2 cores"
'''

QUIET = '''
"""Imports nothing slow."""


def start():
    pass
'''

HELPER = '''
"""What the notebook imports, and what another day would."""

from dataclasses import dataclass

LIMIT = 3


@dataclass(frozen=True)
class Dataset:
    title: str
    source: str


def load(source="official"):
    """Docstrings do not count."""
    return Dataset("MNIST, 60,000 + 10,000", source)


def scale(x):
    return _factor() * x  # nor do comments


def _factor():
    return 2


def for_another_day(x):
    return x + LIMIT
'''

README = """# Day 01 — A first network that reads digits
<!-- nav --><!-- /nav -->

<!-- results:expected -->
| | |
| --- | --- |
| You will | read digits |
<!-- /results -->

The network reaches <!-- result:full.test_accuracy --><!-- /result -->, and it learns
<!-- result:benchmark.scratch_epoch_over_keras_epoch --><!-- /result --> as fast.

![One pixel](figures/pixel.png)

## What was recorded

<!-- results:table --><!-- /results -->

<!-- nav --><!-- /nav -->
"""

FRONT = """# The course

Day 1 takes <!-- result:day01_mnist/full.seconds --><!-- /result -->.

<!-- results:map --><!-- /results -->
"""


def code(source: str, *tags: str) -> nbformat.NotebookNode:
    """Return a code cell."""
    return new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def cells() -> list[nbformat.NotebookNode]:
    """Return the cells of a notebook that can be recorded."""
    return [
        new_markdown_cell(
            "# Day 01 — A first network that reads digits\n<!-- nav --><!-- /nav -->"
        ),
        code("...", notebooks.BOOTSTRAP),
        code(
            "from IPython.display import Image\n\n"
            "from common import helper, results, runtime\n\n"
            'runtime.start("day01_mnist")'
        ),
        new_markdown_cell("<!-- results:expected -->\n<!-- /results -->"),
        code("data = helper.load()\ndata.title"),
        new_markdown_cell("The data are read; now one picture."),
        code(f"Image(data={PNG!r}, format='png')", "figure:pixel"),
        new_markdown_cell("It is one pixel."),
        code(
            "import sys\n"
            'print("step 1/2", end="\\r")\n'
            'print("step 2/2 done")\n'
            "accuracies = [helper.scale(x) for x in (0.49, 0.4905, 0.491)]"
        ),
        new_markdown_cell("The record."),
        code(
            'results.record({"test_accuracy": accuracies, "plain_accuracy": 0.979,\n'
            '                "scratch_accuracy": 0.97}, data,\n'
            '               benchmarks={"scratch_epoch_over_keras_epoch": 0.4})'
        ),
        new_markdown_cell("<!-- nav --><!-- /nav -->"),
    ]


def build(root: Path, changed: dict[int, str] | None = None) -> Course:
    """Make a stamped course in the empty folder `root`.

    Args:
        root: where.
        changed: other sources for some cells, by their index in `cells()`.
    """
    shutil.copy(ROOT / "course.toml", root)
    (root / "README.md").write_text(FRONT, encoding="utf-8")
    shutil.copytree(
        ROOT / "common" / "results",
        root / "common" / "results",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("__init__", "homes", "notebook", "surroundings"):
        shutil.copy(ROOT / "common" / f"{name}.py", root / "common")
    (root / "common" / "quiet.py").write_text(QUIET, encoding="utf-8")
    (root / "common" / "runtime.py").write_text(RUNTIME, encoding="utf-8")
    (root / "common" / "helper.py").write_text(HELPER, encoding="utf-8")
    folder = root / DAY
    folder.mkdir()
    (folder / "README.md").write_text(README, encoding="utf-8")
    (folder / "exercises.py").write_text("EXERCISES = []\n", encoding="utf-8")
    notebook = new_notebook(cells=cells())
    for index, source in (changed or {}).items():
        notebook.cells[index].source = source
    path = folder / f"{DAY}.ipynb"
    path.write_text(notebooks.dump(notebook), encoding="utf-8")
    restamp(root)
    return load_course(root)


def restamp(root: Path) -> None:
    """Bring everything generated in the course at `root` up to date."""
    texts, _ = stamp.stamped(load_course(root))
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


def snapshot(root: Path) -> dict[str, bytes]:
    """Return every file of the course, to see later that none changed."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
