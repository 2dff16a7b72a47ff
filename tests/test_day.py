"""`make day`: one day in the terminal, on a copy."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from common import ROOT
from tools import run_day

WORKS, FAILS = "day01_mnist", "day02_activations"


@pytest.fixture
def small_course(tmp_path: Path) -> Path:
    """Return a course of a day that works and one that fails; the others are gone."""
    cells = {
        WORKS: [
            "print('loss 0.5\\rloss 0.1\\nbudget', __import__('os')"
            ".environ['COURSE_BUDGET'])\nopen('here.txt', 'w').close()"
        ],
        FAILS: ["ready = 1", "a = 1\nb = a / 0\nc = 2", "after = 1"],
    }
    for name, sources in cells.items():
        write(tmp_path, name, sources)
    shutil.copy(ROOT / "course.toml", tmp_path)
    return tmp_path


def write(root: Path, name: str, sources: list[str]) -> None:
    """Write a day whose code cells stand under a heading each."""
    (root / name).mkdir(exist_ok=True)
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    for number, source in enumerate(sources, start=1):
        notebook.cells += [
            nbformat.v4.new_markdown_cell(f"## {number} A *section*"),
            nbformat.v4.new_code_cell(source),
        ]
    nbformat.write(notebook, root / name / f"{name}.ipynb")


def test_days_are_found_by_many_names(small_course: Path) -> None:
    for name in ("1", "01", "day01", "Day 1", WORKS, f"{WORKS}/"):
        assert run_day.find_day(name, small_course).stem == WORKS


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([""], ("as in DAY=1",)),
        (["99"], ("no day '99'", "choose 1 to 40.")),
        (["cat"], ("no day 'cat'",)),
        (["3"], ("Day 3, ", "is not in this copy", "make update")),
        (["1", "--budget", "huge"], ("'huge'", "smoke, quick or full")),
    ],
)
def test_a_day_that_cannot_run_is_one_sentence(
    small_course: Path, capsys: pytest.CaptureFixture, words: list[str], parts: tuple
) -> None:
    assert run_day.main(words, small_course) == 1
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.strip().splitlines()) == 1
    for part in parts:
        assert part in said.err
    assert not (small_course / "runs").exists()


def test_a_day_runs_on_a_copy(
    small_course: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_BUDGET", "quick")
    notebook = small_course / WORKS / f"{WORKS}.ipynb"
    before = notebook.read_bytes()
    assert run_day.main(["1", "--budget", "smoke"], small_course) == 0
    said = capsys.readouterr().out
    assert "1 A section" in said
    assert "  | loss 0.1\n  | budget smoke\n" in said and "loss 0.5" not in said
    assert "ran to its end in" in said
    assert notebook.read_bytes() == before
    assert (notebook.parent / "here.txt").is_file(), "the kernel stands in the folder"
    (kept,) = (small_course / "runs").iterdir()
    assert f"runs/{kept.name}" in said
    assert nbformat.read(kept, 4).cells[1].execution_count == 1


def test_a_failing_cell_is_named(
    small_course: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run_day.main(["2"], small_course) == 1
    said = capsys.readouterr().err
    assert "Code cell 2 failed, in the section “2 A section”" in said
    assert "  >   2  b = a / 0\n" in said
    assert "ZeroDivisionError: division by zero" in said
    assert "\x1b" not in said and "Traceback" not in said
    (kept,) = (small_course / "runs").iterdir()
    cells = nbformat.read(kept, 4).cells
    assert cells[3].outputs[0].ename == "ZeroDivisionError"
    assert cells[5].execution_count is None, "nothing runs after a failure"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals to send")
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_is_kept_and_says_so(small_course: Path, told) -> None:
    write(small_course, WORKS, ["print('begun')\nimport time\ntime.sleep(60)"])
    main = f"run_day.main(['1'], __import__('pathlib').Path({str(small_course)!r}))"
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import sys\nfrom tools import run_day\nsys.exit({main})",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while "begun" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(told)
    said = process.communicate(timeout=60)[1]
    (kept,) = (small_course / "runs").iterdir()
    assert process.returncode == 130
    assert said.endswith(f"Stopped. What ran is kept in runs/{kept.name}\n")
    assert nbformat.read(kept, 4).cells[1].outputs[0].text == "begun\n"
