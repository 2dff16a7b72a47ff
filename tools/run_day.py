"""Run one day's notebook from top to bottom in the terminal: `make day DAY=1`.

    python tools/run_day.py DAY [--budget smoke|quick|full]

The notebook in the repository is only read. A copy runs, its kernel in the day's own
folder, and is kept in `runs/` with everything that it showed, also when a cell failed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import runpy
import shutil
import sys
import tempfile
import textwrap
import time
import tomllib
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parent.parent
runpy.run_path(str(ROOT / "common" / "notebook.py"))["bind"]("common", "tools")

from common.homes import can_be_written  # noqa: E402
from tools import console, places  # noqa: E402

BUDGETS = ("smoke", "quick", "full")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SHOWN_CODE_LINES = 35


class DayError(Exception):
    """There is nothing to run; the text says why."""


# --- which notebook --------------------------------------------------------------


def find_day(asked: str, root: Path = ROOT) -> Path:
    """Return the notebook of a day.

    Args:
        asked: `1`, `01`, `day01`, `day01_mnist`, or an elective's name.
        root: the course's folder.

    Raises:
        DayError: there is no such day, or it is planned and not there yet.
    """
    asked = asked.strip().strip("/").lower()
    there = available(root)
    if not asked:
        raise DayError(f"Say which day, as in `make day DAY=1`: {listed(there)}")
    for folder, notebook in there.items():
        if asked in (folder.lower(), folder.removeprefix("electives/").lower()):
            return notebook
    match = re.fullmatch(r"(?:day)?[ _]?0*(\d+)", asked)
    number = int(match[1]) if match else None
    for folder, notebook in there.items():
        if number is not None and day_number(folder) == number:
            return notebook
    for day in planned(root):
        if number == day["number"] or asked == day["folder"].lower():
            raise DayError(
                f"Day {day['number']}, {day['title']}, is planned and not in this "
                f"version of the course yet (`make update` fetches the newest): "
                f"{listed(there)}"
            )
    raise DayError(f"There is no day {asked!r}: {listed(there)}")


def available(root: Path) -> dict[str, Path]:
    """Return folder → notebook of every day and elective that exists, in order."""
    folders = [*sorted(root.glob("day[0-9]*")), *sorted(root.glob("electives/*"))]
    return {
        folder.relative_to(root).as_posix(): folder / f"{folder.name}.ipynb"
        for folder in folders
        if (folder / f"{folder.name}.ipynb").is_file()
    }


def planned(root: Path) -> list[dict[str, Any]]:
    """Return the days of course.toml, none where it is missing."""
    try:
        text = (root / "course.toml").read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return tomllib.loads(text).get("days", [])


def day_number(folder: str) -> int | None:
    """Return 12 for `day12_resnet`, None for an elective."""
    match = re.match(r"day(\d+)", folder)
    return int(match[1]) if match else None


def listed(there: dict[str, Path]) -> str:
    """Return the days that can be run, as the end of a sentence."""
    if not there:
        return "no day is here yet."
    numbers = [str(day_number(f) or f.removeprefix("electives/")) for f in there]
    return f"to be had {'is' if len(numbers) == 1 else 'are'} {', '.join(numbers)}."


def chosen_budget(asked: str | None) -> str:
    """Return a budget's name, or "" for the machine's own choice.

    Raises:
        DayError: the name is none of the three.
    """
    if asked and asked not in BUDGETS:
        raise DayError(
            f"BUDGET is {asked!r}, which does not exist: choose "
            f"{', '.join(BUDGETS[:-1])} or {BUDGETS[-1]}, or leave it out."
        )
    return asked or ""


# --- what is shown ---------------------------------------------------------------


class Screen:
    """The run as lines: a section and its seconds, and what its cells print."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.live = self.out.isatty()
        self.width = min(shutil.get_terminal_size().columns, 88)
        self.section = ""
        self.seconds = 0.0
        self.open_line = ""
        self.status = ""

    def line(self, text: str = "") -> None:
        """Print a finished line above the status."""
        self._wipe()
        print(text, file=self.out, flush=True)

    def enter(self, section: str) -> None:
        """Start a section where the heading has changed."""
        if section != self.section:
            self.leave()
            self.section, self.seconds = section, 0.0
            self.line(section)

    def leave(self) -> None:
        """End the section: say what it took."""
        self._flush()
        if self.section:
            self.line(f"{self.seconds:>{self.width - 2}.1f} s")

    def printed(self, text: str) -> None:
        """Show what a cell prints, each line as it ends."""
        *lines, rest = (self.open_line + text).split("\n")
        for line in lines:
            self._show(line)
        self.open_line = rest

    def _show(self, line: str) -> None:
        # A progress bar overwrites its line: the last state is what remains
        line = ESCAPES.sub("", line.rstrip("\r").rsplit("\r", 1)[-1]).rstrip()
        for part in textwrap.wrap(line, self.width - 6, subsequent_indent="  "):
            self.line(f"  | {part}")

    def _flush(self) -> None:
        line, self.open_line = self.open_line, ""
        self._show(line)

    def now(self, text: str) -> None:
        """Keep a last line that says where the run stands, on a terminal only."""
        if self.live:
            self._wipe()
            self.status = text[: self.width - 1]
            self.out.write(self.status)
            self.out.flush()

    def _wipe(self) -> None:
        if self.status:
            self.out.write("\r" + " " * len(self.status) + "\r")
            self.status = ""


