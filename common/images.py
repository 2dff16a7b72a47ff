"""Build an image from a Dockerfile where no Docker engine runs, and read it.

    workshop = images.Workshop(folder)
    workshop.build("docker/Dockerfile", "sentiment")
    image = workshop.read("sentiment")
    image.layers[0].bytes, image.config["Cmd"]

buildah builds, as root on Debian or Ubuntu; the base image is made from the
distribution's own packages, under the name that the Dockerfile gives it, and is kept
for the next time. Every call of buildah runs in a mount namespace of its own: whatever
it mounts is gone when it ends, however it ends. `common.container` runs the image.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import filelock
import platformdirs

from common import ROOT
from common.oci import Image

BASE = "docker.io/library/python:3.11-slim-bookworm"
"""What the course's Dockerfile names; here Debian 12's own Python 3.11 stands in."""

_DEBIAN = "bookworm"
_PACKAGES = "python3,python3-venv,ca-certificates"
_NOT_NEEDED = (
    "usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*", "usr/share/info/*",
    "var/cache/apt/*", "var/cache/debconf/*-old", "var/lib/apt/lists/*",
    "var/log/*.log",
)  # fmt: skip
"""What Docker's slim images leave out as well."""

_PRIVATE = ("unshare", "--mount", "--propagation", "private")
"""What is mounted by a program that is started with this is gone when it ends."""

_SECONDS = 900
"""After which a build counts as stuck."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_STEP = re.compile(r"^(?:\[(?P<stage>\d+)/\d+\] )?STEP \d+/\d+: (?P<words>.+)$")


class ImageError(RuntimeError):
    """No image could be built; the sentence says what went wrong."""


def why_not() -> str:
    """Return a sentence that says why no image can be built here; "" if one can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "Building an image without an engine takes root on Linux."
    missing = [
        name for name in ("buildah", "debootstrap", "unshare") if not shutil.which(name)
    ]
    if missing:
        return (
            f"{' and '.join(missing)} cannot be found: apt-get install buildah "
            "debootstrap."
        )
    if subprocess.run([*_PRIVATE, "true"], capture_output=True).returncode:
        return "This machine does not let root make a mount namespace."
    return ""


@dataclass(frozen=True)
class Step:
    """One line of a build's log: an instruction, and whether the cache had it."""

    stage: int
    instruction: str
    cached: bool


class Workshop:
    """A folder in which images are built, with a cache of steps of its own."""

    def __init__(self, folder: Path):
        """Open it; it is the caller's to remove.

        Raises:
            ImageError: nothing can be built here.
        """
        if reason := why_not():
            raise ImageError(reason)
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._driver = "overlay" if _has_overlay() else "vfs"
        self._base_is_here = False

    @property
    def _tool(self) -> list[str | Path]:
        storage = self.folder / "storage"
        return [
            *("buildah", "--root", storage / "root", "--runroot", storage / "run"),
            *("--storage-driver", self._driver),
        ]

    def _buildah(self, *words: str | Path) -> str:
        return _run([*_PRIVATE, *self._tool, *words], _SECONDS)

    def build(
        self, dockerfile: str | Path, tag: str, *, context: Path = ROOT
    ) -> tuple[list[Step], float]:
        """Build an image as `docker build -f dockerfile -t tag context` would.

        pip finds the machine's certificates, and an index of PIP_INDEX_URL, through
        the build secret `pip`: it lies in no layer.

        Args:
            dockerfile: relative to `context`, or absolute.
            tag: the image's name.
            context: what COPY may read, less what the .dockerignore leaves out.

        Returns:
            The steps, and the seconds that all of them took together; the base image
            is made before and is not counted.

        Raises:
            ImageError: a step failed; with the end of its log.
        """
        self._bring_base()
        dockerfile = Path(context, dockerfile)
        ignore = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
        secret = self.folder / "pip.conf"
        secret.write_text(_pip_configuration(), encoding="utf-8")
        words: list[str | Path] = [
            *("bud", "--isolation", "chroot", "--format", "docker", "--layers"),
            *("--pull-never", "--secret", f"id=pip,src={secret}"),
        ]
        if ignore.is_file():
            words += ["--ignorefile", ignore]
        if _CERTIFICATES.is_file():
            words += ["--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"]
        began = time.perf_counter()
        log = self._buildah(*words, "--file", dockerfile, "--tag", tag, context)
        return _steps(log), time.perf_counter() - began

    def read(self, tag: str) -> Image:
        """Return a built image, its layers written into the workshop's folder."""
        place = self.folder / re.sub(r"\W+", "-", tag)
        shutil.rmtree(place, ignore_errors=True)
        self._buildah("push", "--quiet", tag, f"oci:{place}:latest")
        return Image(place)

    def paths(self, tag: str) -> set[str]:
        """Return every name in an image's file system, as buildah shows it."""
        script = (
            'c=$("$@" from "$0"); m=$("$@" mount "$c"); '
            'cd "$m"; find . -mindepth 1 -printf "%P\\n"; cd /; '
            '"$@" umount "$c" > /dev/null; "$@" rm "$c" > /dev/null'
        )
        shell = [*_PRIVATE, "sh", "-euc", script, tag, *self._tool]
        return set(_run(shell, _SECONDS).splitlines())

    def _bring_base(self) -> None:
        if not self._base_is_here:
            archive = base_archive()
            self._buildah("pull", "--quiet", f"oci-archive:{archive}")
            image = self._buildah("images", "--quiet").split()[0]
            self._buildah("tag", image, BASE)
            self._base_is_here = True

    def _pack_base(self, root: Path, archive: Path) -> None:
        container = self._buildah("from", "scratch").strip()
        self._buildah("copy", "--quiet", container, root, "/")
        self._buildah("config", "--env", f"PATH={_PATH}", "--cmd", "python3", container)
        self._buildah("commit", "--quiet", "--rm", container, f"oci-archive:{archive}")


