"""Releases: the notebook's own steps with a fake fleet and clock, and the plumbing."""

from __future__ import annotations

import ast
import asyncio
import math
import threading
import time
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
import support
from scipy import stats

from common.sentiment import load, proxy, rollout

NOTEBOOK = support.ROOT / "day32_cloud/day32_cloud.ipynb"
TAUGHT = (
    *("LOOKS", "SHARE", "LEVEL", "EACH", "LIMIT", "SHARE_LATE"),
    *("bring", "rolling", "canary", "p_value", "erlang_c", "waits_longer", "fewest"),
)


@pytest.fixture(scope="module")
def lesson():
    """Functions of the notebook, and the constants that they read; no cell runs."""
    cells = nbformat.read(NOTEBOOK, 4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    kept = []
    for node in ast.parse(code).body:
        names = set()
        if isinstance(node, ast.FunctionDef):
            names = {node.name}
        elif isinstance(node, ast.Assign):
            first = node.targets[0]
            parts = first.elts if isinstance(first, ast.Tuple) else [first]
            names = {getattr(part, "id", "") for part in parts}
        if names and names <= set(TAUGHT):
            kept.append(node)
    space = {"math": math, "np": np, "time": time}
    exec(compile(ast.Module(kept, []), str(NOTEBOOK), "exec"), space)
    return SimpleNamespace(**{k: v for k, v in space.items() if k[0] != "_"})


class FakeFleet:
    """A host with a clock of its own: every second it deals out 200 requests."""

    def __init__(self, failing=None, unready=(), count=2):
        self.now, self.instances, self.joined, self.log = 0.0, [], {}, []
        self.failing, self.unready = failing or {}, set(unready)
        self.lost = 0
        for _ in range(count):
            one = self.start("1")
            self.ready(one)
            self.join(one)
        self.lost = 0  # before the first one joined

    def sleep(self, seconds):
        """Let time pass, and requests come."""
        self.now += seconds
        total = sum(self.joined.values())
        if total == 0:
            self.lost += round(200 * seconds)
            return
        for name, weight in self.joined.items():
            one = next((i for i in self.instances if i.name == name), None)
            requests = round(200 * seconds * weight / total)
            if one is None or not one.ready:
                self.lost += requests
                continue
            one.sent += requests
            one.failed += round(requests * self.failing.get(one.version, 0))

    def start(self, version):
        name = f"i{len(self.log)}"
        one = SimpleNamespace(name=name, version=version, ready=False, sent=0, failed=0)
        self.instances.append(one)
        self.log.append(("start", version))
        self.sleep(0.5)
        return one

    def ready(self, one, seconds=20):
        one.ready = one.version not in self.unready
        self.sleep(1.0 if one.ready else seconds)
        return one.ready

    def join(self, one, share=None):
        others = sum(w for name, w in self.joined.items() if name != one.name)
        self.joined[one.name] = 100 if share is None else others * share / (1 - share)
        self.log.append(("join", one.version))
        self.sleep(0.1)

    def drain(self, one):
        self.joined.pop(one.name, None)
        self.log.append(("drain", one.version))
        self.sleep(0.1)
        return True

    def stop(self, one):
        self.instances.remove(one)
        self.log.append(("stop", one.version))
        self.sleep(0.1)
        return True

    def counts(self, one):
        return one.failed, one.sent

    def versions(self):
        return [one.version for one in self.instances]


# --- The steps of the notebook --------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_rolling_update_always_has_somebody_who_serves(lesson, count):
    fleet = FakeFleet(count=count)
    assert lesson.rolling(fleet, "2") is True
    assert fleet.versions() == ["2"] * count and len(fleet.joined) == count
    assert fleet.lost == 0
    # Nobody is told to end before he was drained, and before another one serves
    order = [what for what, _ in fleet.log[2 * count :]]
    assert order == ["start", "join", "drain", "stop"] * count


def test_a_version_that_does_not_get_ready_changes_nothing(lesson):
    fleet = FakeFleet(unready={"4"})
    before = list(fleet.instances)
    assert lesson.rolling(fleet, "4", patience=4) is False
    assert fleet.instances == before and fleet.lost == 0
    assert ("join", "4") not in fleet.log and ("drain", "1") not in fleet.log


def test_a_good_canary_is_promoted_after_all_looks(lesson):
    fleet = FakeFleet(failing={"1": 0.02, "2": 0.02})
    began = fleet.now
    assert lesson.canary(fleet, "2", sleep=fleet.sleep) == "promoted"
    assert fleet.versions() == ["2", "2"] and fleet.lost == 0
    assert fleet.now - began >= lesson.LOOKS
    # The same weight for all at the end, not the canary's share
    assert set(fleet.joined.values()) == {100}


@pytest.mark.parametrize(("share", "latest"), [(0.05, 6), (0.3, 2), (1.0, 1)])
def test_a_bad_canary_is_taken_back_the_sooner_the_worse_it_is(lesson, share, latest):
    fleet = FakeFleet(failing={"3": share})
    old = list(fleet.instances)
    ended = lesson.canary(fleet, "3", sleep=fleet.sleep)
    assert ended.startswith("taken back at look ")
    assert int(ended.split()[-1]) <= latest
    assert fleet.instances == old and set(fleet.joined) == {one.name for one in old}
    assert fleet.lost == 0


def test_a_canary_that_is_not_ready_gets_no_request(lesson):
    fleet = FakeFleet(unready={"4"})
    assert lesson.canary(fleet, "4", sleep=fleet.sleep) == "not ready"
    assert fleet.versions() == ["1", "1"] and ("join", "4") not in fleet.log


def test_what_failed_before_the_canary_came_does_not_count(lesson):
    fleet = FakeFleet(failing={"2": 0.05})
    for one in fleet.instances:  # a bad hour, long ago
        one.failed, one.sent = 500, 1000
    assert lesson.canary(fleet, "2", sleep=fleet.sleep).startswith("taken back")


def test_a_bad_minute_that_hits_both_raises_no_alarm(lesson):
    fleet = FakeFleet(failing={"1": 0.5, "2": 0.5})
    assert lesson.canary(fleet, "2", sleep=fleet.sleep) == "promoted"


# --- The rule -------------------------------------------------------------------------


def test_the_p_value_is_the_hypergeometric_tail(lesson):
    rng = np.random.default_rng(0)
    for _ in range(200):
        sent_new, sent_old = rng.integers(0, 60, 2)
        failed_new = rng.integers(0, sent_new + 1)
        failed_old = rng.integers(0, sent_old + 1)
        args = tuple(map(int, (failed_new, sent_new, failed_old, sent_old)))
        failed, total = failed_new + failed_old, sent_new + sent_old
        want = stats.hypergeom.sf(failed_new - 1, total, failed, sent_new)
        np.testing.assert_allclose(lesson.p_value(*args), want, rtol=1e-9, atol=1e-12)


def test_the_rule_keeps_its_level_and_catches_what_it_should(lesson):
    rng, runs = np.random.default_rng(1), 4000
    new, old, looks = 40, 160, np.arange(1, lesson.LOOKS + 1)

    def taken_back(share_new, share_old):
        k = rng.binomial(new, share_new, (runs, lesson.LOOKS)).cumsum(1)
        others = rng.binomial(old, share_old, (runs, lesson.LOOKS)).cumsum(1)
        p = stats.hypergeom.sf(k - 1, 200 * looks, k + others, new * looks)
        return (p < lesson.LEVEL / lesson.LOOKS).any(1).mean()

    for share in (0.001, 0.02, 0.2):
        assert taken_back(share, share) <= lesson.LEVEL
    assert taken_back(0.08, 0.0) > 0.99


# --- Instances ------------------------------------------------------------------------


def test_erlangs_formula_by_other_ways(lesson):
    for c, a in ((1, 0.3), (2, 1.0), (5, 4.2), (30, 25.0)):
        top = a**c / math.factorial(c) * c / (c - a)
        below = sum(a**k / math.factorial(k) for k in range(c))
        assert lesson.erlang_c(c, a) == pytest.approx(top / (below + top))
        assert lesson.waits_longer(c, a, 0.0) == pytest.approx(lesson.erlang_c(c, a))


@pytest.mark.parametrize("one_queue", [True, False])
def test_the_fewest_instances_keep_the_promise_and_one_less_does_not(lesson, one_queue):
    def late(c, a, t):
        if one_queue:
            return lesson.waits_longer(c, a, t)
        return a / c * math.exp(-(1 - a / c) * t)

    for rate in (500, 1_000, 20_000):
        s = 0.002
        c = lesson.fewest(rate, s, one_queue)
        a, t = rate * s, lesson.LIMIT / s
        assert late(c, a, t) <= lesson.SHARE_LATE
        assert c - 1 <= a or late(c - 1, a, t) > lesson.SHARE_LATE
    assert lesson.fewest(1, s, one_queue) == 2
    assert lesson.fewest(20_000, s) <= lesson.fewest(20_000, s, False)


# --- The plumbing ---------------------------------------------------------------------


class Answering:
    """A server on a thread: 200 for "good", 503 for "busy"; else it hangs up."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        begin = asyncio.start_server(self.serve, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(begin, self.loop).result(5)
        self.port = server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split()[0])
                body = await reader.readexactly(length)
                if b"hang up" in body:
                    break
                status = b"503 no" if b"busy" in body else b"200 OK"
                writer.write(b"HTTP/1.1 " + status + b"\r\nX-Server: s7\r\n"
                             b"Content-Length: 2\r\n\r\n{}")  # fmt: skip
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


def test_a_load_keeps_its_schedule_and_says_what_came(tmp_path):
    words = ["good", "busy", "hang up", "good"]
    requests = [load.wire("/predict", {"text": word}) for word in words]
    with load.Load(Answering().port, requests, rate=100, seconds=0.4) as offered:
        pass
    table = offered.table()
    assert list(table["status"]) == [200, 503, 0, 200] * 10
    np.testing.assert_allclose(table.index, np.arange(40) / 100)
    assert table["latency"].isna().tolist() == [False, False, True, False] * 10
    assert (table["server"] == ["s7", "s7", "", "s7"] * 10).all()
    assert (table["late"] >= 0).all()


def test_enough_is_enough_and_a_failed_block_ends_the_load_at_once():
    requests = [load.wire("/predict", {"text": "good"})]
    port = Answering().port
    with load.Load(port, requests, rate=100, seconds=60) as offered:
        time.sleep(0.3)
        offered.enough()
    assert 5 < len(offered.table()) < 200
    assert (offered.table()["status"] == 200).all()
    began = time.monotonic()
    with pytest.raises(KeyError), load.Load(port, requests, rate=100, seconds=60):
        raise KeyError
    assert time.monotonic() - began < 20


def test_nobody_who_listens_is_an_error_in_words():
    with load.Load(1, [b"x"], rate=10, seconds=0.1) as offered:
        pass
    with pytest.raises(RuntimeError, match="could not be sent"):
        offered.table()


def test_a_table_by_version_and_by_second():
    index = pd.Index([0.0, 0.5, 1.2, 1.4, 1.9], name="intended send (s)")
    table = pd.DataFrame({"latency": [0.1, 0.2, 0.3, np.nan, 0.5],
                          "status": [200, 200, 422, 0, 200],
                          "server": ["s1", "s2", "s2", "", "s1"],
                          "late": 0.0}, index)  # fmt: skip
    table = rollout.by_version(table, {"s1": "1", "s2": "2"})
    assert list(table["version"]) == ["1", "2", "2", "none", "1"]
    assert list(table["failed"]) == [False, False, True, True, False]
    seconds = rollout.each_second(table)
    assert list(seconds["failed"]) == [0, 2]
    assert seconds.loc[1.0, ["1", "2", "none"]].tolist() == [1, 1, 1]
    assert seconds.loc[1.0, "p99"] == pytest.approx(0.5)
    events = [(0.2, "join 2"), (1.0, "stopped 1"), (1.1, "drain 1"), (1.2, "killed 9")]
    axes = rollout.plot(table, events, "a title", rate=3, width=1.0)
    assert axes[0].get_title() == "a title"
    assert "2 failed" in {text.get_text() for text in axes[0].texts}
    plt.close("all")


def test_without_haproxy_a_sentence_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(proxy.shutil, "which", lambda *_, **__: None)
    assert "its package is called haproxy" in proxy.why_not()
    with pytest.raises(proxy.ProxyError, match="no HAProxy"):
        rollout.Fleet(tmp_path)
