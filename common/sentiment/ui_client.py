"""The page's way to the API: one client, and every failure a sentence for a person.

    api = Api("http://127.0.0.1:8000", key=None)
    api.version()                      # which model answers, under which limits
    api.predict(["A good film."])      # labels, probabilities, and whose they are

Whatever goes wrong comes out as `Trouble`. Its sentence says what happened, whether
waiting helps, and never what the user wrote, where the server is, or the key.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import httpx

CONNECT_SECONDS, ANSWER_SECONDS = 2.0, 10.0
TRIES = 3
"""How often one question is put, where putting it again is safe and can help."""
LONGEST_PAUSE = 3.0
"""Seconds that the page waits by itself for a server that asks for patience."""

Kind = Literal["down", "slow", "busy", "no model", "key", "refused", "broken"]


class Trouble(Exception):
    """There is no answer; `str` of it is a sentence for the user.

    Attributes:
        kind: which trouble it is, for the program.
        waiting_helps: whether the same question may be answered later.
    """

    def __init__(self, kind: Kind, sentence: str, waiting_helps: bool = False):
        """Take the sentence as it is to be shown."""
        super().__init__(sentence)
        self.kind, self.waiting_helps = kind, waiting_helps


@dataclass(frozen=True)
class Limits:
    """What one request may hold; Day 30's defaults until the server has told its own.

    Attributes:
        max_characters: of one text.
        max_texts: in one request.
        max_body_bytes: of a request's body.
    """

    max_characters: int = 20_000
    max_texts: int = 64
    max_body_bytes: int = 2**20


@dataclass(frozen=True)
class Version:
    """Which model answers, and under which limits.

    Attributes:
        digest: SHA-256 of its manifest, "" while no model serves.
        limits: of a request.
    """

    digest: str
    limits: Limits


@dataclass(frozen=True)
class Answer:
    """What the model says of n texts, in their order.

    Attributes:
        labels: n times "negative" or "positive".
        probabilities: n numbers in [0, 1], of "positive".
        digest: SHA-256 of the manifest of the model that answered.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    digest: str


class Api:
    """A client of the service in `common.sentiment.api`; threads may share it."""

    def __init__(
        self,
        address: str,
        key: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ):
        """Open no connection yet.

        Args:
            address: for example "http://127.0.0.1:8000".
            key: sent as `X-API-Key`.
            transport: in place of the network, for tests.
            pause: called with the seconds to wait before another try.
        """
        self._pause = pause
        self._http = httpx.Client(
            base_url=address,
            headers={} if key is None else {"X-API-Key": key},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,  # no proxy gets to see what users write
            transport=transport,
        )

    def version(self) -> Version:
        """Ask which model answers.

        Raises:
            Trouble: nobody says.
        """
        said = self._json(self._ask("GET", "/version"))
        try:
            limits = {
                name: int(said["limits"][name]) for name in Limits.__annotations__
            }
            return Version(str(said["manifest_sha256"] or ""), Limits(**limits))
        except (KeyError, TypeError, ValueError):
            raise _not_understood("an unknown form") from None

    def predict(self, texts: Sequence[str]) -> Answer:
        """Ask what the model says of n texts, one request for all.

        Raises:
            Trouble: there is no answer, or none that fits the question.
        """
        # ASCII, so that half a surrogate pair from a text box breaks nothing
        body = json.dumps({"texts": list(texts)}).encode("ascii")
        said = self._json(self._ask("POST", "/predict", body))
        try:
            found = said["predictions"]
            labels = tuple(str(one["label"]) for one in found)
            probabilities = tuple(float(one["probability"]) for one in found)
            digest = str(said["manifest_sha256"])
        except (KeyError, TypeError, ValueError):
            raise _not_understood("an unknown form") from None
        if len(found) != len(texts):
            raise _not_understood("another number of answers than of texts")
        if not all(0 <= p <= 1 for p in probabilities):  # False for NaN, too
            raise _not_understood("a probability that is none")
        return Answer(labels, probabilities, digest)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        """Put a question, again where that is safe and can help.

        Prediction changes nothing on the server, so the same question may be put
        twice. It is, if the server could not be reached or asked for patience; not
        after a time-out, when another request would only add to its load.
        """
        headers = {} if body is None else {"Content-Type": "application/json"}
        for left in reversed(range(TRIES)):
            try:
                answer = self._http.request(method, path, content=body, headers=headers)
            except httpx.ConnectTimeout:
                raise _down() from None
            except httpx.TimeoutException:
                raise Trouble(
                    "slow",
                    f"The model's server took longer than {ANSWER_SECONDS:g} seconds, "
                    "so this page stopped waiting. Please try again later.",
                    waiting_helps=True,
                ) from None
            except httpx.HTTPError:  # refused, or cut in the middle of an answer
                trouble, seconds = _down(), 0.2 * (TRIES - left)
            else:
                if answer.status_code not in (429, 503):
                    return answer
                seconds = _seconds_to_wait(answer)
                trouble = _patience(answer, seconds)
            if not left or seconds > LONGEST_PAUSE:
                raise trouble
            self._pause(seconds)
        raise AssertionError("the loop ends with an answer or with trouble")

    def _json(self, answer: httpx.Response) -> Any:
        """Return what an answer holds, or say why it is a refusal."""
        try:
            said = answer.json()
        except ValueError:
            said = None
        if answer.status_code == 200 and isinstance(said, dict):
            return said
        if answer.status_code in (401, 403):
            raise Trouble(
                "key",
                "The model's server does not accept this page's key. You cannot mend "
                "that here: whoever runs this page has to set the right one.",
            )
        if answer.status_code in (408, 413, 422):
            raise Trouble(
                "refused",
                "The model's server does not take a text like this; most likely it is "
                "too long. Please shorten it and try again.",
            )
        number = said.get("request_id") if isinstance(said, dict) else None
        told = f"status {answer.status_code}"
        if isinstance(number, str) and number.isalnum():
            told += f", request {number[:32]}"
        raise _not_understood(told)


def _down() -> Trouble:
    return Trouble(
        "down",
        "The model's server cannot be reached right now. Please try again in a moment; "
        "if it stays so, tell whoever runs this page.",
        waiting_helps=True,
    )


def _not_understood(told: str) -> Trouble:
    return Trouble(
        "broken",
        f"The model's server gave an answer that this page cannot use ({told}). "
        "Whoever runs this page can look that up.",
    )


def _seconds_to_wait(answer: httpx.Response) -> float:
    """Return what `Retry-After` asks for, 1 if it is missing or no number."""
    try:
        seconds = float(answer.headers.get("Retry-After", "1"))
    except ValueError:  # a date is allowed as well
        return 1.0
    return max(seconds, 0.0) if math.isfinite(seconds) else 1.0


def _patience(answer: httpx.Response, seconds: float) -> Trouble:
    """Return the trouble of a server that asks for patience."""
    try:
        error = answer.json().get("error")
    except (ValueError, AttributeError):
        error = None
    if answer.status_code == 503 and error == "not_ready":
        sentence = "The model's server is there, but its model is not loaded yet."
        return Trouble("no model", f"{sentence} Please try again in a moment.", True)
    wait = "a second" if seconds <= 1 else f"{math.ceil(seconds)} seconds"
    return Trouble(
        "busy",
        "The model's server has more questions than it can answer at this moment. "
        f"Please try again in {wait}.",
        waiting_helps=True,
    )
