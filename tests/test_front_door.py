"""The front door: each way in which a first start can go wrong, made to happen.

Nothing here needs a network: pip installs a wheel of a few hundred bytes, made on the
spot, into environments in a temporary folder.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import csv
import hashlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import types
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest

from tools import lab, run_day, setup_env, update

ROOT = Path(__file__).resolve().parent.parent
SETUP = ROOT / "tools" / "setup_env.py"
MEANT_FOR_POSIX = pytest.mark.skipif(os.name == "nt", reason="shell scripts as fakes")
FILES = ("requirements", "requirements-test", "constraints")
pytestmark = MEANT_FOR_POSIX


# --- a course of a few bytes ------------------------------------------------------


def wheel(folder: Path, name: str, version: str = "1.0") -> Path:
    """Write a wheel with one module and one script; return its path."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "ANSWER = 42\n\n\ndef main():\n    print(ANSWER)\n",
        f"{info}/METADATA": (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        ),
        f"{info}/WHEEL": (
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-tool = {name}:main\n",
    }
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
        rows.writerow([path, f"sha256={digest.decode().rstrip('=')}", len(text)])
    rows.writerow([f"{info}/RECORD", "", ""])
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record.getvalue()}.items():
            archive.writestr(path, text)
    return target


def source_package(folder: Path, name: str, building: str) -> Path:
    """Write a package whose build runs some code of the test's; return its folder."""
    package = folder / name
    package.mkdir()
    (package / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "1.0"\n'
        '[build-system]\nrequires = []\nbuild-backend = "back"\nbackend-path = ["."]\n'
    )
    (package / "back.py").write_text(
        "def build_wheel(wheel_directory, config_settings=None, metadata=None):\n"
        f"    {building}\n"
    )
    return package


