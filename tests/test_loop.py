"""The closed loop in parts: journal, turn, door, router, faults; all in seconds.

The whole of it, with real processes, is in test_loop_endings.py.
"""

from __future__ import annotations

import ast
import http.client
import http.server
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import support
from scipy import stats

from common.sentiment.loop import batches, release, steps, turn
from common.sentiment.loop.home import Home, Settings, read_json, write_json
from common.sentiment.loop.journal import Journal, key_of
from common.sentiment.loop.router import Router
from common.sentiment.loop.world import MOODS, Requests, World, disguised, shorthand
from tools import notebooks


class Killed(BaseException):
    """Ends a driver as a kill does: nothing of the loop may catch it."""


@pytest.fixture
def home(tmp_path):
    return Home.make(tmp_path / "home", Settings(patience_seconds=2))


# --- The journal ----------------------------------------------------------------------


def test_a_noted_step_is_not_done_again(tmp_path):
    journal, done = Journal(tmp_path / "j"), []
    for _ in range(3):
        assert journal.once("a", "train", lambda: done.append(1) or {"x": 1}) == {
            "x": 1
        }
    assert len(done) == 1
    journal.once("b", "train", lambda: done.append(1) or {})
    assert len(done) == 2, "another turn has steps of its own"


def test_half_a_line_spoils_neither_what_is_before_it_nor_what_comes_after(tmp_path):
    journal = Journal(tmp_path / "j")
    journal.note("a", "admit", {"n": 1})
    with open(journal.path, "a") as file:
        file.write('{"turn": "a", "step": "ver')
    assert list(journal.done("a")) == ["admit"]
    journal.note("a", "version", {"n": 2})
    assert journal.done("a") == {"admit": {"n": 1}, "version": {"n": 2}}


def test_what_is_reopened_is_done_again_with_all_that_followed(tmp_path):
    journal = Journal(tmp_path / "j")
    for step in ("train", "package", "canary", "end"):
        journal.note("a", step, {})
    before = journal.path.read_bytes()
    journal.reopen("a", "package")
    assert list(journal.done("a")) == ["train"]
    assert journal.path.read_bytes().startswith(before), "lines are only added"
    journal.note("a", "package", {"again": True})
    assert list(journal.done("a")) == ["train", "package"]
    with pytest.raises(KeyError, match="canary"):
        journal.reopen("a", "canary")


def test_a_key_stands_for_its_parts_and_their_order():
    assert key_of(1, {"a": 1, "b": 2}) == key_of(1, {"b": 2, "a": 1})
    assert key_of("a", "b") != key_of("b", "a") != key_of("ab")


# --- A turn, killed at every moment ---------------------------------------------------


def pretend(monkeypatch, home, action="retrain", accepted=True, canary=True):
    """Replace the effects by ones that count; what is registered, and how often."""
    state = SimpleNamespace(done=Counter(), versions=[], serves=None, learned=None)

    def effect(name, result):
        def act(*_):
            state.done[name] += 1
            return result

        return act

    def register(home, key, made, version):
        state.done["register"] += 1
        if key not in state.versions:
            state.versions.append(key)
        return {"model": state.versions.index(key) + 1}

    def settle(home, model, packed, version):
        state.done["settle"] += 1
        state.serves = model
        return {}

    def learn(home, keys):
        state.done["learn"] += 1
        state.learned = list(keys)
        return {}

    for name, result in {
        "admit": {"accepted": True, "delivered_as": "monday.jsonl"},
        "version": {"version": "v", "batches": ["k"]},
        "decide": {"action": action, "champion": 7},
        "train": {"run_id": "r"},
        "gate": {"accepted": accepted},
        "package": {"settings": {}},
    }.items():
        monkeypatch.setattr(steps, name, effect(name, result))
    monkeypatch.setattr(steps, "register", register)
    monkeypatch.setattr(steps, "learn", learn)
    monkeypatch.setattr(release, "canary", effect("canary", {"accepted": canary}))
    monkeypatch.setattr(release, "promote", effect("promote", {}))
    monkeypatch.setattr(release, "settle", settle)
    return state


