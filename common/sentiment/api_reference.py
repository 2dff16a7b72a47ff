"""The reference of the service: written from its schema, with examples that were run.

    with Live(folder) as ask:              # the application itself, without a socket
        text = write(ask.schema, ask)
        for example in read(text):
            print(example.title, problem(example, ask) or "as promised")

An example stands in the document as a reader would type it, with the answer that it
got. `read` takes them out of the document again and `problem` asks the service once
more, so that a document that was edited, or outlived by the service, is found out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import httpx

from common.sentiment.api import create_app
from common.sentiment.settings import Settings

JSON = "application/json"
CHANGING = frozenset(("request_id",))
"""Keys whose value is another one in every answer."""
TOLERANCE = 1e-6
REFUSED = (
    ("An empty text", "POST", "/predict", JSON, '{"text": ""}'),
    ("A misspelt key", "POST", "/predict", JSON, '{"txt": "A good film."}'),
    ("Cut-off JSON", "POST", "/predict", JSON, '{"text": "A good fi'),
    ("Another content type", "POST", "/predict", "text/plain", "A good film."),
    ("A path that is not there", "GET", "/predictions", "", ""),
)
"""Requests that must be refused, so that a reader sees what that looks like."""

_EXAMPLE = re.compile(
    r"^\*\*(?P<title>[^*\n]+)\*\*\n\n```http\n(?P<method>[A-Z]+) (?P<path>\S+)\n"
    r"(?:Content-Type: (?P<kind>\S+)\n\n(?P<body>.*?)\n)?```\n\nanswers "
    r"`(?P<status>\d+)`(?::\n\n```json\n(?P<answer>.*?)\n```)?",
    re.S | re.M,
)


class Example(NamedTuple):
    """A request, and what the document says that comes back."""

    title: str
    method: str
    path: str
    kind: str
    """Of the body's content; "" without a body."""
    body: str
    status: int = 0
    answer: Any = None
    """The JSON that came back; None where the answer is another text."""


class Ask(Protocol):
    """Whatever answers a request: status, and JSON or None."""

    def __call__(self, example: Example) -> tuple[int, Any]: ...


class Live:
    """The application at work in a thread of its own, with its model loaded.

    It may be used where an event loop runs already, as in a notebook.
    """

    def __init__(self, folder: str | Path, **settings: Any):
        """Load the model in `folder`; `settings` are those of the service."""
        self.app = create_app(Settings(model=Path(folder), **settings))
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="live")
        self._loop = self._pool.submit(asyncio.Runner).result()
        try:
            self._run(self.app.state.holder.look())
            if self.app.state.holder.predictor is None:
                raise RuntimeError(f"No model: {self.app.state.holder.problem}.")
        except BaseException:
            self.close()
            raise

    @property
    def schema(self) -> dict[str, Any]:
        """The OpenAPI schema, as /openapi.json gives it."""
        return self.app.openapi()

    def __call__(self, example: Example) -> tuple[int, Any]:
        """Send a request; return the status and the JSON of the answer, or None."""
        return self._run(self._send(example))

    async def _send(self, example: Example) -> tuple[int, Any]:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://here", trust_env=False
        ) as client:
            headers = {"Content-Type": example.kind} if example.kind else {}
            answer = await client.request(
                example.method,
                example.path,
                headers=headers,
                content=example.body.encode() if example.kind else None,
            )
        is_json = answer.headers.get("content-type", "").startswith(JSON)
        return answer.status_code, answer.json() if is_json else None

    def _run(self, work: Any) -> Any:
        return self._pool.submit(self._loop.run, work).result()

    def close(self) -> None:
        """End the loop and its thread; a second time does nothing."""
        with contextlib.suppress(RuntimeError):  # the thread has ended already
            self._pool.submit(self._loop.close).result()
        self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write(schema: Mapping[str, Any], ask: Ask) -> str:
    """Write the reference as Markdown; every example in it is asked on the way.

    Raises:
        RuntimeError: an example of the schema itself is refused.
    """
    info = schema["info"]
    lines = [f"# {info['title']} {info['version']}", "", info["description"]]
    for method, path, operation in _operations(schema):
        lines += ["", f"## {method} {path}", "", " ".join(_said(operation)).strip()]
        lines += ["", "| status | meaning |", "|---|---|"]
        lines += [
            f"| {status} | {answer['description']} |"
            for status, answer in sorted(operation["responses"].items())
        ]
        for request in _requests(method, path, operation):
            status, answer = ask(request)
            if status != 200:
                raise RuntimeError(f"The schema's own example fails: {request}.")
            lines += ["", _shown(request._replace(status=status, answer=answer))]
    lines += ["", "## What is refused", "", "Every refusal has the form of `Problem`."]
    for request in REFUSED:
        example = Example(*request)
        status, answer = ask(example)
        lines += ["", _shown(example._replace(status=status, answer=answer))]
    lines += ["", "## Forms"]
    for name, form in sorted(schema["components"]["schemas"].items()):
        if "properties" in form:
            lines += ["", f"### {name}", "", *_table(form)]
    return "\n".join(lines) + "\n"


