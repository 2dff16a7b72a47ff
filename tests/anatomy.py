"""What every day folder must be, one small function a rule.

Each takes a `DayFolder` and returns sentences, none if all is well. tests/
test_anatomy.py runs them over every day, and proves on a miniature that each can fail.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import drawings
from nbformat import NotebookNode

from common import results
from tools import notebooks, progress, recording, stamp
from tools.course import Course, Day

MAX_COLUMNS = 88
MAX_CODE_LINES = 35
MAX_README_CODE_LINES = 8
FEWEST_CELLS, MOST_CELLS = 35, 70
FEWEST_FIGURES = 5
FEWEST_EXERCISES = 3
INTRODUCES = "introduces"
"""The tag of a later cell that may import: it introduces a library."""


@dataclass(frozen=True)
class DayFolder:
    """A day, read once."""

    course: Course
    day: Day
    notebook: NotebookNode
    readme: str

    @classmethod
    def read(cls, course: Course, day: Day) -> DayFolder:
        """Read a day; a README that is missing counts as an empty one."""
        readme = course.folder(day) / "README.md"
        text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
        return cls(course, day, notebooks.read(course.notebook(day)), text)

    @property
    def path(self) -> Path:
        """The day's folder."""
        return self.course.folder(self.day)

    @property
    def code(self) -> list[tuple[int, NotebookNode]]:
        """The code cells, with their place in the notebook (from 1)."""
        return self._cells("code")

    @property
    def text(self) -> list[tuple[int, NotebookNode]]:
        """The text cells, with their place in the notebook (from 1)."""
        return self._cells("markdown")

    def _cells(self, kind: str) -> list[tuple[int, NotebookNode]]:
        numbered = enumerate(self.notebook.cells, start=1)
        return [(number, cell) for number, cell in numbered if cell.cell_type == kind]


def files_are_present(day: DayFolder) -> Iterator[str]:
    for name in ("README.md", "exercises.py", "results.json"):
        if not (day.path / name).is_file():
            yield f"{name} is missing"


def bootstrap_is_the_second_cell(day: DayFolder) -> Iterator[str]:
    cell = day.notebook.cells[1]
    if notebooks.BOOTSTRAP not in notebooks.tags(cell):
        yield "cell 2 is not tagged bootstrap"
    if cell.source != stamp.bootstrap(day.course):
        yield "the bootstrap cell is not the one of every other notebook"


def one_cell_imports(day: DayFolder) -> Iterator[str]:
    code = [
        pair for pair in day.code if notebooks.BOOTSTRAP not in notebooks.tags(pair[1])
    ]
    if not code or not _imports(code[0][1]):
        yield "the first code cell after the bootstrap imports nothing"
    for number, cell in code[1:]:
        if _imports(cell) and INTRODUCES not in notebooks.tags(cell):
            yield f"cell {number} imports too, and is not tagged {INTRODUCES}"


def _imports(cell: NotebookNode) -> bool:
    source = re.sub(r"^[%!].*$", "", cell.source, flags=re.M)
    nodes = ast.walk(ast.parse(source))
    return any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in nodes)


def execution_counts_are_of_one_run(day: DayFolder) -> Iterator[str]:
    counts = [cell.execution_count for _, cell in day.code]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}"


def outputs_are_clean(day: DayFolder) -> Iterator[str]:
    for number, cell in day.code:
        for what in notebooks.output_problems(cell):
            yield f"cell {number} stores {what}"
        checked = cell.source.startswith("# NBVAL_CHECK_OUTPUT")
        if checked and any(o.get("name") == "stderr" for o in cell.outputs):
            yield f"cell {number} is compared by nbval and writes to stderr"


def notebook_follows_the_anatomy(day: DayFolder) -> Iterator[str]:
    first, last = day.notebook.cells[0], day.notebook.cells[-1]
    title = f"# Day {day.day.number:02d} — {day.day.title}"
    if first.source.split("\n")[0] != title:
        yield f"the first line is not {title!r}"
    for cell, where in ((first, "first"), (last, "last")):
        if "<!-- nav -->" not in cell.source:
            yield f"the {where} cell has no links to the days before and after"
    if not any("<!-- results:expected -->" in cell.source for _, cell in day.text[:3]):
        yield "no results:expected near the top"
    yield from _headings_in_order(
        [line for _, cell in day.text for line in _headings(cell.source)],
        [
            *(["Recall"] if day.day.number > 1 else []),
            "Exercises",
            "Summary",
            "Reading",
        ],
    )


