"""`make test` after a learner has worked: it tests the course, and says so."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools import run_tests

DAY = "day01_works"
OPTIONS = ["--nbval-lax", "--nbval-current-env", "-q"]


def write(path: Path, source: str, shown: str) -> None:
    cell = new_code_cell(f"# NBVAL_CHECK_OUTPUT\n{source}", id="one")
    cell.execution_count = 1
    cell.outputs = [new_output("stream", text=f"{shown}\n")]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=[cell]), path)


def git(folder: Path, *words: str) -> None:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *author, *words], cwd=folder, check=True)


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course under git, of one day and one test, as it was published."""
    monkeypatch.delenv("COURSE_TEST_EDITED", raising=False)
    root = tmp_path / "course"
    write(
        root / DAY / f"{DAY}.ipynb", "print('not attempted yet')", "not attempted yet"
    )
    (root / ".gitignore").write_text(".ipynb_checkpoints\nruns/\n__pycache__\n.pytest*")
    (root / "tests").mkdir()
    (root / "tests" / "test_one.py").write_text(
        "import json, random\n\ndef test_stored(request):\n"
        f"    text = (request.config.rootpath / '{DAY}/{DAY}.ipynb').read_text()\n"
        "    [cell] = json.loads(text)['cells']\n"
        "    assert 'not attempted' in cell['outputs'][0]['text'][0]\n"
    )
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "published")
    return root


def learner(root: Path) -> None:
    """Solve an exercise wrongly and save, duplicate the notebook, add files."""
    write(root / DAY / f"{DAY}.ipynb", "1 / 0", "passed")
    write(root / DAY / f"{DAY}-Copy1.ipynb", "1 / 0", "")
    write(root / "Untitled.ipynb", "1 / 0", "")
    (root / "random.py").write_text("raise ImportError('mine')\n")
    (root / "notes.txt").write_text("mine")


def files(root: Path) -> dict[str, bytes]:
    kept = (p for p in root.rglob("*") if p.is_file() and ".git" not in p.parts)
    return {str(p): p.read_bytes() for p in kept if "cache" not in str(p)}


def test_a_course_as_published_is_tested_in_place(course: Path, capfd) -> None:
    assert run_tests.learners_work(course) == ([], [])
    assert run_tests.main(OPTIONS, course) == 0
    said = capfd.readouterr().out
    assert "2 passed" in said and "Edited" not in said


def test_what_a_learner_did_is_said_and_left_alone(course: Path, capfd) -> None:
    learner(course)
    before = files(course)
    assert run_tests.main(OPTIONS, course) == 0
    said = capfd.readouterr().out
    first = said.splitlines()[0]
    for name in (f"{DAY}.ipynb", f"{DAY}-Copy1.ipynb", "Untitled.ipynb", "random.py"):
        assert name in first
    assert "notes.txt" not in first and "EDITED=1" in first
    assert "2 passed" in said
    assert files(course) == before


def test_the_edits_are_tested_when_asked_for(course: Path, monkeypatch, capfd) -> None:
    learner(course)
    (course / "random.py").unlink()  # pytest itself would stop at it
    monkeypatch.setenv("COURSE_TEST_EDITED", "1")
    assert run_tests.main(OPTIONS, course) == 1
    assert "2 failed" in capfd.readouterr().out


def test_a_day_that_is_being_written_is_tested_as_it_stands(course: Path) -> None:
    write(course / "day02_new" / "day02_new.ipynb", "1", "")
    (course / "tests" / "test_two.py").write_text("")
    assert run_tests.learners_work(course) == ([], [])
    assert run_tests.notebooks(course) == [
        f"{DAY}/{DAY}.ipynb",
        "day02_new/day02_new.ipynb",
    ]


def test_without_git_everything_is_tested_in_place(course: Path, monkeypatch) -> None:
    learner(course)
    monkeypatch.setenv("PATH", os.devnull)
    assert run_tests.learners_work(course) == ([], [])


def test_a_copy_holds_the_committed_notebook_byte_for_byte(course: Path, tmp_path):
    committed = (course / DAY / f"{DAY}.ipynb").read_bytes()
    learner(course)
    work = run_tests.learners_work(course)
    run_tests.copy_without(course, work, tmp_path / "copy")
    assert (tmp_path / "copy" / DAY / f"{DAY}.ipynb").read_bytes() == committed
    assert not (tmp_path / "copy" / "random.py").exists()
    assert json.loads(committed)["cells"]
