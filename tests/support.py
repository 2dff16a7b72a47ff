"""What several end-to-end tests share: copies of the course, clean surroundings.

These tests start other programs (JupyterLab, git, kernels) and must not touch the
working tree, the learner's files or the caches of the machine they run on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NoReturn

import nbformat
import pytest

from common.results import notebook_path
from tools import choice

ROOT = Path(__file__).resolve().parent.parent
STRICT = os.environ.get("COURSE_STRICT", "") not in ("", "0")
"""In CI a tool that is not installed fails the test that needs it."""

CURRENT_PYTHON = Path(sys.executable)

_LEFT_OUT_OF_A_COPY = shutil.ignore_patterns(
    ".git", ".venv*", "__pycache__", ".ipynb_checkpoints", ".pytest_cache"
)
_VARIABLES_LEFT_OUT = (
    "COURSE_",
    "KERAS_",
    "JUPYTER",
    "IPYTHON",
    "XDG_",
    "MPL",
    "TFDS_",
    "GIT_",
    "PYTEST_",
)
_NAMES_LEFT_OUT = ("PYTHONPATH", "PYTHONSTARTUP", "SSLKEYLOGFILE")


def not_installed(reason: str) -> NoReturn:
    """Skip the test because a tool is missing; where CI is strict, fail it."""
    if STRICT:
        pytest.fail(f"{reason} (COURSE_STRICT is set: CI installs it)", pytrace=False)
    pytest.skip(reason)


def course_settings() -> dict[str, Any]:
    """Return course.toml."""
    return tomllib.loads((ROOT / "course.toml").read_text(encoding="utf-8"))


def notebooks(root: Path = ROOT) -> list[Path]:
    """Return the notebooks of all days that exist, in the days' order."""
    days = sorted(course_settings()["days"], key=lambda day: day["number"])
    places = [root / day["folder"] / f"{day['folder']}.ipynb" for day in days]
    return [place for place in places if place.is_file()]


def copy_of_course(target: Path) -> Path:
    """Copy the course as a clone would hold it: tracked files and new ones, no more.

    Uncommitted changes come along; what git ignores does not. Outside a git
    repository (a downloaded archive) everything but environments and caches comes.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode != 0:
        shutil.copytree(ROOT, target, ignore=_LEFT_OUT_OF_A_COPY)
        return target
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place)
    return target


def fresh_data_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Own folders, no mirror, nothing tried yet, no way to the real source."""
    from common.datasets import download, ladder

    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(download, "_failed", set())
    monkeypatch.setattr(ladder, "_unkept", {})


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """Return an environment in which nothing of this machine's user is found.

    The home folder, the caches of Keras and the learner's files are new and empty;
    settings of the course, of Keras, Jupyter, git and proxies are gone.
    """
    home.mkdir(parents=True, exist_ok=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(_VARIABLES_LEFT_OUT)
        and not name.upper().endswith("_PROXY")
        and name not in _NAMES_LEFT_OUT
    }
    return kept | {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "COURSE_HOME": str(home / "course"),
        "COURSE_BUDGET": "smoke",
        "KERAS_HOME": str(home / "keras"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **more,
    }


def with_course(code: str) -> str:
    """Return code for `python -c` that can import `common`, and still `random`.

    Not by PYTHONPATH: a learner's files in the course's root would come first.
    """
    place = str(ROOT / "common" / "notebook.py")
    return f'import runpy; runpy.run_path({place!r})["bind"]("common")\n{code}'


def clear_outputs(path: Path) -> None:
    """Remove a notebook's stored outputs, so that what is seen later was run."""
    notebook = nbformat.read(path, as_version=4)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the code cells that hold code."""
    cells = notebook.cells
    return [c for c in cells if c.cell_type == "code" and c.source.strip()]


def printed(notebook: nbformat.NotebookNode) -> str:
    """Return everything that the code cells printed or showed as text."""
    return "".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for cell in code_cells(notebook)
        for output in cell.outputs
    )


def assert_ran_to_the_end(notebook: nbformat.NotebookNode) -> None:
    """Every code cell ran, once and in order, without an error; the last one spoke."""
    cells = code_cells(notebook)
    assert cells, "the notebook holds no code"
    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(1, len(cells) + 1)), f"execution counts: {counts}"
    errors = [
        f"cell {number}: {output.ename}: {output.evalue}"
        for number, cell in enumerate(cells, start=1)
        for output in cell.outputs
        if output.output_type == "error"
    ]
    assert not errors, "\n".join(errors)
    assert cells[-1].outputs, "the last code cell has no output"


def run_notebook(
    python: str | Path,
    notebook: Path,
    env: dict[str, str],
    *,
    before: tuple[str, ...] = (),
    probe: str = "",
    twice: bool = False,
    seconds: int = 600,
) -> tuple[subprocess.CompletedProcess[str], nbformat.NotebookNode]:
    """Run a notebook in place with another interpreter; return how it ended and it.

    `before` is a command that the interpreter is started through, `probe` is code
    that is run as one more cell after the last one, `twice` runs it as learners do.
    """
    runner = Path(__file__).with_name("run_notebook.py")
    finished = subprocess.run(
        [*before, python, runner, notebook, "--probe", probe, *["--twice"] * twice],
        cwd=notebook.parent,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    return finished, nbformat.read(notebook, as_version=4)


def tail(finished: subprocess.CompletedProcess[str], characters: int = 6000) -> str:
    """Return the end of what a program wrote, for the message of an assertion."""
    return (
        f"exit status {finished.returncode}\n"
        + (finished.stdout + finished.stderr)[-characters:]
    )


def days_as_parameters(variant: str) -> list[Any]:
    """Return a pytest parameter for each notebook that is chosen in a CI variant."""
    return [
        pytest.param(notebook_path(day).relative_to(ROOT), id=day.name)
        for day in choice.chosen(variant)[0]
    ]
