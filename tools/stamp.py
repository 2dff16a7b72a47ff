"""`make stamp`: write badges, links, bootstrap cells, tables and numbers into texts.

What stands between markers in README.md, in a day's README.md and in its notebook is
generated from course.toml and from the recorded results, and never edited by hand:

    <!-- nav -->…<!-- /nav -->                          previous, next, Colab badge
    <!-- results:map -->…<!-- /results -->              the front page's forty days
    <!-- results:table -->…<!-- /results -->            everything a day recorded
    <!-- results:expected -->…<!-- /results -->         the table at the head of a day
    <!-- results:compared -->…<!-- /results -->         the days that course.toml names
    <!-- result:full.test_accuracy -->…<!-- /result --> one number in a sentence

A number of another day is reached as result:day01_mnist/full.test_accuracy. Notebooks
also get the bootstrap cell (a code cell tagged "bootstrap", folded away), stable cell
ids and no other metadata but tags; outputs are never touched.

`--check` writes nothing; it names what is stale and exits with 1.
"""

from __future__ import annotations

import argparse
import re
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
runpy.run_path(str(ROOT / "common" / "notebook.py"))["bind"]("common", "tools")

from nbformat import NotebookNode  # noqa: E402

from common import results  # noqa: E402
from tools import console, notebooks  # noqa: E402
from tools.course import Course, CourseError, Day, load_course  # noqa: E402

_BOOTSTRAP = """\
# @title Course setup: finds the course around this notebook; Colab fetches it first.
import os
import runpy
import sys

git = "git clone -q --depth=1 REPOSITORY course"
if "google.colab" in sys.modules and not os.path.exists("course/common"):
    git = os.popen(f"{git} -b RELEASE 2>/dev/null || {git} 2>&1 | head -n1").read()
places = [f + "/common/notebook.py" for f in ("course", ".", "..", "../..", "../../..")]
if not (found := list(filter(os.path.exists, places))):
    raise RuntimeError(f"The course is neither beside nor above this notebook: {git}")
runpy.run_path(found[0])["start"]("RELEASE")
"""


def bootstrap(course: Course) -> str:
    """The source of the bootstrap cell, the same in every notebook.

    In Colab, where the release does not exist, the newest state is taken. What comes
    after finding the course is in common/notebook.py.
    """
    source = _BOOTSTRAP.replace("REPOSITORY", course.repository)
    return source.replace("RELEASE", course.release).strip()


class Stale(NamedTuple):
    """A generated text that is not what it should be."""

    path: Path
    place: str
    what: str


class StampError(ValueError):
    """A marker that cannot be filled; says where and why in a sentence."""


def stamped(
    course: Course,
    recorded: Mapping[str, Recorded] | None = None,
    opened: Mapping[Path, NotebookNode] | None = None,
) -> tuple[dict[Path, str], list[Stale]]:
    """Return the new text of every file that is stale, and what is stale in it.

    tools/record.py hands in what is not written yet: what to render for a day, by its
    folder, and notebooks to stamp, in place, instead of the files at their paths.

    Raises:
        StampError, ResultsError, CourseError: a marker or a file is broken.
    """
    stamper = Stamper(course, dict(recorded or {}))
    texts: dict[Path, str] = {}
    stale: list[Stale] = []
    for day in (None, *course.landed()):
        path = (course.folder(day) if day else course.root) / "README.md"
        if path.is_file():
            new, found = stamper.text(path.read_text(encoding="utf-8"), day, path)
            texts |= {path: new} if found else {}
            stale += found
        if day is not None:
            path = course.notebook(day)
            notebook = (opened or {}).get(path) or notebooks.read(path)
            if found := stamper.notebook(notebook, day, path):
                texts[path] = notebooks.dump(notebook)
                stale += found
    return texts, stale


class Recorded(NamedTuple):
    """A day's results and the hashes of its notebook's code as it stands."""

    results: dict
    hashes: dict[str, str]


