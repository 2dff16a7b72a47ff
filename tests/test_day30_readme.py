"""What Day 30's README tells a newcomer to type works as it stands there."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
import served_model
import support

README = next(support.ROOT.glob("day30_*/README.md"))
PATIENCE = 60


def commands():
    """Return the lines of the README's blocks of commands."""
    blocks = re.findall(r"```bash\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    return "".join(blocks).splitlines()


@pytest.mark.skipif(os.name == "nt", reason="make and process groups of POSIX")
def test_the_commands_of_the_readme_serve_and_ask(tmp_path):
    if not (shutil.which("make") and shutil.which("curl")):
        support.not_installed("make or curl is not installed")
    serve, *asks = commands()
    assert serve == "make serve" and len(asks) == 2
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    # As typed, but with this Python, nothing to install, and a port that is free
    environment = os.environ | {
        "MAKEFLAGS": f" -- SET_UP=true VENV_PYTHON={sys.executable} PORT={port}",
        "SENTIMENT_MODEL": str(served_model.write(tmp_path / "served")),
        "NO_PROXY": "localhost,127.0.0.1",
        "no_proxy": "localhost,127.0.0.1",
    }
    log = (tmp_path / "log").open("w")
    server = subprocess.Popen(
        ["bash", "-c", serve],
        cwd=support.ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )

    def ask(command):
        assert "localhost:8000" in command
        typed = command.replace("localhost:8000", f"localhost:{port}")
        ran = subprocess.run(
            ["bash", "-c", typed], env=environment, capture_output=True, text=True
        )
        return ran.stdout

    try:
        end = time.monotonic() + PATIENCE
        while '"ready":true' not in ask(asks[0]):
            assert server.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < end, (tmp_path / "log").read_text()
            time.sleep(0.1)
        (found,) = json.loads(ask(asks[1]))["predictions"]
        assert found["label"] == "positive"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(PATIENCE)
        log.close()
