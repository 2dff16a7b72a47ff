"""The run behind a record: a fresh kernel, on a copy of the course, watched."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbclient.util import ensure_async
from nbformat import NotebookNode

from common import results
from tools import notebooks
from tools.client import Client, kernel_of_this_python
from tools.course import Course, Day

NOT_COPIED = (
    ".git",
    ".ipynb_checkpoints",
    ".lab",
    ".*_cache",
    ".venv*",
    "__pycache__",
    "mlruns",
    "my-work",
    "runs",
)
"""What a notebook never needs of the course: environments, caches, old runs."""


class NotRecorded(Exception):
    """The run cannot be recorded; says why in a sentence. Nothing was changed."""


class Run(NamedTuple):
    """What a notebook handed over, and what the whole of it took."""

    handover: dict[str, Any]
    seconds: float
    memory_bytes: int


def run(
    course: Course, day: Day, budget: str, notebook: NotebookNode, scratch: Path
) -> Run:
    """Execute `notebook` in place on a copy of the course.

    In the smoke budget nothing is measured, so any data will do.

    Raises:
        NotRecorded: a cell failed, the data are a stand-in, or nothing was recorded.
        KeyboardInterrupt: somebody ended the run with Ctrl-C or kill.
    """
    mirror = os.environ.get("COURSE_DATA", "")
    mirror = (course.root / Path(mirror).expanduser()).resolve() if mirror else None
    copy, home = scratch / "course", scratch / "home"
    _copy_course(course.root, copy, mirror)
    home.mkdir()
    _hand_artifacts_over(course, home)
    handover = scratch / "handover.json"
    client = _Client(
        notebook,
        km=kernel_of_this_python(),
        timeout=None,
        resources={"metadata": {"path": str(copy / day.folder)}},
    )
    client.measures = budget in results.RECORDED_BUDGETS
    env = _environment() | {
        "COURSE_BUDGET": budget,
        "COURSE_RECORD": str(handover) if client.measures else "",
        "COURSE_HOME": str(home),
        "IPYTHONDIR": str(scratch / "ipython"),
    }
    if mirror is not None:
        env["COURSE_DATA"] = str(mirror)
    begun = time.monotonic()
    with (scratch / "kernel.log").open("w+b") as log, memory_of_children() as sampled:
        try:
            client.run(env=env, stderr=log)
        except CellExecutionError as end:
            why = f"{client.place} failed: {end.ename}: {end.evalue}"
            raise NotRecorded(why) from None
        except DeadKernelError:
            log.seek(0)
            last = log.read().decode(errors="replace").strip().splitlines()[-1:]
            died = " ".join([f"{client.place}: the kernel died.", *last])
            raise NotRecorded(died) from None
    seconds = time.monotonic() - begun
    if not client.measures:
        return Run({}, seconds, 0)
    if not handover.is_file():
        raise NotRecorded("The notebook ran, but it never called results.record().")
    handed = json.loads(handover.read_text(encoding="utf-8"))
    return Run(handed, seconds, max(client.peak_memory, *sampled))


def _environment() -> dict[str, str]:
    """This environment as `make` and an activated .venv would hand it on.

    Programs beside this Python are found first, whoever started it, and nothing set
    for another project's Python or for another screen comes along.
    """
    left_out = ("PYTHONPATH", "PYTHONHOME", "MPLBACKEND", "PYTEST_CURRENT_TEST")
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    beside = str(Path(sys.executable).parent)
    return env | {"PATH": os.pathsep.join([beside, env.get("PATH", os.defpath)])}


class _Client(Client):
    """Runs a notebook cell by cell, prints a line each, and stops at a stand-in."""

    place = "The start of the kernel"
    peak_memory = 0
    measures = True

    async def async_execute_cell(
        self, cell: NotebookNode, cell_index: int, **options: Any
    ) -> NotebookNode:
        if cell.cell_type != "code":
            return cell
        number, title, begun = cell_index + 1, notebooks.title(cell), time.monotonic()
        self.place = f"Cell {number} ({title})"
        await super().async_execute_cell(cell, cell_index, **options)
        took = f"{time.monotonic() - begun:6.1f} s"
        print(f"  [{number:>3}/{len(self.nb.cells)}] {took}  {title}", flush=True)
        if not self.measures:
            return cell
        if reason := await self._ask("loaded_stand_in(globals())"):
            raise NotRecorded(reason)
        self.peak_memory = await self._ask("peak_memory()") or 0
        return cell

    async def _ask(self, call: str) -> Any:
        """Ask the kernel's common.results, without leaving a trace."""
        ask = f"__import__('sys').modules['common.results'].{call}"
        message = self.kc.execute("", silent=True, user_expressions={"it": ask})
        reply = await self.async_wait_for_reply(await ensure_async(message))
        answer = reply["content"].get("user_expressions", {}).get("it", {})
        # Before the import cell there is no common.results to ask.
        return ast.literal_eval(answer.get("data", {}).get("text/plain", "None"))


@contextlib.contextmanager
def memory_of_children(every: float = 1.0) -> Iterator[list[int]]:
    """Give a list to which all processes below this one add their memory together.

    The kernel knows its own peak exactly; servers and stages that it starts count
    too, and those are looked at once in `every` seconds.
    """
    found, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(every):
            total = 0
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    total += child.memory_info().rss
            found.append(total)

    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    try:
        yield found
    finally:
        over.set()
        watch.join()


def _copy_course(root: Path, copy: Path, mirror: Path | None) -> None:
    """Copy what a notebook may need: files it leaves behind stay out of the course."""
    by_name = shutil.ignore_patterns(*NOT_COPIED)

    def ignore(folder: str, names: list[str]) -> set[str]:
        data = {name for name in names if (Path(folder) / name).resolve() == mirror}
        return by_name(folder, names) | data

    shutil.copytree(root, copy, ignore=ignore)


# A recorded run starts with a course home of its own, so that no file of the person who
# records slips in. What recorded runs leave for other days stands in runs/artifacts:
# whoever records Day 19 and then Day 30 serves the model of that very run.


def _hand_artifacts_over(course: Course, home: Path) -> None:
    kept = course.root / "runs" / "artifacts"
    if kept.is_dir():
        shutil.copytree(kept, home / "artifacts")
        names = ", ".join(sorted(path.name for path in kept.iterdir()))
        print(f"  At hand from earlier recorded runs: {names}", flush=True)


def keep_artifacts(course: Course, home: Path) -> None:
    """Keep what a recorded run left for other days in runs/artifacts."""
    made, runs = home / "artifacts", course.root / "runs"
    if not made.is_dir():
        return
    part, kept = runs / ".artifacts.new", runs / "artifacts"
    try:
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(made, part)
        shutil.rmtree(kept, ignore_errors=True)
        part.rename(kept)
    except OSError as error:
        print(f"What the run left for other days cannot be kept in runs/: {error}.")