def readme_follows_the_anatomy(day: DayFolder) -> Iterator[str]:
    title = f"# Day {day.day.number:02d} — {day.day.title}"
    if day.readme.split("\n")[0] != title:
        yield f"the first line of the README is not {title!r}"
    if day.readme.count("<!-- nav -->") != 2:
        yield "the README does not link previous and next day at top and bottom"
    for marker in ("results:expected", "results:table"):
        if day.readme.count(f"<!-- {marker} -->") != 1:
            yield f"the README does not hold {marker} once"
    for what in _headings_in_order(
        list(_headings(day.readme)), ["Exercises", "Reading"]
    ):
        yield f"README: {what}"
    for block in re.findall(r"^```.*?\n(.*?)^```", day.readme, flags=re.S | re.M):
        if block.count("\n") > MAX_README_CODE_LINES:
            yield "the README repeats more than a few lines of code"


def _headings(text: str) -> Iterator[str]:
    """Yield the headings of level two and below, without numbers and markup."""
    for line in re.sub(r"^```.*?^```", "", text, flags=re.S | re.M).split("\n"):
        if found := re.match(r"##+ +(?:[\d.]+ +)?(.*)", line):
            yield found[1].strip()


def _headings_in_order(found: list[str], wanted: list[str]) -> Iterator[str]:
    places = []
    for word in wanted:
        matching = [i for i, line in enumerate(found) if line.startswith(word)]
        if not matching:
            yield f"there is no heading {word!r}"
            return
        places.append(matching[-1])
    if places != sorted(places):
        yield f"the headings are not in the order {', '.join(wanted)}"


def size_is_readable(day: DayFolder) -> Iterator[str]:
    count = len(day.notebook.cells)
    if not FEWEST_CELLS <= count <= MOST_CELLS:
        yield f"{count} cells; {FEWEST_CELLS} to {MOST_CELLS} are a lesson"
    if len(day.text) < len(day.code):
        yield f"{len(day.text)} text cells for {len(day.code)} code cells"
    in_a_row = 0
    for number, cell in enumerate(day.notebook.cells, start=1):
        in_a_row = in_a_row + 1 if cell.cell_type == "code" else 0
        if in_a_row > 2:
            yield f"cell {number} is the third code cell in a row"
    for number, cell in day.code:
        lines = cell.source.split("\n")
        if len(lines) > MAX_CODE_LINES:
            yield f"cell {number} has {len(lines)} lines of code"
        if notebooks.BOOTSTRAP in notebooks.tags(cell):
            continue  # generated and folded; as wide as the repository's address
        if (widest := max(map(len, lines))) > MAX_COLUMNS:
            yield f"cell {number} has a line of {widest} columns"
    if (size := day.course.notebook(day.day).stat().st_size) > notebooks.MAX_BYTES:
        yield f"the notebook takes {size:,} bytes"


def figures_are_read(day: DayFolder) -> Iterator[str]:
    shown = [number for number, cell in day.code if notebooks.pictures(cell)]
    count = sum(len(notebooks.pictures(cell)) for _, cell in day.code)
    if count < FEWEST_FIGURES:
        yield f"{count} figures; there should be {FEWEST_FIGURES} or more"
    texts = {number for number, cell in day.text if not cell.source.startswith("#")}
    for number in shown:
        if number + 1 not in texts:
            yield f"no text reads the figure of cell {number}"


def readme_pictures_are_the_notebooks(day: DayFolder) -> Iterator[str]:
    try:
        drawn = notebooks.readme_figures(day.notebook)
    except ValueError as error:
        yield str(error)
        return
    stored = {path.name for path in (day.path / "figures").glob("*")}
    used = set()
    for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", day.readme):
        if target.startswith("http"):
            continue
        used.add(Path(target).name)
        name = Path(target).stem
        if len(alt.split()) < 3:
            yield f"the picture {target} has no alternative text"
        if not (day.path / target).is_file():
            yield f"the picture {target} does not exist"
        elif (day.path / target).read_bytes() != drawn.get(name):
            yield f"the picture {target} is not the one stored in the notebook"
    for name in sorted(stored - used):
        yield f"figures/{name} is not shown in the README"


def drawings_change_nothing(day: DayFolder) -> Iterator[str]:
    yield from drawings.complaints(day.code)


def drawings_are_of_their_code(day: DayFolder) -> Iterator[str]:
    drawn = day.notebook.metadata.get("drawings")
    if drawn and drawn != notebooks.drawings_sha256(day.notebook):
        yield f"a drawing was edited since: make redraw DAY={day.day.number}"


