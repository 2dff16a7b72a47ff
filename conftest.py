"""Surroundings of every test: a learner's files are never touched.

The whole session, its workers and the kernels that they start have a COURSE_HOME of
their own and the smoke budget; each test function has a COURSE_HOME of its own again.
"""

from __future__ import annotations

import os
import runpy
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).resolve().parent
# Not by the path: a learner's random.py in the root would come first
runpy.run_path(str(ROOT / "common" / "notebook.py"))["bind"]("common", "tools")

from common import surroundings  # noqa: E402

OF_THE_SESSION = "COURSE_TEST_SESSION"

matplotlib.use("Agg")  # not through the environment: a kernel draws inline


def pytest_configure(config: pytest.Config) -> None:
    """Give the session its folder, and each worker one inside it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell's background job ignores Ctrl-C, and so would all that tests start
        signal.signal(signal.SIGINT, signal.default_int_handler)
    surroundings.spare_loopback()
    if not hasattr(config, "workerinput"):
        os.environ[OF_THE_SESSION] = tempfile.mkdtemp(prefix="forty-days-")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    home = Path(os.environ[OF_THE_SESSION], worker)
    home.mkdir(exist_ok=True)
    os.environ["COURSE_HOME"] = str(home)
    os.environ.setdefault("COURSE_BUDGET", "smoke")
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the session's folder away."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(OF_THE_SESSION, ""), ignore_errors=True)


@pytest.fixture(autouse=True)
def course_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the test's own COURSE_HOME; it does not exist yet."""
    home = tmp_path / "course-home"
    monkeypatch.setenv("COURSE_HOME", str(home))
    monkeypatch.delenv("COURSE_RECORD", raising=False)
    yield home


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the course's root folder."""
    return ROOT
