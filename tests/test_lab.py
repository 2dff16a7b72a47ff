"""`make lab`: the port, the layout, the page without a screen."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tools import lab

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def test_ports_and_addresses_that_cannot_be(tmp_path: Path) -> None:
    for port in ("eighty", "0", "70000"):
        with pytest.raises(SystemExit):
            lab.arguments(["--port", port])
    ran = subprocess.run(
        [sys.executable, "tools/lab.py", "--no-browser", "--ip", "192.0.2.1"],
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("JupyterLab cannot listen on 192.0.2.1: ")
    assert len(ran.stderr.splitlines()) == 1


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
    for name in ("queue", "random", "tokenize"):  # a learner's own, beside ours
        (course / f"{name}.py").write_text("raise ImportError('mine')\n")
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
        with urllib.request.urlopen(address[0], timeout=20) as page:
            assert b"jupyter-config-data" in page.read()
    finally:
        os.killpg(process.pid, signal.SIGINT)
        rest = process.communicate(timeout=30)[0]
    assert process.returncode == 0
    assert rest == "JupyterLab has ended.\n"