def sections(cells: list[Any]) -> list[str]:
    """Return, for every cell, the heading under which it stands."""
    heading, found = "Before the first heading", []
    for cell in cells:
        if cell.cell_type == "markdown":
            for line in re.sub(r"(?s)```.*?```", "", cell.source).splitlines():
                if match := re.match(r"#{1,2}\s+(.+?)\s*#*$", line):
                    heading = re.sub(r"[*`]", "", match[1])
        found.append(heading)
    return found


def failure(cell: Any, number: int, section: str, reply: dict[str, Any]) -> str:
    """Return a failed cell as text: where, what, and the code with its line marked."""
    name, value = reply.get("ename", "Error"), reply.get("evalue", "")
    trace = ESCAPES.sub("", "\n".join(reply.get("traceback", [])))
    # IPython's own frames of this cell: "Cell In[7], line 3" and "----> 3 code"
    found = re.findall(r"Cell In\s*\[\d+\],? line:? ?(\d+)", trace)
    marked = int(found[0]) if found else None
    lines = cell.source.splitlines()
    first = max(0, (marked or 1) - SHOWN_CODE_LINES)
    code = [
        f"  {'>' if i + 1 == marked else ' '} {i + 1:>3}  {lines[i]}"
        for i in range(first, min(len(lines), first + SHOWN_CODE_LINES + 5))
    ]
    where = f"Code cell {number} failed, in the section “{section}”"
    value = value.strip() or "no message"
    return "\n".join([f"{where}:", "", *code, "", f"{name}: {value}"])


# --- the run ---------------------------------------------------------------------


