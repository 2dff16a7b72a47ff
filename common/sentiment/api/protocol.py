"""HTTP/1.1 in bounded memory: uvicorn's parser, reading no further ahead than it must.

uvicorn hands a request to the application when its headers are complete; what is read
before that, or beside it, no layer of the application can limit. Its fast parser,
httptools, keeps headers of any length, and every request that a client sends ahead of
its answers (pipelining). Here both end. (`--http h11`, a parser in Python, bounds them
as well, but takes longer for a request than the model.)
"""

from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 2**16
"""Bytes that may come without completing a head or bringing a piece of a body."""
LARGEST_AHEAD = 2**16
"""Bytes of further requests that a connection may send before it has its answer."""
_PIECE = 2**10
"""Bytes parsed at once: so many hold a few dozen requests at most."""


class BoundedHttp(HttpToolsProtocol):
    """For uvicorn's option `--http`."""

    def __init__(self, *given: Any, **named: Any) -> None:
        """Begin a connection."""
        super().__init__(*given, **named)
        self._ahead = bytearray()
        self._incomplete = 0

    def connection_made(self, transport: Any) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self.flow = _OneRequestAtATime(self)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._ahead += data
        self._parse()
        if len(self._ahead) > LARGEST_AHEAD:
            self._cut_off("Too many requests sent ahead of their answers.")

    def on_headers_complete(self) -> None:
        """See httptools; also for the three that follow."""
        self._incomplete = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body has come."""
        self._incomplete = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A whole request has come."""
        self._incomplete = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with what was sent ahead."""
        super().on_response_complete()
        self._parse()

    def _parse(self) -> None:
        """Parse what has come, until a request has to wait for the one before it."""
        while self._ahead and not self.pipeline and not self.transport.is_closing():
            piece = bytes(self._ahead[:_PIECE])
            del self._ahead[:_PIECE]
            self._incomplete += len(piece)
            super().data_received(piece)
            if self._incomplete > LARGEST_HEAD:
                self._cut_off("The headers are too large.")

    def _cut_off(self, reason: str) -> None:
        self._ahead.clear()
        if not self.transport.is_closing():
            self.send_400_response(reason)

    def _unsupported_upgrade_warning(self) -> None:
        """Answer as if no upgrade had been asked for, without two lines in the log."""


class _OneRequestAtATime(FlowControl):
    """Reads nothing while a request waits for the answer to the one before it."""

    def __init__(self, protocol: BoundedHttp) -> None:
        super().__init__(protocol.transport)
        self._pipeline = protocol.pipeline

    def resume_reading(self) -> None:
        if not self._pipeline:
            super().resume_reading()
