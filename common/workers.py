"""A group of worker processes that find each other on this machine's loopback.

    said = run_workers(folder / "worker.py", 3, {"steps": 5}, meet=True)

Worker k is started as `python worker.py k 3 job`, with the job as JSON. What it prints
in its last line is JSON as well, and is handed back, in the order of the workers. With
`meet` each first prints the port that it listens on, and then reads, as one line, the
list of everybody's: `Neighbours` is how a worker in a ring does that. No worker
outlives the call, whatever happens in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

LOOPBACK = "127.0.0.1"

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
     "VECLIB_MAXIMUM_THREADS"), "1",
)  # fmt: skip
"""What makes a matrix library use one core, so that two workers do not share one."""


class WorkerError(RuntimeError):
    """A worker failed, or did not end in time; says which, and its last line."""


def run_workers(
    script: Path,
    size: int,
    job: Mapping[str, Any],
    *,
    meet: bool = False,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> list[Any]:
    """Run a script as `size` processes, in the script's folder.

    Args:
        script: a Python file; its output to standard error goes to files beside it.
        size: how many workers.
        job: what all are told.
        meet: introduce them to each other, see above.
        env: environment variables besides those of this process; `ONE_THREAD` is set.
        timeout: seconds for all of it.

    Returns:
        What each worker said in its last line.

    Raises:
        WorkerError: one ended with an error, said nothing, or the time is over.
    """
    with _started(script, size, job, dict(env or {}), timeout) as workers:
        try:
            if meet:
                ports = [int(one.stdout.readline()) for one in workers]
                for one in workers:
                    one.stdin.write(json.dumps(ports) + "\n")
                    one.stdin.flush()
            said = [one.communicate()[0] for one in workers]
        except (ValueError, OSError):  # one has ended before it said where it listens
            said = ["" for _ in workers]
    failed = {
        rank: _log(script, rank).read_text(errors="replace").strip()
        for rank, (worker, text) in enumerate(zip(workers, said, strict=True))
        if worker.returncode or not text.strip()
    }
    if failed:
        rank = max(failed, key=lambda one: "Error" in failed[one])  # the cause, if any
        last = failed[rank].splitlines()[-1:] or ["it did not end in time"]
        raise WorkerError(f"Worker {rank} of {size} failed: {last[0]}")
    return [json.loads(text.strip().splitlines()[-1]) for text in said]


class Neighbours:
    """A worker's wires to the next worker of a ring and from the one before.

    To be made once, in a worker that `run_workers(..., meet=True)` has started.

    Attributes:
        sent: bytes sent so far.
        waited: seconds spent in `exchange` so far.
    """

    def __init__(self, rank: int, size: int, timeout: float = 60) -> None:
        """Say where this worker listens, read where the others do, connect.

        Args:
            rank: this worker's number.
            size: of how many.
            timeout: seconds for each connection.
        """
        with socket.create_server((LOOPBACK, 0)) as inbox:
            inbox.settimeout(timeout)
            print(inbox.getsockname()[1], flush=True)
            ports = json.loads(sys.stdin.readline())
            self._right = socket.create_connection(
                (LOOPBACK, ports[(rank + 1) % size]), timeout
            )
            self._left, _ = inbox.accept()
        self._sender = ThreadPoolExecutor(1)
        self.sent, self.waited = 0, 0.0

    def exchange(self, out: np.ndarray, count: int) -> np.ndarray:
        """Send to the next worker and, at the same time, receive from the one before.

        Args:
            out: (n,) float32, what to send.
            count: how many numbers arrive.

        Returns:
            (count,) float32.

        Raises:
            ConnectionError: the worker before has gone.
        """
        began, got = time.perf_counter(), bytearray(4 * count)
        sending = self._sender.submit(self._right.sendall, out.tobytes())
        room = memoryview(got)
        while len(room):
            arrived = self._left.recv_into(room)
            if not arrived:
                raise ConnectionError("a neighbour has gone")
            room = room[arrived:]
        sending.result()
        self.sent += out.nbytes
        self.waited += time.perf_counter() - began
        return np.frombuffer(got, "float32")


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def _started(
    script: Path, size: int, job: Mapping[str, Any], env: dict[str, str], timeout: float
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start the workers; kill what is left of them after the timeout, or at the end."""
    workers: list[subprocess.Popen[str]] = []
    clock = threading.Timer(timeout, lambda: [one.kill() for one in workers])
    clock.daemon = True
    try:
        for rank in range(size):
            with open(_log(script, rank), "w", encoding="utf-8") as log:
                words = [script.name, str(rank), str(size), json.dumps(dict(job))]
                workers.append(
                    subprocess.Popen(
                        [sys.executable, *words],
                        cwd=script.parent,
                        env={**os.environ, **ONE_THREAD, **env},
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        text=True,
                    )
                )
        clock.start()
        yield workers
    finally:
        clock.cancel()
        for one in workers:
            one.kill()
            one.wait()
            for pipe in (one.stdin, one.stdout):
                with contextlib.suppress(OSError, ValueError):
                    pipe.close()


def _log(script: Path, rank: int) -> Path:
    return script.with_suffix(f".{rank}.log")