def links_are_unbroken(day: DayFolder) -> Iterator[str]:
    texts = [("README.md", day.readme)]
    texts += [(f"cell {number}", cell.source) for number, cell in day.text]
    for where, text in texts:
        for target in links(text):
            if reason := broken(target, day.path, day.path / "README.md"):
                yield f"{where}: {target} {reason}"


def links(text: str) -> Iterator[str]:
    """Yield the targets of relative links and pictures, outside code and formulas."""
    plain = re.sub(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$", "", text, flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)(?: +\"[^\"]*\")?\)", plain):
        if not re.match(r"[a-z][a-z+.-]*:", target):
            yield target


def broken(target: str, folder: Path, itself: Path) -> str:
    """Return why a relative link leads nowhere, or ""."""
    name, _, anchor = target.partition("#")
    path = folder / name if name else itself
    if not path.exists():
        return "does not exist"
    if anchor and path.suffix == ".md" and anchor not in anchors(path):
        return "names a heading that does not exist"
    return ""


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub gives to a Markdown file's headings."""
    text = re.sub(
        r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.S | re.M
    )
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.*)$", text, flags=re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while (unique := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(unique)
    return found


def record_is_the_notebooks(day: DayFolder) -> Iterator[str]:
    calls = [cell for _, cell in day.code if "results.record(" in cell.source]
    if len(calls) != 1:
        yield f"results.record() is called in {len(calls)} cells, not in one"
        return
    try:
        recorded = results.load(day.path)
    except results.ResultsError as reason:
        yield str(reason)
        return
    noted = day.notebook.metadata.get("record", {})
    matching = [
        one
        for one in recorded["records"]
        if noted and noted == {name: one[name] for name in noted}
    ]
    if len(matching) != 1:
        yield "no record of results.json belongs to the stored outputs"
        return
    shown = " ".join(notebooks.output_texts(calls[0]))
    for name, value in matching[0]["metrics"].items():
        if results.format_metric(name, value) not in shown:
            yield f"{name} of results.json is not what the notebook's output shows"


def quick_run_fits_a_laptop(day: DayFolder) -> Iterator[str]:
    for one in results.load(day.path)["records"]:
        if one["budget"] == "quick":
            if one["seconds"] > recording.LIMIT_SECONDS:
                yield f"the quick run took {results.format_duration(one['seconds'])}"
            if (held := one.get("memory_bytes", 0)) >= recording.LIMIT_BYTES:
                yield f"the quick run held {results.format_memory(held)} in memory"


def exercises_are_announced(day: DayFolder) -> Iterator[str]:
    path = day.path / "exercises.py"
    ids = progress.exercise_ids(path) if path.is_file() else []
    proper = [one for one in ids if ".r" not in one]
    if len(proper) < FEWEST_EXERCISES:
        yield f"{len(proper)} exercises; there should be {FEWEST_EXERCISES} or more"
    code = "\n".join(cell.source for _, cell in day.code)
    for one in ids:
        if f'check("{one}"' not in code:
            yield f"the notebook never checks exercise {one}"
    for one in proper:
        if not re.search(rf"(?<![\d.]){re.escape(one)}(?![\d.]*\d)", day.readme):
            yield f"the README does not name exercise {one}"
    if day.day.number > 1 and len(ids) - len(proper) < 3:
        yield "there are fewer than three recall questions"


Rule = Callable[[DayFolder], Iterator[str]]

CHECKS: tuple[Rule, ...] = (
    files_are_present,
    bootstrap_is_the_second_cell,
    one_cell_imports,
    execution_counts_are_of_one_run,
    outputs_are_clean,
    notebook_follows_the_anatomy,
    readme_follows_the_anatomy,
    size_is_readable,
    figures_are_read,
    readme_pictures_are_the_notebooks,
    drawings_change_nothing,
    drawings_are_of_their_code,
    links_are_unbroken,
    record_is_the_notebooks,
    quick_run_fits_a_laptop,
    exercises_are_announced,
)


def folders_match_the_syllabus(course: Course) -> Iterator[str]:
    """Yield a sentence for each day folder that the syllabus does not know."""
    known = {day.folder for day in course.days}
    for path in sorted(course.root.glob("day[0-9]*")):
        if path.is_dir() and path.name not in known:
            yield f"{path.name} is not a day of course.toml"
        elif path.is_dir() and not results.notebook_path(path).is_file():
            yield f"{path.name} has no notebook"