TEXTS = [f"film {i} is {'good' if i % 2 else 'bad'}" for i in range(40)]
LABELS = np.arange(40) % 2
NOTED = ["admit", "version", "decide", "train", "gate", "register", "package", "canary"]
NOTED += ["promote", "settle", "learn", "end"]


@pytest.mark.parametrize("moment", ["before", "between", "after"])
@pytest.mark.parametrize("step", NOTED)
def test_killed_anywhere_a_turn_comes_to_the_same_end(monkeypatch, home, step, moment):
    state = pretend(monkeypatch, home)
    key = batches.deliver(home, "monday", TEXTS, LABELS)
    path = home.folder / "inbox" / "monday.jsonl"

    def kill(at_step, at_moment):
        if (at_step, at_moment) == (step, moment):
            raise Killed

    with pytest.raises(Killed):
        turn.take(home, path, kill)
    how = turn.take(home, path)
    assert how == ("seen before" if (step, moment) == ("end", "after") else "promoted")
    assert list(home.journal.done(key)) == NOTED
    assert (state.versions, state.serves, state.learned) == ([key], 1, ["k"])
    twice = {name for name, count in state.done.items() if count > 1}
    assert twice == ({step} if moment == "between" and step != "end" else set())
    assert [p.name for p in home.place("archive").iterdir()] == ["monday.jsonl"]
    assert not list(home.place("inbox").iterdir())


@pytest.mark.parametrize(
    ("given", "how", "learned"),
    [
        ({"action": "nothing"}, "kept", ["k"]),
        ({"accepted": False}, "blocked", None),
        ({"canary": False}, "rolled back", None),
    ],
)
def test_the_other_endings(monkeypatch, home, given, how, learned):
    state = pretend(monkeypatch, home, **given)
    key = batches.deliver(home, "monday", TEXTS, LABELS)
    assert turn.take(home, home.folder / "inbox" / "monday.jsonl") == how
    assert home.journal.done(key)["end"] == {"how": how}
    assert (state.learned, state.serves) == (learned, None)


def test_the_same_batch_under_another_name_does_nothing(monkeypatch, home):
    state = pretend(monkeypatch, home)
    for name in ("monday", "tuesday"):
        batches.deliver(home, name, TEXTS, LABELS)
        ended = turn.take(home, home.folder / "inbox" / f"{name}.jsonl")
    assert ended == "seen before" and max(state.done.values()) == 1


def test_a_reopened_turn_takes_up_its_batch_again(monkeypatch, home):
    state = pretend(monkeypatch, home, canary=False)
    key = batches.deliver(home, "monday", TEXTS, LABELS)
    path = home.folder / "inbox" / "monday.jsonl"
    assert turn.take(home, path) == "rolled back"
    monkeypatch.setattr(release, "canary", lambda *_: {"accepted": True})
    turn.reopen(home, key, "package")
    assert turn.take(home, path) == "promoted"
    assert (state.done["train"], state.done["package"]) == (1, 2)


def test_a_torn_batch_is_put_aside(home):
    batches.deliver(home, "monday", TEXTS, LABELS)
    path = home.folder / "inbox" / "monday.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    assert turn.take(home, path) == "unreadable"
    assert (home.folder / "quarantine" / "monday.jsonl").exists()
    (row,) = home.journal.rows()
    assert "cannot be read" in row["result"]["reason"]


