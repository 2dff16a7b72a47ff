"""`make stamp`: write badges, links, bootstrap cells, tables and numbers into texts.

What stands between markers in README.md, in a day's README.md and in its notebook is
generated from course.toml and from the recorded results, and never edited by hand:

    <!-- nav -->…<!-- /nav -->                          previous, next, Colab badge
    <!-- results:map -->…<!-- /results -->              the front page's forty days
    <!-- results:table -->…<!-- /results -->            everything a day recorded
    <!-- results:expected -->…<!-- /results -->         the table at the head of a day
    <!-- results:compared -->…<!-- /results -->         the days that course.toml names,
                                                        side by side
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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
runpy.run_path(str(ROOT / "common" / "notebook.py"))["bind"]("common", "tools")

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
    opened: Mapping[Path, notebooks.NotebookNode] | None = None,
) -> tuple[dict[Path, str], list[Stale]]:
    """Return the new text of every file that is stale, and what is stale in it.

    Args:
        course: its texts are read, nothing is written.
        recorded: what to render for a day, by its folder, instead of its files:
            tools/record.py has a record that is not written yet.
        opened: notebooks to stamp, in place, instead of the files at their paths.

    Raises:
        StampError, ResultsError, CourseError: a marker or a file is broken.
    """
    stamper = Stamper(course, dict(recorded or {}))
    texts: dict[Path, str] = {}
    stale: list[Stale] = []
    readmes: list[tuple[Path, Day | None]] = [(course.root / "README.md", None)]
    readmes += [(course.folder(day) / "README.md", day) for day in course.landed()]
    for path, day in readmes:
        if path.is_file():
            old = path.read_text(encoding="utf-8")
            new = stamper.text(old, day, path)
            if new != old:
                texts[path] = new
                stale += [
                    Stale(path, f"line {line}", what)
                    for line, what in differences(old, new)
                ]
    for day in course.landed():
        path = course.notebook(day)
        notebook = (opened or {}).get(path) or notebooks.read(path)
        found = stamper.notebook(notebook, day, path)
        if found:
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

    def notebook(
        self, notebook: notebooks.NotebookNode, day: Day, path: Path
    ) -> list[Stale]:
        """Stamp a notebook in place; return what was stale."""
        stale = []
        source = bootstrap(self.course)
        found = [c for c in notebook.cells if notebooks.BOOTSTRAP in notebooks.tags(c)]
        if len(found) != 1 or found[0].cell_type != "code":
            raise StampError(
                f"{_inside(path)} needs exactly one code cell tagged bootstrap."
            )
        if found[0].source != source:
            found[0].source = source
            stale.append(Stale(path, "bootstrap cell", "another source"))
        if notebooks.bring_to_form(notebook):
            stale.append(Stale(path, "ids or metadata", "not in the stored form"))
        badge = True
        for number, cell in enumerate(notebook.cells, start=1):
            if cell.cell_type != "markdown":
                continue
            new = self.text(cell.source, day, path, badge=badge, place=f"cell {number}")
            badge = badge and "<!-- nav -->" not in new
            if new != cell.source:
                stale += [
                    Stale(path, f"cell {number}", what)
                    for _, what in differences(cell.source, new)
                ]
                cell.source = new
        return stale

    def text(
        self,
        text: str,
        day: Day | None,
        path: Path,
        badge: bool = True,
        place: str = "",
    ) -> str:
        """Return a Markdown text with everything between its markers filled in."""
        where = f"{_inside(path)}, {place}" if place else _inside(path)
        navs = iter([badge] + [False] * text.count("<!-- nav -->"))

        def block(found: re.Match[str]) -> str:
            opening, name, old, closing = found.groups()
            new = self._block(name, old, day, path, where, navs)
            return f"{opening}\n{new}\n{closing}"

        def inline(found: re.Match[str]) -> str:
            opening, key, _, closing = found.groups()
            return f"{opening}{self._value(key, day, where)}{closing}"

        _expect_closed(text, where)
        text = _NAV.sub(block, text)
        text = _BLOCK.sub(block, text)
        return _INLINE.sub(inline, text)

    def _block(
        self,
        name: str,
        old: str,
        day: Day | None,
        path: Path,
        where: str,
        navs: Iterator[bool],
    ) -> str:
        if name == "results:map":
            return self.front_page_map()
        if day is None:
            raise StampError(f"{where}: {name} belongs into a day's texts.")
        if name == "nav":
            return self._nav(day, path.suffix == ".ipynb", next(navs))
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
        meant = [self.course.days[number - 1] for number in day.compared["days"]]
        rows = [
            results.Compared(
                f"[{one.number} · {one.title}](../{one.folder}/README.md)",
                *self.recorded(one),
            )
            for one in meant
            if self.course.has(one)
        ]
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
        days = self.course.days
        before = days[day.number - 2] if day.number > 1 else None
        after = days[day.number] if day.number < len(days) else None

        def link(other: Day, words: str) -> str:
            if not self.course.has(other):
                return f"{words} (planned)"
            name = f"{other.folder}.ipynb" if in_notebook else "README.md"
            return f"[{words}](../{other.folder}/{name})"

        parts = []
        if before is not None:
            parts.append(link(before, f"← Day {before.number}: {before.title}"))
        parts.append("[All days](../README.md)")
        if in_notebook:
            parts.append("[This day in prose](README.md)")
        else:
            parts.append(f"[This day's notebook]({day.folder}.ipynb)")
        if after is not None:
            parts.append(link(after, f"Day {after.number}: {after.title} →"))
        if badge and (image := self.course.badge(day)):
            parts.append(image)
        return " · ".join(parts)

    def front_page_map(self) -> str:
        """Return the forty days as tables, one a part."""
        lines: list[str] = []
        for part in self.course.parts:
            lines += [
                f"### Part {part.number} · {part.title} ({part.data})",
                "",
                "| Day | Lesson | Question | Recorded result | |",
                "| --- | --- | --- | --- | --- |",
            ]
            lines += [
                self._map_row(day)
                for day in self.course.days
                if day.part == part.number
            ]
            lines.append("")
        return "\n".join(lines[:-1])

    def _map_row(self, day: Day) -> str:
        if not self.course.has(day):
            return f"| {day.number} | {day.title} | {day.question} | planned | |"
        lesson = f"[{day.title}]({day.folder}/README.md)"
        notebook = f"[notebook]({day.folder}/{day.folder}.ipynb)"
        recorded = results.headline(*self.recorded(day), words=False)
        open_in = " ".join(filter(None, [notebook, self.course.badge(day)]))
        cells = (str(day.number), lesson, day.question, recorded, open_in)
        return f"| {' | '.join(cells)} |"


_NAV = re.compile(r"(<!-- (nav) -->)(.*?)(<!-- /nav -->)", re.S)
_BLOCK = re.compile(r"(<!-- (results:\w+) -->)(.*?)(<!-- /results -->)", re.S)
_INLINE = re.compile(r"(<!-- result:(\S+) -->)(.*?)(<!-- /result -->)", re.S)
_MARKER = re.compile(r"<!-- (/?)(nav|results|result)(?::(\S+))? -->")


def _expect_closed(text: str, where: str) -> None:
    """Raise StampError unless every marker is closed by its own kind, one by one."""
    opened: str | None = None
    for found in _MARKER.finditer(text):
        closing, kind, _ = found.groups()
        if bool(closing) != (opened is not None) or (closing and kind != opened):
            line = text.count("\n", 0, found.start()) + 1
            raise StampError(f"{where}: line {line}: {found[0]} has no counterpart.")
        opened = None if closing else kind
    if opened is not None:
        raise StampError(f"{where}: <!-- {opened}… --> is never closed.")


def differences(old: str, new: str) -> Iterator[tuple[int, str]]:
    """Yield line number and marker of every generated text that differs."""
    before = re.compile(f"{_NAV.pattern}|{_BLOCK.pattern}|{_INLINE.pattern}", re.S)
    for was, becomes in zip(before.finditer(old), before.finditer(new), strict=True):
        if was[0] != becomes[0]:
            marker = _MARKER.search(was[0])
            yield old.count("\n", 0, was.start()) + 1, marker[0] if marker else ""


def _inside(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Stamp the course, or with --check say what is stale. Returns the exit status."""
    console.write_anything()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 if anything is stale",
    )
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
