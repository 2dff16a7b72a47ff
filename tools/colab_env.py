"""Build an environment with Google Colab's package versions, for `make test-colab`.

    python tools/colab_env.py

It is made, noticed and repaired as `.venv` is, see tools/setup_env.py. Colab runs
Python 3.13; where that is not installed, the Python at hand is used and the script
says so.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from setup_env import Environment, Refusal, installer  # noqa: E402

REQUIREMENTS = ROOT / "tests" / "colab" / "requirements.txt"
COLAB_PYTHON = (3, 13)


def main() -> int:
    """Build or confirm the environment; return the exit status."""
    python, version = find_python()
    if version != COLAB_PYTHON:
        dotted = ".".join(map(str, COLAB_PYTHON))
        print(f"Python {dotted}, which Colab runs, is not installed: using {python}.")
    try:
        Environment(ROOT / ".venv-colab", [REQUIREMENTS], python, (version,)).set_up()
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


def find_python() -> tuple[str, tuple[int, ...]]:
    """Return a Python that can make environments: Colab's version if there is one."""
    name = "python{}.{}".format(*COLAB_PYTHON)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    places = pyenv.glob("versions/{}.{}*/bin/python".format(*COLAB_PYTHON))
    for python in [shutil.which(name), *sorted(map(str, places), reverse=True)]:
        code = "import ensurepip, sys, venv; print(*sys.version_info[:2])"
        answer = installer.run([python, "-c", code]).stdout if python else ""
        if answer.split() == [str(number) for number in COLAB_PYTHON]:
            return python, COLAB_PYTHON
    return sys.executable, sys.version_info[:2]


if __name__ == "__main__":
    sys.exit(main())
