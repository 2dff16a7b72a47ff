"""Who waits for a prediction: first come, first served, as long as it is in time.

A queue without an end answers clients that have given up; one that ends after a fixed
number of places refuses what it could have answered, or holds what it cannot. This one
ends with time: a request is let in if those before it are expected to leave it enough.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator

from starlette.types import Receive

_FIRST_GUESS = 1e-3
"""Seconds for one request, until the first has been measured."""
_WEIGHT, _STEP = 0.1, 2.0
"""How fast the mean follows, and the most that one request counts for, in means: stalls
in less than half of the requests move it little, a slower model within some dozens."""


class TooLate(Exception):
    """The time in which a request wanted its answer is over."""


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


class Queue:
    """A queue for one request at a time.

    Attributes:
        waiting: how many requests were let in and are not yet answered.
        seconds: in which an answer is wanted.
        one_at_a_time: held by the one whose turn it is.
    """

    def __init__(self, seconds: float):
        """Take the time in which an answer is wanted."""
        self.waiting = 0
        self.seconds = seconds
        self._mean = _FIRST_GUESS
        self._answered = 0.0  # when the last one was
        self.one_at_a_time = asyncio.Lock()

    def excess(self) -> float:
        """Return by how many seconds a newcomer would wait too long, or 0."""
        return max(0.0, self.waiting * self._mean - self.seconds)

    @contextlib.contextmanager
    def place(self, receive: Receive) -> Iterator["Place"]:
        """Hold a place until the answer has been sent."""
        place = Place(self, receive, watched=self.waiting > 0)
        self.waiting += 1
        try:
            yield place
        finally:
            place.leave()
            self.waiting -= 1

    def learn(self, came: float) -> None:
        """Take into account how long the request took that is answered now."""
        now = time.monotonic()
        # One after the other: it began when it came or the last one was answered
        taken = min(now - max(came, self._answered), _STEP * self._mean)
        self._mean += _WEIGHT * (taken - self._mean)
        self._answered = now


class Place:
    """One request's place in a queue."""

    def __init__(self, queue: Queue, receive: Receive, watched: bool):
        self._queue = queue
        self._came = time.monotonic()
        self._has_turn = False
        # After the body nothing else can come than the client's leaving
        self._left = asyncio.ensure_future(receive()) if watched else None

    async def turn(self) -> None:
        """Wait for those who came before; then it is this request's turn.

        Raises:
            TooLate: it waited longer than it had time.
            ClientLeft: its client did not wait so long.
        """
        await self._queue.one_at_a_time.acquire()
        self._has_turn = True
        # Before each the loop accepts, counts and refuses whoever has come, and
        # notices who has left
        await asyncio.sleep(0)
        if self._left is not None and self._left.done():
            self.pass_on(learn=False)
            raise ClientLeft
        if time.monotonic() > self._came + self._queue.seconds:
            self.pass_on(learn=False)
            raise TooLate

    def pass_on(self, learn: bool = True) -> None:
        """Let the next one have its turn: there is an answer, and only its way left."""
        if not self._has_turn:
            return
        self._has_turn = False
        self._queue.one_at_a_time.release()
        if learn:
            self._queue.learn(self._came)

    def leave(self) -> None:
        """Give the place back, however the request ended."""
        self.pass_on()
        if self._left is not None:
            self._left.cancel()
