"""Groups of worker processes: introduced to each other, and never left behind."""

import time

import psutil
import pytest
import support

from common import workers

RING = """
import json, socket, sys
rank, size, job = map(json.loads, sys.argv[1:])
inbox = socket.create_server(("127.0.0.1", 0))
print(inbox.getsockname()[1], flush=True)
ports = json.loads(sys.stdin.readline())
right = socket.create_connection(("127.0.0.1", ports[(rank + 1) % size]), 20)
right.sendall(f"{rank} {job['word']}".encode())
right.close()
print(json.dumps(inbox.accept()[0].recv(100).decode()))
"""


def script(folder, text):
    path = folder / "worker.py"
    path.write_text(text, encoding="utf-8")
    return path


def children():
    return {one.pid for one in psutil.Process().children(recursive=True)}


@pytest.fixture(autouse=True)
def nobody_left():
    before = children()
    yield
    assert children() == before


def test_workers_meet_and_answer_in_their_order(tmp_path):
    said = workers.run_workers(script(tmp_path, RING), 3, {"word": "hello"}, meet=True)
    assert said == ["2 hello", "0 hello", "1 hello"]


SUMS = """
import json, sys
import numpy as np
from common.workers import Neighbours
rank, size, job = map(json.loads, sys.argv[1:])
ring = Neighbours(rank, size)
own = np.full(100_000, rank, "float32")
total = own.copy()
for _ in range(size - 1):
    own = ring.exchange(own, len(own))
    total += own
print(json.dumps([float(total.min()), float(total.max()), ring.sent, ring.waited]))
"""


@pytest.mark.parametrize("size", [1, 2, 3])
def test_neighbours_hand_round_and_count_what_they_send(tmp_path, size):
    env = {"PYTHONPATH": str(support.ROOT)}
    said = workers.run_workers(script(tmp_path, SUMS), size, {}, meet=True, env=env)
    for least, most, sent, waited in said:
        assert least == most == sum(range(size))
        assert sent == 4 * 100_000 * (size - 1)
        assert (waited > 0) == (size > 1)


def test_a_neighbour_that_goes_is_told(tmp_path):
    text = SUMS.replace("own = np", "if rank == 1: sys.exit(1)\nown = np", 1)
    env = {"PYTHONPATH": str(support.ROOT)}
    with pytest.raises(workers.WorkerError, match=r"gone|reset by peer|Broken pipe"):
        workers.run_workers(script(tmp_path, text), 3, {}, meet=True, env=env)


def test_without_meeting_a_worker_gets_its_rank_its_job_and_one_thread(tmp_path):
    text = (
        "import json, os, sys\nprint('a notice')\n"
        "print(json.dumps([*map(json.loads, sys.argv[1:]),"
        " os.environ['OMP_NUM_THREADS'], os.environ['MINE']]))"
    )
    path = script(tmp_path, text)
    said = workers.run_workers(path, 2, {"a": 1}, env={"MINE": "x"})
    assert said == [[0, 2, {"a": 1}, "1", "x"], [1, 2, {"a": 1}, "1", "x"]]


@pytest.mark.parametrize("meet", [False, True])
def test_an_error_is_told_with_its_reason_and_ends_the_others(tmp_path, meet):
    text = (
        "import sys, time\nif sys.argv[1] == '1': raise ValueError('no such thing')\n"
        + ("print(1, flush=True)\nsys.stdin.readline()\n" if meet else "")
    )
    path = script(tmp_path, text)
    with pytest.raises(workers.WorkerError, match=r"Worker 1 of 2 .*: no such thing"):
        workers.run_workers(path, 2, {}, meet=meet)


def test_a_worker_that_does_not_end_is_killed(tmp_path):
    path, began = script(tmp_path, "import time; time.sleep(60)"), time.monotonic()
    with pytest.raises(workers.WorkerError, match="did not end in time"):
        workers.run_workers(path, 2, {}, timeout=0.5)
    assert time.monotonic() - began < 20


def test_a_free_port_is_one():
    assert 1_024 <= workers.free_port() < 65_536
