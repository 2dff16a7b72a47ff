"""The sentiment model's page in a real browser, with the real API beside it.

The stories of `common.sentiment.ui_browser`, and `make ui`'s own program. The
screenshots stay in `ci-artifacts/`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import support
from test_lab_browser import SCREENSHOTS, free_port, stop
from test_ui import write_averaged

from common import program
from common.sentiment import ui_browser, ui_start
from common.sentiment.ui_pretend import KEY

REVIEWS = ["A good film, and not a bad one: " + "fine words " * 40] * 20


class SamePort(program.Server):
    """A server that comes back on the port that it is given."""

    fixed = 0

    def _start(self) -> None:
        super()._start()
        self.url = f"http://127.0.0.1:{self.fixed}"


@pytest.fixture
def served(tmp_path: Path):
    """The API and the page, on an averaged model."""
    model = str(write_averaged(tmp_path / "model"))
    SamePort.fixed = free_port()
    command = program.command("common.sentiment.api", "--port", str(SamePort.fixed))
    api = SamePort(
        command, "/ready", tmp_path, SENTIMENT_MODEL=model, SENTIMENT_API_KEY=KEY
    )
    page = program.Server(
        ui_start.page(),
        ui_start.HEALTH,
        tmp_path,
        SENTIMENT_UI_API=api.url,
        SENTIMENT_MODEL=model,
        SENTIMENT_API_KEY=KEY,
    )
    try:
        yield api.wait(), page.wait()
    finally:
        page.stop()
        api.stop()


def test_all_stories_hold(served):
    """Keyboard, markup, a file that breaks off, reload, a phone, axe-core."""
    if reason := ui_browser.why_not():
        support.not_installed(reason)
    api, page = served
    seen = ui_browser.in_browser(
        lambda browser: ui_browser.stories(browser, page.url, REVIEWS, api)
    )
    SCREENSHOTS.mkdir(exist_ok=True)
    (SCREENSHOTS / ".gitignore").write_text("*\n", encoding="utf-8")
    for name, picture in seen.pictures.items():
        (SCREENSHOTS / f"ui-{name.replace(' ', '-')}.png").write_bytes(picture)
    assert [step for step, holds in seen.holds.items() if not holds] == []
    assert not seen.serious
    others = {rule for _, rule, _, _ in seen.findings}
    assert others <= {"presentation-role-conflict"}, "a finding beside Streamlit's own"
    assert len(seen.holds) == 10 and seen.pictures


def test_make_ui_starts_both_and_ends_both(tmp_path):
    """The page answers; when it is interrupted, neither it nor its API is left."""
    port = free_port()
    process = subprocess.Popen(
        program.command("common.sentiment.ui_start", "--port", str(port)),
        cwd=tmp_path,
        env=support.surroundings(
            tmp_path / "home", SENTIMENT_MODEL=str(write_averaged(tmp_path / "model"))
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        address, end = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while True:
            try:
                if httpx.get(address + ui_start.HEALTH, trust_env=False).is_success:
                    break
            except httpx.TransportError:
                pass
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.2)
        started = servers_in(process.pid)
        process.send_signal(signal.SIGINT)
        process.wait(60)
        assert f"http://127.0.0.1:{port}" in process.stdout.read()
    finally:
        stop(process)
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]


def servers_in(parent: int) -> list[int]:
    """Return the page's children, the API among them, where the system tells."""
    if not sys.platform.startswith("linux"):
        return []
    children = Path(f"/proc/{parent}/task/{parent}/children")
    found = [int(pid) for pid in children.read_text().split()]
    assert found, "no API was started beside the page"
    return found
