"""The packages that some days use beyond the core of the course."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from common import ROOT, course_home

_MADE_FROM = "made-from.txt"


def need(*names: str) -> None:
    """Make sure that what a day uses beyond the course's core can be imported.

    In Colab a missing package is installed, in the version that requirements.txt
    names; elsewhere `make lab` has installed it, and nothing is changed.

    Args:
        names: on the package index, for example `"onnxruntime"`.

    Raises:
        RuntimeError: one is missing and cannot be, or is not to be, installed here.
    """
    missing = [name for name in names if not installed(name)]
    if not missing:
        return
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").split()
    wanted = [pin for pin in pins if pin.partition("==")[0] in missing]
    named = " and ".join(missing)
    if "google.colab" not in sys.modules:
        raise RuntimeError(
            f"{named} cannot be imported: `make lab` installs all that the course "
            f"needs, or type: python -m pip install {' '.join(wanted)}"
        )
    pip = [sys.executable, "-m", "pip", "install", "-q", *wanted]
    run = subprocess.run(pip, capture_output=True, text=True)
    if run.returncode:
        last = (run.stderr or run.stdout).strip().splitlines()[-1:] or ["no message"]
        raise RuntimeError(f"{named} cannot be installed: {last[0]}")
    importlib.invalidate_caches()


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
