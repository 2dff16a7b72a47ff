"""Every day folder is whole; and each rule that says so can fail."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import anatomy
import miniature
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output

from common import ROOT, results
from tools import notebooks, stamp
from tools.course import Course, Day, load_course

COURSE = load_course(ROOT)


# --- The days that exist -------------------------------------------------------------


@pytest.mark.parametrize("rule", anatomy.CHECKS, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("day", COURSE.landed(), ids=lambda day: day.folder)
def test_a_day_is_whole(day: Day, rule: anatomy.Rule):
    found = list(rule(anatomy.DayFolder.read(COURSE, day)))
    assert not found, f"{day.folder}: " + "; ".join(found)


def test_every_day_folder_stands_in_the_syllabus():
    assert list(anatomy.folders_match_the_syllabus(COURSE)) == []


def test_links_of_the_courses_own_texts_are_unbroken():
    texts = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("tracks/*.md")]
    found = [
        f"{path.name}: {target} {reason}"
        for path in texts
        if path.is_file()
        for target in anatomy.links(path.read_text(encoding="utf-8"))
        if (reason := anatomy.broken(target, path.parent, path))
    ]
    assert not found


# --- A day that follows every rule, and what breaks it -------------------------------

EXERCISES = """
EXERCISES = [
    Exercise(id="1.1", title="a"),
    Exercise(id="1.2", title="b"),
    Exercise(id="1.3", title="c"),
]
"""

README = """# Day 01 — A first network that reads digits

<!-- nav --><!-- /nav -->

<!-- results:expected --><!-- /results -->

## The idea