class Stamper:
    """Fills the markers of one course."""

    def __init__(self, course: Course, recorded: dict[str, Recorded]):
        self.course = course
        self._recorded = recorded

    def recorded(self, day: Day) -> Recorded:
        """Return a day's results, read once."""
        if day.folder not in self._recorded:
            self._recorded[day.folder] = Recorded(
                results.load(self.course.folder(day)),
                results.code_hashes(self.course.notebook(day), self.course.root),
            )
        return self._recorded[day.folder]

    def notebook(self, notebook: NotebookNode, day: Day, path: Path) -> list[Stale]:
        """Stamp a notebook in place; return what was stale."""
        stale = []
        source = bootstrap(self.course)
        found = [c for c in notebook.cells if notebooks.BOOTSTRAP in notebooks.tags(c)]
        if len(found) != 1 or found[0].cell_type != "code":
            raise StampError(f"{path.name} needs one code cell tagged bootstrap.")
        if found[0].source != source:
            found[0].source = source
            stale.append(Stale(path, "bootstrap cell", "another source"))
        if notebooks.bring_to_form(notebook):
            stale.append(Stale(path, "ids or metadata", "not in the stored form"))
        for number, cell in enumerate(notebook.cells, start=1):
            if cell.cell_type == "markdown":
                place = f"cell {number}"
                cell.source, differs = self.text(cell.source, day, path, place)
                stale += differs
        return stale

    def text(
        self, text: str, day: Day | None, path: Path, place: str = ""
    ) -> tuple[str, list[Stale]]:
        """Return a Markdown text with all its markers filled, and what was stale.

        The front page is no day's; a text of a notebook has a place, as in "cell 1".
        """
        where = f"{path.parent.name}/{path.name}{place and f', {place}'}"
        others = _GENERATED.sub(lambda found: "\n" * found[0].count("\n"), text)
        if alone := _MARKER.search(others):
            line = others.count("\n", 0, alone.start()) + 1
            raise StampError(f"{where}: line {line}: {alone[0]} has no counterpart.")
        stale = []

        def fill(found: re.Match[str]) -> str:
            opening, kind, key, old, closing = found.groups()
            name = f"{kind}:{key}" if key else kind
            if kind == "result":
                new = self._value(key, day, where)
            elif name == "nav" and day is not None:
                head = place in ("", "cell 1") and opening not in text[: found.start()]
                new = f"\n{self._nav(day, path.suffix == '.ipynb', badge=head)}\n"
            else:
                new = f"\n{self._table(name, old, day, where)}\n"
            if new != old:
                line = text.count("\n", 0, found.start()) + 1
                stale.append(Stale(path, place or f"line {line}", opening))
            return f"{opening}{new}{closing}"

        return _GENERATED.sub(fill, text), stale

    def _table(self, name: str, old: str, day: Day | None, where: str) -> str:
        if name == "results:map":
            return self.front_page_map()
        if day is None:
            raise StampError(f"{where}: {name} belongs into a day's texts.")
        recorded = self.recorded(day)
        if name == "results:table":
            return results.render_table(recorded.results)
        if name == "results:expected":
            return results.render_expected(old, *recorded)
        if name == "results:compared":
            if not day.compared:
                raise StampError(f"{where}: course.toml compares {day.folder} to none.")
            return self._comparison(day)
        raise StampError(f"{where}: there is no {name}; see tools/stamp.py.")

    def _comparison(self, day: Day) -> str:
        """Return the table of the days that `day` is compared with, itself included."""
        rows = []
        for other in (self.course.days[number - 1] for number in day.compared["days"]):
            if self.course.has(other):
                name = f"[{other.number} · {other.title}](../{other.folder}/README.md)"
                rows.append(results.Compared(name, *self.recorded(other)))
        return results.render_comparison(rows, day.compared["by"])

    def _value(self, key: str, day: Day | None, where: str) -> str:
        folder, slash, rest = key.rpartition("/")
        try:
            meant = self.course.day(folder) if slash else day
            if meant is None:
                raise StampError(f"{where}: result:{key} does not name a day.")
            if not self.course.has(meant):
                return results.NOT_RECORDED
            return results.render_value(*self.recorded(meant), rest)
        except (results.ResultsError, CourseError) as reason:
            raise StampError(f"{where}: result:{key}: {reason}") from None

    def _nav(self, day: Day, in_notebook: bool, badge: bool) -> str:
        """Return the links to the days before and after, and to the map."""

        def link(number: int, before: str = "", after: str = "") -> str:
            if not 1 <= number <= len(self.course.days):
                return ""
            other = self.course.days[number - 1]
            words = f"{before}Day {number}: {other.title}{after}"
            if not self.course.has(other):
                return f"{words} (planned)"
            name = f"{other.folder}.ipynb" if in_notebook else "README.md"
            return f"[{words}](../{other.folder}/{name})"

        same = "[This day in prose](README.md)"
        if not in_notebook:
            same = f"[This day's notebook]({day.folder}.ipynb)"
        parts = (
            link(day.number - 1, before="← "),
            "[All days](../README.md)",
            same,
            link(day.number + 1, after=" →"),
            self.course.badge(day) if badge else "",
        )
        return " · ".join(filter(None, parts))

    def front_page_map(self) -> str:
        """Return the forty days as tables, one a part."""
        tables = []
        for part in self.course.parts:
            lines = [
                f"### Part {part.number} · {part.title} ({part.data})",
                "",
                "| Day | Lesson | Question | Recorded result | |",
                "| --- | --- | --- | --- | --- |",
            ]
            lines += map(self._map_row, self.course.of_part(part))
            tables.append("\n".join(lines))
        return "\n\n".join(tables)

    def _map_row(self, day: Day) -> str:
        if not self.course.has(day):
            return f"| {day.number} | {day.title} | {day.question} | planned | |"
        lesson = f"[{day.title}]({day.folder}/README.md)"
        recorded = results.headline(*self.recorded(day), words=False)
        notebook = f"[notebook]({day.folder}/{day.folder}.ipynb)"
        open_in = f"{notebook} {self.course.badge(day)}".rstrip()
        return f"| {day.number} | {lesson} | {day.question} | {recorded} | {open_in} |"


_MARKER = re.compile(r"<!-- /?(?:nav|results?)(?::\S+)? -->")
_GENERATED = re.compile(
    r"(<!-- (nav|results?)(?::(\S+))? -->)"  # a marker, its kind, its name
    r"((?:(?!<!-- /?(?:nav|result)).)*)(<!-- /\2 -->)",  # and next, its counterpart
    re.S,
)


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Stamp the course, or with --check say what is stale. Returns the exit status."""
    console.write_anything()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="name what is stale")
    check = parser.parse_args(argv).check
    try:
        texts, stale = stamped(load_course(root))
    except (StampError, CourseError, results.ResultsError) as reason:
        print(f"stamp: {reason}", file=sys.stderr)
        return 2
    if check:
        for path, place, what in stale:
            print(f"stale: {path.relative_to(root)}, {place}: {what}")
        if stale:
            print("Run `make stamp`; what stands between markers is generated.")
        return 1 if stale else 0
    for path, text in texts.items():
        results.write_atomically(path, text)
        print(f"stamped {path.relative_to(root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
