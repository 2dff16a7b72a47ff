"""Where a learner's files go if their home folder cannot be written.

A home on a full or read-only disk, of another user's or of no user at all, ends a
lesson in a traceback at the first file that somebody keeps there: the learner's
progress, a model, Matplotlib's cache. So another place is found, and said.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from common import ROOT, course_home


def can_be_written(folder: Path) -> bool:
    """Tell whether a folder can be written, or made where it does not exist yet."""
    for place in (folder, *folder.parents):
        if place.exists():
            return place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    return False


def find_home() -> str:
    """Keep the learner's files elsewhere if their home folder cannot be written.

    `COURSE_HOME` is set for this process and those that it starts: to `runs/home` in
    the course, where that can be written, else to the folder for temporary files.

    Returns:
        A sentence that says so, else "".
    """
    if os.environ.get("COURSE_HOME") or can_be_written(course_home()):
        return ""
    user = os.getuid() if hasattr(os, "getuid") else ""
    elsewhere = ROOT / "runs" / "home"
    if not can_be_written(elsewhere):
        elsewhere = Path(tempfile.gettempdir(), f"forty-days-{user}")
    os.environ["COURSE_HOME"] = str(elsewhere)
    return (
        "Your home folder cannot be written: your progress and models are kept in "
        f"{elsewhere}."
    )


def find_place_for_matplotlib() -> None:
    """Give Matplotlib a folder for its cache where the user's home has none to give.

    It would make one itself, and warn in the first output of every notebook.
    """
    default = Path.home() / ".config" / "matplotlib"
    if "MPLCONFIGDIR" not in os.environ and not can_be_written(default):
        folder = course_home() / "matplotlib"
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            os.environ["MPLCONFIGDIR"] = str(folder)