def run(notebook: Path, target: Path, screen: Screen) -> str | None:
    """Run a copy of a notebook and keep it.

    Args:
        notebook: what to run; it is only read.
        target: where the executed copy goes.
        screen: where progress is shown.

    Returns:
        None when every cell ran, else what went wrong.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from traitlets.config import Config

    copy = nbformat.read(notebook, as_version=4)
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    code = [i for i, c in enumerate(copy.cells) if c.cell_type == "code" and c.source]
    position = {index: number for number, index in enumerate(code, start=1)}
    headings = sections(copy.cells)
    begun = {"at": 0.0, "index": code[0] if code else 0}
    replies: dict[int, dict[str, Any]] = {}

    class Client(NotebookClient):
        """A client that shows what a cell prints while it runs."""

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            content = msg["content"]
            if msg["msg_type"] == "stream" and content["name"] == "stdout":
                screen.printed(content["text"])
            return super().process_message(msg, cell, cell_index)

    def on_start(cell: Any, cell_index: int) -> None:
        if cell_index in position:
            screen.enter(headings[cell_index])
            begun.update(at=time.monotonic(), index=cell_index)

    def on_executed(cell: Any, cell_index: int, execute_reply: Any) -> None:
        screen.seconds += time.monotonic() - begun["at"]
        if execute_reply["content"]["status"] == "error":
            replies[cell_index] = execute_reply["content"]

    client = Client(
        copy,
        timeout=None,
        kernel_name="python3",
        resources={"metadata": {"path": str(notebook.parent)}},
        on_cell_start=on_start,
        on_cell_executed=on_executed,
        config=Config(KernelManager={"transport_encryption": "auto"}),
    )

    async def with_clock() -> None:
        async def clock() -> None:
            while True:
                await asyncio.sleep(0.5)
                number = position.get(begun["index"], 0)
                seconds = time.monotonic() - begun["at"] if begun["at"] else 0.0
                screen.now(f"  cell {number} of {len(code)}, {seconds:.0f} s")

        ticking = asyncio.ensure_future(clock())
        try:
            await client.async_execute()
        finally:
            ticking.cancel()

    trouble = None
    try:
        asyncio.run(with_clock())
    except CellExecutionError as error:
        index = begun["index"]
        reply = replies.get(index) or {
            "ename": error.ename,
            "evalue": error.evalue,
            "traceback": [error.traceback],
        }
        where = headings[index]
        trouble = failure(copy.cells[index], position[index], where, reply)
    except DeadKernelError:
        trouble = (
            f"Python itself ended in code cell {position.get(begun['index'], 0)}, "
            f"section “{headings[begun['index']]}”, most often for lack of memory: "
            "close other programs, or take a smaller budget (BUDGET=smoke)."
        )
    finally:
        screen.leave()
        target.parent.mkdir(exist_ok=True)
        nbformat.write(copy, target)
    return trouble


def folder_for_copies(root: Path) -> tuple[Path, list[str]]:
    """Return where executed copies are kept, and what to say about it first."""
    folder = root / "runs"
    if can_be_written(folder):
        return folder, []
    elsewhere = Path(tempfile.mkdtemp(prefix="forty-days-"))
    reason = f"{folder} cannot be written: the executed copy will be in {elsewhere}."
    return elsewhere, [reason]


def free_name(folder: Path, stem: str) -> Path:
    """Return a path in `folder` that does not exist, by day and time."""
    stem = f"{stem}_{time.strftime('%Y-%m-%d_%H-%M-%S')}"
    names = (f"{stem}{'' if i == 1 else f'-{i}'}.ipynb" for i in range(1, 1000))
    return next(folder / name for name in names if not (folder / name).exists())


def main(words: list[str] | None = None, root: Path = ROOT) -> int:
    """Run a day; return the exit status."""
    console.write_anything()
    parser = argparse.ArgumentParser(description="Run one day in the terminal.")
    parser.add_argument("day", nargs="?", default="")
    parser.add_argument("--budget")
    options = parser.parse_args(words)
    try:
        notebook = find_day(options.day, root)
        budget = chosen_budget(options.budget)
    except DayError as error:
        print(error, file=sys.stderr)
        return 1
    if budget:
        os.environ["COURSE_BUDGET"] = budget
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")  # this .venv's own kernel
    try:
        folder, said = folder_for_copies(root)
        said += places.for_jupyter()
    except OSError as error:
        print(f"There is no place to keep the run in: {error}.", file=sys.stderr)
        return 1
    print(*said, sep="\n", end="\n" * bool(said), flush=True)
    target = free_name(folder, notebook.stem)
    inside = target.is_relative_to(root)
    kept = target.relative_to(root).as_posix() if inside else str(target)
    screen = Screen()
    started = time.monotonic()
    try:
        trouble = run(notebook, target, screen)
    except KeyboardInterrupt:
        print(f"\nStopped. What ran is kept in {kept}", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"The run could not be kept in {kept}: {error}.", file=sys.stderr)
        return 1
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    took = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
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
