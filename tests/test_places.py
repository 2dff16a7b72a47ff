"""A home or a course that cannot be written, and outputs that lack a character."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import support
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import common
from common import ROOT, exercises, homes
from tools import lab, places, run_day

DAY = "day01_mnist"
ODD = "café — 28 × 28 → “ten” … 映画"


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A copy of the course whose Day 1 prints one line, in odd characters."""
    root = support.copy_of_course(tmp_path_factory.mktemp("copy") / "course")
    cells = [new_markdown_cell(f"# {ODD}"), new_code_cell(f"print({ODD!r})")]
    nbformat.write(new_notebook(cells=cells), root / DAY / f"{DAY}.ipynb")
    return root


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A user whose home cannot be written, not even by root: it is a file."""
    home = tmp_path / "home"
    home.write_text("")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in (
        "COURSE_HOME",
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "IPYTHONDIR",
    ):
        monkeypatch.setenv(name, "")  # so that what is set meanwhile goes afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    return {"home": str(home)}


# --- Outputs that lack a character ---------------------------------------------------


def run(course: Path, *words: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, f"tools/{words[0]}.py", *words[1:]],
        cwd=course,
        env=os.environ | env,
        capture_output=True,
        timeout=120,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp932"])
@pytest.mark.parametrize(
    "words",
    [
        ("progress",),
        ("stamp", "--help"),
        ("run_day", "99"),
        ("lab", "--day", "99"),
        ("update", "--help"),
        ("mirror", "--help"),
    ],
    ids=lambda words: words[0],
)
def test_a_tool_writes_whatever_its_output_can_hold(
    course: Path, words: tuple[str, ...], encoding: str
) -> None:
    ran = run(course, *words, PYTHONIOENCODING=encoding)
    said = ran.stdout + ran.stderr
    assert said and b"Traceback" not in said
    said.decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp850"])
def test_a_day_runs_in_a_terminal_that_lacks_its_characters(
    course: Path, encoding: str
) -> None:
    ran = run(course, "run_day", "1", "--budget", "smoke", PYTHONIOENCODING=encoding)
    assert ran.returncode == 0, ran.stderr
    said = ran.stdout.decode(encoding)
    plain = ODD.replace("映画", "??").replace("é", "?").replace("…", "...")
    for odd, instead in zip("—×→“”", ["-", "x", "->", '"', '"'], strict=True):
        plain = plain.replace(odd, instead)
    if encoding == "ascii":
        assert said.count(plain) == 2, said
    assert f"{DAY} ran to its end" in said


# --- A home that cannot be written ---------------------------------------------------


def test_a_folder_can_be_written_or_made(tmp_path: Path) -> None:
    assert homes.can_be_written(tmp_path)
    assert homes.can_be_written(tmp_path / "a" / "b")
    (tmp_path / "file").write_text("")
    assert not homes.can_be_written(tmp_path / "file")
    assert not homes.can_be_written(tmp_path / "file" / "b")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may")
def test_a_folder_without_the_right_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert not homes.can_be_written(tmp_path / "a")
    tmp_path.chmod(0o700)


def test_progress_is_kept_in_the_course_where_home_refuses(
    homeless: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys
) -> None:
    monkeypatch.setattr(homes, "ROOT", tmp_path)
    elsewhere = tmp_path / "runs" / "home"
    said = homes.find_home()
    assert said.startswith("Your home folder cannot be written")
    assert said.endswith(f"{elsewhere}.")
    assert common.course_home() == elsewhere
    exercises.start(DAY)
    assert (elsewhere / "progress" / f"{DAY}.json").is_file()
    assert homes.find_home() == "", "it is said once"
    monkeypatch.delenv("COURSE_HOME")
    monkeypatch.setattr(homes, "ROOT", Path(homeless["home"]))
    assert "forty-days-" in homes.find_home()


def test_a_home_that_can_be_written_is_used_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COURSE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert homes.find_home() == ""
    assert ROOT not in common.course_home().parents


def test_jupyters_files_find_another_place(
    homeless: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(homes, "ROOT", tmp_path)
    said = places.for_jupyter()
    assert len(said) == 2 and all(str(tmp_path / "runs") in one for one in said)
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        assert Path(os.environ[name]).is_dir()
    assert places.for_jupyter() == [], "what was moved stays, and is said once"


def test_a_day_says_first_where_it_can_keep_nothing(
    homeless: dict[str, str], course: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    """The course cannot be written, and home cannot: it runs all the same."""
    monkeypatch.setattr(run_day, "can_be_written", lambda folder: False)
    monkeypatch.setattr(run_day.tempfile, "tempdir", str(tmp_path))
    assert run_day.main(["1", "--budget", "smoke"], course) == 0
    said = capsys.readouterr().out.splitlines()
    assert re.search(r"runs cannot be written: the executed copy will be in", said[0])
    [kept] = tmp_path.glob("forty-days-*/*.ipynb")
    assert said[-1].endswith(str(kept))


def test_the_lab_says_first_that_nothing_can_be_saved(
    homeless: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    served = []
    monkeypatch.setattr(lab, "serve", lambda *arguments: served.append(arguments))
    monkeypatch.setattr(lab, "STATE", tmp_path / "home" / ".lab")
    monkeypatch.setattr(homes, "ROOT", tmp_path)
    assert lab.main([]) == 0
    said = capsys.readouterr().out
    assert "Your home folder cannot be written" in said
    assert "The course's folder cannot be written: JupyterLab opens it" in said
    *_, state = served[0]
    assert (state / "workspaces").is_dir()