def read(document: str) -> list[Example]:
    """Take the examples out of a document that `write` wrote."""
    return [
        Example(
            found["title"],
            found["method"],
            found["path"],
            found["kind"] or "",
            found["body"] or "",
            int(found["status"]),
            json.loads(found["answer"]) if found["answer"] else None,
        )
        for found in _EXAMPLE.finditer(document)
    ]


def problem(example: Example, ask: Ask) -> str:
    """Ask again; return in what the answer differs from the promised one, or ""."""
    status, answer = ask(example)
    if status != example.status:
        return f"{example.title}: promised {example.status}, answered {status}."
    difference = next(_differences(example.answer, answer, "the answer"), "")
    return difference and f"{example.title}: {difference}."


def _differences(promised: Any, got: Any, where: str) -> Iterator[str]:
    if isinstance(promised, dict) and isinstance(got, dict):
        if set(promised) != set(got):
            odd = ", ".join(sorted(set(promised) ^ set(got)))
            yield f"{where} has other keys: {odd}"
        for key in promised.keys() & got.keys() - CHANGING:
            yield from _differences(promised[key], got[key], f"{where}.{key}")
    elif isinstance(promised, list) and isinstance(got, list):
        if len(promised) != len(got):
            yield f"{where} has {len(got)} entries, promised {len(promised)}"
        for i, pair in enumerate(zip(promised, got, strict=False)):
            yield from _differences(*pair, f"{where}[{i}]")
    elif isinstance(promised, float) and isinstance(got, float):
        if abs(promised - got) > TOLERANCE:
            yield f"{where} is {got}, promised {promised}"
    elif promised != got:
        yield f"{where} is {got!r}, promised {promised!r}"


def _operations(schema: Mapping) -> Iterator[tuple[str, str, Mapping]]:
    for path, methods in sorted(schema["paths"].items()):
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _said(operation: Mapping) -> list[str]:
    return operation.get("description", operation.get("summary", "")).split()


def _requests(method: str, path: str, operation: Mapping) -> Iterator[Example]:
    body = operation.get("requestBody")
    if body is None:
        yield Example("As it is asked", method, path, "", "")
        return
    for name, one in body["content"][JSON]["examples"].items():
        text = json.dumps(one["value"], ensure_ascii=False)
        yield Example(name.capitalize(), method, path, JSON, text)


def _shown(example: Example) -> str:
    body = f"Content-Type: {example.kind}\n\n{example.body}\n" if example.kind else ""
    request = f"```http\n{example.method} {example.path}\n{body}```"
    answered = f"answers `{example.status}`"
    if example.answer is not None:
        text = json.dumps(_steady(example.answer), indent=1, ensure_ascii=False)
        answered += f":\n\n```json\n{text}\n```"
    return f"**{example.title}**\n\n{request}\n\n{answered}"


def _steady(answer: Any) -> Any:
    """The same answer with a sign in place of what changes from call to call."""
    if isinstance(answer, list):
        return [_steady(one) for one in answer]
    if not isinstance(answer, dict):
        return answer
    return {k: "…" if k in CHANGING else _steady(v) for k, v in answer.items()}


def _table(form: Mapping) -> Iterator[str]:
    needed = set(form.get("required", ()))
    yield "| field | type | bounds | meaning |"
    yield "|---|---|---|---|"
    for name, field in form["properties"].items():
        bounds = ", ".join(
            f"{key} {field[key]}"
            for key in ("minLength", "maxLength", "minItems", "maxItems")
            + ("minimum", "maximum")
            if key in field
        )
        bounds += "" if name in needed else f"{', ' if bounds else ''}optional"
        meaning = field.get("description", "").replace("|", "/")
        yield f"| `{name}` | {_type(field)} | {bounds} | {meaning} |"


def _type(field: Mapping) -> str:
    if "$ref" in field:
        return field["$ref"].rpartition("/")[2]
    if "anyOf" in field:
        return " or ".join(_type(one) for one in field["anyOf"])
    if "enum" in field:
        return " or ".join(json.dumps(one) for one in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    return str(field.get("type", json.dumps(field.get("const", "any"))))
