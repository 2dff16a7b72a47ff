"""The course on a machine without any network: every notebook still runs.

Each notebook runs in a copy of the course that knows no mirror, with empty caches,
inside a network namespace from which nothing can be reached. The ladder of
`common.datasets` then ends on the stand-in, and the notebook has to say so.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import support

CUT = "network: cut, only the loopback is left"
WITHOUT_NETWORK = Path(__file__).with_name("without_network.py")


@pytest.fixture(scope="module")
def cut_off() -> tuple[str, ...]:
    """Return the command that starts another one without a network."""
    if sys.platform != "linux":
        pytest.skip("network namespaces are Linux's own")
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
    pytest.skip("the right to make a network namespace is missing: " + refusals[-1])


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


@pytest.mark.without_network
@pytest.mark.parametrize("notebook", support.days_as_parameters("no network"))
def test_a_notebook_runs_without_any_network(
    notebook: Path, cut_off: tuple[str, ...], tmp_path: Path
) -> None:
    """It reaches its last cell on the stand-in, and says that it is one."""
    course = support.copy_of_course(tmp_path / "course")
    env = support.surroundings(tmp_path / "home")
    stored = (course / notebook).read_bytes()
    finished, ran = support.run_notebook(
        support.CURRENT_PYTHON,
        course / notebook,
        env,
        before=cut_off,
        probe="import common; print(common.ROOT)",
    )
    assert finished.returncode == 0, support.tail(finished)
    assert CUT in finished.stdout
    assert (course / notebook).read_bytes() != stored, "the notebook was not executed"
    *lesson, probe = support.code_cells(ran)
    imported = Path(probe.outputs[0].text.strip())
    assert imported == course.resolve(), "another course was imported"
    ran.cells = [cell for cell in ran.cells if cell is not probe]
    support.assert_ran_to_the_end(ran)
    if any("datasets." in cell.source for cell in lesson):
        assert "stand-in" in support.printed(ran), "it does not say what it ran on"
