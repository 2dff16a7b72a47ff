"""A learner's first five minutes in a real browser.

JupyterLab is started by `make lab`'s own program on a copy of the course. Chromium
opens the address that it prints, finds the README and Day 1, runs all cells from the
menu and reads the last output. The screenshots stay in `ci-artifacts/`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import support

SCREENSHOTS = support.ROOT / "ci-artifacts"
START_SECONDS, RUN_SECONDS = 90, 300
CHROMIUM_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OPEN = ".jp-NotebookPanel:not(.lm-mod-hidden)"
RED_OUTPUT = '[data-mime-type="application/vnd.jupyter.stderr"]'
"""How JupyterLab marks what is shown on red: tracebacks, warnings, stderr."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return the system's Chromium, driven by Playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        support.not_installed("Playwright is not installed (requirements-test.txt)")
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        support.not_installed("no Chromium or Chrome is installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=found, headless=True, args=list(CHROMIUM_OPTIONS)
        )
        yield chromium
        chromium.close()


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Return a copy of the course whose notebooks hold no outputs."""
    copied = support.copy_of_course(tmp_path / "course")
    for notebook in support.notebooks(copied):
        support.clear_outputs(notebook)
    return copied


@pytest.fixture
def lab(course: Path, tmp_path: Path) -> Iterator[str]:
    """Start JupyterLab as `make lab` does; return the address that it prints."""
    if not (course / "tools" / "lab.py").is_file():
        pytest.fail("tools/lab.py, the program behind `make lab`, is missing")
    with started_lab(course, tmp_path / "home") as address:
        yield address


@contextlib.contextmanager
def started_lab(course: Path, home: Path) -> Iterator[str]:
    """Run tools/lab.py without a screen until the block is left."""
    process = subprocess.Popen(
        [sys.executable, "tools/lab.py", "--no-browser", "--port", str(free_port())],
        cwd=course,
        env=support.surroundings(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield printed_address(process)
    finally:
        stop(process)


def printed_address(process: subprocess.Popen[str]) -> str:
    """Return the first address with a token that the program prints."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    seen: list[str] = []
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            line = lines.get(timeout=1)
        except queue.Empty:
            continue
        if line is None:
            break
        seen.append(line)
        found = re.search(r"http://(localhost|127\.0\.0\.1):\d+/\S*token=\w+", line)
        if found:
            return found[0]
    pytest.fail("tools/lab.py printed no address:\n" + "".join(seen))


def stop(process: subprocess.Popen[str]) -> None:
    """End the server and its kernels: asked twice, then made to."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
        try:
            process.wait(timeout=10)
            return
        except subprocess.TimeoutExpired:
            continue


def picture(page: Any, name: str) -> None:
    """Keep a screenshot, in a folder that git leaves alone."""
    SCREENSHOTS.mkdir(exist_ok=True)
    (SCREENSHOTS / ".gitignore").write_text("*\n", encoding="utf-8")
    page.screenshot(path=SCREENSHOTS / name)


def read(path: Path) -> str:
    """Return the text of a file."""
    return path.read_text(encoding="utf-8")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def open_day_1(page: Any, name: str) -> None:
    """Open the notebook as a learner would: its tab is there, one click away."""
    page.get_by_role("tab", name=name).click()
    page.locator(f"{OPEN} .jp-CodeCell").first.wait_for()
    # A menu entry that is clicked before the kernel is there asks which one to start.
    page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for()


def choose(page: Any, menu: str, item: str) -> None:
    """Click an entry of the menu bar."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.locator(".lm-Menu .lm-Menu-itemLabel").get_by_text(item, exact=True).click()


def wait_until_run(page: Any) -> None:
    """Wait until the kernel rests and no cell is waiting for its turn."""
    page.wait_for_function(
        """(open) => {
            const dialog = document.querySelector('.jp-Dialog');
            if (dialog) throw new Error(`JupyterLab asks: ${dialog.textContent}`);
            const kernel = document.querySelector(`${open} [data-status]`);
            const prompts = [...document.querySelectorAll(
                `${open} .jp-CodeCell .jp-InputPrompt`)].map(p => p.textContent);
            return kernel.dataset.status === 'idle' && prompts.includes('[1]:')
                && !prompts.includes('[*]:');
        }""",
        arg=OPEN,
        timeout=RUN_SECONDS * 1000,
    )


def test_a_learner_opens_day_1_and_runs_it(
    lab: str, browser: Any, course: Path
) -> None:
    """From the printed address to the last cell's output, without an error."""
    day_1 = support.notebooks(course)[0]
    expected = support.code_cells(nbformat.read(day_1, as_version=4))
    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    try:
        page.goto(lab)
        heading = re.search(r"^# (.+)$", read(course / "README.md"), re.MULTILINE)[1]
        page.locator(".jp-RenderedMarkdown h1").get_by_text(heading).wait_for()
        picture(page, "lab-door.png")

        open_day_1(page, day_1.name)
        folded = page.locator(f"{OPEN} .jp-CodeCell .jp-Placeholder")
        assert folded.count() == 1, "the cell that sets the course up is not folded"
        choose(page, "View", "Expand All Code")  # a folded cell shows no number
        folded.wait_for(state="detached")
        choose(page, "Run", "Run All Cells")
        wait_until_run(page)

        red = page.locator(f"{OPEN} {RED_OUTPUT}").all_text_contents()
        assert not red, "\n".join(red)
        prompts = page.locator(f"{OPEN} .jp-CodeCell .jp-InputPrompt")
        numbers = [text for text in prompts.all_text_contents() if text.strip("[ ]:")]
        assert numbers == [f"[{n}]:" for n in range(1, len(expected) + 1)]
        last = page.locator(f"{OPEN} .jp-CodeCell").filter(
            has_text=f"[{len(expected)}]:"
        )
        shown = last.locator(".jp-OutputArea-output")
        shown.last.scroll_into_view_if_needed()
        assert shown.last.is_visible(), "the last cell's output cannot be seen"
        assert shown.last.bounding_box()["height"] > 5
        picture(page, "lab-day01.png")

        choose(page, "File", "Save Notebook")
        page.wait_for_function(
            "(open) => !document.querySelector('.jp-mod-dirty')", arg=OPEN
        )
        support.assert_ran_to_the_end(nbformat.read(day_1, as_version=4))
    except Exception:
        picture(page, "lab-failed.png")
        raise
    finally:
        page.close()
