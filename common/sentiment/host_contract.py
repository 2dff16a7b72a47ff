"""What a host asks of a service, as a test for any command or image.

    start = hosted.process_starter(COMMAND, SENTIMENT_MODEL=str(model))
    for clause in judge(start):
        print(clause.name, clause.kept, clause.seen)

A host (Kubernetes, Cloud Run, ECS, a PaaS) knows nothing of what it runs. It gives a
port, a secret and a little time to end, and expects the eight clauses of `CLAUSES`.
`judge` plays the host: it starts the service three times, asks, looks at what it wrote,
and asks it to end in the middle of a request. Nothing is left running.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from common.sentiment.hosted import Running, Starter, ask, listens_on, running, wait_for

CLAUSES = {
    "port": "listens on the port that it is given in PORT",
    "health": "says that it lives, also while it is not ready",
    "ready": "says that it is ready, and does not say so before",
    "termination": "at SIGTERM answers what it has begun, then ends",
    "logs": "writes events to standard output, each a line of JSON",
    "privacy": "writes no user's words",
    "secret": "takes a secret from the environment, asks for it, shows it nowhere",
    "stateless": "leaves nothing in its folder; another process answers alike",
}
_SHOWN = ("/metrics", "/version", "/openapi.json", "/docs")


@dataclass(frozen=True)
class Terms:
    """What the host is told of a service.

    Attributes:
        health, ready: paths.
        path, body: a POST request with a JSON body that has an answer.
        words: of the body; the log must not hold them.
        secret_variable, secret_header: how the secret comes in, and how a client shows
            that it has it.
        unready: environment with which it lives but cannot become ready.
        start_seconds, grace_seconds: how long it may take to begin and to end.
    """

    health: str = "/health"
    ready: str = "/ready"
    path: str = "/predict"
    body: Mapping[str, object] = field(
        default_factory=lambda: {"text": "A quixotic, zestful film."}
    )
    words: tuple[str, ...] = ("quixotic", "zestful")
    secret_variable: str = "SENTIMENT_API_KEY"
    secret_header: str = "X-API-Key"
    unready: Mapping[str, str] = field(
        default_factory=lambda: {"SENTIMENT_MODEL": os.path.join(os.sep, "no-model")}
    )
    start_seconds: float = 20
    grace_seconds: float = 10


@dataclass(frozen=True)
class Clause:
    """One clause: whether it was kept (None: it could not be tried), what was seen."""

    name: str
    kept: bool | None
    seen: str


def judge(start: Starter, terms: Terms | None = None) -> list[Clause]:
    """Play the host; return the clauses of `CLAUSES` in their order.

    Args:
        start: begins the service with the variables that it is given.
        terms: of the service; those of the course's own if not given.
    """
    terms = terms or Terms()
    found: dict[str, tuple[bool | None, str]] = {}
    answer = _first_run(start, terms, found)
    if found["port"][0]:
        _run_without_readiness(start, terms, found)
        _run_with_a_secret(start, terms, found, answer)
    missing = (None, "not tried: nobody listens")
    return [Clause(name, *found.get(name, missing)) for name in CLAUSES]


Found = dict[str, tuple[bool | None, str]]


def _first_run(start: Starter, terms: Terms, found: Found) -> bytes:
    """Port, readiness, an answer, the end in the middle of a request, the log."""
    with running(start, {}) as one:
        found["port"] = _port(one, terms.start_seconds)
        if not found["port"][0]:
            return b""
        found["ready"] = _says(one, terms.ready, terms.start_seconds)
        status, answer = ask(one.port, "POST", terms.path, terms.body)
        if status != 200:
            found["ready"] = (False, f"ready, and {terms.path} answers {status}")
        found["stateless"] = (not one.left(), f"left {one.left()}")
        time.sleep(0.2)  # a log may be written a moment later
        out, err = one.wrote()
        found["logs"] = _log(out, err)
        told = [word for word in terms.words if word in out + err]
        found["privacy"] = (not told, f"the log holds {told}" if told else "none")
        found["termination"] = _end(one, terms)
    return answer


def _port(one: Running, seconds: float) -> tuple[bool, str]:
    """Wait until it listens where it should, or elsewhere, or has ended."""
    elsewhere: set[int] = set()

    def settled() -> bool:
        elsewhere.update(listens_on(one.pid) - {one.port})
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", one.port)) == 0:
                return True
        return bool(elsewhere) or one.ended(0.01) is not None

    wait_for(settled, seconds)
    with socket.socket() as line:
        if line.connect_ex(("127.0.0.1", one.port)) == 0:
            return True, "listens on it"
    if elsewhere:
        return False, f"listens on {min(elsewhere)}, whatever PORT says"
    if (code := one.ended(0.01)) is not None:
        return False, f"ended with {code} before it listened"
    return False, f"does not listen after {seconds:g} s"


def _says(one: Running, path: str, seconds: float) -> tuple[bool, str]:
    began = time.monotonic()
    came = wait_for(lambda: ask(one.port, "GET", path)[0] == 200, seconds)
    passed = time.monotonic() - began
    return came, f"{path} 200 after {passed:.1f} s" if came else f"{path} never 200"


def _log(out: str, err: str) -> tuple[bool, str]:
    if err.strip():
        return False, f"standard error: {err.strip().splitlines()[0][:60]}"
    lines = out.splitlines()
    for line in lines:
        try:
            whole = isinstance(json.loads(line), dict)
        except ValueError:
            whole = False
        if not whole:
            return False, f"not JSON: {line[:60]}"
    return bool(lines), f"{len(lines)} lines, all JSON" if lines else "not a line"


def _end(one: Running, terms: Terms) -> tuple[bool | None, str]:
    """Half a request, the signal, the other half: what came, and when it ended."""
    if os.name == "nt":
        return None, "not tried: Windows has no such signal"
    body = json.dumps(terms.body).encode()
    head = (
        f"POST {terms.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    came, began = b"", time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", one.port), 5) as line:
            line.sendall(head.encode() + body[:5])
            time.sleep(0.1)
            os.kill(one.pid, signal.SIGTERM)
            began = time.monotonic()
            time.sleep(0.2)
            line.sendall(body[5:])
            came = line.recv(4096)
    except OSError:
        pass
    code = one.ended(terms.grace_seconds)
    seconds = time.monotonic() - began
    answered = came.split(b" ")[1:2] == [b"200"]
    words = "the request answered" if answered else "the request lost"
    if code is None:
        return False, f"{words}; still there after {terms.grace_seconds:g} s"
    return answered, f"{words}; ended after {seconds:.1f} s"


def _run_without_readiness(start: Starter, terms: Terms, found: Found) -> None:
    """Alive and not ready: a restart would not help, requests would be lost."""
    with running(start, terms.unready) as one:
        found["health"] = _says(one, terms.health, terms.start_seconds)
        status, _ = ask(one.port, "GET", terms.ready)
        if status == 200:
            found["ready"] = (False, "says that it is ready with nothing to serve")


def _run_with_a_secret(
    start: Starter, terms: Terms, found: Found, answer: bytes
) -> None:
    """With a secret: asked for, accepted, shown nowhere; the answers are the same."""
    secret = secrets.token_hex(16)
    with running(start, {terms.secret_variable: secret}) as one:
        wait_for(
            lambda: ask(one.port, "GET", terms.ready)[0] == 200, terms.start_seconds
        )
        without, _ = ask(one.port, "POST", terms.path, terms.body)
        with_it, again = ask(
            one.port, "POST", terms.path, terms.body, {terms.secret_header: secret}
        )
        shown = b"".join(ask(one.port, "GET", path)[1] for path in _SHOWN).decode()
        time.sleep(0.2)
        everything = shown + "".join(one.wrote())
        asks = without in (401, 403) and with_it == 200
        seen = f"{without} without it, {with_it} with it"
        if secret in everything:
            found["secret"] = (False, f"{seen}; it stands in the log or in an answer")
        else:
            found["secret"] = (asks, seen)
        if found["stateless"][0] and again != answer:
            found["stateless"] = (False, "another process answers otherwise")
        elif found["stateless"][0]:
            found["stateless"] = (True, "no files; the same bytes from another process")
