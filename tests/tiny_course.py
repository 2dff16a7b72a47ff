"""A course of a few bytes: the tools that install, and wheels made on the spot.

Nothing in it needs a network: a folder of wheels is all that pip and uv are shown.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import support

from tools import setup_env

ROOT = Path(__file__).resolve().parent.parent


def wheel(folder: Path, name: str, version: str = "1.0", needs: str = "") -> Path:
    """Write a wheel with one module that knows its version; return its path."""
    info = f"{name}-{version}.dist-info"
    needs = f"Requires-Dist: {needs}\n" if needs else ""
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        ),
        f"{info}/WHEEL": (
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
        rows.writerow([path, f"sha256={digest.decode().rstrip('=')}", len(text)])
    rows.writerow([f"{info}/RECORD", "", ""])
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record.getvalue()}.items():
            archive.writestr(path, text)
    return target


def index(folder: Path, *wheels: Path) -> str:
    """Write a package index of these wheels; return its address."""
    for path in wheels:
        page = folder / path.name.split("-")[0]
        page.mkdir(parents=True, exist_ok=True)
        (page / "index.html").write_text(f'<a href="{path.as_uri()}">{path.name}</a>')
    return folder.as_uri()


def slow_package(folder: Path, building: str) -> str:
    """Write a package whose build runs some code of the test's; return its address."""
    package = folder / "slowone"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        '[project]\nname = "slowone"\nversion = "1.0"\n'
        '[build-system]\nrequires = []\nbuild-backend = "back"\nbackend-path = ["."]\n'
    )
    (package / "back.py").write_text(
        "def build_wheel(wheel_directory, config_settings=None, metadata=None):\n"
        f"    {building}\n"
    )
    return f"slowone @ {package.as_uri()}"


class Course:
    """The tools that install, requirement files and a folder of wheels."""

    def __init__(self, folder: Path, path: str) -> None:
        self.folder, self.path = folder, path
        self.wheels, self.venv = folder / "wheels", folder / ".venv"
        self.stamp = self.venv / setup_env.STAMP
        self.store = folder.parent / "store"
        if folder.exists():
            return
        (folder / "tools").mkdir(parents=True)
        for name in ("setup_env.py", "installer.py"):
            shutil.copy(ROOT / "tools" / name, folder / "tools")
        wheel(self.wheels, "tinyone")
        wheel(self.wheels, "tinytwo")
        self.write("requirements", "tinyone==1.0  # the only one")
        self.write("requirements-large", "tinytwo==1.0")
        self.write("constraints", "tinyone==1.0\ntinytwo==1.0")

    def write(self, name: str, text: str) -> None:
        """Write one of the requirement files."""
        (self.folder / f"{name}.txt").write_text(text + "\n")

    def command(self, *words: str, python: str = sys.executable) -> list[str]:
        """Return the command that sets this course up."""
        return [python, str(self.folder / "tools" / "setup_env.py"), *words]

    def environment(self, **more: str) -> dict[str, str]:
        """Return variables under which pip and uv see the wheels alone."""
        ours = ("PIP_", "UV_", "COURSE_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return {
            **kept,
            "PATH": self.path,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_CACHE_DIR": "1",
            "UV_CACHE_DIR": str(self.store),
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
            timeout=90,
        )

    def start(self) -> subprocess.Popen[str]:
        """Start a call as a process group of its own, as a terminal does."""
        return subprocess.Popen(
            self.command(),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def module(self, name: str) -> Path:
        """Return where an installed module stands."""
        return next(self.venv.glob("lib/python3*/site-packages")) / f"{name}.py"

    def version(self, name: str = "tinyone") -> str:
        """Return the version of a module that the environment imports."""
        command = [self.venv / "bin" / "python", "-c"]
        command.append(f"import {name}; print({name}.VERSION)")
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def path_with(tool: str, folder: Path) -> str:
    """Return a PATH on which uv is found, or one on which it is not."""
    folder.mkdir()
    if tool == "pip":  # what pyenv leaves on the path does not run
        (folder / "uv").write_text("#!/bin/sh\nexit 127\n")
        (folder / "uv").chmod(0o755)
        return f"{folder}{os.pathsep}{os.environ['PATH']}"
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        support.not_installed("uv is not there: `make lab` brings it")
    return f"{Path(uv).parent}{os.pathsep}{os.environ['PATH']}"


def refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """The last line says why, no traceback of ours stands above, the status is 1."""
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 1, done.stdout + done.stderr
    assert 'setup_env.py", line' not in done.stderr
    assert lines[-1].endswith(".")
    for part in parts:
        assert part in lines[-1], done.stderr


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something holds, or fail."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.05)