[Exercises](#exercises-in-words) follow the [map](../README.md).

```python
print("a few lines")
```

![One pixel, which is black](figures/pixel.png)

## Results

<!-- results:table --><!-- /results -->

## Exercises in words

1.1 does a, 1.2 does b, and 1.3 does c.

## Reading

Someone, *Something*, 1986.

<!-- nav --><!-- /nav -->
"""


def shown(cell: NotebookNode, *outputs: NotebookNode) -> NotebookNode:
    cell.outputs = list(outputs)
    return cell


def picture(tag: str = "") -> NotebookNode:
    data = {"image/png": miniature.PNG_TEXT, "text/plain": "<Figure>"}
    cell = miniature.code("plt.show()", *([tag] if tag else []))
    return shown(cell, new_output("display_data", data=data))


def lesson() -> list[NotebookNode]:
    """Return the cells of a notebook that follows every rule, as if it had run."""
    text = new_markdown_cell
    table = "Test accuracy 98.31 % ± 0.06"
    return [
        text(
            "# Day 01 — A first network that reads digits\n\nYou will read.\n\n"
            "<!-- nav --><!-- /nav -->"
        ),
        miniature.code("pass", notebooks.BOOTSTRAP),
        miniature.code("import numpy as np\n\nfrom common import helper, results"),
        text("<!-- results:expected --><!-- /results -->"),
        text("## 1 The question"),
        picture("figure:pixel"),
        text("It is one pixel."),
        *[cell for _ in range(4) for cell in (picture(), text("It is one pixel."))],
        text("## 2 The idea"),
        miniature.code("import keras", anatomy.INTRODUCES),
        text("Keras joins in."),
        *[cell for _ in range(2) for cell in (miniature.code("1 + 1"), text("Two."))],
        miniature.code("a = 1", notebooks.DRAWING),
        text("Two."),
        shown(
            miniature.code("results.record(\n    {}, data)"),
            new_output("stream", text=table),
        ),
        text("The record."),
        text("## 3 Exercises"),
        *[
            cell
            for number in (1, 2, 3)
            for cell in (
                text(f"### Exercise 1.{number}\n\nDo it."),
                miniature.code(f'check("1.{number}", ...)'),
            )
        ],
        text("## 4 Summary\n\nIt reads."),
        text("## Reading\n\nSomeone, 1986.\n\n<!-- nav --><!-- /nav -->"),
    ]


class Lesson:
    """A day in miniature that a test may break: files by path, cells by function."""

    def __init__(self, root: Path):
        self.root = root
        miniature.build(root)
        self.path = root / miniature.DAY
        self.notebook_path = results.notebook_path(self.path)
        (self.path / "README.md").write_text(README, encoding="utf-8")
        (self.path / "exercises.py").write_text(EXERCISES, encoding="utf-8")
        (self.path / "figures").mkdir()
        (self.path / "figures" / "pixel.png").write_bytes(miniature.PNG)
        notebook = notebooks.read(self.notebook_path)
        notebook.cells = lesson()
        notebooks.number_outputs(notebook)
        self._write(notebook)
        one = {
            "budget": "full",
            "data": "MNIST",
            "source": "official",
            "metrics": {"test_accuracy": {"mean": 0.98312, "std": 0.0006, "seeds": 3}},
            "seconds": 84.1,
            "device": "CPU, 2 cores",
            "backend": "tensorflow",
            "versions": {"keras": "3.15.1"},
            "date": "2026-11-22",
            "code_sha256": results.code_hashes(self.notebook_path, root)["full"],
        }
        quick = one | {"budget": "quick", "seconds": 70.5, "device": "GPU, Tesla T4"}
        quick["memory_bytes"] = 2_400_000_000
        content = {"day": 1, "records": [one, quick], "benchmarks": []}
        (self.path / "results.json").write_text(results.dump(content), encoding="utf-8")
        notebook.metadata["drawings"] = notebooks.drawings_sha256(notebook)
        notebook.metadata["record"] = {
            name: one[name] for name in ("budget", "date", "device", "code_sha256")
        }
        self._write(notebook)
        miniature.restamp(root)

    def _write(self, notebook: NotebookNode) -> None:
        self.notebook_path.write_text(notebooks.dump(notebook), encoding="utf-8")

    def cells(self, change: Callable[[list[NotebookNode]], object]) -> None:
        """Change the notebook's cells and store them, numbered and in form."""
        notebook = notebooks.read(self.notebook_path)
        change(notebook.cells)
        notebooks.bring_to_form(notebook)
        self._write(notebook)

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a text file of the day."""
        path = self.path / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def course(self) -> Course:
        return load_course(self.root)

    def complaints(self, rule: anatomy.Rule) -> list[str]:
        course = self.course()
        return list(rule(anatomy.DayFolder.read(course, course.days[0])))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return Lesson(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def breakable(whole, tmp_path):
    """A copy of the lesson that follows every rule."""
    lesson = Lesson.__new__(Lesson)
    lesson.root = tmp_path / "course"
    shutil.copytree(whole.root, lesson.root)
    lesson.path = lesson.root / miniature.DAY
    lesson.notebook_path = results.notebook_path(lesson.path)
    return lesson


@pytest.mark.parametrize("rule", anatomy.CHECKS, ids=lambda rule: rule.__name__)
def test_a_whole_day_breaks_no_rule(whole, rule):
    assert whole.complaints(rule) == []
    assert stamp.stamped(whole.course()) == ({}, [])


def find(cells: list[NotebookNode], start: str) -> NotebookNode:
    return next(cell for cell in cells if cell.source.startswith(start))


def set_source(start: str, new: str) -> Callable:
    return lambda cells: find(cells, start).update(source=new)


def set_text(start: str, text: str, name: str = "stdout") -> Callable:
    output = new_output("stream", name=name, text=text)
    return lambda cells: find(cells, start).update(outputs=[output])


def drop(start: str) -> Callable:
    return lambda cells: cells.remove(find(cells, start))


def insert(place: int, *new: NotebookNode) -> Callable:
    return lambda cells: cells.__setitem__(slice(place, place), new)


def code_after_code(cells: list[NotebookNode]) -> None:
    insert(6, miniature.code("1"), miniature.code("2"))(cells)


BREAKS_A_CELL = [
    ("bootstrap_is_the_second_cell", insert(1, new_markdown_cell("Hello.")), "cell 2"),
    (
        "bootstrap_is_the_second_cell",
        set_source("# @title Course setup", "import sys"),
        "not the one",
    ),
    ("one_cell_imports", set_source("import numpy", "x = 1"), "imports nothing"),
    ("one_cell_imports", set_source("1 + 1", "import os"), "imports too"),
    (
        "execution_counts_are_of_one_run",
        lambda cells: find(cells, "1 + 1").update(execution_count=40),
        "40",
    ),
    ("execution_counts_are_of_one_run", drop("1 + 1"), "counts are"),
    ("outputs_are_clean", set_text("1 + 1", "FutureWarning: x"), "a warning"),
    ("outputs_are_clean", set_text("1 + 1", "/home/ada/x"), "a path"),
    ("outputs_are_clean", set_text("1 + 1", "1/2\r2/2"), "debris"),
    (
        "outputs_are_clean",
        lambda cells: find(cells, "1 + 1").update(
            outputs=[new_output("error", ename="E", evalue="v", traceback=[])]
        ),
        "an error",
    ),
    (
        "outputs_are_clean",
        lambda cells: find(cells, "1 + 1").update(
            source="# NBVAL_CHECK_OUTPUT\n1",
            outputs=[new_output("stream", name="stderr", text="x")],
        ),
        "writes to stderr",
    ),
    (
        "notebook_follows_the_anatomy",
        set_source("# Day 01", "# Day 1: digits\n<!-- nav --><!-- /nav -->"),
        "first line",
    ),
    (
        "notebook_follows_the_anatomy",
        set_source("# Day 01", "# Day 01 — A first network that reads digits"),
        "no links",
    ),
    (
        "notebook_follows_the_anatomy",
        set_source("## Reading", "## Reading"),
        "last cell",
    ),
    ("notebook_follows_the_anatomy", drop("<!-- results:exp"), "results:expected"),
    ("notebook_follows_the_anatomy", drop("## 4 Summary"), "no heading 'Summary'"),
    (
        "notebook_follows_the_anatomy",
        lambda cells: cells.insert(4, cells.pop(cells.index(find(cells, "## 4 Summ")))),
        "order",
    ),
    ("size_is_readable", lambda cells: cells.__delitem__(slice(13, 18)), "cells"),
    (
        "size_is_readable",
        insert(7, *[new_markdown_cell("More.") for _ in range(40)]),
        "70 are a lesson",
    ),
    (
        "size_is_readable",
        lambda cells: cells.__setitem__(
            slice(None),
            [c for c in cells if c.source not in ("It is one pixel.", "Two.")],
        ),
        "text cells for",
    ),
    ("size_is_readable", code_after_code, "third code cell in a row"),
    ("size_is_readable", set_source("1 + 1", "x\n" * 35 + "x"), "36 lines"),
    ("size_is_readable", set_source("1 + 1", "x" * 89), "89 columns"),
    ("size_is_readable", set_text("1 + 1", "x" * 1_500_000), "bytes"),
    ("figures_are_read", lambda cells: cells.pop(7), "4 figures"),
    ("figures_are_read", drop("It is one pixel."), "no text reads"),
    (
        "figures_are_read",
        set_source("It is one pixel.", "## A heading is no reading"),
        "no text reads the figure of cell 6",
    ),
    (
        "readme_pictures_are_the_notebooks",
        lambda cells: cells[5].update(outputs=[]),
        "shows no picture",
    ),
    (
        "drawings_change_nothing",
        insert(6, miniature.code("np.random.normal()", "drawing")),
        "drawing 7 reads random",
    ),
    (
        "drawings_are_of_their_code",
        set_source("a = 1", "a = 2"),
        "make redraw DAY=1",
    ),
    ("links_are_unbroken", set_source("Two.", "[x](../day99/x.ipynb)"), "cell"),
    ("links_are_unbroken", set_source("Two.", "[x](README.md#none)"), "heading"),
    ("record_is_the_notebooks", set_source("results.record", "x"), "in 0 cells"),
    ("record_is_the_notebooks", set_text("results.record", "98.4 %"), "not what"),
    ("exercises_are_announced", set_source('check("1.2"', "x"), "never checks"),
]


@pytest.mark.parametrize(
    ("rule", "change", "complaint"),
    BREAKS_A_CELL,
    ids=[f"{name}-{complaint}" for name, _, complaint in BREAKS_A_CELL],
)
def test_a_broken_notebook_is_found(breakable, rule, change, complaint):
    breakable.cells(change)
    assert complaint in "; ".join(breakable.complaints(getattr(anatomy, rule)))


BREAKS_A_FILE = [
    ("readme_follows_the_anatomy", "README.md", "# Day 01 — A", "# Day 01: A", "first"),
    ("readme_follows_the_anatomy", "README.md", "<!-- nav -->", "", "top and bottom"),
    ("readme_follows_the_anatomy", "README.md", "results:table", "x", "results:table"),
    ("readme_follows_the_anatomy", "README.md", "## Reading", "## Books", "'Reading'"),
    ("readme_follows_the_anatomy", "README.md", "print(", "x\n" * 9 + "(", "few lines"),
    ("readme_pictures_are_the_notebooks", "README.md", "One pixel, which", "", "alter"),
    (
        "readme_pictures_are_the_notebooks",
        "README.md",
        "pixel.png",
        "p.png",
        "not exist",
    ),
    ("readme_pictures_are_the_notebooks", "README.md", "![One", "[One", "not shown"),
    ("links_are_unbroken", "README.md", "#exercises-in-words", "#x", "heading"),
    (
        "links_are_unbroken",
        "README.md",
        "(../README.md) ·",
        "(../no.md) ·",
        "not exist",
    ),
    ("record_is_the_notebooks", "results.json", "0.98312", "0.97312", "not what"),
    ("record_is_the_notebooks", "results.json", '"full"', '"quick"', "no record"),
    ("record_is_the_notebooks", "results.json", '"mean"', '"average"', "lacks mean"),
    (
        "quick_run_fits_a_laptop",
        "results.json",
        ": 2400000000",
        ": 4000000000",
        "4.0 GB",
    ),
    ("quick_run_fits_a_laptop", "results.json", ": 70.5", ": 601.0", "took 10 min 1 s"),
    ("exercises_are_announced", "README.md", "1.2 does b", "b", "1.2"),
    ("exercises_are_announced", "exercises.py", 'id="1.3"', 'id="1.r3"', "2 exercises"),
]


@pytest.mark.parametrize(
    ("rule", "name", "old", "new", "complaint"),
    BREAKS_A_FILE,
    ids=[f"{rule}-{complaint}" for rule, _, _, _, complaint in BREAKS_A_FILE],
)
def test_a_broken_file_is_found(breakable, rule, name, old, new, complaint):
    breakable.edit(name, old, new)
    assert complaint in "; ".join(breakable.complaints(getattr(anatomy, rule)))


@pytest.mark.parametrize("name", ["README.md", "exercises.py", "results.json"])
def test_a_missing_file_is_found(breakable, name):
    (breakable.path / name).unlink()
    assert breakable.complaints(anatomy.files_are_present) == [f"{name} is missing"]


def test_a_picture_that_the_run_did_not_draw_is_found(breakable):
    (breakable.path / "figures" / "pixel.png").write_bytes(b"another")
    rule = anatomy.readme_pictures_are_the_notebooks
    assert "not the one stored" in breakable.complaints(rule)[0]


def test_a_notebook_saved_in_another_form_is_found(breakable):
    notebook = notebooks.read(breakable.notebook_path)
    notebook.cells[4].metadata["collapsed"] = True
    breakable._write(notebook)
    texts, stale = stamp.stamped(breakable.course())
    assert [one.place for one in stale] == ["ids or metadata"]
    assert list(texts) == [breakable.notebook_path]


def test_every_rule_was_seen_to_fail():
    seen = {name for name, *_ in BREAKS_A_CELL} | {name for name, *_ in BREAKS_A_FILE}
    seen.add("files_are_present")
    assert {rule.__name__ for rule in anatomy.CHECKS} == seen


def test_from_the_second_day_on_there_is_a_recall(breakable):
    course = breakable.course()
    folder = anatomy.DayFolder.read(course, course.days[0])
    second = anatomy.DayFolder(course, course.days[1], folder.notebook, folder.readme)
    assert "there is no heading 'Recall'" in list(
        anatomy.notebook_follows_the_anatomy(second)
    )


def test_a_folder_that_the_syllabus_does_not_know_is_found(breakable):
    (breakable.root / "day41_more").mkdir()
    (breakable.root / "day02_activations").mkdir()
    assert list(anatomy.folders_match_the_syllabus(breakable.course())) == [
        "day02_activations has no notebook",
        "day41_more is not a day of course.toml",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[a](b.md) and ![c](d.png 'e')", ["b.md"]),
        ('[a](b.md "title")', ["b.md"]),
        ("[a](https://x.org) [b](mailto:a@b.c) [c](#d)", ["#d"]),
        ("`[a](b.md)` and $[k=y](x)$", []),
        ("```\n[a](b.md)\n```\n[c](e.md)", ["e.md"]),
        ("[![badge](x.svg)](y.md)", ["x.svg", "y.md"]),
    ],
)
def test_links_are_found(text, found):
    assert list(anatomy.links(text)) == found


def test_anchors_are_those_of_github(tmp_path):
    path = tmp_path / "a.md"
    path.write_text(
        "# Day 01 — A `test`\n## [Link](x.md), twice!\n## Link, twice!\n"
        "```\n# no heading\n```\n",
        encoding="utf-8",
    )
    assert anatomy.anchors(path) == {"day-01--a-test", "link-twice", "link-twice-1"}
