"""A small router in this process: the parts of HAProxy (Day 32) that the loop needs.

    with Router() as front:
        front.join("s1", 40123)                # requests to front.port now reach it
        front.join("s2", 40124, weight=33, trial=True)
        front.counts()["s2"]                   # {"in_flight", "answered", "failed"}

Two things are its own. A request that gets no answer is sent to another server; so is
one that a server *on trial* answers with anything but 200: the client gets the answer
of the proven version, and the failure counts against the other. Both are right only
because a prediction changes nothing. And while there is no server at all, a request
waits. It listens on 127.0.0.1 only.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from dataclasses import dataclass, field

from common.sentiment.loop.stops import Stops

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_HOLD_SECONDS, _ANSWER_SECONDS = 60.0, 30.0
_NO_SERVER = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


@dataclass
class _Server:
    """One that requests are sent to."""

    port: int
    weight: int
    trial: bool
    open: bool = True
    credit: float = 0.0
    in_flight: int = 0
    answered: int = 0
    failed: int = 0
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(
        default_factory=list
    )


class Router(Stops):
    """Listens from its start until `stop`, in a thread of its own.

    Attributes:
        port: where clients ask, on 127.0.0.1.
    """

    def __init__(self) -> None:
        """Start it on a free port."""
        self._servers: dict[str, _Server] = {}
        self._loop = asyncio.new_event_loop()
        self._clients: set[asyncio.Task] = set()
        began = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(began,), name="router", daemon=True
        )
        self._thread.start()
        began.wait()

    def stop(self) -> None:
        """Listen no more, and let go of every connection."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(10)

    # --- Told from other threads --------------------------------------------------

    def join(
        self, slot: str, port: int, weight: int = 100, *, trial: bool = False
    ) -> None:
        """Send requests to the server on this port, too; on trial or proven."""
        known = self._servers.get(slot)
        if known is not None and known.port == port:
            known.weight, known.trial, known.open = weight, trial, True
        else:
            self._servers = self._servers | {slot: _Server(port, weight, trial)}

    def drain(self, slot: str) -> None:
        """Send no new requests there; those in flight are answered."""
        self._servers[slot].open = False

    def leave(self, slot: str) -> None:
        """Forget a server."""
        self._servers = {s: x for s, x in self._servers.items() if s != slot}

    def counts(self) -> dict[str, dict[str, int]]:
        """By slot: `in_flight`, `answered` (status 200) and `failed`."""
        return {
            slot: {"in_flight": s.in_flight, "answered": s.answered, "failed": s.failed}
            for slot, s in self._servers.items()
        }

    def wait_idle(self, slot: str, seconds: float = 10) -> bool:
        """Wait until no request is in flight there; return whether it came so far."""
        end = time.monotonic() + seconds
        while self._servers[slot].in_flight and time.monotonic() < end:
            time.sleep(0.02)
        return not self._servers[slot].in_flight

    # --- In the router's thread ---------------------------------------------------

    def _run(self, began: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen(began))
        self._loop.close()

    async def _listen(self, began: threading.Event) -> None:
        self._ended = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**22)
        self.port = server.sockets[0].getsockname()[1]
        began.set()
        await self._ended.wait()
        server.close()
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        for one in self._servers.values():
            for _, writer in one.idle:
                writer.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            while True:
                request = await _message(reader)
                answer = await self._answer(request)
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has left, or the router ends
        finally:
            self._clients.discard(task)
            with contextlib.suppress(Exception):
                writer.close()

    async def _answer(self, request: bytes) -> bytes:
        tried: set[str] = set()
        answer = _NO_SERVER
        end = self._loop.time() + _HOLD_SECONDS
        while self._loop.time() < end:
            slot = self._choose(tried)
            if slot is None:
                if answer is not _NO_SERVER:
                    return answer  # nobody else can do better
                tried.clear()
                await asyncio.sleep(0.05)
                continue
            tried.add(slot)
            server = self._servers[slot]
            got = await self._ask(server, request)
            good = got is not None and got.startswith(b"HTTP/1.1 200")
            server.answered += good
            server.failed += not good
            if got is not None:
                head, _, rest = got.partition(b"\r\n")
                answer = head + b"\r\nx-server: " + slot.encode() + b"\r\n" + rest
                if good or not server.trial:
                    return answer
        return answer

    def _choose(self, tried: set[str]) -> str | None:
        """Smooth weighted round robin among the open servers not tried yet."""
        able = {s: x for s, x in self._servers.items() if x.open and s not in tried}
        if tried:  # what has failed once goes to a proven one
            able = {s: x for s, x in able.items() if not x.trial}
        if not able:
            return None
        for server in able.values():
            server.credit += server.weight
        slot = max(able, key=lambda s: able[s].credit)
        able[slot].credit -= sum(x.weight for x in able.values())
        return slot

    async def _ask(self, server: _Server, request: bytes) -> bytes | None:
        """Return the server's answer, None if it gave none."""
        server.in_flight += 1
        writer = None
        try:
            fresh = not server.idle
            pair = (
                await asyncio.open_connection("127.0.0.1", server.port, limit=2**22)
                if fresh
                else server.idle.pop()
            )
            reader, writer = pair
            writer.write(request)
            answer = await asyncio.wait_for(_message(reader), _ANSWER_SECONDS)
            server.idle.append(pair)
            return answer
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            if writer is not None:
                writer.close()
            return None
        finally:
            server.in_flight -= 1


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Read a request or an answer with its body, as its length says."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    body = await reader.readexactly(int(length[1])) if length else b""
    return head + body