def base_archive() -> Path:
    """Return the base image as an archive; made once (1 to 3 min), then kept.

    Raises:
        ImageError: Debian's packages cannot be had.
    """
    folder = platformdirs.user_cache_path("forty-days", appauthor=False) / "images"
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"python-3.11-{_DEBIAN}.tar"
    with filelock.FileLock(f"{archive}.lock"):
        if not archive.is_file():
            with tempfile.TemporaryDirectory(dir=_roomy()) as scratch:
                _make_base(Path(scratch), archive)
    return archive


def _make_base(scratch: Path, archive: Path) -> None:
    root = scratch / "root"
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _DEBIAN]
    # debootstrap mounts /proc in there: in a namespace of its own, it is gone with it
    _run([*_PRIVATE, *command, root], _SECONDS)
    for pattern in _NOT_NEEDED:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    for path in root.rglob("__pycache__"):
        shutil.rmtree(path)
    made = archive.with_suffix(".part")
    made.unlink(missing_ok=True)
    Workshop(scratch / "workshop")._pack_base(root, made)
    made.replace(archive)


def _roomy() -> str | None:
    """A folder in memory, if there is much of it: dpkg waits for the disk otherwise."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > 4e9:
        return str(memory)
    return None


def _has_overlay() -> bool:
    """Whether the kernel can stack folders; copying all of them works anywhere."""
    known = Path("/proc/filesystems").read_text(encoding="utf-8").split()
    return "overlay" in known and not _stands_on_overlay()


def _stands_on_overlay() -> bool:
    """Whether temporary files lie on an overlay, as in a container: no second fits."""
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    kinds = {line.split()[1]: line.split()[2] for line in mounts}
    place = Path(tempfile.gettempdir()).resolve()
    while str(place) not in kinds and place != place.parent:
        place = place.parent
    return kinds.get(str(place)) == "overlay"


def _pip_configuration() -> str:
    lines = ["[global]"]
    if _CERTIFICATES.is_file():
        lines.append(f"cert = {_CERTIFICATES}")
    if index := os.environ.get("PIP_INDEX_URL"):
        lines.append(f"index-url = {index}")
    return "\n".join([*lines, ""])


def _steps(log: str) -> list[Step]:
    """Read the steps from a build's log.

    A stage that copies from another one may wait for it in the middle of a step, so
    that the other's lines stand between a step and what became of it.
    """
    steps: list[Step] = []
    open_ones: list[int] = []
    for line in log.splitlines():
        if found := _STEP.match(line):
            if not found["words"].startswith("FROM"):  # it is told without a result
                open_ones.append(len(steps))
            steps.append(Step(int(found["stage"] or 1), found["words"], False))
        elif open_ones and line.startswith("--> Using cache"):
            latest = steps[open_ones[-1]]
            steps[open_ones[-1]] = Step(latest.stage, latest.instruction, True)
        elif open_ones and line.startswith("--> "):
            open_ones.pop()
    return steps


def _run(command: Sequence[str | Path], seconds: float) -> str:
    try:
        ran = subprocess.run(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise ImageError(f"{command[0]} was not done in {seconds:.0f} s.") from None
    if ran.returncode:
        raise ImageError(f"The build failed: {ran.stdout.strip()[-1500:]}")
    return ran.stdout
