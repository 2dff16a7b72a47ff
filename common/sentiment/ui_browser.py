"""The page in a real browser: three stories, and a look with axe-core after each step.

    if not why_not():
        seen = in_browser(lambda browser: stories(browser, page.url, texts, api))

Needs Playwright, axe-playwright-python and the system's Chromium or Chrome; nothing is
fetched. The stories write down what holds and go on, so that one report tells all.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from common.program import Server

BOX = "A review, in English"
MANY = 2_000
SECONDS = 60
WIDTH, HEIGHT, NARROW = 700, 820, 320
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
_FOCUSED = """() => { const e = document.activeElement;
  const name = e.getAttribute('aria-label') || e.innerText || e.tagName;
  return name.trim().split('\\n')[0]; }"""
_PLANTED = """() => document.querySelector('[data-testid=stText]').insertAdjacentHTML(
  'afterend', '<p style="color:#aaa;background:#fff">grey</p><img src="data:,">')"""
Result = TypeVar("Result")


@dataclass
class Seen:
    """What the stories saw.

    Attributes:
        holds: by step, whether it was as it must be.
        findings: of axe-core: when, rule, impact, element.
        pictures: PNG files by name.
        stops: where the Tab key leads, in order.
        kept: answers that were there when the API had ended in the middle.
        asked: addresses that the browser asked.
    """

    holds: dict[str, bool] = field(default_factory=dict)
    findings: list[tuple[str, str, str, str]] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)
    stops: list[str] = field(default_factory=list)
    kept: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def serious(self) -> list[tuple[str, str, str, str]]:
        """The findings that bar people from the page."""
        return [one for one in self.findings if one[2] in ("serious", "critical")]


def chromium() -> str | None:
    """Return the system's Chromium or Chrome, None if there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def why_not() -> str:
    """Return why no browser can be driven here, or ""."""
    if chromium() is None:
        return "there is no Chromium or Chrome on this machine"
    for name in ("playwright", "axe_playwright_python"):
        if importlib.util.find_spec(name) is None:
            return f"the package {name} is not installed (requirements-test.txt)"
    return ""


def in_browser(story: Callable[[Any], Result]) -> Result:
    """Tell a story in a browser that always ends.

    In a thread of its own: Playwright's simple interface does not work where an event
    loop runs already, as in a notebook.
    """
    from playwright.sync_api import sync_playwright

    def run() -> Result:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(), args=list(_OPTIONS)
            )
            try:
                return story(browser)
            finally:
                browser.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def stories(browser: Any, address: str, texts: Sequence[str], api: Server) -> Seen:
    """Tell all three, and look whom the browser asks meanwhile.

    Args:
        browser: Playwright's.
        address: of the page.
        texts: reviews; the first is asked alone, all as a file of MANY lines.
        api: which the page asks; it is stopped in the middle, and started again on
            the port on which it was.
    """
    seen = Seen()
    page = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}).new_page()
    page.on("request", lambda request: seen.asked.append(request.url))
    opened(page, address)
    by_keyboard(page, texts[0], seen)
    a_file(page, texts, api, seen)
    reload_and_others(browser, page, seen)
    ours = (address, address.replace("http", "ws"), "data:", "blob:")
    seen.holds["the browser asks nobody else"] = all(
        url.startswith(ours) for url in seen.asked
    )
    return seen


def opened(page: Any, address: str) -> None:
    """Open the page and wait until it is drawn."""
    page.set_default_timeout(SECONDS * 1000)
    page.goto(address)
    page.get_by_label(BOX).wait_for()
    at_rest(page)


def at_rest(page: Any) -> None:
    """Wait until the script has ended and what is old has faded out."""
    page.locator('[data-test-script-state="notRunning"]').wait_for()
    page.wait_for_timeout(400)


def look(page: Any, when: str) -> list[tuple[str, str, str, str]]:
    """Return what axe-core objects to: when, rule, impact, element."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        (when, one["id"], one["impact"], one["nodes"][0]["html"][:200]) for one in found
    ]


def by_keyboard(page: Any, text: str, seen: Seen) -> None:
    """One text without a mouse; the markup in it stays text."""
    seen.findings += look(page, "opened")
    while BOX not in seen.stops[-1:] and len(seen.stops) < 12:
        page.keyboard.press("Tab")
        seen.stops.append(page.evaluate(_FOCUSED))
    page.keyboard.insert_text(f"<img src=http://away.test/x.png> {text}")
    page.keyboard.press("Tab")
    seen.stops.append(page.evaluate(_FOCUSED))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="The words that made it").wait_for()
    at_rest(page)
    seen.holds["one text, by keyboard alone"] = seen.stops[-1] == "Ask the model"
    seen.holds["markup of a user stays text"] = page.locator("img").count() == 0
    seen.findings += look(page, "answer")
    seen.pictures["answer"] = page.screenshot()


def a_file(page: Any, texts: Sequence[str], api: Server, seen: Seen) -> None:
    """Many texts; the API ends among them, and comes back."""
    lines = [" ".join(text.split()) for text in texts]
    lines = (lines * (MANY // len(lines) + 1))[:MANY]
    data = "\n".join(lines).encode()
    file = {"name": "reviews.txt", "mimeType": "text/plain", "buffer": data}
    page.get_by_role("tab", name="A file of texts").click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name=f"Read {MANY:,} texts").click()
    page.get_by_role("button", name="Stop").wait_for()
    api.stop()
    page.get_by_role("alert").filter(has_text="kept").wait_for()
    at_rest(page)
    line = page.get_by_text(f"of {MANY:,} texts are answered").first.inner_text()
    seen.kept = int(line.split(": ")[1].split(" of")[0].replace(",", ""))
    seen.findings += look(page, "API down")
    page.get_by_role("heading", name="Results").scroll_into_view_if_needed()
    seen.pictures["API down"] = page.screenshot()
    api.wait()
    page.get_by_role("button", name="Go on with").click()
    page.get_by_text(f"{MANY:,} of {MANY:,} texts are answered").first.wait_for()
    at_rest(page)
    seen.holds["API down: said, and what was answered kept"] = 0 < seen.kept < MANY
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the results").click()
    home = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(home, newline="")))
    seen.holds["all results taken home"] = len(rows) == MANY and all(
        row["verdict"] for row in rows
    )
    seen.findings += look(page, "results")


def reload_and_others(browser: Any, page: Any, seen: Seen) -> None:
    """Reload, a second visitor, a narrow window; and axe-core finds what is planted."""
    page.reload()
    page.get_by_label(BOX).wait_for()
    at_rest(page)
    seen.holds["a reload begins anew"] = page.get_by_role("heading").count() == 1
    second = browser.new_context(
        viewport={"width": NARROW, "height": HEIGHT}
    ).new_page()
    opened(second, page.url)
    headings = second.get_by_role("heading").count()
    seen.holds["a second visitor sees nothing of the first"] = headings == 1
    width = second.evaluate("document.documentElement.scrollWidth")
    seen.holds[f"{NARROW} pixels suffice"] = width <= NARROW
    language = page.evaluate("document.documentElement.lang")
    seen.holds["the language is declared"] = language.startswith("en")
    page.evaluate(_PLANTED)
    rules = {rule for _, rule, _, _ in look(page, "planted")}
    seen.holds["axe finds what was planted"] = {"color-contrast", "image-alt"} <= rules
