"""`make record`: run a day's notebook on the real data and keep what it measured.

    python tools/record.py DAY BUDGET      for example  day01_mnist full,  or  1 quick

The notebook runs top to bottom in a fresh kernel, on a copy of the course. At the end
results.json gets the run's record, every generated table and number follows, and, if
this is now the best record whose code is current (full before quick), the notebook's
outputs and the README's figures are those of this run.

All or nothing: a cell that fails, a stand-in for the data, a warning in an output or
Ctrl-C leave every file as it was. A target that was missed is reported after
the record is written. Text cells may be edited while the notebook runs; when code was,
nothing is recorded and the executed copy is kept in runs/.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import contextlib
import json
import os
import runpy
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
runpy.run_path(str(ROOT / "common" / "notebook.py"))["bind"]("common", "tools")

from jupyter_client.kernelspec import KernelSpecManager  # noqa: E402
from jupyter_client.manager import AsyncKernelManager  # noqa: E402
from nbclient import NotebookClient  # noqa: E402
from nbclient.exceptions import CellExecutionError, DeadKernelError  # noqa: E402
from nbclient.util import ensure_async  # noqa: E402
from nbformat import NotebookNode  # noqa: E402

from common import results  # noqa: E402
from tools import notebooks, stamp  # noqa: E402
from tools.course import Course, CourseError, Day, load_course  # noqa: E402

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

NOTED = ("budget", "date", "device", "code_sha256")
"""What the notebook's metadata say of the record that its outputs belong to."""

LIMIT_SECONDS = 600
"""A notebook that takes longer is reported."""


class NotRecorded(Exception):
    """The run cannot be recorded; says why in a sentence. Nothing was changed."""


def record_day(course: Course, day: Day, budget: str) -> list[str]:
    """Run a day's notebook, keep its record, and return the targets it missed.

    Raises:
        NotRecorded: the run failed or may not be recorded; no file was changed.
    """
    if not course.notebook(day).is_file():
        raise NotRecorded(f"{day.folder} does not exist yet.")
    with tempfile.TemporaryDirectory(prefix="record-") as scratch:
        missed = _record_in(Path(scratch), course, day, budget)
        _keep_artifacts(course, Path(scratch) / "home")
    return missed


def _record_in(scratch: Path, course: Course, day: Day, budget: str) -> list[str]:
    path, folder = course.notebook(day), course.folder(day)
    before = results.load(folder)
    hashes = results.code_hashes(path, course.root)
    ran = notebooks.read(path)
    stamp.stamped(course)  # a broken marker or file shows now, not after the run
    handover, seconds = run(course, day, budget, ran, scratch)
    refuse_bad_outputs(ran)
    now = notebooks.read(path)
    if not _same_code(course, path, hashes, now, ran):
        raise NotRecorded(
            f"The code of {day.folder} changed while it ran; the executed copy is "
            f"{_keep_aside(course, day, budget, ran)}."
        )
    after = results.add(before, handover, seconds=seconds, hashes=hashes)
    kind = {key: handover["record"][key] for key in ("budget", "device")}
    new = next(one for one in after["records"] if kind.items() <= one.items())
    best = results.best_record(after, hashes).record
    files: dict[Path, bytes | None] = {}
    if best == new:
        _take_outputs(ran, now)
        notebooks.number_outputs(now)
        now.metadata["record"] = {key: new[key] for key in NOTED}
        files |= _figures(folder, now)
    recorded = {day.folder: stamp.Recorded(after, hashes)}
    try:
        texts, _ = stamp.stamped(course, recorded, {path: now})
    except stamp.StampError as problem:  # in a text that was edited meanwhile
        raise NotRecorded(
            f"{problem} The executed copy is {_keep_aside(course, day, budget, ran)}."
        ) from None
    texts[path] = notebooks.dump(now)
    texts[folder / "results.json"] = results.dump(after)
    if (size := len(texts[path].encode())) > notebooks.MAX_BYTES:
        raise NotRecorded(
            f"The notebook would take {size / 1e6:.1f} MB and may take "
            f"{notebooks.MAX_BYTES / 1e6} MB: show fewer or smaller figures."
        )
    _write_all(files | {file: text.encode() for file, text in texts.items()})
    _report(new, best, ran)
    return results.missed_targets(new, day.targets) if budget == "full" else []


# --- The run -------------------------------------------------------------------------


