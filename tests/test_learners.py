"""What learners do, and what their machines are like: every notebook survives it.

One more run of each notebook, in a copy of the course, puts together what users of
such courses report: no network and empty caches, cells run twice, exercises after Run
All, a proxy in the environment, a backend of Matplotlib's and files of settings that
another project needed, and files beside ours that are called like Python's own modules.

The network is cut by a namespace from which nothing can be reached. The ladder of
`common.datasets` then ends on the stand-in, and the notebook has to say so.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import support
from nbformat import NotebookNode

from tools import notebooks

MODULES = ("queue", "random", "tokenize", "statistics", "token", "copy", "common")
"""Names of Python's own that learners give to their files, and one of ours."""

KERAS_JSON = {
    "backend": "theano",
    "epsilon": 1e-3,
    "floatx": "float16",
    "image_data_format": "channels_first",
}
MATPLOTLIBRC = "text.usetex: True\nfigure.figsize: 50, 1\nbackend: TkAgg\n"
NOBODY = "http://127.0.0.1:9"
"""A proxy at a port where nothing listens."""
CUT = "network: cut, only the loopback is left"
WITHOUT_NETWORK = Path(__file__).with_name("without_network.py")


@pytest.fixture(scope="module")
def cut_off() -> tuple[str, ...]:
    """Return the command that starts another one without a network.

    It is empty where no namespace can be made: all but the cut is tested there.
    """
    if sys.platform != "linux":
        return ()
    if shutil.which("unshare") is None:
        support.not_installed("the tool `unshare` (util-linux) is not installed")
    refusals = []
    for command in (("unshare", "--net"), ("unshare", "--net", "--map-root-user")):
        through = (*command, str(support.CURRENT_PYTHON), str(WITHOUT_NETWORK))
        tried = subprocess.run([*through, "true"], capture_output=True, text=True)
        if tried.returncode == 0:
            assert CUT in tried.stdout
            return through
        refusals.append(f"`{' '.join(command)}`: {tried.stderr.strip()}")
    warnings.warn(f"The network stays: {refusals[-1]}", stacklevel=1)
    return ()


def machine(course: Path, home: Path) -> dict[str, str]:
    """Prepare a learner's machine; return the environment of what runs there."""
    for name in MODULES:
        text = f'raise ImportError("a learner\'s {name}.py was imported")\n'
        (course / f"{name}.py").write_text(text, encoding="utf-8")
    keras = home / "keras"
    keras.mkdir(parents=True)
    (keras / "keras.json").write_text(json.dumps(KERAS_JSON), encoding="utf-8")
    (home / "matplotlibrc").write_text(MATPLOTLIBRC, encoding="utf-8")
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return support.surroundings(
        home,
        MPLBACKEND="Agg",
        MATPLOTLIBRC=str(home / "matplotlibrc"),
        **{name: NOBODY for one in proxies for name in (one, one.lower())},
    )


@pytest.mark.twice
@pytest.mark.parametrize("notebook", support.days_as_parameters("twice"))
def test_a_notebook_survives_its_learner(
    notebook: Path, cut_off: tuple[str, ...], tmp_path: Path
) -> None:
    """Without a network every cell runs twice, the exercises again at the end.

    Figures are shown, and the notebook says that it stands on the stand-in.
    """
    course = support.copy_of_course(tmp_path / "course")
    env = machine(course, tmp_path / "home")
    finished, ran = support.run_notebook(
        support.CURRENT_PYTHON,
        course / notebook,
        env,
        before=cut_off,
        probe="import common; print(common.ROOT)",
        twice=True,
    )
    assert finished.returncode == 0, support.tail(finished)
    assert not cut_off or CUT in finished.stdout
    *lesson, probe = support.code_cells(ran)
    imported = Path(probe.outputs[0].text.strip())
    assert imported == course.resolve(), "another course was imported"
    ran.cells = [cell for cell in ran.cells if cell is not probe]
    support.assert_ran_to_the_end(ran)
    said = support.printed(ran)
    loads = re.compile(r"\bdatasets\.[a-z]")  # datasets.Dataset only holds data
    if cut_off and any(loads.search(cell.source) for cell in lesson):
        assert "stand-in" in said, "it does not say what it ran on"
    assert "Set aside in this notebook: MPLBACKEND=Agg;" in said
    assert "the backend theano of " in said
    stored = notebooks.read(support.ROOT / notebook)
    assert drawn(ran) >= 2 * drawn(stored) > 0, "figures have vanished"
    assert_exercises_wait(ran)


def drawn(notebook: NotebookNode) -> int:
    """Return how many code cells show a picture."""
    return sum(bool(notebooks.pictures(cell)) for cell in support.code_cells(notebook))


def assert_exercises_wait(ran: NotebookNode) -> None:
    """Every check, also those made again at the end, says that its blank waits."""
    for cell in support.code_cells(ran):
        said = "".join(o.get("text", "") for o in cell.outputs)
        asked, waiting = cell.source.count('check("'), said.count("not attempted yet")
        assert waiting == asked, f"{notebooks.title(cell)}: {said}"


def test_the_proof_of_the_cut_notices_a_network() -> None:
    """Outside a namespace of its own the helper refuses to start anything."""
    if not Path("/sys/class/net").is_dir():
        pytest.skip("the interfaces are listed as on Linux only")
    up = [
        interface.name
        for interface in Path("/sys/class/net").iterdir()
        if interface.name != "lo"
        and int((interface / "flags").read_text(encoding="utf-8"), 16) & 1
    ]
    if not up:
        pytest.skip("this machine itself has no network")
    tried = subprocess.run(
        [support.CURRENT_PYTHON, WITHOUT_NETWORK, "echo", "started"],
        capture_output=True,
        text=True,
    )
    assert tried.returncode != 0
    assert "started" not in tried.stdout
    # A user without rights is stopped earlier, at the loopback's switch.
    assert up[0] in tried.stderr or "PermissionError" in tried.stderr
