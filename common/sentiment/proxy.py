"""HAProxy in front of several processes of this machine, told what to do as it runs.

    with proxy.Proxy(folder) as front:
        front.join("s1", 40123)          # requests to front.port now reach it
        front.drain("s1")                # no new ones; those in flight are answered
        front.leave("s1")

HAProxy is a program of the system's packages (`apt install haproxy`, `brew install
haproxy`); `why_not` says so where there is none. It needs no root, listens on
127.0.0.1 only, and ends with the process that started it.
"""

from __future__ import annotations

import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from common import program

SLOTS = tuple(f"s{i}" for i in range(1, 13))
"""Names for the servers of a proxy: each is used once, so that it names one process."""

_ALIVE = "/proxy-alive"
_COUNTERS = ("scur", "eresp", *(f"hrsp_{i}xx" for i in range(1, 6)))
_NO_REFUSAL = ("ip changed", "port changed", "no need")
"""How HAProxy's answers to a change of address begin; other answers are refusals."""
_CONFIGURATION = """
global
    stats socket "{socket}" mode 600 level admin
    hard-stop-after 2s
    tune.bufsize 65536

defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server {answer}s
    timeout queue {answer}s
    timeout check 3s
    option redispatch 1
    {retries}
    default-server check inter {every}ms fall 3 rise 1 maxconn 256

frontend front
    bind 127.0.0.1:"${{PROXY_PORT}}"
    monitor-uri {alive}
    http-response set-header X-Server %s
    default_backend service

backend service
    balance roundrobin
    option httpchk GET {check}
    http-check expect status 200
{servers}
"""
RETRY = "retries 3\n    retry-on conn-failure empty-response response-timeout"
"""What may be sent again. All three mean that no answer has come, which is safe for a
request that changes nothing. An answer 503 is not among them: it says that a server is
overloaded, and a second attempt would be a second load."""
NO_RETRY = "retries 0"


class ProxyError(RuntimeError):
    """HAProxy is not there, or did not do what it was told."""


def program_path() -> str | None:
    """Return where HAProxy is, or None; /usr/sbin is not on everybody's path."""
    places = os.pathsep.join(
        [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]
    )
    return shutil.which("haproxy", path=places)


def why_not() -> str | None:
    """Return the sentence that says what is missing here, or None."""
    if program_path() is None or not hasattr(socket, "AF_UNIX"):
        return (
            "There is no HAProxy on this machine (its package is called haproxy): the "
            "rehearsal is left out."
        )
    return None


class Proxy:
    """One HAProxy with empty slots, from its start until `stop`.

    Attributes:
        port: where clients ask, on 127.0.0.1.
    """

    def __init__(
        self,
        folder: Path,
        *,
        check: str = "/ready",
        retries: bool = True,
        check_seconds: float = 0.5,
        answer_seconds: float = 15,
    ):
        """Start it.

        Args:
            folder: for its configuration and its log.
            check: the path that it asks of each server, again and again.
            retries: whether a request without an answer is sent to another server.
            check_seconds: between two checks of a server; three that fail take it out.
                A check waits longer for its answer: slow is not dead.
            answer_seconds: how long a request may wait for a server, and a server take.

        Raises:
            ProxyError: it is not installed, or does not start.
        """
        if reason := why_not():
            raise ProxyError(reason)
        # A socket's path may have 107 characters, fewer than some temporary folders
        short = "/tmp" if len(tempfile.gettempdir()) > 60 else None
        self._folder = Path(tempfile.mkdtemp(prefix="proxy-", dir=short))
        self._socket = str(self._folder / "s")
        configuration = self._folder / "haproxy.cfg"
        text = _CONFIGURATION.format(
            socket=self._socket,
            answer=answer_seconds,
            every=int(check_seconds * 1000),
            retries=RETRY if retries else NO_RETRY,
            alive=_ALIVE,
            check=check,
            servers="\n".join(f"    server {s} 127.0.0.1:1 disabled" for s in SLOTS),
        )
        configuration.write_text(text, encoding="utf-8")
        command = program.command("common.sentiment.proxy", "{port}")
        command += [str(program_path()), "-db", "-f", str(configuration)]
        self._server = program.Server(command, _ALIVE, folder)
        try:
            self._server.wait(20)
        except RuntimeError as error:
            self.stop()
            raise ProxyError(f"HAProxy did not start: {error}") from None
        self.port = self._server.port

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, and remove its files."""
        self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def tell(self, *commands: str) -> str:
        """Give HAProxy commands of its runtime interface; return what it says.

        Raises:
            ProxyError: it refuses one, or has ended.
        """
        said = ""
        for command in commands:
            try:
                with socket.socket(socket.AF_UNIX) as line:
                    line.settimeout(5)
                    line.connect(self._socket)
                    line.sendall(f"{command}\n".encode())
                    said = b"".join(
                        iter(lambda line=line: line.recv(65536), b"")
                    ).decode()
            except OSError as error:
                raise ProxyError(f"HAProxy does not answer: {error}") from None
            expected = command.startswith("show") or not said.strip()
            if not expected and not said.lower().startswith(
                ("ip changed", "no need", "port")
            ):
                raise ProxyError(f"HAProxy refuses {command!r}: {said.strip()}")
        return said

    def join(self, slot: str, port: int, weight: int = 100) -> None:
        """Send requests to the server on this port, too."""
        name = f"service/{slot}"
        self.tell(
            f"set server {name} addr 127.0.0.1 port {port}",
            f"set server {name} weight {weight}",
            f"set server {name} state ready",
        )

    def weigh(self, slot: str, weight: int) -> None:
        """Change a server's part of the requests; weights go from 0 to 256."""
        self.tell(f"set server service/{slot} weight {weight}")

    def drain(self, slot: str) -> None:
        """Send no new requests there; those in flight are answered."""
        self.tell(f"set server service/{slot} state drain")

    def leave(self, slot: str) -> None:
        """Forget a server."""
        self.tell(f"set server service/{slot} state maint")

    def counts(self) -> dict[str, dict[str, int]]:
        """Return for each slot that was used what HAProxy counted.

        Returns:
            By slot: `in_flight`, `answered` (status below 400) and `failed` (another
            status, or no answer).
        """
        rows = csv.DictReader(self.tell("show stat").lstrip("# ").splitlines())
        found = {}
        for row in rows:
            if row["pxname"] != "service" or row["svname"] not in SLOTS:
                continue
            number = {name: int(row[name] or 0) for name in _COUNTERS}
            found[row["svname"]] = {
                "in_flight": number["scur"],
                "answered": sum(number[f"hrsp_{i}xx"] for i in (1, 2, 3)),
                "failed": number["hrsp_4xx"] + number["hrsp_5xx"] + number["eresp"],
            }
        return found

    def wait_idle(self, slot: str, seconds: float = 10) -> bool:
        """Wait until no request is in flight there; return whether it came so far."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.counts()[slot]["in_flight"] == 0:
                return True
            time.sleep(0.02)
        return False


def main() -> None:
    """Run a program that ends when this one is asked to: `main` of HAProxy's parent.

    Arguments: the port, for the configuration, and the program's command line.
    """
    port, *command = sys.argv[1:]
    child = subprocess.Popen(command, env=os.environ | {"PROXY_PORT": port})
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    sys.exit(child.wait())


if __name__ == "__main__":
    main()
