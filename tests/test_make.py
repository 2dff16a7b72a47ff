"""The Makefile, the Python that it finds, and the files of requirements."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_course import refused

from tools import setup_env

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(os.name == "nt", reason="shell scripts as fakes")


# --- which Python -----------------------------------------------------------------


@pytest.fixture
def fakes(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of fake Pythons on a PATH that holds nothing else but tools."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "make", "awk", "rm", "find", "env"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    wrapper = tmp_path / "pretend.py"
    wrapper.write_text(
        "import sys\n"
        "version, missing = sys.argv[1:3]\n"
        "sys.version_info = tuple(map(int, version.split('.'))) + ('final', 0)\n"
        "if missing: sys.modules[missing] = None\n"
        "exec(sys.argv[4]) if sys.argv[3] == '-c' else print('Python', version)\n"
    )

    def make(name: str, version: str = "", missing: str = "") -> Path:
        """Write a fake; without a version it is a pyenv shim, which only complains."""
        line = f'exec "{sys.executable}" "{wrapper}" "{version}" "{missing}" "$@"'
        if not version:
            line = f'echo "pyenv: {name}: command not found" >&2; exit 127'
        fake = folder / name
        fake.write_text(f"#!{shutil.which('sh')}\n{line}\n")
        fake.chmod(0o755)
        return fake

    make.folder = folder  # type: ignore[attr-defined]
    return make


def found(fakes: Callable[..., Path], **more: str) -> subprocess.CompletedProcess[str]:
    """Let the shell script look for a Python among the fakes."""
    return subprocess.run(
        ["sh", str(ROOT / "tools" / "find_python.sh")],
        env={"PATH": str(fakes.folder), **more},  # type: ignore[attr-defined]
        capture_output=True,
        text=True,
    )


def test_the_first_python_that_fits_is_taken(fakes: Callable[..., Path]) -> None:
    fakes("python3", "3.14.0")
    fakes("python3.12")
    fakes("python3.11", "3.11.9", missing="ensurepip")
    fakes("python", "2.7.18")
    assert found(fakes).stdout == "python3.11\n", "the only one that is in range"
    fakes("python3.13", "3.13.1")
    assert found(fakes).stdout == "python3.13\n", "it can make environments, too"
    fakes("python3", "3.12.0")
    assert found(fakes).stdout == "python3\n", "what the person has chosen"
    assert found(fakes, PYTHON=sys.executable).stdout == f"{sys.executable}\n"


def test_no_python_or_one_that_does_not_run(fakes: Callable[..., Path]) -> None:
    fakes("python3")
    refused(found(fakes), "needs Python 3.11, 3.12 or 3.13", "no Python that runs")
    refused(found(fakes, PYTHON="/no/python3"), "no Python that runs at /no/python3")


@pytest.mark.parametrize("version", ["2.7.18", "3.6.15", "3.10.9", "3.14.2"])
def test_make_lab_refuses_a_python_out_of_range(
    fakes: Callable[..., Path], version: str
) -> None:
    fakes("python3", version)
    done = subprocess.run(
        ["make", "-C", str(ROOT), "--no-print-directory", "lab"],
        env={"PATH": str(fakes.folder)},  # type: ignore[attr-defined]
        capture_output=True,
        text=True,
    )
    sentence, stop = done.stderr.splitlines()
    assert stop.startswith("make: ***")
    assert f"3.11, 3.12 or 3.13, and there is Python {version}: install" in sentence
    assert "make lab PYTHON=" in sentence


def test_the_script_itself_refuses_another_python() -> None:
    script = str(ROOT / "tools" / "setup_env.py")
    code = "import runpy, sys; sys.version_info = (3, 10, 9, 'final', 0)\n"
    code += f"runpy.run_path({script!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    refused(done, "needs Python 3.11, 3.12 or 3.13", "make lab PYTHON=")
    assert len(done.stderr.splitlines()) == 1


# --- the commands -----------------------------------------------------------------


def test_make_alone_lists_every_command() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    done = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True)
    listed = set(re.findall(r"^  make ([a-z-]+) +\S", done.stdout, flags=re.M))
    targets = set(re.findall(r"^([a-z-]+):", text, flags=re.M))
    assert listed == targets - {"setup", "setup-tests"}
    expected = "lab test test-all day add record progress stamp update fmt clean help"
    assert set(expected.split()) <= listed


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["lab"], ""),
        (["lab", "DAY=22"], '--day "22"'),
        (["day", "DAY=22"], '--day "22"'),
        (["add"], "--group large"),
        (["test"], "--group large"),
        (["fmt"], "--group test"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_installs_what_it_needs(words: list[str], asked: str) -> None:
    """`make test` both groups, and a day what it asks for."""
    command = ["make", "-C", str(ROOT), "--dry-run", *words]
    plan = subprocess.run(command, capture_output=True, text=True).stdout
    calls = re.findall(r"tools/setup_env\.py ?(.*)", plan)
    assert [call.strip() for call in calls] == [asked]


def test_make_clean_removes_nothing_of_the_learners(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    gone = [".venv/bin/x", ".pytest_cache/x", "common/__pycache__/x.pyc", ".lab/x"]
    stays = [
        "runs/x.ipynb",
        "my-work/a/__pycache__/x",
        "day01/notes.txt",
        "common/a.py",
    ]
    for name in gone + stays:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    done = subprocess.run(
        ["make", "clean"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "runs/, my-work/ and your progress are untouched" in done.stdout
    assert [name for name in gone if (tmp_path / name).exists()] == []
    assert [name for name in stays if not (tmp_path / name).exists()] == []


def test_requirements_are_exact_and_stand_in_the_closure() -> None:
    def pins(name: str) -> dict[str, str]:
        rows = [r.split(";")[0].strip() for r in setup_env.requirements(ROOT / name)]
        return dict(re.sub(r"\[[\w,-]+\]", "", row).split("==") for row in rows)

    closure = pins("constraints.txt")
    groups = [pins(path.name) for path in sorted(ROOT.glob("requirements*.txt"))]
    assert len(groups) == 3
    direct = groups[0] | groups[1] | groups[2]
    assert len(direct) == sum(map(len, groups)), "a package stands in two groups"
    assert {name: closure.get(name) for name in direct} == direct
    assert len(closure) > 2 * len(direct)
    system_only = [n for n in closure if n.startswith(("nvidia", "cuda", "triton"))]
    assert system_only == [], "torch and tensorflow[and-cuda] pin these, differently"


def test_each_file_of_requirements_tells_its_size() -> None:
    """The set-up, `packages.need` and the README take it from there."""
    sizes = {}
    for path in ROOT.glob("requirements*.txt"):
        text = path.read_text(encoding="utf-8").replace("\n# ", " ")
        sizes[path.name] = re.search(r"It takes (\d\.\d) GB\.", text)[1]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"about {float(sizes['requirements.txt']):.0f} GB for the env" in readme
    assert f"and {sizes['requirements-large.txt']} GB more for PyTorch" in readme


def test_what_the_commands_make_is_ignored_by_git(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    for name in (".venv/x", ".venv-colab/x", ".lab/x", "runs/x", "my-work/x"):
        command = ["git", "check-ignore", "--quiet", name]
        subprocess.run(command, cwd=tmp_path, check=True)


def test_a_test_has_a_home_of_its_own(course_home: Path, tmp_path: Path) -> None:
    from common import course_home as home_in_use

    assert home_in_use() == course_home
    assert course_home.is_relative_to(tmp_path)
