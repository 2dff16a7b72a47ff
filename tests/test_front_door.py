"""The front door: each way in which an installation can go wrong, made to happen.

What both installers do is seen with uv and with plain pip, on a course of a few bytes.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import threading
import types
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny_course import Course, index, path_with, refused, slow_package, wait_for, wheel

from tools import setup_env

installer = setup_env.installer
pytestmark = pytest.mark.skipif(os.name == "nt", reason="shell scripts as fakes")
READY = r"Ready: \d packages after \d+ s\."


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Course]:
    """Return courses that were set up, by uv and by pip; they are only copied from."""
    made: dict[str, Course] = {}

    def course(tool: str) -> Course:
        if tool not in made:
            folder = tmp_path_factory.mktemp(tool)
            made[tool] = Course(folder / "course", path_with(tool, folder / "bin"))
            done = made[tool].set_up()
            assert done.returncode == 0, done.stderr
            assert f"Setting up .venv with {tool}." in done.stdout
            assert re.search(READY, done.stdout)
        return made[tool]

    return course


@pytest.fixture
def course(
    request: pytest.FixtureRequest, finished: Callable[[str], Course], tmp_path: Path
) -> Course:
    """Return a copy of a course that was set up: by uv, or by what a test names."""
    original = finished(getattr(request, "param", "uv"))
    shutil.copytree(original.folder, tmp_path / "course", symlinks=True)
    return Course(tmp_path / "course", original.path)


BY_BOTH = pytest.mark.parametrize("course", ["uv", "pip"], indirect=True)


# --- made, noticed, repaired ------------------------------------------------------


@BY_BOTH
def test_the_second_call_does_nothing_and_is_quick(course: Course) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = course.set_up(PIP_FIND_LINKS="/nowhere")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert after.ru_utime - before.ru_utime < 1, "seconds, however busy the machine is"
    assert course.version() == "1.0"


@BY_BOTH
def test_an_interrupted_installation_is_completed(course: Course) -> None:
    """Killed while packages are built, one of the others half-written."""
    began = course.folder / "began"
    building = f"open({str(began)!r}, 'w').close(); import time; time.sleep(60)"
    course.write(
        "requirements", f"tinyone==1.0\n{slow_package(course.folder, building)}"
    )
    process = course.start()
    wait_for(began.exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert set(json.loads(course.stamp.read_text())["files"].values()) == {""}

    module = course.module("tinyone")
    module.write_text("VERS")
    next(module.parent.glob("tinyone-*/RECORD")).unlink()
    course.write("requirements", "tinyone==1.0")
    done = course.set_up()
    assert done.returncode == 0, done.stderr
    assert re.search(READY, done.stdout)
    assert course.version() == "1.0"
    assert course.set_up().stdout == ""


def test_ctrl_c_ends_in_one_sentence(course: Course) -> None:
    began = course.folder / "began"
    building = f"open({str(began)!r}, 'w').close(); import time; time.sleep(60)"
    course.write("requirements", slow_package(course.folder, building))
    process = course.start()
    wait_for(began.exists)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert said.endswith("Stopped; the next call goes on from here.\n")


def a_file_is_gone(course: Course) -> None:
    course.module("tinyone").unlink()


def a_file_is_cut_off(course: Course) -> None:
    course.module("tinyone").write_text("VERSION =")


def a_package_is_uninstalled(course: Course) -> None:
    a_file_is_gone(course)
    shutil.rmtree(next(course.module("x").parent.glob("tinyone-*")))


def its_metadata_are_gone(course: Course) -> None:
    next(course.module("x").parent.glob("tinyone-*/METADATA")).unlink()


def the_stamp_is_cut_off(course: Course) -> None:
    course.stamp.write_text("{")


def the_python_is_gone(course: Course) -> None:
    for link in (course.venv / "bin").glob("python*"):
        link.unlink()
    (course.venv / "bin" / "python").symlink_to("/nowhere/python3")


def it_is_the_systems_python(course: Course) -> None:
    """Without this file the link runs: packages would go into the system."""
    (course.venv / "pyvenv.cfg").unlink()


@BY_BOTH
@pytest.mark.parametrize(
    "damage",
    [
        a_file_is_cut_off,
        a_package_is_uninstalled,
        its_metadata_are_gone,
        the_stamp_is_cut_off,
        the_python_is_gone,
        it_is_the_systems_python,
    ],
    ids=lambda value: value.__name__,
)
def test_a_broken_environment_repairs_itself(
    course: Course, damage: Callable[[Course], None]
) -> None:
    damage(course)
    done = course.set_up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(READY, done.stdout)
    assert course.version() == "1.0"
    assert course.set_up().stdout == ""


def test_a_file_that_is_cut_off_in_uvs_store_as_well(course: Course) -> None:
    """uv links files into environments, so that what breaks one breaks the other."""
    a_package_is_uninstalled(course)
    assert course.set_up().returncode == 0
    if course.module("tinyone").stat().st_nlink == 1:
        pytest.skip("uv copies files on this file system")
    a_file_is_cut_off(course)
    assert course.set_up().returncode == 0
    assert course.version() == "1.0"


def test_what_the_learner_installed_besides_stays(course: Course) -> None:
    shutil.copy(course.module("tinyone"), course.module("mine"))
    info = course.module("mine").parent / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    assert course.set_up().stdout == ""
    a_file_is_cut_off(course)
    assert course.set_up().returncode == 0
    assert course.version("mine") == "1.0" and info.is_dir()


def test_changed_requirements_are_installed(course: Course) -> None:
    wheel(course.wheels, "tinyone", "1.1")
    course.write("requirements", "tinyone==1.1")
    course.write("constraints", "tinyone==1.1\ntinytwo==1.0")
    assert course.set_up().returncode == 0
    assert course.version() == "1.1"
    course.write("requirements", "# only a remark has changed\ntinyone==1.1")
    assert course.set_up().stdout == ""


def test_a_group_comes_on_demand_and_stays(course: Course) -> None:
    day = course.folder / "day22_bert"
    day.mkdir()
    cell = {"source": ['packages.need("tinyTwo", "x")  # a day of the large group\n']}
    (day / "day22_bert.ipynb").write_text(json.dumps({"cells": [cell]}))
    assert course.set_up("--day", "1").stdout == ""
    assert course.set_up("--day", "21").stdout == ""
    assert course.set_up("--day", "day22_bert").returncode == 0
    assert course.version("tinytwo") == "1.0"
    assert course.set_up().stdout == course.set_up("--group", "large").stdout == ""
    a_file_is_gone(course)
    course.module("tinytwo").unlink()
    assert course.set_up().returncode == 0
    assert course.version("tinytwo") == "1.0", "a repair takes nothing away"


def test_a_folder_that_is_no_environment_is_not_touched(course: Course) -> None:
    shutil.rmtree(course.venv)
    course.venv.mkdir()
    (course.venv / "thesis.txt").write_text("years of work")
    refused(course.set_up(), ".venv is in the way", "move it elsewhere")
    assert [path.name for path in course.venv.iterdir()] == ["thesis.txt"]


def test_two_calls_at_once_do_not_meet(course: Course) -> None:
    """uv locks the environment."""
    a_package_is_uninstalled(course)
    calls = [course.start() for _ in range(2)]
    for call in calls:
        call.communicate(timeout=60)
    assert [call.returncode for call in calls] == [0, 0]
    assert course.version() == "1.0"
    assert course.set_up().stdout == ""


def test_scripts_of_a_moved_course_keep_working(course: Course) -> None:
    with zipfile.ZipFile(wheel(course.wheels, "toolone"), "a") as archive:
        archive.writestr(
            "toolone-1.0.dist-info/entry_points.txt",
            "[console_scripts]\ntoolone = toolone:main\n",
        )
    course.write("requirements", "toolone==1.0")
    assert course.set_up().returncode == 0
    moved = course.folder.rename(course.folder.with_name("moved"))
    script = (moved / ".venv" / "bin" / "toolone").read_text()
    assert str(course.folder) not in script


# --- what pip is told, uv is told -------------------------------------------------


def configured(course: Course, text: str, **more: str) -> dict[str, str]:
    """Return variables under which a configuration file is all that pip knows."""
    file = course.folder / "pip.conf"
    file.write_text(f"[global]\n{text}\n")
    return {
        "PIP_CONFIG_FILE": str(file),
        "PIP_FIND_LINKS": "",
        "PIP_NO_INDEX": "",
        **more,
    }


@BY_BOTH
def test_the_best_of_all_indexes_is_taken(course: Course, tmp_path: Path) -> None:
    """As pip does it, also where the first index has only an older one."""
    other = tmp_path / "other"
    first = index(tmp_path / "first", wheel(other, "tinyone", "1.0"))
    second = index(tmp_path / "second", wheel(other, "tinyone", "1.1"))
    course.write("requirements", "tinyone==1.1")
    course.write("constraints", "tinytwo==1.0")
    for one, more in ((first, second), (second, first)):
        a_package_is_uninstalled(course)
        settings = configured(course, f"index-url = {one}\nextra-index-url = {more}")
        done = course.set_up(**settings)
        assert done.returncode == 0, done.stderr
        assert course.version() == "1.1"


@BY_BOTH
def test_a_constraint_of_pips_is_kept(course: Course, tmp_path: Path) -> None:
    """Beside those of the course, which stay in force."""
    for name in ("tinyone", "tinytwo"):
        wheel(course.wheels, name, "1.1")
    course.write("requirements", "tinyone\ntinytwo")
    course.write("constraints", "tinytwo==1.0")
    limit = tmp_path / "limit.txt"
    limit.write_text("tinyone<1.1\n")
    a_package_is_uninstalled(course)
    text = f"no-index = true\nfind-links = {course.wheels}\nconstraint = {limit}"
    done = course.set_up(**configured(course, text))
    assert done.returncode == 0, done.stderr
    assert (course.version(), course.version("tinytwo")) == ("1.0", "1.0")


def test_settings_of_pips_and_their_counterparts(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable goes before a file, `install` before `global`, uv's own before all."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://a.example/simple\ncert = /a/b c.pem\n"
        "find-links =\n    /one\n    /two\nextra-index-url = https://b.example/simple\n"
        "[install]\nindex-url = https://c.example/simple\nconstraint = x.txt y.txt\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://d.example https://e.example")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.example")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(installer.os, "access", lambda *_: False)
    options, env = installer.for_uv("uv", course.venv / "bin" / "python")
    assert options == ["-c", "x.txt", "-c", "y.txt"]
    assert env["UV_DEFAULT_INDEX"] == "https://mine.example"
    assert env["UV_INDEX"] == "https://d.example https://e.example"
    assert env["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert env["UV_FIND_LINKS"] == "/one,/two"
    assert env["SSL_CERT_FILE"] == "/a/b c.pem"
    assert env["UV_NO_CACHE"] == "1", "a home that cannot be written"


@BY_BOTH
def test_settings_that_would_lead_pip_elsewhere_are_left_out(course: Course) -> None:
    a_package_is_uninstalled(course)
    elsewhere = course.folder / "elsewhere"
    done = course.set_up(PIP_TARGET=str(elsewhere), PIP_USER="1", UV_SYSTEM_PYTHON="1")
    assert done.returncode == 0, done.stderr
    assert course.version() == "1.0" and not elsewhere.exists()


@pytest.mark.parametrize(
    ("offered", "gpu", "choice"),
    [
        ({"": "+cpu", "cpu": "+cpu"}, None, {}),
        ({"": "", "cpu": "+cpu"}, None, {"UV_TORCH_BACKEND": "cpu"}),
        ({"": "", "cpu": ""}, None, {}),
        ({"": "", "cpu": "+cpu"}, "/usr/bin/nvidia-smi", {}),
    ],
    ids=["in reach already", "PyTorch's index", "not to be had", "a GPU"],
)
def test_pytorchs_cpu_build_is_taken_where_it_can_be_had(
    monkeypatch: pytest.MonkeyPatch, offered: dict, gpu: str | None, choice: dict
) -> None:
    def plan(words: list, env: dict) -> types.SimpleNamespace:
        assert words[-3:] == ["--no-deps", "torch", "--dry-run"]
        build = offered[env.get("UV_TORCH_BACKEND", "")]
        out = f" - torch==2.12.0+cpu\n + torch==2.13.0{build}\n"
        return types.SimpleNamespace(stdout=out)

    monkeypatch.setattr(installer, "run", plan)
    monkeypatch.setattr(installer.shutil, "which", lambda _: gpu)
    monkeypatch.setattr(installer.sys, "platform", "linux")
    assert installer.torch_build(["uv", "pip", "install"], {}, "uv") == choice


# --- refused ----------------------------------------------------------------------


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@BY_BOTH
def test_no_network_is_one_sentence_and_the_next_call_goes_on(course: Course) -> None:
    """The dead index is known from a configuration file only."""
    a_package_is_uninstalled(course)
    address = f"http://127.0.0.1:{closed_port()}/simple"
    text = f"index-url = {address}\nretries = 0\ntimeout = 2"
    done = course.set_up(**configured(course, text, UV_HTTP_RETRIES="0"))
    refused(done, "the package index does not answer", "PIP_FIND_LINKS")
    assert address in done.stdout + done.stderr
    assert course.set_up().returncode == 0
    assert course.version() == "1.0"


@pytest.fixture
def refusing_index() -> Iterator[str]:
    """Return the address of an index that lets nobody in."""

    class Closed(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(403)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Closed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


def test_an_index_that_refuses_is_told(course: Course, refusing_index: str) -> None:
    a_package_is_uninstalled(course)
    done = course.set_up(**configured(course, f"index-url = {refusing_index}"))
    refused(done, "refuses access", "name and password")


@BY_BOTH
@pytest.mark.parametrize("constraints", ["tinyone==1.0", "absent==9.9"])
def test_a_package_that_the_index_does_not_have(
    course: Course, constraints: str
) -> None:
    course.write("requirements", "absent==9.9")
    course.write("constraints", constraints)
    done = course.set_up()
    refused(done, "lacks a version that fits", "pip config list")
    assert "absent==9.9" in done.stdout + done.stderr


@BY_BOTH
def test_a_full_disk_while_packages_are_built(course: Course) -> None:
    building = "raise OSError(28, 'No space left on device')"
    course.write("requirements", slow_package(course.folder, building))
    refused(course.set_up(), "The disk is full: make room")


def test_a_really_full_disk(course: Course) -> None:
    """On a file system of three megabytes there is no room for an environment."""
    shutil.rmtree(course.venv)
    course.venv.mkdir()
    mount = f"mount -t tmpfs -o size=3m tmpfs {course.venv}"
    isolated = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*isolated, mount], capture_output=True).returncode
    ):
        pytest.skip("the right to mount a small file system is missing")
    done = subprocess.run(
        [*isolated, f'{mount} && exec "$@"', "sh", *course.command()],
        env=course.environment(),
        capture_output=True,
        text=True,
    )
    refused(done, "The disk is full: make room")


def test_too_little_disk_is_said_before_anything_is_made(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usage(_: object) -> types.SimpleNamespace:
        return types.SimpleNamespace(free=4e9)

    monkeypatch.setattr(setup_env.shutil, "disk_usage", usage)
    course.write("requirements", "# It takes 2.9 GB.\ntinyone==1.0")
    course.write("requirements-large", "# It takes\n# 1.2 GB.\ntinytwo==1.0")
    shutil.rmtree(course.venv)
    files = sorted(course.folder.glob("requirements*.txt"))
    setup_env.Environment(course.venv, files[1:]).check_disk()
    environment = setup_env.Environment(course.venv, files)
    with pytest.raises(setup_env.Refusal, match=r"takes 4\.1 GB and 4\.0 GB are free"):
        environment.set_up()
    assert not course.venv.exists()


@pytest.mark.parametrize(
    ("output", "part"),
    [
        ("ERROR: [Errno 28] No space left on device", "disk is full"),
        ("cause: No space left on device (os error 28)", "disk is full"),
        ("OSError: [Errno 122] Disk quota exceeded", "disk is full"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate", "PIP_CERT"),
        ("error sending request\ninvalid peer certificate: UnknownIssuer", "PIP_CERT"),
        ("ERROR: 401 Client Error: Unauthorized for url", "name and password"),
        ("Temporary failure in name resolution')': /simple/", "does not answer"),
        (
            "Resolved 403 packages\nerror: something new\n",
            "installed: error: something",
        ),
        ("", "installed: no reason was given."),
    ],
)
def test_what_is_said_becomes_one_sentence(output: str, part: str) -> None:
    sentence = installer.reason(output)
    assert part in sentence
    assert sentence.endswith(".") and "\n" not in sentence


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_without_venv_says_what_to_install(
    course: Course, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """As Debian delivers it. With uv on the path nothing is missing."""
    asked: list[list[str]] = []

    def run(words: list, env: dict | None = None) -> types.SimpleNamespace:
        asked.append([str(word) for word in words])
        failed = f"-m {missing}" in " ".join(asked[-1])
        said = f"/usr/bin/python3: No module named {missing}\n" if failed else ""
        return types.SimpleNamespace(returncode=int(failed), stdout=said)

    monkeypatch.setattr(installer, "run", run)
    files = [course.folder / "requirements.txt"]
    environment = setup_env.Environment(course.venv, files)
    there = course.module("x").parent if missing == "ensurepip" else None
    monkeypatch.setattr(environment, "site_packages", lambda: there)
    with pytest.raises(setup_env.Refusal, match=r"lacks the module venv.*python3-venv"):
        environment.create(None)
    if missing == "ensurepip":
        course.venv.mkdir(exist_ok=True)
        environment.create("uv")
        assert asked[-1][:3] == ["uv", "pip", "install"] and asked[-1][-1] == "pip"
