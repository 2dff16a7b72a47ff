"""Where Jupyter keeps its files when the home folder cannot be written."""

from __future__ import annotations

import os
from pathlib import Path

from common import course_home
from common.homes import can_be_written, find_home


def for_jupyter() -> list[str]:
    """Settle where Jupyter keeps its files, for this process and those it starts.

    Where the home folder cannot be written, the sentences that are returned say so.
    """
    from jupyter_core import paths

    said = [sentence] if (sentence := find_home()) else []
    places = {
        "JUPYTER_CONFIG_DIR": paths.jupyter_config_dir(),
        "JUPYTER_DATA_DIR": paths.jupyter_data_dir(),
        "JUPYTER_RUNTIME_DIR": paths.jupyter_runtime_dir(),
        "IPYTHONDIR": os.environ.get("IPYTHONDIR", str(Path.home() / ".ipython")),
    }
    moved = [name for name, it in places.items() if not can_be_written(Path(it))]
    folder = course_home() / "jupyter"
    for name in moved:
        place = folder / name.removesuffix("DIR").strip("_").lower()
        place.mkdir(parents=True, exist_ok=True)
        os.environ[name] = str(place)
    if moved:
        said.append(f"Jupyter's own files cannot be written at home, but in {folder}.")
    return said
