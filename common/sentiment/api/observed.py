"""The outermost layer: it sees every request come and every answer go."""

import re
import time
import traceback
import uuid
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.sentiment.api.log import Log
from common.sentiment.api.metrics import Metrics
from common.sentiment.api.refusals import refusal

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CLIENT_LEFT = 499
"""In log and metrics only: the client was gone before there was an answer."""
_METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])


class Observed:
    """The outermost layer: request id, log line, metrics, and no crash gets past it."""

    def __init__(self, app: ASGIApp, paths: frozenset[str], metrics: Metrics, log: Log):
        self._app, self._paths, self._metrics, self._log = app, paths, metrics, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; see the class."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = _request_id(scope)
        status = 0
        # HEAD is GET without the body, which uvicorn leaves away
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        trace = None
        try:
            await self._app(inner, receive, noting)
        except Exception as error:
            # Without the error's own words: they may quote what a user wrote
            frames = traceback.extract_tb(error.__traceback__)
            trace = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames]
            trace.append(type(error).__name__)
            if status:
                raise ConnectionAbortedError("the answer had begun") from None
            answer = refusal(scope, 500, "internal", "Something went wrong in here.")
            await answer(scope, receive, noting)
        finally:
            seconds = time.perf_counter() - began
            path = _path(scope)
            known = path in self._paths
            method = scope["method"] if scope["method"] in _METHODS else "other"
            status = status or _CLIENT_LEFT
            self._metrics.answered(method, path if known else "other", status, seconds)
            if refused := state.get("refused"):
                self._metrics.refused.labels(refused).inc()
            self._log.write(
                "request",
                level="error" if status == 500 else "info",
                request_id=request_id,
                method=method,
                path=path if known or self._log.texts else "other",
                status=status,
                seconds=round(seconds, 6),
                texts=state.get("count"),
                refused=refused,
                trace=trace,
                content=state.get("texts") if self._log.texts else None,
            )


def _request_id(scope: Scope) -> str:
    """Return the client's request id if it is a decent one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(given):
                return given
    return uuid.uuid4().hex


def _path(scope: Scope) -> str:
    """Return the path below the prefix that a proxy may have put in front."""
    return scope["path"].removeprefix(scope.get("root_path", ""))