class Course:
    """Requirement files, a folder of wheels, an environment, all in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = folder / "wheels"
        self.venv = folder / ".venv"
        self.stamp = self.venv / setup_env.STAMP
        if not folder.exists():
            self.wheels.mkdir(parents=True)
            wheel(self.wheels, "tinyone")
            wheel(self.wheels, "tinytwo")
            self.write("requirements", "tinyone==1.0  # the only one")
            self.write("requirements-test", "tinytwo==1.0")
            self.write("constraints", "tinyone==1.0\ntinytwo==1.0")

    def write(self, name: str, text: str) -> None:
        """Write one of the requirement files."""
        (self.folder / f"{name}.txt").write_text(text + "\n")

    def command(self, *words: str, python: str = sys.executable) -> list[str]:
        """Return the command that sets this course up."""
        options = ["--venv", str(self.venv)]
        for name in FILES:
            options += [f"--{name}", str(self.folder / f"{name}.txt")]
        return [python, str(SETUP), *options, *words]

    def environment(self, **more: str) -> dict[str, str]:
        """Return environment variables under which pip sees the wheels alone."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
        return {
            **kept,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_CACHE_DIR": "1",
            **more,
        }

    def set_up(
        self, *words: str, python: str = sys.executable, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Call the set-up and wait for its end."""
        return subprocess.run(
            self.command(*words, python=python),
            env=self.environment(**more),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def module(self, name: str) -> Path:
        """Return where an installed module stands."""
        return next(self.venv.glob("lib/python3*/site-packages")) / f"{name}.py"

    def answers(self, name: str = "tinyone") -> bool:
        """Say whether an installed module works."""
        code = f"import {name}; assert {name}.ANSWER == 42"
        python = self.venv / "bin" / "python"
        return subprocess.run([python, "-c", code], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """Return a course that was set up; it is only copied from."""
    course = Course(tmp_path_factory.mktemp("finished") / "course")
    done = course.set_up()
    assert done.returncode == 0, done.stderr
    assert re.search(r"Ready: 2 packages, .* after \d+ s\.", done.stdout)
    return course


@pytest.fixture
def course(finished: Course, tmp_path: Path) -> Course:
    """Return a copy of a course that was set up, as one that was moved."""
    shutil.copytree(finished.folder, tmp_path / "course", symlinks=True)
    return Course(tmp_path / "course")


def refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """One sentence on standard error says why, with no traceback; the status is 1."""
    sentence = done.stderr.strip()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert len(sentence.splitlines()) == 1, sentence
    assert sentence.endswith(".")
    for part in parts:
        assert part in sentence


# --- the environment: made, noticed, repaired -------------------------------------


def test_the_second_call_does_nothing_and_is_quick(course: Course) -> None:
    before = course.stamp.stat()
    course.set_up()  # follows the move
    started = time.monotonic()
    done = course.set_up(PIP_FIND_LINKS="/nowhere")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - started < 1.5
    assert json.loads(course.stamp.read_text())["folder"] == str(course.venv)
    assert before.st_size > 100


def test_a_moved_course_keeps_working(course: Course, finished: Course) -> None:
    assert course.set_up().stdout == ""
    script = course.venv / "bin" / "tinyone-tool"
    assert str(finished.folder) not in script.read_text()
    said = subprocess.run([script], capture_output=True, text=True)
    assert said.stdout == "42\n"
    assert course.set_up().stdout == ""  # a moved script is no damage


def test_an_interrupted_installation_leaves_no_stamp_and_is_completed(
    course: Course,
) -> None:
    """Killed while pip works: the next call waits for that pip, then completes."""
    began = course.folder / "began"
    source = source_package(
        course.folder,
        "slowone",
        f"open({str(began)!r}, 'w').close(); import time; time.sleep(2)",
    )
    course.write("requirements", f"tinyone==1.0\nslowone @ {source.as_uri()}")
    process = subprocess.Popen(
        course.command(), env=course.environment(), stdout=subprocess.DEVNULL
    )
    wait_for(began.exists)
    process.kill()
    process.wait()
    assert not course.stamp.exists()

    # As a kill leaves it: the package half-written, its list of files not yet there
    module = course.module("tinyone")
    module.write_text("ANSW")
    next(module.parent.glob("tinyone-*/RECORD")).unlink()
    (module.parent / "~inyone").mkdir()
    course.write("requirements", "tinyone==1.0")
    done = course.set_up()
    assert done.returncode == 0, done.stderr
    assert "Another call is installing" in done.stdout
    assert "half-made" in done.stdout
    assert course.answers()
    assert not (module.parent / "~inyone").exists()
    assert course.set_up().stdout == ""


def test_ctrl_c_ends_in_one_sentence(course: Course) -> None:
    began = course.folder / "began"
    source = source_package(
        course.folder,
        "slowone",
        f"open({str(began)!r}, 'w').close(); import time; time.sleep(20)",
    )
    course.write("requirements", f"slowone @ {source.as_uri()}")
    process = subprocess.Popen(
        course.command(),
        env=course.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(began.exists)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said == "Stopped; the next call goes on from here.\n"
    assert not course.stamp.exists()


def a_file_is_gone(course: Course) -> None:
    course.module("tinyone").unlink()


def a_file_is_cut_off(course: Course) -> None:
    course.module("tinyone").write_text("ANSWER =")


def a_package_is_uninstalled(course: Course) -> None:
    course.module("tinyone").unlink()
    shutil.rmtree(next(course.module("x").parent.glob("tinyone-*")))


def the_stamp_is_cut_off(course: Course) -> None:
    course.stamp.write_text("{")


def the_python_is_gone(course: Course) -> None:
    """And pip with it: both are made anew."""
    for link in (course.venv / "bin").glob("python*"):
        link.unlink()
    (course.venv / "bin" / "python").symlink_to("/nowhere/python3")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (a_file_is_cut_off, "bringing it up"),
        (a_package_is_uninstalled, "bringing it up"),
        (the_stamp_is_cut_off, "completing it"),
        (the_python_is_gone, "making it anew"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_environment_repairs_itself(
    course: Course, damage: Callable[[Course], None], said: str
) -> None:
    damage(course)
    done = course.set_up()
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    assert course.answers()
    assert course.set_up().stdout == ""


def test_the_systems_python_is_not_taken_for_the_environments(course: Course) -> None:
    """Without pyvenv.cfg the link still runs: pip would install into the system."""
    files = [str(course.folder / f"{name}.txt") for name in FILES]
    assert setup_env.Environment(str(course.venv), *files).version() is not None
    (course.venv / "pyvenv.cfg").unlink()
    assert setup_env.Environment(str(course.venv), *files).version() is None


def test_what_the_learner_installed_besides_stays(course: Course) -> None:
    shutil.copy(course.module("tinyone"), course.module("mine"))
    info = course.module("mine").parent / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: mine\nVersion: 1.0\n")
    assert course.set_up().stdout == ""
    a_file_is_cut_off(course)
    assert course.set_up().returncode == 0
    assert course.answers("mine") and info.is_dir()


def test_changed_requirements_are_installed(course: Course) -> None:
    wheel(course.wheels, "tinyone", "1.1")
    course.write("requirements", "tinyone==1.1")
    course.write("constraints", "tinyone==1.1\ntinytwo==1.0")
    assert course.set_up().returncode == 0
    assert next(course.module("tinyone").parent.glob("tinyone-1.1*"))
    course.write("requirements", "# only a remark has changed\ntinyone==1.1")
    assert course.set_up().stdout == ""


def test_the_tests_needs_come_on_demand_and_stay(course: Course) -> None:
    assert not course.module("tinytwo").exists()
    assert course.set_up("--with-tests").returncode == 0
    assert course.answers("tinytwo")
    assert course.set_up().stdout == ""
    a_file_is_gone(course)
    course.module("tinytwo").unlink()
    assert course.set_up().returncode == 0
    assert course.answers("tinytwo"), "a repair takes nothing away"


def test_a_folder_that_is_no_environment_is_not_touched(course: Course) -> None:
    shutil.rmtree(course.venv)
    course.venv.mkdir()
    (course.venv / "thesis.txt").write_text("years of work")
    refused(course.set_up(), ".venv is in the way", "move it elsewhere")
    assert [path.name for path in course.venv.iterdir()] == ["thesis.txt"]


def test_two_calls_at_once_do_not_meet(course: Course) -> None:
    a_file_is_cut_off(course)
    calls = [
        subprocess.Popen(
            course.command(),
            env=course.environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = sorted(call.communicate(timeout=60)[0] for call in calls)
    assert [call.returncode for call in calls] == [0, 0]
    assert sum("Ready:" in text for text in said) == 1, said
    assert course.answers()


# --- the environment: refused -----------------------------------------------------


def test_no_network_is_one_sentence_and_pips_configuration_is_honoured(
    course: Course,
) -> None:
    """The dead index is known from a configuration file only."""
    a_file_is_gone(course)
    settings = course.folder / "pip.conf"
    index = f"http://127.0.0.1:{closed_port()}/simple"
    settings.write_text(f"[global]\nindex-url = {index}\nretries = 0\ntimeout = 2\n")
    surroundings = {"PIP_CONFIG_FILE": str(settings), "PIP_FIND_LINKS": ""}
    done = course.set_up(**surroundings, PIP_NO_INDEX="0")
    refused(done, "cannot be reached", "PIP_FIND_LINKS", "course-install.log")
    assert index in (course.venv / setup_env.LOG).read_text()
    assert not course.stamp.exists()
    assert course.set_up().returncode == 0
    assert course.answers()


def test_settings_that_would_lead_pip_elsewhere_are_left_out(course: Course) -> None:
    a_file_is_gone(course)
    elsewhere = course.folder / "elsewhere"
    done = course.set_up(
        PIP_TARGET=str(elsewhere), PIP_USER="1", PYTHONPATH=str(course.folder)
    )
    assert done.returncode == 0, done.stderr
    assert course.answers() and not elsewhere.exists()


@pytest.mark.parametrize("constraints", ["tinyone==1.0", "absent==9.9"])
def test_a_package_that_the_index_does_not_have(
    course: Course, constraints: str
) -> None:
    course.write("requirements", "absent==9.9")
    course.write("constraints", constraints)
    refused(course.set_up(), "has no absent==9.9 for Python", "pip config list")


def test_a_full_disk_while_pip_works(course: Course) -> None:
    source = source_package(
        course.folder, "big", "raise OSError(28, 'No space left on device')"
    )
    course.write("requirements", f"big @ {source.as_uri()}")
    refused(course.set_up(), "The disk is full: make room")
    assert not course.stamp.exists()


def test_a_really_full_disk(tmp_path: Path) -> None:
    """On a file system of three megabytes not even pip finds room."""
    course = Course(tmp_path / "course")
    course.venv.mkdir()
    mount = f"mount -t tmpfs -o size=3m tmpfs {course.venv}"
    isolated = ["unshare", "--mount", "--map-root-user"]
    if (
        not shutil.which("unshare")
        or subprocess.run(
            [*isolated, "sh", "-c", mount], capture_output=True
        ).returncode
    ):
        pytest.skip("the right to mount a small file system is missing")
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import setup_env;"
        "setup_env.check_disk = lambda *_: None; sys.exit(setup_env.main())"
    )
    words = [sys.executable, "-c", code, str(SETUP.parent), *course.command()[2:]]
    done = subprocess.run(
        [*isolated, "sh", "-c", f'{mount} && exec "$@"', "sh", *words],
        env=course.environment(),
        capture_output=True,
        text=True,
    )
    refused(done, "The disk is full: make room")


@pytest.mark.parametrize("free_gb", [0.1, 1.5, 3.2])
def test_too_little_disk_is_said_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_gb: float
) -> None:
    def usage(_: str) -> types.SimpleNamespace:
        return types.SimpleNamespace(free=int(free_gb * setup_env.GB))

    monkeypatch.setattr(setup_env.shutil, "disk_usage", usage)
    with pytest.raises(setup_env.Refusal, match=rf"{free_gb:.1f} GB are free"):
        setup_env.check_disk(str(tmp_path / ".venv"), "lab", 0)
    if free_gb > 1:  # what is there already need not fit again
        setup_env.check_disk(str(tmp_path / ".venv"), "lab", 2.9 * setup_env.GB)


@pytest.mark.parametrize(
    ("output", "part"),
    [
        ("ERROR: [Errno 28] No space left on device", "disk is full"),
        ("OSError: [Errno 122] Disk quota exceeded", "disk is full"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate", "PIP_CERT"),
        ("ERROR: 401 Client Error: Unauthorized for url", "name and a password"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "arrived damaged"),
        ("Temporary failure in name resolution')': /simple/", "cannot be reached"),
        ("ERROR: something new\n", "failed: ERROR: something new."),
        ("", "failed: it gave no reason."),
    ],
)
def test_what_pip_says_becomes_one_sentence(output: str, part: str) -> None:
    with pytest.raises(setup_env.Refusal) as caught:
        setup_env.raise_for(output, "failed")
    assert part in str(caught.value)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


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
        "import os, runpy, sys\n"
        "version, missing = sys.argv[1:3]\n"
        "sys.version_info = tuple(map(int, version.split('.'))) + ('final', 0)\n"
        "if missing: sys.modules[missing] = None\n"
        "del sys.argv[:3]\n"
        "if sys.argv[0] == '-c':\n"
        "    exec(sys.argv[1])\n"
        "else:\n"
        "    runpy.run_path(sys.argv[0], run_name='__main__')\n"
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
    refused(found(fakes), "No Python was found", "install Python 3.12")
    refused(found(fakes, PYTHON="/nowhere/python3"), "/nowhere/python3", "does not run")


@pytest.mark.parametrize(
    ("version", "part"),
    [
        ("3.6.15", "too old"),
        ("3.10.9", "too old"),
        ("3.14.2", "too new for TensorFlow"),
    ],
)
def test_make_lab_refuses_a_python_out_of_range(
    fakes: Callable[..., Path], version: str, part: str
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
    short = version.rsplit(".", 1)[0]
    assert f"3.11, 3.12 or 3.13 and this is Python {short}" in sentence
    assert part in sentence and "make lab PYTHON=" in sentence


def test_a_python_without_venv_says_what_to_install(
    fakes: Callable[..., Path], tmp_path: Path
) -> None:
    fake = fakes("python3", "3.12.3", missing="ensurepip")
    course = Course(tmp_path / "course")
    done = course.set_up(python=str(fake))
    package = "python3.12-venv" if sys.platform == "linux" else "python.org"
    refused(done, "lacks the module ensurepip", package)
    assert not course.venv.exists()


def test_every_python_can_read_the_set_up() -> None:
    """What an old Python cannot parse, it cannot refuse in words either."""
    tree = ast.parse(SETUP.read_text(encoding="utf-8"), feature_version=(3, 4))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef)
    assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert not node.args.kwonlyargs and not node.returns


def old_pythons() -> list[str]:
    """Return the Pythons of this machine that are too old for the course."""
    names = ["python2", "python2.7", *(f"python3.{minor}" for minor in range(5, 11))]
    places = [shutil.which(name) for name in names]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    places += [str(p) for p in sorted(pyenv.glob("versions/*/bin/python"))]
    code = "import sys; sys.exit(sys.version_info[:2] >= (3, 11))"
    return [
        place
        for place in places
        if place
        and not subprocess.run([place, "-c", code], capture_output=True).returncode
    ]


def test_really_old_pythons_are_told_so() -> None:
    there = old_pythons()
    if not there:
        pytest.skip("no Python older than 3.11 is installed")
    for python in {there[0], there[-1]}:
        done = subprocess.run([python, str(SETUP)], capture_output=True, text=True)
        refused(done, "too old", "3.11, 3.12 or 3.13")


# --- make -------------------------------------------------------------------------


def test_make_alone_lists_every_command() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    done = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True)
    listed = set(re.findall(r"^  make ([a-z-]+) +\S", done.stdout, flags=re.M))
    targets = set(re.findall(r"^([a-z-]+):", text, flags=re.M))
    assert listed == targets - {"setup", "setup-tests"}
    expected = "lab test test-all day record progress stamp update fmt clean help"
    assert set(expected.split()) <= listed


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
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        rows = [line.split("#")[0].split(";")[0].strip() for line in lines]
        rows = [re.sub(r"\[[\w,-]+\]", "", row) for row in rows]  # extras
        return dict(row.split("==") for row in rows if row)

    closure = pins("constraints.txt")
    direct = pins("requirements.txt") | pins("requirements-test.txt")
    assert {name: closure.get(name) for name in direct} == direct
    assert len(closure) > 2 * len(direct)
    system_only = [n for n in closure if n.startswith(("nvidia", "cuda", "triton"))]
    assert system_only == [], "torch and tensorflow[and-cuda] pin these, differently"


def test_what_the_commands_make_is_ignored_by_git(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    shutil.copy(ROOT / ".gitignore", tmp_path)
    for name in (".venv/x", ".venv.lock", ".lab/x", "runs/x", "my-work/x"):
        git(tmp_path, "check-ignore", "--quiet", name)


def test_a_test_has_a_home_of_its_own(course_home: Path, tmp_path: Path) -> None:
    from common import course_home as home_in_use

    assert home_in_use() == course_home
    assert course_home.is_relative_to(tmp_path)


# --- make lab ---------------------------------------------------------------------


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something holds, or fail."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.05)


def test_a_taken_port_is_passed_over_and_said(capsys: pytest.CaptureFixture) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        port = lab.free_port(taken, "localhost")
    assert port > taken
    assert capsys.readouterr().out == f"Port {taken} is taken: using port {port}.\n"
    assert lab.free_port(port, "localhost") == port
    assert capsys.readouterr().out == ""


def test_ports_and_addresses_that_cannot_be() -> None:
    for port in ("eighty", "0", "70000"):
        with pytest.raises(SystemExit):
            lab.arguments(["--port", port])
    with pytest.raises(SystemExit):
        lab.free_port(closed_port(), "192.0.2.1")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, False), ({"SSH_CONNECTION": "x"}, False), ({"BROWSER": "firefox"}, True)],
)
def test_a_machine_without_a_screen_is_noticed(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: bool
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if sys.platform == "linux" or variables:
        assert lab.has_screen() is expected


def test_the_layout_of_a_learner_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "STATE", tmp_path / ".lab")
    monkeypatch.setattr(lab, "ROOT", tmp_path)
    (tmp_path / "README.md").write_text("# Course")
    page = lab.lay_out("day01_x/day01_x.ipynb", asked=False)
    (file,) = (tmp_path / ".lab" / "workspaces").iterdir()
    tabs = json.loads(file.read_text())["data"]["layout-restorer:data"]["main"]["dock"]
    assert tabs["widgets"] == [
        "markdownviewer-widget:README.md",
        "notebook:day01_x/day01_x.ipynb",
    ]
    changed = file.read_text().replace('"currentIndex": 0', '"currentIndex": 1')
    file.write_text(changed)
    assert lab.lay_out("day01_x/day01_x.ipynb", asked=False) == page
    assert lab.lay_out("day02_y/day02_y.ipynb", asked=True) == (
        f"{page}/tree/day02_y/day02_y.ipynb"
    )
    assert file.read_text() == changed


def test_the_lab_serves_without_a_screen_and_ends_quietly(tmp_path: Path) -> None:
    """tools/lab.py as `make lab` runs it: the address, the page, Ctrl-C, status 0."""
    course = tmp_path / "course"
    for folder in ("tools", "common"):
        shutil.copytree(ROOT / folder, course / folder)
    (course / "README.md").write_text("# Course")
    blank = {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "JUPYTER_TOKEN"}
    surroundings = {k: v for k, v in os.environ.items() if k not in blank}
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "tools/lab.py", "--port", str(taken)],
            cwd=course,
            env={**surroundings, "HOME": str(tmp_path / "home")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(4)]
    try:
        assert said[0].startswith(f"Port {taken} is taken: using port ")
        address = re.search(r"http://localhost:(\d+)/lab\S+\?token=\w{20,}", said[1])
        assert address is not None, said
        assert said[2].startswith("Open it in a browser.")
        assert said[3] == "Ctrl-C ends it.\n"
        import urllib.request

        with urllib.request.urlopen(address[0], timeout=20) as page:
            assert b"jupyter-config-data" in page.read()
    finally:
        os.killpg(process.pid, signal.SIGINT)
        rest = process.communicate(timeout=30)[0]
    assert process.returncode == 0
    assert rest == "JupyterLab has ended.\n"


# --- make day ---------------------------------------------------------------------


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


# --- make update ------------------------------------------------------------------


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, as a person with a name and no settings."""
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "A"), ("EMAIL", "a@example.org"))
    }
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *words],
        cwd=folder,
        env={**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(folder: Path, files: dict[str, str | None]) -> None:
    """Write or delete files and commit them."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink() if text is None else path.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "x")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a learner's clone of a published course."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    published = tmp_path / "published"
    published.mkdir()
    git(published, "init", "--quiet")
    files = {
        "day01_x/day01_x.ipynb": "old one",
        "day02_y/day02_y.ipynb": "old two",
        "old.txt": "old",
        "requirements.txt": "a==1",
        ".gitignore": "/my-work/\n/runs/\n",
    }
    commit(published, files)
    git(tmp_path, "clone", "--quiet", "published", "clone")
    yield tmp_path / "clone"


def publish(clone: Path, files: dict[str, str | None]) -> None:
    """Publish a newer course."""
    commit(clone.parent / "published", files)


def state(folder: Path) -> dict[str, bytes | str]:
    """Return every file, the index and HEAD."""
    found: dict[str, bytes | str] = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }
    found["index"] = git(folder, "status", "--porcelain")
    found["HEAD"] = git(folder, "rev-parse", "HEAD")
    return found


def test_an_update_loses_no_edit(clone: Path) -> None:
    (clone / "day01_x/day01_x.ipynb").write_text("my one")
    (clone / "day02_y/day02_y.ipynb").write_text("my two")
    (clone / "old.txt").write_text("my old")
    (clone / "notes.txt").write_text("mine")
    git(clone, "add", "day01_x")
    news = {"day01_x/day01_x.ipynb": "new one", "day03_z/day03_z.ipynb": "new three"}
    publish(clone, {**news, "old.txt": None, "requirements.txt": "a==2"})

    said = update.update(clone)

    (kept,) = (clone / "my-work").iterdir()
    copies = {p.relative_to(kept).as_posix(): p.read_text() for p in kept.rglob("*.*")}
    assert copies == {
        "day01_x/day01_x.ipynb": "my one",
        "day02_y/day02_y.ipynb": "my two",
        "old.txt": "my old",
    }
    assert (clone / "day01_x/day01_x.ipynb").read_text() == "new one"
    assert (clone / "day02_y/day02_y.ipynb").read_text() == "my two"
    assert (clone / "day03_z/day03_z.ipynb").read_text() == "new three"
    assert (clone / "notes.txt").read_text() == "mine"
    assert not (clone / "old.txt").exists()
    assert "4 files changed" in said and "New: day03_z." in said
    assert f"yours is in my-work/{kept.name}/: day01_x/day01_x.ipynb, old.txt." in said
    assert "1 file that you edited is as you left it" in said
    assert "next `make lab`" in said
    assert update.update(clone) == "The course is up to date; nothing was changed."


def test_an_update_that_fails_puts_everything_back(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The merge stops half-way: one file written, one not, as on a full disk."""
    (clone / "day01_x/day01_x.ipynb").write_text("my one")
    (clone / "old.txt").unlink()
    git(clone, "add", "day01_x")
    news = {"day01_x/day01_x.ipynb": "new one", "old.txt": "new", "new/a.txt": "new"}
    publish(clone, {**news, "requirements.txt": "a==2"})
    before = state(clone)
    ask = update.Repository.ask

    def stops(self: update.Repository, *words: str) -> str:
        if words[0] == "merge":
            assert (clone / "day01_x/day01_x.ipynb").read_text() == "old one"
            ask(self, "checkout", "origin/main", "--", "requirements.txt", "new/a.txt")
            raise update.UpdateError("git merge refuses: No space left on device")
        return ask(self, *words)

    monkeypatch.setattr(update.Repository, "ask", stops)
    with pytest.raises(
        update.UpdateError, match=r"as it was: No space left on device\."
    ):
        update.update(clone)
    after = state(clone)
    (copy,) = [name for name in after if name.startswith("my-work/")]
    assert after.pop(copy) == b"my one"
    assert after == before


def own_commit(clone: Path) -> None:
    commit(clone, {"mine.txt": "mine"})


def untracked_file(clone: Path) -> None:
    (clone / "new").mkdir()
    (clone / "new" / "a.txt").write_text("mine")


def ignored_file(clone: Path) -> None:
    """git alone overwrites this one without a word."""
    (clone / ".git" / "info" / "exclude").write_text("a.txt\n")
    untracked_file(clone)


def file_in_place_of_a_folder(clone: Path) -> None:
    (clone / "new").write_text("mine")


def folder_in_place_of_a_file(clone: Path) -> None:
    (clone / "new" / "a.txt").mkdir(parents=True)
    (clone / "new" / "a.txt" / "mine").write_text("mine")


def no_branch(clone: Path) -> None:
    git(clone, "checkout", "--quiet", "--detach")


def no_upstream(clone: Path) -> None:
    git(clone, "switch", "--quiet", "--no-track", "--create", "mine")


def no_network(clone: Path) -> None:
    git(clone, "remote", "set-url", "origin", str(clone.parent / "nowhere"))


def a_merge_under_way(clone: Path) -> None:
    (clone / ".git" / "MERGE_HEAD").write_text(git(clone, "rev-parse", "HEAD"))


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (own_commit, "1 commit of your own"),
        (untracked_file, "brings new/a.txt, where you have a file of your own"),
        (ignored_file, "brings new/a.txt, where you have a file of your own"),
        (file_in_place_of_a_folder, "brings new/a.txt, where you have"),
        (folder_in_place_of_a_file, "brings new/a.txt, where you have"),
        (no_branch, "git switch main"),
        (no_upstream, "follows no other"),
        (no_network, "could not be fetched"),
        (a_merge_under_way, "under way"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_update_that_cannot_be_changes_nothing(
    clone: Path, spoil: Callable[[Path], None], part: str
) -> None:
    publish(clone, {"new/a.txt": "new", "day01_x/day01_x.ipynb": "new one"})
    (clone / "day01_x/day01_x.ipynb").write_text("my one")
    spoil(clone)
    before = state(clone)
    with pytest.raises(update.UpdateError, match=re.escape(part)) as caught:
        update.update(clone)
    assert "nothing was changed" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert state(clone) == before


def test_a_downloaded_archive_is_told_how_to_update(tmp_path: Path) -> None:
    with pytest.raises(update.UpdateError, match="not a git clone"):
        update.update(tmp_path)


def test_edits_that_cannot_be_kept_stop_the_update(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(clone, {"day01_x/day01_x.ipynb": "new one"})
    (clone / "day01_x/day01_x.ipynb").write_text("my one")
    before = state(clone)
    with contextlib.ExitStack() as stack:
        context = stack.enter_context(monkeypatch.context())
        context.setattr(
            shutil, "copy2", lambda source, target, **_: target.write_text("")
        )
        with pytest.raises(update.UpdateError, match="could not be copied to my-work/"):
            update.update(clone)
    assert state(clone) == before
