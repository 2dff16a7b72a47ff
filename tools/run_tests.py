"""Run the tests on the course, not on what a learner has made of it: `make test`.

    python -P tools/run_tests.py [OPTIONS OF PYTEST ...]

Exercises solved in place, notebooks run and saved, a `random.py` beside them are no
faults of the course. Where git knows of such edits, a copy is tested in which the
notebooks are those of the last commit, and a sentence says so first. Everything else
is tested as it stands. `COURSE_TEST_EDITED=1` (`make test EDITED=1`) tests the edits.
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
runpy.run_path(str(ROOT / "common" / "notebook.py"))["bind"]("common", "tools")

from tools import console  # noqa: E402


class Work(NamedTuple):
    """What a learner has changed and added, as paths relative to the root."""

    edited: list[str]
    """Notebooks of the course."""
    added: list[str]
    """Python files and notebooks that git does not know, beside the course's own."""


def learners_work(root: Path) -> Work:
    """Ask git what differs from the last commit; nothing where there is no git."""
    listed = _git(root, "status", "--porcelain", "-z", "--untracked-files=all")
    edited, added = [], []
    for entry in filter(None, (listed or "").split("\0")):
        state, path = entry[:2], Path(entry[3:])
        own = path.stem == path.parent.name  # a day that is being written
        module = path.suffix == ".py" and len(path.parts) == 1
        if path.suffix == ".ipynb" and "M" in state:
            edited.append(path.as_posix())
        elif state == "??" and (module or (path.suffix == ".ipynb" and not own)):
            added.append(path.as_posix())
    return Work(sorted(edited), sorted(added))


def _git(root: Path, *words: str) -> str | None:
    try:
        ran = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, encoding="utf-8"
        )
    except OSError:  # git is not installed
        return None
    return ran.stdout if ran.returncode == 0 else None


def copy_without(root: Path, work: Work, target: Path) -> None:
    """Copy the course, with the committed notebooks and without what was added."""
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, (listed or "").split("\0")):
        place = target / name
        if name in work.added or not (root / name).is_file():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if name in work.edited:
            committed = _git(root, "show", f"HEAD:./{name}") or ""
            place.write_text(committed, encoding="utf-8", newline="")
        else:
            shutil.copy2(root / name, place)


def notebooks(root: Path) -> list[str]:
    """Return every day's notebook; a copy beside it is none."""
    found = sorted(root.glob("day*/day*.ipynb"))
    return [f"{p.parent.name}/{p.name}" for p in found if p.stem == p.parent.name]


def run(root: Path, options: list[str]) -> int:
    """Run pytest on the tests and notebooks of the course at `root`."""
    command = [sys.executable, "-P", "-m", "pytest", *options, "tests"]
    return subprocess.run([*command, *notebooks(root)], cwd=root).returncode


def main(options: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the tests; return pytest's exit status."""
    console.write_anything()
    options = sys.argv[1:] if options is None else options
    work = learners_work(root)
    if os.environ.get("COURSE_TEST_EDITED") or not any(work):
        return run(root, options)
    said = ", ".join(work.edited + work.added)
    print(
        f"Edited or added here: {said}. The course is tested without that, and your "
        "files stay as they are; `make test EDITED=1` tests them too.",
        flush=True,
    )
    data = os.environ.get("COURSE_DATA", "").strip()
    if data:  # relative to the course's root
        os.environ["COURSE_DATA"] = str(root / Path(data).expanduser())
    with tempfile.TemporaryDirectory(prefix="forty-days-") as folder:
        copy = Path(folder).resolve() / "course"
        copy_without(root, work, copy)
        return run(copy, options)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
