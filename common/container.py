"""Run an image as a container, with the kernel's own parts and no engine.

    with container.Container(image, folder, mounts={"/model": model}) as box:
        httpx.get(f"http://127.0.0.1:{box.port}/ready", trust_env=False)

What an engine does is done here by hand, as root on Linux: the layers are laid over
each other into a folder, which becomes the process's root, read-only; the process gets
namespaces of its own for mounts, processes and names, is number 1 in there, and runs as
the image's user. The network is the machine's (as with `docker run --network host`),
so the service is told to listen on 127.0.0.1 only. All mounts are private to the
container and vanish with it; it ends with the process that started it.
"""

from __future__ import annotations

import atexit
import contextlib
import gzip
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from common.oci import Image

_KILLED = "sigprocmask unblock failed"
"""What unshare says when it cannot end by SIGKILL itself, as its process did."""

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


def unpack(image: Image, root: Path) -> Path:
    """Lay an image's layers over each other into a folder; return it.

    A file named `.wh.NAME` in a layer removes NAME of the layers below.
    """
    root.mkdir(parents=True)
    for layer in image.layers:
        with gzip.open(layer.blob) as archive, tarfile.open(fileobj=archive) as tar:
            kept = []
            for member in tar:
                place = root / member.name
                if place.name == _OPAQUE:
                    _empty(place.parent)
                elif place.name.startswith(_WHITEOUT):
                    _remove(place.with_name(place.name.removeprefix(_WHITEOUT)))
                else:
                    kept.append(member)
                    if not member.isdir():
                        _remove(place)
            tar.extractall(root, kept, numeric_owner=True, filter="fully_trusted")
    return root


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _empty(folder: Path) -> None:
    for place in folder.iterdir() if folder.is_dir() else ():
        _remove(place)


@contextlib.contextmanager
def control_group(megabytes: int) -> Iterator[Path | None]:
    """A group of processes that share a limit on memory, for the time of a `with`.

    Yields:
        Its folder: a process joins by writing its number into `cgroup.procs`. None
        where none can be made: without root, or outside Linux.
    """
    made = None
    # The older kind of the kernel's control groups, then the newer one
    for parent, file in (("memory", "memory.limit_in_bytes"), ("", "memory.max")):
        place = Path("/sys/fs/cgroup", parent, f"forty-days-{os.getpid()}")
        with contextlib.suppress(OSError):
            place.mkdir(exist_ok=True)
            if made is None and (place / file).exists():
                (place / file).write_text(str(megabytes * 2**20), encoding="utf-8")
                made = place
            else:
                place.rmdir()
    try:
        yield made
    finally:
        if made:
            made.rmdir()


class Container:
    """A process in a root of its own, until `stop` or the end of this process.

    Attributes:
        port: on which the service listens, on 127.0.0.1.
        log: the file that holds what it wrote.
        returncode: after `stop`, as a shell says it: 128 + n if signal n ended it.
    """

    def __init__(
        self,
        image: Image,
        root: Path,
        *,
        mounts: Mapping[str, Path] | None = None,
        environment: Mapping[str, str] | None = None,
        command: list[str] | None = None,
    ):
        """Start the image's command, or another one.

        Args:
            image: what to run.
            root: where `unpack` laid it, or where it shall be laid.
            mounts: by their place inside, folders of this machine, read-only.
            environment: variables beyond the image's own.
            command: in place of the image's.
        """
        if not root.is_dir():
            unpack(image, root)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.log = root.with_name(f"{root.name}-{self.port}.log")
        self.returncode: int | None = None
        given = dict(one.split("=", 1) for one in image.config.get("Env", []))
        given |= {"UVICORN_HOST": "127.0.0.1", "UVICORN_PORT": str(self.port)}
        script = _script(
            root,
            mounts or {},
            user=image.config.get("User") or "0:0",
            folder=image.config.get("WorkingDir") or "/",
            environment=given | dict(environment or {}),
            command=command or image.config["Cmd"],
        )
        with open(self.log, "wb") as log:
            self._outside = subprocess.Popen(
                [
                    *("unshare", "--mount", "--propagation", "private", "--pid"),
                    *("--fork", "--kill-child", "--uts", "--ipc", "sh", "-euc", script),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        atexit.register(self.kill)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Its number 1, as the machine outside counts it; 0 once it has ended."""
        number = self._outside.pid
        children = Path(f"/proc/{number}/task/{number}/children")
        try:
            return int(children.read_text(encoding="utf-8").split()[0])
        except (OSError, IndexError):
            return 0

    def wait(self, path: str = "/ready", seconds: float = 60) -> Self:
        """Return once the service answers 200 there.

        Raises:
            RuntimeError: it ended, or did not answer in time; with the end of its log.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._outside.poll() is None:
            if self._answers(path):
                return self
            time.sleep(0.01)
        raise RuntimeError(f"The container did not start: {self.said()[-800:]}")

    def _answers(self, path: str) -> bool:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            url = f"http://127.0.0.1:{self.port}{path}"
            with direct.open(url, timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def said(self) -> str:
        """Return what it wrote so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send its number 1 a signal, as `docker stop` and `docker kill` do."""
        if pid := self.pid:
            os.kill(pid, number)

    def stop(self, grace: float = 10) -> int:
        """Ask it to end, wait, and end it if it did not; return how it ended."""
        self.signal()
        try:
            self._outside.wait(grace)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
        return self.ended()

    def ended(self, seconds: float = 20) -> int:
        """Wait for its end; return its exit code as a shell says it."""
        code = self._outside.wait(seconds)
        if code == 1 and _KILLED in self.said():
            code = -signal.SIGKILL
        self.returncode = 128 - code if code < 0 else code
        return self.returncode

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self._outside.poll() is None:
            self.signal(signal.SIGKILL)
            try:
                self._outside.wait(5)
            except subprocess.TimeoutExpired:
                self._outside.kill()
                self._outside.wait(5)
        atexit.unregister(self.kill)


def _script(
    root: Path,
    mounts: Mapping[str, Path],
    *,
    user: str,
    folder: str,
    environment: Mapping[str, str],
    command: list[str],
) -> str:
    """What runs as root in the new namespaces, until it becomes the command."""
    inside = shlex.quote(str(root))
    lines = [
        f"mount --bind {inside} {inside}",
        f"mkdir -p {inside}/proc {inside}/dev {inside}/tmp",
        f"mount -t proc proc {inside}/proc",
        f"mount -t tmpfs -o mode=755,size=64k dev {inside}/dev",
        f"mount -t tmpfs -o mode=1777,size=64m,nosuid,noexec tmp {inside}/tmp",
    ]
    for device in ("null", "zero", "urandom"):
        lines += [
            f": > {inside}/dev/{device}",
            f"mount --bind /dev/{device} {inside}/dev/{device}",
        ]
    for place, source in mounts.items():
        target = shlex.quote(f"{root}{place}")
        lines += [
            f"mkdir -p {target}",
            f"mount --bind {shlex.quote(str(source))} {target}",
            f"mount -o remount,bind,ro {target}",
        ]
    variables = [f"{name}={value}" for name, value in environment.items()]
    become = ["chroot", f"--userspec={user}", "--groups=", str(root)]
    begin = ["/usr/bin/env", "-i", "-C", folder, *variables, *command]
    lines += [
        f"mount -o remount,bind,ro,nosuid {inside}",
        "hostname container",
        f"exec {shlex.join([*become, *begin])}",
    ]
    return "\n".join(lines)
