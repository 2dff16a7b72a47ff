"""Build an environment with Google Colab's package versions, for `make test-colab`.

    python tools/colab_env.py [FOLDER]        # FOLDER is .venv-colab by default

Needs nothing but the standard library. The environment is built once: a second call
sees that it is complete and returns at once, and one that was interrupted half-way,
or whose requirements have changed, is built again. Colab runs Python 3.13; where
that is not installed, the Python at hand is used and the script says so.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "tests" / "colab" / "requirements.txt"
COLAB_PYTHON = (3, 13)
SUPPORTED = ((3, 11), (3, 12), (3, 13))
MARK = "course-colab.txt"
"""Written last, into the environment: what a complete one was built from."""


def main() -> int:
    """Build or confirm the environment; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / ".venv-colab")
    folder = parser.parse_args().folder.resolve()
    found = find_python()
    if found is None:
        supported = ", ".join(".".join(map(str, version)) for version in SUPPORTED)
        print(f"No usable Python found: install one of {supported} with venv.")
        return 1
    python, version = found
    if version != COLAB_PYTHON:
        print(
            f"Python {dotted(COLAB_PYTHON)}, which Colab runs, is not installed: "
            f"using {dotted(version)}."
        )
    wanted = fingerprint(version)
    mark = folder / MARK
    built_from = mark.read_text(encoding="utf-8") if mark.is_file() else None
    if built_from == wanted and interpreter(folder).exists():
        print(f"{folder.name} is complete.")
        return 0
    if folder.exists() and not (folder / "pyvenv.cfg").is_file() and any_in(folder):
        print(f"{folder} is not a virtual environment: remove it, or name another.")
        return 1
    print(f"Building {folder.name}: Colab's versions on Python {dotted(version)} ...")
    started = time.monotonic()
    try:
        build(python, folder)
    except subprocess.CalledProcessError as error:
        print(f"{' '.join(map(str, error.cmd))} failed; call this again to retry.")
        return 1
    mark.write_text(wanted, encoding="utf-8")
    print(f"{folder.name} is ready after {time.monotonic() - started:.0f} s.")
    return 0


def build(python: Path, folder: Path) -> None:
    """Make the environment anew and install the pinned versions.

    Raises:
        subprocess.CalledProcessError: a step failed; its own output says why.
    """
    if folder.exists():
        shutil.rmtree(folder)
    subprocess.run([python, "-m", "venv", folder], check=True)
    # Python 3.13 writes this file by itself
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    pip = [
        interpreter(folder),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
    ]
    subprocess.run([*pip, "install", "-qq", "-r", REQUIREMENTS], check=True)


def fingerprint(version: tuple[int, int]) -> str:
    """Return what an environment is built from: Python's version and the pins."""
    pins = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    return f"python {dotted(version)}\nrequirements {pins}\n"


def find_python() -> tuple[Path, tuple[int, int]] | None:
    """Return a Python that can make environments: Colab's version if there is one."""
    candidates = [Path(sys.executable)]
    on_path = shutil.which(f"python{dotted(COLAB_PYTHON)}")
    if on_path:
        candidates.append(Path(on_path))
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for place in sorted(pyenv.glob(f"versions/{dotted(COLAB_PYTHON)}*"), reverse=True):
        candidates.append(place / "bin" / "python")
    usable = [(path, usable_version(path)) for path in candidates]
    usable = [(path, version) for path, version in usable if version in SUPPORTED]
    usable.sort(key=lambda found: found[1] != COLAB_PYTHON)
    return usable[0] if usable else None


def usable_version(python: Path) -> tuple[int, int] | None:
    """Return the version of an interpreter that has venv and pip, else None."""
    code = "import ensurepip, sys, venv; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [python, "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    major, minor = answer.stdout.split()
    return int(major), int(minor)


def interpreter(folder: Path) -> Path:
    """Return the path of an environment's Python."""
    if os.name == "nt":
        return folder / "Scripts" / "python.exe"
    return folder / "bin" / "python"


def any_in(folder: Path) -> bool:
    """Tell whether a folder holds anything."""
    return any(folder.iterdir())


def dotted(version: tuple[int, int]) -> str:
    """Return `(3, 13)` as `3.13`."""
    return ".".join(map(str, version))


if __name__ == "__main__":
    sys.exit(main())
