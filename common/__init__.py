"""The trunk of the course: what two or more days share, and nothing a day teaches."""

import os
from pathlib import Path

import platformdirs

ROOT = Path(__file__).resolve().parent.parent
"""The course's root folder, wherever it was cloned to."""


def course_home() -> Path:
    """Return the folder of the learner's own files (progress, downloads, models).

    `COURSE_HOME` overrides the user data directory of the operating system. The
    folder lies outside the repository and is not created here.
    """
    override = os.environ.get("COURSE_HOME", "").strip()
    if override:
        return Path(override).expanduser().absolute()
    return Path(platformdirs.user_data_dir("forty-days", appauthor=False))
