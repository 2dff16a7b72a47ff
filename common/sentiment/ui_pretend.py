"""An API in memory with moods, and visitors of the page without a browser.

    with stage(words):                      # the page asks what is pretended
        at, api = visit(words, "down")      # a new session, and what it was asked
        api.moods = ["busy", "well"]        # for the next questions
        ask(at, "A good film.")
        words_on(at)

Faults that can be ordered are faults that can be tested. The visitors are Streamlit's
`AppTest`: it runs the script as the server would, without server and browser.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import httpx
from streamlit.testing.v1 import AppTest

from common.sentiment import ui, ui_client
from common.sentiment.predictor import Predictor

KEY = "k3y-0f-th3-p4ge"
SURE = 0.8
SCRIPT = "from common.sentiment import ui\n\nui.main()"
REFUSALS = {
    "busy": (503, "overloaded", "1"),
    "very busy": (429, "rate_limited", "60"),
    "loading": (503, "not_ready", "1"),
    "key": (401, "unauthorized", None),
    "too long": (422, "invalid", None),
    "error": (500, "internal", None),
}
"""Moods that answer: status, code, `Retry-After`. "down" and "slow" do not answer."""
_connected: dict[str, ui_client.Api] = {}


class Pretend:
    """What `httpx.MockTransport` asks in place of a server.

    Attributes:
        moods: one for each POST, the last one for all that follow.
        p: the probability of every text; the model's own if it is None.
        digest: of the model that it claims to be.
        questions: the texts of each POST, in their order.
    """

    def __init__(self, predictor: Predictor, *moods: str, p: float | None = None):
        """Be well, if no mood is given."""
        self._predictor, self.p, self.digest = predictor, p, predictor.digest
        self.moods = list(moods) or ["well"]
        self.questions: list[list[str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, as the mood is."""
        mood = self.moods[0]
        if request.method == "POST":
            self.questions.append(json.loads(request.content)["texts"])
            self.moods = self.moods[1:] or self.moods
        if mood == "down":
            raise httpx.ConnectError("refused")
        if mood == "slow":
            raise httpx.ReadTimeout("too late")
        if mood in REFUSALS:
            status, error, wait = REFUSALS[mood]
            said = {"error": error, "message": "", "request_id": "7f3a", "details": []}
            headers = {} if wait is None else {"Retry-After": wait}
            return httpx.Response(status, json=said, headers=headers)
        if request.method == "GET":
            limits = vars(ui_client.Limits())
            return httpx.Response(
                200, json={"manifest_sha256": self.digest, "limits": limits}
            )
        texts = self.questions[-1]
        found = [self.p] * len(texts)
        if self.p is None:
            found = self._predictor.probabilities(texts).tolist()
        said = [{"label": self._predictor.label(p), "probability": p} for p in found]
        answer = {"manifest_sha256": self.digest, "predictions": said}
        return httpx.Response(200, json=answer)

    def client(self, pause: Any = lambda seconds: None) -> ui_client.Api:
        """Return the page's client, asking this; it waits with `pause`."""
        transport = httpx.MockTransport(self)
        return ui_client.Api("http://api", KEY, transport=transport, pause=pause)


@contextlib.contextmanager
def stage() -> Iterator[None]:
    """Let the page ask what the last `visit` pretends, with a verdict from SURE on."""
    with (
        mock.patch.object(ui, "connect", lambda: _connected["api"]),
        mock.patch.object(ui, "sure_from", lambda: SURE),
    ):
        yield


def visit(
    predictor: Predictor, *moods: str, p: float | None = None
) -> tuple[AppTest, Pretend]:
    """Open the page in a new session, on an API with these moods."""
    api = Pretend(predictor, *moods, p=p)
    _connected["api"] = api.client()
    return open_page(), api


def open_page() -> AppTest:
    """Open the page in a new session, on the API that is there."""
    return AppTest.from_string(SCRIPT, default_timeout=60).run()


def ask(at: AppTest, text: str) -> AppTest:
    """Write a text and press the button."""
    at.text_area(key="text").input(text)
    return at.button(key="ask").click().run()


def load(at: AppTest, lines: list[str], name: str = "reviews.txt") -> AppTest:
    """Upload a file, and press the button if there is one."""
    data = "\n".join(lines).encode()
    at.file_uploader[0].set_value((name, data, "text/plain")).run()
    if any(one.key == "begin" for one in at.button):
        at.button(key="begin").click().run()
    return at


def words_on(at: AppTest, *kinds: str) -> str:
    """Return all that a page says, or what elements of some kinds say."""
    kinds = kinds or (
        *("title", "header", "subheader", "text", "markdown", "caption", "html"),
        *("info", "warning", "error", "exception"),
    )
    return "\n".join(str(one.value) for kind in kinds for one in at.get(kind))
