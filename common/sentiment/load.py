"""An open-loop load: requests on a fixed schedule, timed from the intended send.

    with load.Load(port, requests, rate=200, seconds=10) as offered:
        ...                       # whatever shall happen meanwhile
    table = offered.table()       # one row a request

Day 30 writes the sender out and says why it is built so. This one also remembers which
server answered, by the header `X-Server` that the proxy adds.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd

_LENGTH = re.compile(rb"(?i)content-length: (\d+)")
_SERVER = re.compile(rb"(?i)x-server: ([\w.-]+)")


def wire(path: str, content: Any) -> bytes:
    """Return the bytes of a POST request with a JSON body."""
    body = json.dumps(content).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Line(asyncio.Protocol):
    """One connection that stays open: a request out, then its answer."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.received = transport, b""
        self.answer: asyncio.Future | None = None

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if end and len(body) >= (int(length[1]) if length else 0):
            self.received = b""
            server = _SERVER.search(head)
            self._end(int(head.split()[1]), server[1].decode() if server else "")

    def connection_lost(self, error: Exception | None) -> None:
        self._end(0, "")  # no answer at all

    def _end(self, status: int, server: str) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_result((status, server))

    async def ask(self, request: bytes) -> tuple[int, str]:
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answer


class Load:
    """Offers requests to a port of this machine, from a thread of its own.

    As a context manager it waits at the end for the last answer; if the block failed,
    it stops sending at once.

    Attributes:
        began: when the first request was due, by `time.monotonic`.
    """

    def __init__(
        self,
        port: int,
        requests: Sequence[bytes],
        *,
        rate: float,
        seconds: float,
        patience: float = 10,
        lines: int = 512,
    ):
        """Begin to send.

        Args:
            port: on 127.0.0.1.
            requests: complete HTTP requests, taken in turn.
            rate: requests a second, evenly spaced.
            seconds: how long new ones are sent, unless `enough` ends it before.
            patience: seconds after the last one in which answers still count; what is
                unanswered then has status 0.
            lines: connections at most; beyond them a request waits, its clock running.
        """
        count = max(int(rate * seconds), 1)
        self.port, self._requests = port, requests
        self._lines, self._patience = lines, patience
        self._due = np.arange(count) / rate
        self._latency = np.full(count, np.nan)
        self._status = np.zeros(count, int)
        self._late = np.zeros(count)
        self._server = np.full(count, "", object)
        self._sent, self._enough, self._stop = 0, False, False
        self._error: BaseException | None = None
        self.began = time.monotonic() + 0.1
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop = kind is not None
        self._thread.join()

    def enough(self) -> None:
        """Send no more; what has been sent is still awaited."""
        self._enough = True

    def table(self) -> pd.DataFrame:
        """Wait for the end; return one row for each request that was sent.

        Returns:
            Columns `latency` (seconds from the intended send, nan if unanswered),
            `status` (0 without an answer), `server` (who answered, "" if nobody) and
            `late` (seconds by which the sender itself missed its schedule); the index
            is the intended send, in seconds after `began`.

        Raises:
            RuntimeError: the sender could not connect or broke.
        """
        self._thread.join()
        if self._error is not None:
            raise RuntimeError("The load could not be sent.") from self._error
        sent = slice(self._sent)
        index = pd.Index(self._due[sent], name="intended send (s)")
        columns = ("latency", "status", "server", "late")
        return pd.DataFrame({c: getattr(self, f"_{c}")[sent] for c in columns}, index)

    def _run(self) -> None:
        collects = gc.isenabled()
        gc.disable()
        try:
            asyncio.run(self._send())
        except BaseException as error:
            self._error = error
        finally:
            if collects:
                gc.enable()

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        self._idle: asyncio.LifoQueue[_Line] = asyncio.LifoQueue()
        self._opened = 4
        for _ in range(self._opened):
            self._idle.put_nowait(await self._connect())
        self.began = start = max(self.began, loop.time() + 0.02)
        tasks = []
        for i, when in enumerate(self._due):
            due = start + when
            if due - loop.time() > 0.002:  # a sleep may end a millisecond late
                await asyncio.sleep(due - loop.time() - 0.0015)
            await asyncio.sleep(0)
            while loop.time() < due:
                await asyncio.sleep(0)
            if self._stop or self._enough:
                break
            self._sent = i + 1
            tasks.append(loop.create_task(self._one(i, due)))
        if tasks:
            await asyncio.wait(tasks, timeout=0 if self._stop else self._patience)
        for task in tasks:
            task.cancel()
        while not self._idle.empty():
            self._idle.get_nowait().transport.close()

    async def _connect(self) -> _Line:
        loop = asyncio.get_running_loop()
        for _ in range(50):  # whoever listens may be just starting
            try:
                return (await loop.create_connection(_Line, "127.0.0.1", self.port))[1]
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
        raise ConnectionRefusedError(f"Nobody listens on port {self.port}.")

    async def _one(self, i: int, due: float) -> None:
        loop = asyncio.get_running_loop()
        new = self._idle.empty() and self._opened < self._lines
        self._opened += new
        line = None if new else await self._idle.get()
        if line is None or line.transport.is_closing():
            try:
                line = await self._connect()
            except OSError:  # nobody listens any more: no answer
                self._opened -= 1
                return
        self._late[i] = loop.time() - due
        request = self._requests[i % len(self._requests)]
        self._status[i], self._server[i] = await line.ask(request)
        if self._status[i]:
            self._latency[i] = loop.time() - due
        self._idle.put_nowait(line)
