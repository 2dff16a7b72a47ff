"""Releases for real: HAProxy, processes of the service, 200 requests a second.

Takes HAProxy, which `.ci/run` installs; where it is missing all of this is skipped.
"""

from __future__ import annotations

import os
import time

import psutil
import pytest
import served_model
import support

from common.sentiment import load, proxy, rollout

TEXTS = ["Good, good!", "A wonderful film about nothing. " * 8]
REQUESTS = [load.wire("/predict", {"text": text}) for text in TEXTS]


@pytest.fixture(scope="module", autouse=True)
def haproxy():
    if reason := proxy.why_not():
        support.not_installed(reason)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(served_model.write(tmp_path_factory.mktemp("model")))


def children():
    return {one.pid for one in psutil.Process().children(recursive=True)}


@pytest.fixture
def fleet(tmp_path, model):
    """Two instances behind the proxy; at the end nothing of it is left."""
    before = children()
    with rollout.Fleet(tmp_path) as fleet:
        version = rollout.Version("1", {"SENTIMENT_MODEL": model})
        for one in [fleet.start(version) for _ in range(2)]:
            assert fleet.ready(one)
            fleet.join(one)
        yield fleet
        folder = fleet.proxy._folder
    assert children() == before and not folder.exists()


def finish(offered, fleet, seconds=0.4):
    """Let the load go on for a moment; its table by version."""
    time.sleep(seconds)
    offered.enough()
    return rollout.by_version(offered.table(), fleet.versions)


def test_a_rolling_update_loses_no_request(fleet, model):
    new = rollout.Version("2", {"SENTIMENT_MODEL": model})
    with load.Load(fleet.port, REQUESTS, rate=200, seconds=120) as offered:
        for old in list(fleet.instances):
            one = fleet.start(new)
            assert fleet.ready(one)
            fleet.join(one)
            assert fleet.drain(old) and fleet.stop(old)
        table = finish(offered, fleet)
    assert not table["failed"].any() and set(table["version"]) == {"1", "2"}
    last = table[table.index > table.index.max() - 0.2]
    assert set(last["version"]) == {"2"}
    assert [what for _, what in fleet.events].count("stopped 1") == 2


def test_a_killed_instance_loses_no_request_that_may_be_sent_again(fleet):
    with load.Load(fleet.port, REQUESTS, rate=200, seconds=60) as offered:
        time.sleep(0.3)
        fleet.kill(fleet.instances[0])
        table = finish(offered, fleet, 1.5)
    assert not table["failed"].any()
    last = table[table.index > table.index.max() - 0.2]
    assert last["server"].nunique() == 1


def test_a_bad_version_gets_its_share_is_counted_and_leaves(fleet, model):
    bad = rollout.Version(
        "3", {"SENTIMENT_MODEL": model, "SENTIMENT_MAX_CHARACTERS": "100"}
    )
    old = list(fleet.instances)
    one = fleet.start(bad)
    assert fleet.ready(one)
    with load.Load(fleet.port, REQUESTS, rate=200, seconds=60) as offered:
        fleet.join(one, share=0.2)
        time.sleep(1)
        failed, sent = fleet.counts(one)
        assert fleet.drain(one) and fleet.stop(one)
        table = finish(offered, fleet)
    theirs = table[table["version"] == "3"]
    assert 0 < failed <= sent and fleet.instances == old
    assert theirs["failed"].mean() == pytest.approx(0.5, abs=0.2)
    # One in five, while it was there
    there = table[table.index <= theirs.index.max()]
    assert len(theirs) / len(there) == pytest.approx(0.2, abs=0.08)
    assert not table[table["version"] == "1"]["failed"].any()


def test_a_version_without_a_model_is_never_ready(fleet, tmp_path):
    version = rollout.Version("4", {"SENTIMENT_MODEL": str(tmp_path / "nothing")})
    one = fleet.start(version)
    assert not fleet.ready(one, seconds=1.5)
    assert fleet.ready(one, path="/health")
    fleet.stop(one)


def test_who_does_not_hear_sigterm_is_ended_after_the_grace_period(fleet):
    deaf = fleet.instances[0]
    if os.name == "posix":
        psutil.Process(deaf.server.process.pid).suspend()  # hears nothing for now
    assert fleet.stop(deaf, grace=0.3) is False
    assert len(fleet.instances) == 1


def test_a_refused_command_is_an_error(fleet):
    with pytest.raises(proxy.ProxyError, match="refuses"):
        fleet.proxy.join("no-such-slot", 1)
