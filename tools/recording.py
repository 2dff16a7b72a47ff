"""A day's record: made by one run, and written whole or not at all."""

from __future__ import annotations

import signal
import socket
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from common import results
from tools import notebooks, stamp
from tools.course import Course, Day
from tools.recorded_run import NotRecorded, keep_artifacts, run

NOTED = ("budget", "date", "device", "code_sha256")
"""What the notebook's metadata say of the record that its outputs belong to."""

LIMIT_SECONDS = 600
"""A notebook that takes longer is reported."""

LIMIT_BYTES = 4_000_000_000
"""A quick run that holds more in memory is reported: a laptop has 8 GB."""


def record_day(course: Course, day: Day, budget: str) -> tuple[dict, list[str]]:
    """Run a day's notebook, keep its record; return it and the targets it missed.

    Raises:
        NotRecorded: the run failed or may not be recorded; no file was changed.
    """
    if not course.notebook(day).is_file():
        raise NotRecorded(f"{day.folder} does not exist yet.")
    with tempfile.TemporaryDirectory(prefix="record-") as scratch:
        new = _record_in(Path(scratch), course, day, budget)
        keep_artifacts(course, Path(scratch) / "home")
    return new, results.missed_targets(new, day.targets) if budget == "full" else []


def _record_in(scratch: Path, course: Course, day: Day, budget: str) -> dict[str, Any]:
    path, folder = course.notebook(day), course.folder(day)
    before = results.load(folder)
    hashes = results.code_hashes(path, course.root)
    ran = notebooks.read(path)
    stamp.stamped(course)  # a broken marker or file shows now, not after the run
    handover, seconds, memory = run(course, day, budget, ran, scratch)
    refuse_bad_outputs(ran)
    now = notebooks.read(path)
    if _sources(ran) != _sources(now) or (
        results.code_hashes(path, course.root) != hashes
    ):
        kept = _keep_aside(course, day, budget, ran)
        raise NotRecorded(f"The code of {day.folder} changed while it ran. {kept}")
    after = results.add(
        before, handover, seconds=seconds, hashes=hashes, memory_bytes=memory
    )
    kind = {key: handover["record"][key] for key in ("budget", "device")}
    new = next(one for one in after["records"] if kind.items() <= one.items())
    best = results.best_record(after, hashes).record
    files: dict[Path, bytes | None] = {}
    if best == new:
        _take_outputs(ran, now)
        now.metadata["record"] = {key: new[key] for key in NOTED}
        files |= _figures(folder, now)
    recorded = {day.folder: stamp.Recorded(after, hashes)}
    try:
        texts, _ = stamp.stamped(course, recorded, {path: now})
    except stamp.StampError as problem:  # in a text that was edited meanwhile
        kept = _keep_aside(course, day, budget, ran)
        raise NotRecorded(f"{problem} {kept}") from None
    texts[path] = notebooks.dump(now)
    texts[folder / "results.json"] = results.dump(after)
    if (size := len(texts[path].encode())) > notebooks.MAX_BYTES:
        raise NotRecorded(
            f"The notebook would take {size / 1e6:.1f} MB and may take "
            f"{notebooks.MAX_BYTES / 1e6} MB: show fewer or smaller figures."
        )
    _write_all(files | {file: text.encode() for file, text in texts.items()})
    _report(new, best, ran)
    return new


def redraw_day(course: Course, day: Day) -> None:
    """Refresh the outputs that no budget and no data change, by a smoke run.

    These are the drawings, and the cells whose output nbval compares. Numbers, other
    figures and results.json stay those of the record.

    Raises:
        NotRecorded: the run failed; no file was changed.
    """
    path = course.notebook(day)
    ran = notebooks.read(path)
    with tempfile.TemporaryDirectory(prefix="redraw-") as scratch:
        run(course, day, "smoke", ran, Path(scratch))
    refuse_bad_outputs(ran)
    now = notebooks.read(path)
    if _sources(ran) != _sources(now):
        raise NotRecorded(f"The code of {day.folder} changed while it ran.")
    _take_outputs(ran, now, only=notebooks.is_the_same_in_every_run)
    files = _figures(course.folder(day), now)
    _write_all(files | {path: notebooks.dump(now).encode()})


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


def _sources(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebooks.code_cells(notebook)]


def _take_outputs(
    ran: NotebookNode,
    now: NotebookNode,
    only: Callable[[NotebookNode], bool] = lambda cell: True,
) -> None:
    """Put a run's outputs under the text as it is now."""
    for source, target in zip(*map(notebooks.code_cells, (ran, now)), strict=True):
        if only(target):
            target.outputs = source.outputs
    notebooks.number_outputs(now)
    now.metadata["drawings"] = notebooks.drawings_sha256(now)


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
    return f"The executed copy is {kept.relative_to(course.root).as_posix()}."


def _write_all(files: dict[Path, bytes | None]) -> None:
    """Replace all files or none; a figure whose content is None is removed."""
    staged: list[tuple[Path, Path]] = []
    try:
        for path, content in files.items():
            if content is not None and not (
                path.is_file() and path.read_bytes() == content
            ):
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


# --- The words -----------------------------------------------------------------------


def _report(new: dict[str, Any], best: dict[str, Any], ran: NotebookNode) -> None:
    for name, value in new["metrics"].items():
        print(f"  {name}: {results.format_metric(name, value)}")
    print(
        f"Recorded: {new['budget']}, {new['device']}, {new['data']}, "
        f"{results.format_duration(new['seconds'])}, "
        f"{results.format_memory(new['memory_bytes'])}."
    )
    if best == new:
        print("The notebook's outputs and the README's figures are those of this run.")
    else:
        print(f"The outputs stay those of the {best['budget']} record.")
    if new["seconds"] > LIMIT_SECONDS:
        print(
            f"That is more than the {LIMIT_SECONDS // 60} minutes a notebook may take."
        )
    if new["budget"] == "quick" and new["memory_bytes"] > LIMIT_BYTES:
        print(f"That is more than the {LIMIT_BYTES / 1e9:.0f} GB a quick run may hold.")
    for number, cell in enumerate(ran.cells, start=1):
        for png in notebooks.pictures(cell):
            if len(png) > notebooks.MAX_PNG_BYTES:
                print(f"Cell {number} shows a picture of {len(png) // 1000} kB.")
