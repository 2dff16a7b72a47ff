"""The packages that some days use beyond the core of the course."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib import metadata

from common import ROOT


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
