"""The closed loop as a whole, with real processes: `pytest -m loop`.

One loop on toy reviews, driven by a supervised driver under traffic: a first model, a
challenger that is promoted across kills and a damaged model, a batch delivered twice,
a challenger that is blocked. Then the audit, and nothing is left running.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from common.sentiment.loop import batches, crew, faults, host, release
from common.sentiment.loop.audit import AuditError, audit
from common.sentiment.loop.home import Home, Settings
from common.sentiment.loop.world import Requests, Traffic, World

pytestmark = pytest.mark.loop

WORDS = {
    1: ["good", "fine", "great", "lovely", "superb", "moving", "warm", "clever"],
    0: ["awful", "boring", "stupid", "silly", "weak", "tedious", "dreary", "shallow"],
}
FILL = ["the", "film", "story", "actor", "scene", "music", "plot", "camera", "evening"]
CONFIG = {
    "features": {"vocabulary_size": 500, "max_tokens": 40, "bigram_buckets": 64},
    "model": {"embedding_dim": 4},
    "training": {"epochs": 4, "batch_size": 32, "learning_rate": 0.05},
}
KILLS = [("train", "between"), ("register", "between"), ("canary", "between")]


def toy(count, seed):
    """Reviews that a small model learns at once, and their labels."""
    rng, labels = np.random.default_rng(seed), np.arange(count) % 2
    texts = []
    for i, label in enumerate(labels):
        words = [*rng.choice(FILL, 16), *rng.choice(WORDS[int(label)], 4)]
        texts.append(" ".join([*words, f"{seed}x{i}"]))
    return texts, labels


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What happened, and what is left of it."""
    before = {one.pid for one in psutil.Process().children(recursive=True)}
    folder = tmp_path_factory.mktemp("loop")
    settings = Settings(
        config=CONFIG, replicas=1, looks=2, requests_a_look=4, enough_to_learn=40
    )
    home, world = Home.make(folder / "home", settings), World(*toy(960, 5))
    seen = SimpleNamespace(home=home, ends=[], keys=[])

    def turn(driver, name, labels=lambda y: y):
        texts, y = world.labelled(240)
        seen.keys.append(batches.deliver(home, name, texts, labels(y)))
        seen.ends.append(driver.wait_for_end(seen.keys[-1], 200))
        return texts, y

    with (
        crew.Nursery(folder / "nursery.log") as nursery,
        host.Host(home) as service,
        crew.Supervisor(home, nursery) as driver,
    ):
        turn(driver, "1")
        release.wait_for(home, "the service", lambda s: s.get("stable"))
        with Traffic(service.port, Requests(world, toy(90, 2)[0]), rate=20) as traffic:
            world.mood = "phones"
            plan = [faults.Fault(*kill, "kill") for kill in KILLS]
            faults.plan(home, [*plan, faults.Fault("package", "after", "corrupt")])
            texts, y = turn(driver, "2")
            batches.deliver(home, "2-again", texts, y)
            turn(driver, "3", lambda y: np.where(np.arange(len(y)) % 3, y, 1 - y))
            time.sleep(0.5)
    seen.table, seen.lives = traffic.table(), driver.lives
    seen.releases, seen.events = service.releases, service.events
    seen.left = {one.pid for one in psutil.Process().children(recursive=True)} - before
    return seen


def test_both_endings(told):
    assert told.ends == ["promoted", "promoted", "blocked"]
    reasons = told.home.journal.done(told.keys[2])["gate"]["reasons"]
    assert any("not better" in reason or "worse" in reason for reason in reasons)
    assert told.home.registry.serving[:2] == (2, 1), "the blocked one is no version"


def test_no_request_failed(told):
    assert set(told.table["status"]) == {200}
    served = [told.releases[slot] for slot in told.table["server"]]
    order = [name for name, _ in itertools.groupby(served)]
    assert served[0] != served[-1] and order[0] == served[0]


def test_every_fault_struck_once_and_nothing_was_lost_or_doubled(told):
    struck = [(one["step"], one["moment"]) for one in faults.struck(told.home)]
    assert sorted(struck) == sorted([*KILLS, ("package", "after")])
    assert [status for *_, status in told.lives].count(-9) == len(KILLS)
    turns = Counter(one.tags["turn"] for one in told.home.registry.versions())
    assert turns == {told.keys[0]: 1, told.keys[1]: 1}
    archive = {one.name for one in told.home.place("archive").iterdir()}
    assert archive == {"1.jsonl", "2.jsonl", "2-again.jsonl", "3.jsonl"}
    assert any(what.startswith("refused") for _, what in told.events), "damaged"


def test_what_was_blocked_is_not_learned_from(told):
    import json

    assert json.loads((told.home.folder / "data.json").read_text()) == told.keys[:2]


def test_an_audit_follows_a_request_to_its_card(told):
    last = f"visit-{len(told.table) - 1}"
    links = {link.what: link.name for link in audit(told.home, last)}
    assert list(links)[:4] == ["request", "process", "model", "run"]
    assert links["model"].startswith("version 2,")
    assert links["batches"].split(", ") == told.keys[:2]
    first = {link.what: link.name for link in audit(told.home, "visit-0")}
    assert first["model"].startswith("version 1,")
    with pytest.raises(AuditError, match="No process has answered"):
        audit(told.home, "visit-none")
    card = told.home.folder / "releases" / "2" / "CARD.md"
    kept = card.read_bytes()
    card.write_bytes(kept.replace(b"2", b"3", 1))
    with pytest.raises(AuditError, match="broken at the card"):
        audit(told.home, last)
    card.write_bytes(kept)


def test_nothing_is_left_running(told):
    assert told.left == set()
