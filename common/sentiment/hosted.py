"""Programs as a host starts them: a port, an environment, what they write, an end.

    start = process_starter(program.command("common.sentiment.api"))
    with running(start, {"SENTIMENT_MODEL": str(model)}) as one:
        ask(one.port, "GET", "/health")

The contract of `host_contract` is tried on whatever is a `Running`: a process of this
machine here, a container in the tests of the image.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import psutil


class Running(Protocol):
    """A started service, process or container."""

    port: int
    """Where it was told to listen."""

    @property
    def pid(self) -> int:
        """The process that gets signals."""

    def wrote(self) -> tuple[str, str]:
        """Return what it has written: standard output, and standard error."""

    def left(self) -> list[str]:
        """Return the names of files that it left in its folder."""

    def ended(self, seconds: float) -> int | None:
        """Wait for its end; return its exit code, or None if it still runs."""

    def kill(self) -> None:
        """End it and remove what it left; nothing if it has ended."""


Starter = Callable[[Mapping[str, str]], Running]
"""Starts the service with these variables of the environment."""


class Process:
    """A command as a running service: its own folder, its output in two files."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]):
        """Start it; "{port}" in a word of the command stands for the port."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._place = tempfile.TemporaryDirectory(prefix="hosted-")
        self._outside = Path(self._place.name)
        self._folder = self._outside / "work"
        self._folder.mkdir()
        self._files = [self._outside / name for name in ("stdout", "stderr")]
        # A host starts with an empty environment; a test needs this machine's paths
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("SENTIMENT_", "UVICORN_", "PORT"))}  # fmt: skip
        with contextlib.ExitStack() as stack:
            out, err = (stack.enter_context(open(file, "wb")) for file in self._files)
            self._process = subprocess.Popen(
                [word.replace("{port}", str(self.port)) for word in command],
                cwd=self._folder,
                env=kept | dict(environment) | {"PORT": str(self.port)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wrote(self) -> tuple[str, str]:
        out, err = (file.read_text("utf-8", "replace") for file in self._files)
        return out, err

    def left(self) -> list[str]:
        return sorted(str(p.relative_to(self._folder)) for p in self._folder.rglob("*"))

    def ended(self, seconds: float) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def kill(self) -> None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        elif self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        self._place.cleanup()


def process_starter(command: Sequence[str], **environment: str) -> Starter:
    """Return a starter for a command; the host's variables come on top of these."""
    return lambda given: Process(command, environment | dict(given))


@contextlib.contextmanager
def running(start: Starter, environment: Mapping[str, str]) -> Iterator[Running]:
    """Start the service for the time of a `with`."""
    one = start(environment)
    try:
        yield one
    finally:
        one.kill()


def ask(
    port: int,
    method: str,
    path: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Ask 127.0.0.1, never through a proxy; return status and body, 0 for no answer."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        content = None if body is None else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        line.request(method, path, content, kind | dict(headers or {}))
        answer = line.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        line.close()


def listens_on(pid: int) -> set[int]:
    """Return the ports on which a process, or a child of it, listens."""
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        found = set()
        for one in family:  # the name before psutil 6 was `connections`
            connections = getattr(one, "net_connections", None) or one.connections
            found |= {
                line.laddr.port
                for line in connections(kind="tcp")
                if line.status == psutil.CONN_LISTEN
            }
        return found
    except psutil.Error:
        return set()


def wait_for(question: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again until the answer is yes; return whether it came."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if question():
            return True
        time.sleep(0.03)
    return False


def seconds_to_ready(one: Running, path: str = "/ready", seconds: float = 60) -> float:
    """Wait until it answers 200 there; return after how many seconds, or `seconds`."""
    began = time.monotonic()
    wait_for(lambda: ask(one.port, "GET", path)[0] == 200, seconds)
    return time.monotonic() - began
