"""Start a module as a program that knows the course, and servers on this machine.

    app = program.command("uvicorn", "common.sentiment.api:create_app", "--factory",
                          "--port", "{port}")
    api = program.Server(app, "/ready", folder).wait()
    httpx.get(api.url + "/ready", trust_env=False)

Neither a `random.py` of a learner's in the course's root nor a package of another
course called `common` gets between. And the program ends when the one that started it
has ended, however that happened: no server outlives its notebook's kernel.
"""

from __future__ import annotations

import atexit
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

HERE = Path(__file__).resolve()
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_END = 10


def command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module, for `subprocess`.

    Args:
        module: as after `python -m`: of the course, or an installed one.
        arguments: the program's own.
    """
    return [sys.executable, "-P", str(HERE), module, *arguments]


class Server:
    """A server program on a free port of this machine, until this process ends.

    A cell of a notebook that starts one may run again: the program that the earlier
    run started is ended first. A cell that needs one calls `wait`, which starts it
    again if another cell has stopped it.

    Attributes:
        url: where it serves, for example "http://127.0.0.1:40123"; another port after
            a new start.
        port: the number in it.
        log: the file that holds what it wrote, errors too.
        process: None when it was stopped.
    """

    latest: ClassVar[dict[tuple[str, ...], Server]] = {}
    """By command and settings, what was started last."""

    def __init__(
        self, command: Sequence[str], ready: str, folder: Path, **environment: str
    ):
        """Start it; it is not ready yet.

        Args:
            command: of a program; in each word "{port}" stands for the port.
            ready: the path that answers with 200 as soon as it serves.
            folder: its working folder, where its log lies too.
            environment: variables beyond those of this process.
        """
        self.command, self.ready, self.folder = list(command), ready, Path(folder)
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        key = (*self.command, *map(str, environment.items()))
        if key in self.latest:
            self.latest[key].stop()
        self.latest[key] = self
        atexit.register(self.stop)
        self._start()

    def _start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.folder / f"{self.port}.log"
        beside = str(
            Path(sys.executable).parent
        )  # where this environment's programs are
        path = os.pathsep.join([beside, os.environ["PATH"]])
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [word.replace("{port}", str(self.port)) for word in self.command],
                cwd=self.folder,
                env=os.environ | {"PATH": path} | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self, seconds: float = 120) -> Server:
        """Return once it answers with 200; start it again if it was stopped.

        Raises:
            RuntimeError: it ended by itself, or did not answer in time; with the end
                of its log.
        """
        if self.process is None:
            self._start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if self._answers():
                return self
            time.sleep(0.05)
        said = self.log.read_text(encoding="utf-8", errors="replace")[-800:]
        raise RuntimeError(f"The server did not start: {said}")

    def _answers(self) -> bool:
        # Loopback never goes through a proxy of the user's
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(self.url + self.ready, timeout=2) as answer:
                return answer.status == 200
        except OSError:  # nobody listens yet, or another status
            return False

    def stop(self) -> None:
        """End it, and what it started itself; do nothing if it has ended."""
        if self.process is not None and self.process.poll() is None:
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGTERM)
            else:  # Windows
                self.process.terminate()
            self.process.wait(20)
        self.process = None


def end_with_parent() -> None:
    """End this process soon after the one that started it has ended.

    It is asked to end, as Ctrl-C's kin SIGTERM does, and ended 10 s later. Windows
    does not tell of a parent's end, so there it runs on.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SECONDS_TO_END)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Run the module that the command line names, as `python -m` would."""
    end_with_parent()
    runpy.run_path(str(HERE.with_name("notebook.py")))["bind"]("common")
    module, sys.argv = sys.argv[1], sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
