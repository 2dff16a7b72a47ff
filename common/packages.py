"""The packages that some days use beyond the core of the course."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from common import ROOT, course_home

LARGE = ROOT / "requirements-large.txt"
_MADE_FROM = "made-from.txt"


def need(*names: str) -> None:
    """Make sure that what a day uses beyond the course's core can be imported.

    In Colab a missing package is installed, in the version that the course pins;
    elsewhere nothing is changed, and what is missing is named with the command that
    brings it.

    Args:
        names: on the package index, for example `"onnxruntime"`.

    Raises:
        RuntimeError: one is missing and cannot be, or is not to be, installed here.
    """
    missing = [name for name in names if not installed(name)]
    if not missing:
        return
    named = " and ".join(missing)
    core, large = pins("requirements.txt"), pins(LARGE.name)
    if "google.colab" not in sys.modules:
        if not set(missing) & set(large):
            raise RuntimeError(
                f"{named} cannot be imported: `make lab` installs all that the course "
                "needs, and without make: python -m pip install -r requirements.txt "
                "-c constraints.txt"
            )
        size = re.search(r"([\d.]+) GB", LARGE.read_text(encoding="utf-8"))[1]
        raise RuntimeError(
            f"{named} cannot be imported: `make add` installs what the days with "
            f"PyTorch and Ray need, {size} GB. Without make: python -m pip install -r "
            f"{LARGE.name} -c constraints.txt. Then run this cell again."
        )
    wanted = [(core | large).get(name, name) for name in missing]
    pip = [sys.executable, "-m", "pip", "install", "-q", *wanted]
    run = subprocess.run(pip, capture_output=True, text=True)
    if run.returncode:
        last = (run.stderr or run.stdout).strip().splitlines()[-1:] or ["no message"]
        raise RuntimeError(f"{named} cannot be installed: {last[0]}")
    importlib.invalidate_caches()


def pins(file: str) -> dict[str, str]:
    """Return {name: requirement} of a file, as `{"ray": "ray[data]==2.60.0"}`."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    found = (re.match(r"([\w.-]+)(\[[\w,-]+\])?==\S+", line) for line in lines)
    return {match[1]: match[0] for match in found if match}


def installed(name: str) -> bool:
    """Tell whether a package is installed in this environment, in any version."""
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def own_environment(name: str, requirements: Path, *, install: bool) -> Path | None:
    """Return the Python of an environment of its own, and print one line about it.

    For what does not belong into the course's environment. It lies in the course home,
    is made by uv from exact pins, and only when that is asked for; without it a
    notebook goes on and leaves out what it would have been for.

    Args:
        name: of its folder in the course home.
        requirements: exact pins, all that it takes; another list is another
            environment.
        install: make it if it is not there, from the package index that uv is told to
            use.

    Returns:
        None if it is not there and was not asked for, or could not be made.
    """
    folder = course_home() / "environments" / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    made_from = folder / _MADE_FROM
    pins = requirements.read_text(encoding="utf-8")
    if made_from.is_file() and made_from.read_text(encoding="utf-8") == pins:
        print(f"{name}: an environment of its own.")
        return python
    if not install:
        print(f"{name}: not installed, and left out.")
        return None
    reason = _make_environment(folder, python, requirements)
    if reason is not None:
        print(f"{name}: cannot be installed, and is left out ({reason}).")
        return None
    made_from.write_text(pins, encoding="utf-8")
    print(f"{name}: installed into an environment of its own.")
    return python


def _make_environment(folder: Path, python: Path, requirements: Path) -> str | None:
    """Make the environment anew; return why it could not be made."""
    uv = shutil.which("uv")
    if uv is None:
        return "uv is not on the path"
    make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)]
    fill = [uv, "pip", "install", "--quiet", "--python", str(python)]
    for command in make, [*fill, "--requirement", str(requirements)]:
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode:
            said = (ran.stderr or ran.stdout).strip().splitlines()
            return said[-1].strip() if said else f"uv ended with {ran.returncode}"
    return None
