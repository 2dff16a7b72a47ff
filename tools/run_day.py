"""Run one day's notebook from top to bottom in the terminal: `make day DAY=1`.

    python tools/run_day.py DAY [--budget smoke|quick|full]

The notebook in the repository is only read. A copy runs, its kernel in the day's own
folder, and is kept in `runs/` with everything that it showed, also when a cell failed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import runpy
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
runpy.run_path(str(ROOT / "common" / "notebook.py"))["bind"]("common", "tools")

from nbclient.exceptions import CellExecutionError, DeadKernelError  # noqa: E402
from nbformat import NotebookNode  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import Progress, TextColumn, TimeElapsedColumn  # noqa: E402

from common import results  # noqa: E402
from common.homes import can_be_written  # noqa: E402
from tools import client, console, notebooks, places  # noqa: E402
from tools.course import CourseError, find_day  # noqa: E402

BUDGETS = ("smoke", "quick", "full")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Screen:
    """The run as lines: a section and its seconds, and what its cells print.

    On a terminal a last line says which cell runs, and for how long.
    """

    def __init__(self) -> None:
        self.out = Console(markup=False, highlight=False, emoji=False, soft_wrap=True)
        self.width = min(self.out.width, 88)
        columns = (TextColumn("  {task.description}"), TimeElapsedColumn())
        self.now = Progress(
            *columns,
            console=self.out,
            transient=True,
            refresh_per_second=2,
            disable=not self.out.is_terminal,
        )
        self.cell = self.now.add_task("the kernel starts")
        self.section, self.seconds = "", 0.0
        self.open_line = ""

    def enter(self, section: str, cell: str) -> None:
        """Start a cell, and a section where the heading has changed."""
        self.now.reset(self.cell, description=cell)
        if section != self.section:
            self.leave()
            self.section, self.seconds = section, 0.0
            self.out.print(section)

    def leave(self) -> None:
        """End the section: say what it took."""
        self.printed("\n" if self.open_line else "")
        if self.section:
            self.out.print(f"{self.seconds:>{self.width - 2}.1f} s")

    def printed(self, text: str) -> None:
        """Show what a cell prints, each line as it ends."""
        *lines, self.open_line = (self.open_line + text).split("\n")
        for line in lines:
            # A progress bar overwrites its line: the last state is what remains
            line = ESCAPES.sub("", line.rstrip("\r").rsplit("\r", 1)[-1]).rstrip()
            for part in textwrap.wrap(line, self.width - 6, subsequent_indent="  "):
                self.out.print(f"  | {part}")


def headings(text: str) -> list[str]:
    """Return the headings in a text cell, the small ones apart."""
    text = re.sub(r"(?s)```.*?```", "", text)
    found = re.findall(r"(?m)^#{1,2}\s+(.+?)\s*#*$", text)
    return [re.sub(r"[*`]", "", one) for one in found]


def failure(cell: NotebookNode, error: CellExecutionError) -> str:
    """Return what failed in a cell, under its code with the line marked."""
    # IPython's own frames of this cell: "Cell In[7], line 3"
    trace = ESCAPES.sub("", error.traceback)
    found = re.search(r"Cell In\s*\[\d+\],? line:? ?(\d+)", trace)
    code = [
        f"  {'>' if found and int(found[1]) == number else ' '} {number:>3}  {line}"
        for number, line in enumerate(cell.source.splitlines(), start=1)
    ]
    what = f"{error.ename}: {error.evalue.strip() or 'no message'}"
    return "\n".join([*code, "", what])


class _Client(client.Client):
    """Shows what its cells print, while they run."""

    screen: Screen
    cell: NotebookNode
    heading = "Before the first heading"
    number = 0

    async def async_execute_cell(
        self, cell: NotebookNode, cell_index: int, **options: Any
    ) -> NotebookNode:
        if cell.cell_type == "markdown":
            self.heading = [self.heading, *headings(cell.source)][-1]
        if cell.cell_type != "code" or not cell.source.strip():
            return cell
        self.cell, self.number, begun = cell, self.number + 1, time.monotonic()
        total = len(notebooks.code_cells(self.nb))
        self.screen.enter(self.heading, f"code cell {self.number} of {total}")
        try:
            return await super().async_execute_cell(cell, cell_index, **options)
        finally:
            self.screen.seconds += time.monotonic() - begun

    def process_message(self, msg: dict[str, Any], *cell: Any) -> NotebookNode | None:
        content = msg["content"]
        if msg["msg_type"] == "stream" and content["name"] == "stdout":
            self.screen.printed(content["text"])
        return super().process_message(msg, *cell)


def run(notebook: Path, target: Path) -> str | None:
    """Run a copy of a notebook and keep it, however it ends, as `target`.

    Returns:
        None when every cell ran, else what went wrong.
    """
    copy, screen = notebooks.read(notebook), Screen()
    for cell in notebooks.code_cells(copy):
        cell.outputs, cell.execution_count = [], None
    runner = _Client(
        copy,
        km=client.kernel_of_this_python(transport_encryption="auto"),  # no warning
        timeout=None,
        resources={"metadata": {"path": str(notebook.parent)}},
    )
    runner.screen = screen
    try:
        with screen.now:
            runner.run()
    except CellExecutionError as error:
        return (
            f"Code cell {runner.number} failed, in the section “{screen.section}”:"
            f"\n\n{failure(runner.cell, error)}"
        )
    except DeadKernelError:
        return (
            f"Python itself ended in code cell {runner.number}, in the section "
            f"“{screen.section}”, most often for lack of memory: close other programs, "
            "or take a smaller budget (BUDGET=smoke)."
        )
    finally:
        screen.leave()
        target.parent.mkdir(exist_ok=True)
        target.write_text(notebooks.dump(copy), encoding="utf-8")
    return None


def folder_for_copies(root: Path) -> tuple[Path, list[str]]:
    """Return where executed copies are kept, and what to say about it first."""
    folder = root / "runs"
    if can_be_written(folder):
        return folder, []
    elsewhere = Path(tempfile.mkdtemp(prefix="forty-days-"))
    reason = f"{folder} cannot be written: the executed copy will be in {elsewhere}."
    return elsewhere, [reason]


def main(words: list[str] | None = None, root: Path = ROOT) -> int:
    """Run a day; return the exit status."""
    console.write_anything()
    parser = argparse.ArgumentParser(description="Run one day in the terminal.")
    parser.add_argument("day", nargs="?", default="")
    parser.add_argument("--budget")
    options = parser.parse_args(words)
    try:
        notebook = find_day(options.day, root)
        if options.budget:
            if options.budget not in BUDGETS:
                raise CourseError(
                    f"BUDGET is {options.budget!r}, which does not exist: choose "
                    f"{', '.join(BUDGETS[:-1])} or {BUDGETS[-1]}, or leave it out."
                )
            os.environ["COURSE_BUDGET"] = options.budget
        folder, said = folder_for_copies(root)
        said += places.for_jupyter()
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"There is no place to keep the run in: {error}.", file=sys.stderr)
        return 1
    print(*said, sep="\n", end="\n" * bool(said), flush=True)
    moment = time.strftime("%Y-%m-%d_%H-%M-%S")
    target = folder / f"{notebook.stem}_{moment}.ipynb"
    inside = target.is_relative_to(root)
    kept = target.relative_to(root).as_posix() if inside else str(target)
    started = time.monotonic()
    try:
        trouble = run(notebook, target)
    except KeyboardInterrupt:
        print(f"\nStopped. What ran is kept in {kept}", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"The run could not be kept in {kept}: {error}.", file=sys.stderr)
        return 1
    took = results.format_duration(time.monotonic() - started)
    if trouble:
        print(
            f"\n{trouble}\n\nAfter {took}. The executed copy: {kept}", file=sys.stderr
        )
        return 1
    print(f"\n{notebook.stem} ran to its end in {took}. The executed copy: {kept}")
    return 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