def test_the_notebook_shows_the_turn_that_the_product_runs():
    notebook = support.ROOT / "day40_capstone" / "day40_capstone.ipynb"
    source = "\n".join(
        cell.source
        for cell in notebooks.read(notebook).cells
        if cell.cell_type == "code" and cell.source.startswith("def turn(")
    )
    shown, product = (
        next(n for n in ast.parse(text).body if getattr(n, "name", "") == "turn")
        for text in (source, Path(turn.__file__).read_text("utf-8"))
    )
    assert [ast.dump(n) for n in shown.body] == [ast.dump(n) for n in product.body]
    assert [a.arg for a in shown.args.args] == [a.arg for a in product.args.args]


# --- The door -------------------------------------------------------------------------


class Answers:
    """A predictor whose answers are given."""

    manifest = SimpleNamespace(threshold=0.5)

    def __init__(self, p):
        self._p = np.asarray(p, float)

    def probabilities(self, texts):
        return self._p[: len(texts)]


def batch(texts=TEXTS, labels=LABELS):
    return batches.Batch(tuple(texts), np.asarray(labels))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (batch(), ""),
        (batch(TEXTS[:10], LABELS[:10]), "It holds 10 reviews"),
        (batch(["?", *TEXTS[1:]]), "1 of its texts hold no word"),
        (batch(TEXTS[:20] * 2), "20 of its 40 reviews are repeats"),
        (batch(labels=np.arange(40) % 5 == 0), "20% of its labels are positive"),
        (batch(labels=1 - LABELS), "its labels are turned"),
    ],
)
def test_the_door_refuses_with_a_reason(given, said):
    found = batches.problems(given, Answers(0.1 + 0.8 * LABELS))
    assert (said in " ".join(found)) if said else found == []


def test_a_batch_is_what_it_holds_and_a_version_a_list_of_such(home):
    key = batches.deliver(home, "a", TEXTS, LABELS)
    path = home.folder / "inbox" / "a.jsonl"
    assert batches.read(path).key == key != batch(labels=1 - LABELS).key
    batches.keep(home, path, key)
    version = batches.commit(home, [key])
    assert version == batches.commit(home, [key]) != batches.commit(home, [key, key])
    assert batches.keys_of(home, version) == [key]
    learnt = batches.dataset(home, version)
    parts = [set(x) for x, _ in (learnt.train, learnt.valid, learnt.test)]
    assert set().union(*parts) == set(TEXTS) and sum(map(len, parts)) == len(TEXTS)
    assert set(batches.held_out(home, [key]).texts) == parts[2]
    (home.folder / "data" / f"{key}.jsonl").write_bytes(b"")
    with pytest.raises(batches.BatchError, match="not what was kept"):
        batches.stored(home, key)


def test_a_file_is_whole_or_as_it_was(home):
    path = home.folder / "desired.json"
    write_json(path, {"stable": 1})
    with pytest.raises(TypeError):
        write_json(path, {"stable": {1, 2}})
    assert read_json(path) == {"stable": 1}


# --- The world ------------------------------------------------------------------------


def test_moods_are_shares_of_all_and_leave_words_that_people_can_read():
    assert all(sum(s for s, _ in ways) == pytest.approx(1) for ways in MOODS.values())
    assert shorthand("a wonderful film but long") == "a wndrfl flm but lng"
    assert disguised("a bad idea") == "4 b4d 1d34"


def test_requests_follow_the_mood_of_the_moment():
    world = World(TEXTS, LABELS)
    requests = Requests(world, ["a wonderful evening"] * 50, "visit")
    plain = [requests[i] for i in range(50)]
    world.mood = "phones"
    changed = sum(requests[i] != plain[i] for i in range(50))
    assert 20 < changed < 50 and b"X-Request-Id: visit-7\r\n" in plain[7]
    texts, labels = world.labelled(30)
    assert len(texts) == 30 and (labels == LABELS[:30]).all() and world.left == 10
    with pytest.raises(ValueError, match="10 reviews left"):
        world.labelled(11)


