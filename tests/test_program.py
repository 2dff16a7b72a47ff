"""Programs that notebooks start: they find the course, and end with their parent."""

import os
import signal
import subprocess
import sys
import time

import pytest
import support

from common import program

SHADOWS = ("queue", "random", "tokenize", "common")


@pytest.fixture
def learner(tmp_path):
    """A copy of the course with a learner's files in its root and beside."""
    course = support.copy_of_course(tmp_path / "course")
    for folder in (course, tmp_path):
        for name in SHADOWS:
            (folder / f"{name}.py").write_text(f'raise ImportError("my {name}")\n')
    (tmp_path / "asks.py").write_text("raise ImportError('not installed')\n")
    (course / "common" / "asks.py").write_text(
        "import queue, random, sys, tokenize\n"
        "import common\n"
        "print(common.ROOT, sys.argv[1:], __name__, sys.path[-1])\n"
    )
    return tmp_path


@pytest.mark.parametrize("place", ["", "course"])
def test_a_program_finds_the_course_and_none_of_a_learners_files(learner, place):
    course = learner / "course"
    command = program.command("common.asks", "--one", "two")
    command[command.index(str(program.HERE))] = str(course / "common" / "program.py")
    ran = subprocess.run(command, cwd=learner / place, capture_output=True, text=True)
    assert ran.stderr == ""
    assert ran.stdout.strip() == f"{course} ['--one', 'two'] __main__ {course}"


def test_a_program_may_be_an_installed_one():
    ran = subprocess.run(
        program.command("json.tool", "--compact"),
        input='{"a": 1}',
        capture_output=True,
        text=True,
    )
    assert ran.stdout.strip() == '{"a":1}'


PARENT = """
import subprocess, sys, time
from common import program
child = subprocess.Popen(program.command("http.server", "0"), stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows does not tell")
def test_a_program_ends_with_the_one_that_started_it():
    parent = subprocess.Popen(
        [sys.executable, "-c", support.with_course(PARENT)],
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(parent.stdout.readline())
    time.sleep(1)
    os.kill(child, 0)  # it is there
    parent.kill()
    parent.wait()
    end = time.monotonic() + 20
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < end:
            os.kill(child, 0)
            time.sleep(0.1)


SERVE = program.command("http.server", "{port}", "--bind", "127.0.0.1")


def test_a_server_waits_stops_and_starts_again(tmp_path, monkeypatch):
    """Whatever proxy the environment names: nobody listens at port 9."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server = program.Server(SERVE, "/", tmp_path).wait(30)
    first = server.process
    assert server.wait(30) is server and server.process is first
    assert server.url == f"http://127.0.0.1:{server.port}"
    server.stop()
    assert first.poll() is not None and server.process is None
    server.stop()
    assert server.wait(30).process not in (None, first)
    server.stop()


def test_a_cell_that_runs_again_ends_the_server_of_its_earlier_run(tmp_path):
    first, other, again = (
        program.Server(SERVE, "/", tmp_path, COURSE_TEST=setting)
        for setting in ("1", "2", "1")
    )
    assert first.process is None
    assert other.wait(30).port != again.wait(30).port
    other.stop()
    again.stop()


def test_a_server_that_ends_by_itself_is_told_with_its_log(tmp_path):
    server = program.Server(program.command("no.such.module"), "/", tmp_path)
    with pytest.raises(RuntimeError, match=r"did not start: [^$]*no\.such|No module"):
        server.wait(30)
    server.stop()


def test_a_server_that_never_answers_is_told(tmp_path):
    server = program.Server(SERVE, "/no-such-file", tmp_path)
    with pytest.raises(RuntimeError, match="did not start"):
        server.wait(1)
    assert server.process.poll() is None
    server.stop()
