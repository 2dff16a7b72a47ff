"""How the service says no: one form for every refusal."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from common.sentiment.api.schemas import Detail, Problem

RETRY_SECONDS = 1
"""What a refused client is told to wait at least."""


class Answer(Response):
    """JSON in ASCII: a lone surrogate in a name from a client breaks nothing."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode("ascii")


def refusal(
    scope: Scope,
    status: int,
    error: str,
    message: str,
    *,
    retry: int | None = None,
    close: bool = False,
    details: Sequence[Detail] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build a refusal, and leave its reason for the log."""
    scope["state"]["refused"] = error
    headers = dict(headers or {})
    if retry is not None:
        headers["Retry-After"] = str(retry)
    if close:
        headers["Connection"] = "close"
    body = Problem(
        error=error,
        message=message,
        request_id=scope["state"]["request_id"],
        details=list(details),
    )
    return Answer(body.model_dump(), status, headers)


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": words}
    for status, words in {
        400: "The body is not JSON",
        401: "The key is missing or wrong",
        408: "The body came too slowly",
        413: "The body is too large",
        415: "The body does not say that it is JSON",
        422: "The body is not what the schema says",
        429: "Too many requests of this client",
        503: "No model serves, or the answer would come too late",
    }.items()
}
for _status in (429, 503):
    REFUSALS[_status]["headers"] = {
        "Retry-After": {"schema": {"type": "integer"}, "description": "seconds to wait"}
    }


def only(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the refusals with these statuses, for an operation's documentation."""
    return {status: REFUSALS[status] for status in statuses}


async def invalid_body(request: Request, error: RequestValidationError) -> Response:
    """Say what is wrong with a body, without repeating what the user wrote."""
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return refusal(request.scope, 400, "not_json", "The body is not valid JSON.")
    details = [Detail(where=_place(one["loc"]), what=one["msg"]) for one in found[:10]]
    message = f"The body is not what /docs asks for: {details[0].where}: "
    message += f"{details[0].what}."
    return refusal(request.scope, 422, "invalid", message, details=details)


def _place(loc: Sequence[str | int]) -> str:
    """Turn pydantic's ("body", "many", "texts", 3) into "texts[3]"."""
    place = ""
    for part in loc:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part not in ("body", "one", "many"):
            place += f".{part[:50]}" if place else part[:50]
    return place or "the body"


async def http_error(request: Request, error: HTTPException) -> Response:
    """Give an error of the framework (404, 405, a broken body) the common form."""
    codes = {400: "not_json", 404: "not_found", 405: "method_not_allowed"}
    words = {400: "The body is not valid JSON.", 404: "There is nothing at this path."}
    return refusal(
        request.scope,
        error.status_code,
        codes.get(error.status_code, "refused"),
        words.get(error.status_code, f"{error.detail}."),
        headers=error.headers,
    )


def overloaded(scope: Scope, seconds: float = 0.0) -> Response:
    """Build the 503 for who would be answered too late; `seconds` to come back in."""
    wait = max(RETRY_SECONDS, math.ceil(seconds))
    message = f"The answer would come too late; try again in {wait} s."
    return refusal(scope, 503, "overloaded", message, retry=wait)