def run(
    course: Course, day: Day, budget: str, notebook: NotebookNode, scratch: Path
) -> tuple[dict[str, Any], float]:
    """Execute `notebook` in place on a copy of the course.

    Returns:
        What `results.record` handed over, and the seconds the whole notebook took.

    Raises:
        NotRecorded: a cell failed, the data are a stand-in, or nothing was recorded.
    """
    mirror = os.environ.get("COURSE_DATA", "")
    mirror = (course.root / Path(mirror).expanduser()).resolve() if mirror else None
    copy, home = scratch / "course", scratch / "home"
    _copy_course(course.root, copy, mirror)
    home.mkdir()
    _hand_artifacts_over(course, home)
    handover = scratch / "handover.json"
    env = os.environ | {
        "COURSE_BUDGET": budget,
        "COURSE_RECORD": str(handover),
        "COURSE_HOME": str(home),
        "IPYTHONDIR": str(scratch / "ipython"),
    }
    if mirror is not None:
        env["COURSE_DATA"] = str(mirror)
    client = _Run(
        notebook,
        km=_kernel_of_this_python(),
        timeout=None,
        resources={"metadata": {"path": str(copy / day.folder)}},
    )
    begun = time.monotonic()
    with (scratch / "kernel.log").open("w+b") as log:
        try:
            client.execute(env=env, stderr=log, cleanup_kc=True)
        except CellExecutionError as error:
            raise NotRecorded(
                f"{client.place} failed: {error.ename}: {error.evalue}"
            ) from None
        except (DeadKernelError, asyncio.CancelledError, KeyboardInterrupt):
            log.seek(0)
            last = log.read().decode(errors="replace").strip().splitlines()[-1:]
            raise NotRecorded(
                " ".join([f"{client.place}: the kernel was stopped or died.", *last])
            ) from None
    seconds = time.monotonic() - begun
    if not handover.is_file():
        raise NotRecorded("The notebook ran, but it never called results.record().")
    return json.loads(handover.read_text(encoding="utf-8")), seconds


class _Run(NotebookClient):
    """Runs a notebook cell by cell, prints a line each, and stops at a stand-in."""

    place = "The start of the kernel"

    async def async_execute_cell(
        self, cell: NotebookNode, cell_index: int, **options: Any
    ) -> NotebookNode:
        if cell.cell_type != "code":
            return cell
        self._end_at_ctrl_c()
        self.place = f"Cell {cell_index + 1} ({notebooks.title(cell)})"
        begun = time.monotonic()
        await super().async_execute_cell(cell, cell_index, **options)
        total = len(self.nb.cells)
        print(
            f"  [{cell_index + 1:>3}/{total}] {time.monotonic() - begun:6.1f} s  "
            f"{notebooks.title(cell)}",
            flush=True,
        )
        if reason := await self._reason_against_a_record():
            raise NotRecorded(reason)
        return cell

    def _end_at_ctrl_c(self) -> None:
        """Let Ctrl-C cancel the run: nbclient's own handler stops the kernel twice."""
        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(
                signal.SIGINT, asyncio.current_task().cancel
            )

    async def _reason_against_a_record(self) -> str:
        """Ask the kernel, without leaving a trace, whether it works on a stand-in."""
        ask = "__import__('sys').modules['common.results'].loaded_stand_in(globals())"
        message = self.kc.execute("", silent=True, user_expressions={"reason": ask})
        reply = await self.async_wait_for_reply(await ensure_async(message))
        answer = reply["content"].get("user_expressions", {}).get("reason", {})
        # Before the import cell there is no common.results to ask.
        return ast.literal_eval(answer.get("data", {}).get("text/plain", "''"))


def _kernel_of_this_python() -> AsyncKernelManager:
    """Return a manager of kernels that run this very Python, whatever is installed."""
    specs = KernelSpecManager(kernel_dirs=[])
    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs)


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


def _keep_artifacts(course: Course, home: Path) -> None:
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


def refuse_bad_outputs(notebook: NotebookNode) -> None:
    """Render every output as a terminal would; raise NotRecorded if one is unfit.

    Outputs are never edited: the cell has to be mended and run again.
    """
    unfit = []
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code":
            cell.outputs = notebooks.rendered(cell.outputs)
            for what in notebooks.output_problems(cell, socket.gethostname()):
                unfit.append(f"cell {number} ({notebooks.title(cell)}) shows {what}")
    if unfit:
        raise NotRecorded("Outputs cannot be stored: " + "; ".join(unfit) + ".")