# --- The router -----------------------------------------------------------------------


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.slow)
        self.send_response(self.server.status)
        body = str(self.server.server_port).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Make servers that answer with a status and their port."""
    made = []

    def make(status=200, slow=0.0):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        server.daemon_threads = True
        server.status, server.slow = status, slow
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.append(server)
        return server.server_port

    yield make
    for server in made:
        server.shutdown()
        server.server_close()


def ask(port):
    """Status, the slot that answered, and the port in the body."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    line.request("POST", "/predict", b"{}")
    answer = line.getresponse()
    body = int(answer.read() or 0)
    line.close()
    return answer.status, answer.getheader("x-server"), body


def test_weights_are_shares(serve):
    with Router() as front:
        front.join("old", serve(), 300)
        front.join("new", serve(), 100, trial=True)
        answered = Counter(ask(front.port)[1] for _ in range(40))
        assert answered == {"old": 30, "new": 10}
        front.drain("new")
        assert {ask(front.port)[1] for _ in range(8)} == {"old"}


@pytest.mark.parametrize("broken", [500, 422, None])
def test_what_a_trial_fails_at_the_proven_server_answers(serve, broken):
    port = serve(broken or 200)
    if broken is None:  # nobody listens there
        port = free_port()
    with Router() as front:
        front.join("old", serve())
        front.join("new", port, trial=True)
        assert {ask(front.port)[:2] for _ in range(20)} == {(200, "old")}
        assert front.counts()["new"]["failed"] == 10
        assert front.counts()["old"] == {"in_flight": 0, "answered": 20, "failed": 0}


def test_a_refusal_that_is_the_clients_fault_comes_back_from_both(serve):
    with Router() as front:
        front.join("old", serve(422))
        front.join("new", serve(422), trial=True)
        assert {ask(front.port)[0] for _ in range(6)} == {422}


def test_while_nobody_serves_a_request_waits(serve):
    with Router() as front:
        front.join("dead", free_port())
        late = threading.Timer(0.4, lambda: front.join("alive", serve()))
        late.start()
        assert ask(front.port)[:2] == (200, "alive")
        late.join()


def test_a_server_that_leaves_has_answered_what_it_was_sent(serve):
    with Router() as front:
        front.join("slow", serve(slow=0.5))
        got = []
        client = threading.Thread(target=lambda: got.append(ask(front.port)))
        client.start()
        time.sleep(0.2)
        front.drain("slow")
        assert front.counts()["slow"]["in_flight"] == 1
        assert front.wait_idle("slow")
        front.leave("slow")
        client.join()
        assert got[0][:2] == (200, "slow") and front.counts() == {}


def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


# --- The canary's rule, and faults ----------------------------------------------------


@pytest.mark.parametrize("counts", [(5, 40, 0, 160), (0, 40, 3, 160), (9, 40, 2, 80)])
def test_the_canarys_p_value_is_fishers(counts):
    failed, sent, failed_old, sent_old = counts
    table = [[failed, sent - failed], [failed_old, sent_old - failed_old]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    assert release.p_value(*counts) == pytest.approx(expected)
    assert release.p_value(0, 0, 0, 0) == 1


FULL = """
import sys
from common.sentiment.loop import faults
from common.sentiment.loop.home import Home, write_json
home = Home.open(sys.argv[1])
faults.plan(home, [faults.Fault("version", "before", "full")])
at = faults.Injector(home)
at("admit", "before")
write_json(home.folder / "large.json", "x" * 9_000)
at("version", "before")
try:
    write_json(home.folder / "large.json", "y" * 9_000)
except OSError as error:
    print("refused", home.settings.looks)
"""


def test_a_full_disk_is_the_systems_own_refusal(home):
    pytest.importorskip("resource")
    command = [sys.executable, "-c", FULL, str(home.folder)]
    ran = subprocess.run(command, cwd=support.ROOT, capture_output=True, text=True)
    assert ran.stdout.startswith("refused"), ran.stderr
    assert json.loads((home.folder / "large.json").read_text())[0] == "x"
    assert read_json(home.folder / "faults.json") == [], "it strikes once"
