"""`make day`: one day in the terminal, on a copy."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from tools import run_day


@pytest.fixture
def small_course(tmp_path: Path) -> Path:
    """Return a course of a day that works, one that fails and one that is planned."""
    cells = {
        "day01_works": [
            "print('loss 0.5\\rloss 0.1\\nbudget', __import__('os')"
            ".environ['COURSE_BUDGET'])\nopen('here.txt', 'w').close()"
        ],
        "day02_fails": ["ready = 1", "a = 1\nb = a / 0\nc = 2", "after = 1"],
    }
    for name, sources in cells.items():
        (tmp_path / name).mkdir()
        notebook = nbformat.v4.new_notebook()
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        for number, source in enumerate(sources, start=1):
            notebook.cells += [
                nbformat.v4.new_markdown_cell(f"## {number} A *section*"),
                nbformat.v4.new_code_cell(source),
            ]
        nbformat.write(notebook, tmp_path / name / f"{name}.ipynb")
    (tmp_path / "course.toml").write_text(
        '[[days]]\nnumber = 3\nfolder = "day03_later"\ntitle = "Later"\n'
    )
    return tmp_path


def test_days_are_found_by_many_names(small_course: Path) -> None:
    for name in ("1", "01", "day01", "Day 1", "day01_works", "day01_works/"):
        assert run_day.find_day(name, small_course).stem == "day01_works"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([""], ("make day DAY=1", "to be had are 1, 2.")),
        (["12"], ("no day '12'", "to be had are 1, 2.")),
        (["cat"], ("no day 'cat'",)),
        (["3"], ("Day 3, Later, is planned", "make update", "to be had are 1, 2.")),
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
    notebook = small_course / "day01_works" / "day01_works.ipynb"
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