# --- The files -----------------------------------------------------------------------


def _same_code(
    course: Course,
    path: Path,
    hashes: Mapping[str, str],
    now: NotebookNode,
    ran: NotebookNode,
) -> bool:
    """Return whether the code in the course is still the code that ran."""
    same_cells = len(_code_cells(now)) == len(_code_cells(ran))
    return same_cells and results.code_hashes(path, course.root) == hashes


def _code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _take_outputs(ran: NotebookNode, now: NotebookNode) -> None:
    """Put a run's outputs under the text as it is now."""
    for source, target in zip(_code_cells(ran), _code_cells(now), strict=True):
        target.outputs = source.outputs


def _figures(folder: Path, notebook: NotebookNode) -> dict[Path, bytes | None]:
    """Return the README's pictures as files to write; None removes an old one."""
    try:
        new = notebooks.readme_figures(notebook)
    except ValueError as error:
        raise NotRecorded(f"The README's figures: {error}.") from None
    figures = folder / "figures"
    files: dict[Path, bytes | None] = dict.fromkeys(figures.glob("*.png"))
    return files | {figures / f"{name}.png": png for name, png in new.items()}


def _keep_aside(course: Course, day: Day, budget: str, ran: NotebookNode) -> str:
    runs = course.root / "runs"
    runs.mkdir(exist_ok=True)
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    kept = runs / f"{day.folder}-{budget}-{moment}.ipynb"
    kept.write_text(notebooks.dump(ran), encoding="utf-8")
    return kept.relative_to(course.root).as_posix()


def _write_all(files: dict[Path, bytes | None]) -> None:
    """Replace all files or none; a figure whose content is None is removed."""
    staged: list[tuple[Path, Path]] = []
    try:
        for path, content in files.items():
            if content is not None and not _holds(path, content):
                path.parent.mkdir(exist_ok=True)
                aside = path.with_name(f".{path.name}.new")
                staged.append((aside, path))
                aside.write_bytes(content)
    except BaseException:
        for aside, _ in staged:
            aside.unlink(missing_ok=True)
        raise
    # Nothing is left that can fail for lack of space or rights: do not be interrupted.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for aside, path in staged:
            aside.replace(path)
        for path in [path for path, content in files.items() if content is None]:
            path.unlink(missing_ok=True)
    finally:
        signal.signal(signal.SIGINT, before)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


# --- The words -----------------------------------------------------------------------


def _report(new: dict[str, Any], best: dict[str, Any], ran: NotebookNode) -> None:
    for name, value in new["metrics"].items():
        print(f"  {name}: {results.format_metric(name, value)}")
    print(
        f"Recorded: {new['budget']}, {new['device']}, {new['data']}, "
        f"{results.format_duration(new['seconds'])}."
    )
    if best == new:
        print("The notebook's outputs and the README's figures are those of this run.")
    else:
        print(f"The outputs stay those of the {best['budget']} record.")
    if new["seconds"] > LIMIT_SECONDS:
        print(
            f"That is more than the {LIMIT_SECONDS // 60} minutes a notebook may take."
        )
    for number, cell in enumerate(ran.cells, start=1):
        for png in notebooks.pictures(cell):
            if len(png) > notebooks.MAX_PNG_BYTES:
                print(f"Cell {number} shows a picture of {len(png) // 1000} kB.")


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Record one day; returns the exit status, 0 also when a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("day", help="a day's folder or number, day01_mnist or 1")
    parser.add_argument("budget", nargs="?", help="full or quick")
    parser.add_argument("--budget", dest="option", help="the same, as an option")
    asked = parser.parse_args(argv)
    budget = asked.budget or asked.option or "full"
    try:
        if budget not in results.RECORDED_BUDGETS:
            raise NotRecorded(
                f"The budget {budget!r} is not recorded: choose full or quick."
            )
        course = load_course(root)
        day = course.day(asked.day)
        print(f"{day.folder}, {budget} budget:")
        missed = record_day(course, day, budget)
    except (NotRecorded, CourseError, results.ResultsError, stamp.StampError) as reason:
        print(f"Not recorded, nothing was changed. {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Not recorded, nothing was changed. Interrupted.", file=sys.stderr)
        return 130
    for sentence in missed:
        print(f"Below target: {sentence}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
