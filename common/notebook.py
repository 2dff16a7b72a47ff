"""What the first cell of every notebook calls: the course's packages, path and quiet.

The cell runs this file by its path, before anything of the course can be imported, so
nothing but the standard library is imported here at once:

    runpy.run_path("../common/notebook.py")["start"]("v0.1.0")
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import tempfile
import tomllib
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def start(release: str) -> None:
    """Make the course importable and Keras quiet, whatever a user has set elsewhere.

    In Colab, pip may add packages from here on and replace none of Colab's own, and
    what the course's core lacks is installed.

    Args:
        release: the one that the notebook belongs to; in Colab a course that was
            fetched without it says so.

    Raises:
        RuntimeError: a package cannot be installed, or a setting of the user's cannot
            be worked with; the sentence says which, and what to do.
        ValueError: `COURSE_BUDGET` names a budget that does not exist.
    """
    if "google.colab" in sys.modules:
        keep_own_packages()
        settings = tomllib.loads((ROOT / "course.toml").read_text(encoding="utf-8"))
        install_missing(settings["course"]["colab_packages"])
        if fetched_without_release():
            print(f"There is no release {release}: this is the course's newest state.")
    compute_in_float32()
    # Keras asks JAX for 64-bit integers; JAX takes 32 bits and says so at every shape
    warnings.filterwarnings("ignore", message="Explicitly requested dtype")
    bind("common")
    from common import quiet, surroundings

    if notice := surroundings.settle():
        print(notice)
    quiet.start()


def compute_in_float32() -> None:
    """Let NVIDIA GPUs multiply in float32, not in TF32, which keeps 10 bits of 23.

    Cells that prove NumPy equal to Keras allow float32's rounding and no more. A
    setting of the user's stays. It has to be made before a backend is imported.
    """
    os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
    os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "float32")


def keep_own_packages() -> None:
    """Let pip, wherever it is called from this kernel, replace no package of Colab's.

    The list lies in the folder for temporary files: pip splits `PIP_CONSTRAINT` at
    spaces, and a notebook's own folder may be "My Drive".
    """
    own = {f"{one.name}=={one.version}" for one in importlib.metadata.distributions()}
    kept = Path(tempfile.gettempdir(), "forty-days-colab-packages.txt")
    kept.write_text("\n".join(sorted(own)), encoding="utf-8")
    os.environ["PIP_CONSTRAINT"] = str(kept)


def install_missing(names: list[str]) -> None:
    """Install with pip what cannot be imported.

    Raises:
        RuntimeError: pip refuses; its last line says why.
    """
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if not missing:
        return
    pip = [sys.executable, "-m", "pip", "install", "-q", *missing]
    run = subprocess.run(pip, capture_output=True, text=True)
    if run.returncode:
        last = (run.stderr or run.stdout).strip().splitlines()[-1:] or ["no message"]
        raise RuntimeError(f"{' and '.join(missing)} cannot be installed: {last[0]}")
    importlib.invalidate_caches()


def fetched_without_release() -> bool:
    """Whether the first cell fetched the course and found no release to take."""
    head = ROOT / ".git" / "HEAD"
    if Path("course").resolve() != ROOT or not head.is_file():
        return False
    return head.read_text(encoding="utf-8").startswith("ref:")


def bind(*names: str) -> None:
    """Import packages of this course by their place, and put its root on the path last.

    Last, since learners keep a `random.py` or a `keras.py` in the root, where
    JupyterLab's file browser opens. And by their place, since another package called
    `common` or `tools` may stand earlier on the path, or be imported already.

    Args:
        names: of packages in the root, for example "common".
    """
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    for name in names:
        place = ROOT / name / "__init__.py"
        known = getattr(sys.modules.get(name), "__file__", None)
        if known and Path(known).resolve() == place:
            continue
        for module in list(sys.modules):
            if module.split(".")[0] == name:
                del sys.modules[module]
        spec = importlib.util.spec_from_file_location(name, place)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
