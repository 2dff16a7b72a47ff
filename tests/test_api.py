"""The server of the sentiment model, in one process: what it answers, and to whom.

Requests go straight into the application, without a socket. tests/test_api_faults.py
starts it as a program and mistreats that.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import subprocess
import sys
import threading
import time
import weakref

import httpx
import numpy as np
import pytest
import served_model
import support

from common import artifacts, limits
from common.sentiment import bundle, settings
from common.sentiment.api import create_app
from common.sentiment.api.gate import Buckets
from common.sentiment.api.log import LARGEST, Log
from common.sentiment.api.queue import Queue
from common.sentiment.predictor import Predictor
from common.sentiment.settings import Settings, SettingsError

TEXT = "A wonderful film about nothing."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return served_model.write(tmp_path_factory.mktemp("model") / "served")


class Client:
    """An application with its model looked at once, and requests to it."""

    def __init__(self, folder, **given):
        self.app = create_app(Settings(model=folder, **given))
        self._loop = asyncio.Runner()  # one loop for all its life, as in a server
        weakref.finalize(self, self._loop.close)
        self.look()

    def look(self):
        self._loop.run(self.app.state.holder.look())

    def __call__(self, method, path, **request):
        return self.together((method, path, request))[0]

    def together(self, *requests):
        """Send requests at the same time; return their responses in order."""

        async def send():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://here"
            ) as client:
                sent = (client.request(m, p, **more) for m, p, more in requests)
                return await asyncio.gather(*sent)

        return self._loop.run(send())

    def predict(self, **request):
        return self("POST", "/predict", **request)

    def lines(self):
        """Return the log's lines since the last call; nobody writes them in here."""
        waiting, found = self.app.state.log.waiting, []
        while not waiting.empty():
            found.append(waiting.get())
        return found

    def series(self):
        """Return the metrics as {name with labels: value}."""
        lines = self("GET", "/metrics").text.splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}


@pytest.fixture
def client(folder):
    return Client(folder)


def assert_problem(response, status, error):
    """A refusal has the one form of all refusals, and the id of its request."""
    assert response.status_code == status, response.text
    problem = response.json()
    assert set(problem) == {"error", "message", "request_id", "details"}
    assert problem["error"] == error
    assert problem["message"].endswith(".")
    assert not problem["message"].endswith("..")
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem


# --- Predictions ----------------------------------------------------------------------


def test_one_text_and_a_batch_get_the_predictors_probabilities(client, folder):
    texts = ["Good, good!", "An awful, dull film.", "", TEXT][:2] + [TEXT, "Neither."]
    expected = Predictor.load(folder).probabilities(texts)
    answer = client.predict(json={"texts": texts})
    assert answer.status_code == 200
    found = answer.json()["predictions"]
    np.testing.assert_allclose([one["probability"] for one in found], expected)
    labels = ["positive", "negative", "positive", "positive"]
    assert [one["label"] for one in found] == labels
    for text, one in zip(texts, found, strict=True):
        assert client.predict(json={"text": text}).json()["predictions"] == [one]


def test_the_answer_names_the_model(client, folder):
    digest = bundle.read_manifest(folder)[1]
    for answer in (
        client.predict(json={"text": TEXT}),
        client("GET", "/ready"),
        client("GET", "/version"),
    ):
        assert answer.json()["manifest_sha256"] == digest


def test_the_threshold_is_the_manifests(tmp_path):
    strict = Client(served_model.write(tmp_path / "m", threshold=0.9))
    found = strict.predict(json={"text": "good"}).json()["predictions"][0]
    assert found["label"] == "negative" and found["probability"] > 0.7


def test_a_long_batch_in_a_thread_gets_the_same_answer(folder, client):
    batch = {"texts": [TEXT, "dull " * 300, "fine"]}
    beside = Client(folder, inline_bytes=0)
    assert beside.predict(json=batch).json() == client.predict(json=batch).json()


@pytest.mark.parametrize(
    "text", ["映画は素晴らしい", "\x00", "a\u0301", "😀" * 20_000, "<br />", "1", " "]
)
def test_any_string_gets_a_probability(client, text):
    answer = client.predict(json={"text": text})
    assert answer.status_code == 200
    assert 0 <= answer.json()["predictions"][0]["probability"] <= 1


# --- Refusals -------------------------------------------------------------------------

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("content", "status", "where"),
    [
        (b"", 422, "the body"),
        (b"null", 422, "the body"),
        (b"[]", 422, "the body"),
        (b'"a"', 422, "the body"),
        (b"{}", 422, "text"),
        (b'{"text": null}', 422, "text"),
        (b'{"text": ""}', 422, "text"),
        (b'{"text": 7}', 422, "text"),
        (b'{"text": ["a"]}', 422, "text"),
        (b'{"text": "\\ud800 alone"}', 422, "text"),
        (b'{"text": "a", "more": 1}', 422, "more"),
        (b'{"text": "a", "texts": ["b"]}', 422, "text"),
        (b'{"texts": []}', 422, "texts"),
        (b'{"texts": "ab"}', 422, "texts"),
        (b'{"texts": ["a", 7]}', 422, "texts[1]"),
        (b'{"texts": ["a", ""]}', 422, "texts[1]"),
        (b'{"te\\ud800xt": "a"}', 422, None),
        (b'{"text": NaN}', 422, "text"),
        (b'{"text": "a"', 400, None),
        (b"text=a", 400, None),
        (b'{"text": "\xff\xfe"}', 400, None),
        (b"[" * 100_000, 400, None),
        (b'{"text": ' + b"[" * 100_000, 400, None),
        (b'{"text": ' * 900 + b"1" + b"}" * 900, 422, "text"),
        (b'{"text": ' + b"9" * 10_000 + b"}", 400, None),
        (b"\x00" * 50, 400, None),
    ],
)
def test_a_body_of_another_form_is_refused_with_its_place(
    client, content, status, where
):
    answer = client.predict(content=content, headers=JSON)
    problem = assert_problem(answer, status, "invalid" if status == 422 else "not_json")
    if where is not None:
        assert problem["details"][0]["where"] == where
    assert answer.content.isascii()


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/x-www-form-urlencoded", "x" * 999, "application"],
)
def test_a_body_that_does_not_say_that_it_is_json_is_told_what_to_say(client, kind):
    sent = {"content-type": kind} if kind else {}
    answer = client.predict(content=b'{"text": "a"}', headers=sent)
    problem = assert_problem(answer, 415, "not_json")
    assert '-H "Content-Type: application/json"' in problem["message"]


@pytest.mark.parametrize(
    "kind",
    ["application/json; charset=utf-8", "Application/JSON", "application/json ;"],
)
def test_json_may_be_said_in_other_ways(client, kind):
    sent = {"content-type": kind}
    answer = client.predict(content=b'{"text": "a"}', headers=sent)
    assert answer.status_code == 200


def test_limits_hold_to_the_character_and_the_text(folder):
    small = Client(folder, max_characters=5, max_texts=2, max_body_bytes=100)
    assert small.predict(json={"text": "x" * 5}).status_code == 200
    assert_problem(small.predict(json={"text": "x" * 6}), 422, "invalid")
    assert small.predict(json={"texts": ["a"] * 2}).status_code == 200
    assert_problem(small.predict(json={"texts": ["a"] * 3}), 422, "invalid")
    body = b'{"text": "a"}'
    assert small.predict(content=body.ljust(100), headers=JSON).status_code == 200
    answer = small.predict(content=body.ljust(101), headers=JSON)
    assert "100 bytes" in assert_problem(answer, 413, "too_large")["message"]


def test_a_refusal_does_not_repeat_what_the_user_wrote(client):
    secret = "my own words"
    for body in ({"text": secret, "x": secret}, {"texts": [secret, 1]}, [secret]):
        assert secret not in client.predict(json=body).text


def test_unknown_paths_and_methods_have_the_common_form(client):
    assert_problem(client("GET", "/nothing"), 404, "not_found")
    answer = client("GET", "/predict")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/health", "/ready", "/version", "/metrics", "/docs"])
def test_whoever_asks_for_the_head_alone_gets_the_status_of_get(client, path):
    head, whole = client("HEAD", path), client("GET", path)
    assert head.status_code == whole.status_code == 200
    assert head.headers["content-type"] == whole.headers["content-type"]
    key = f'sentiment_requests_total{{method="HEAD",path="{path}",status="200"}}'
    assert client.series()[key] == 1
    assert client("HEAD", "/predict").status_code == 405


# --- The key, the rate, the queue -----------------------------------------------------


def test_a_configured_key_is_needed_for_predictions_only(folder):
    locked = Client(folder, api_key="s3cret-ä")
    for wrong in ({}, {"X-API-Key": "s3cret"}, {"X-API-Key": "s3cret-äx"}):
        sent = {name: value.encode() for name, value in wrong.items()}
        answer = locked.predict(json={"text": TEXT}, headers=sent)
        assert_problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"]
    right = {"X-API-Key": "s3cret-ä".encode()}
    assert locked.predict(json={"text": TEXT}, headers=right).status_code == 200
    for path in ("/health", "/ready", "/version", "/metrics", "/docs"):
        answer = locked("GET", path)
        assert answer.status_code == 200
        assert "s3cret" not in answer.text
    assert "s3cret" not in repr(locked.app.state.settings)


def test_the_schema_asks_for_a_key_where_one_is_configured(folder, client):
    locked = Client(folder, api_key="k")("GET", "/openapi.json").json()
    operation = locked["paths"]["/predict"]["post"]
    assert operation["security"] == [{"APIKeyHeader": []}]
    assert "security" not in client("GET", "/openapi.json").text.lower()


def test_the_key_is_asked_for_before_the_body_is_read(folder):
    locked = create_app(Settings(model=folder, api_key="k"))

    async def receive():
        raise AssertionError("the body was read")

    assert status_of(locked, receive) == 401


def test_a_rate_limit_says_when_to_come_back(folder):
    limited = Client(folder, requests_per_second=1)
    found = [limited.predict(json={"text": "a"}) for _ in range(4)]
    assert [one.status_code for one in found][:2] == [200, 200]
    refused = next(one for one in found if one.status_code != 200)
    assert_problem(refused, 429, "rate_limited")
    assert int(refused.headers["retry-after"]) == 1
    assert limited("GET", "/health").status_code == 200


def test_buckets_fill_at_their_rate_and_forget_old_clients():
    buckets = Buckets(2.0)  # holds four
    assert [buckets.wait("a", 0.0) for _ in range(4)] == [0, 0, 0, 0]
    assert buckets.wait("a", 0.0) == 0.5
    assert buckets.wait("a", 0.25) == 0.25, "a refused request takes nothing"
    assert buckets.wait("b", 0.0) == 0
    assert buckets.wait("a", 0.5) == 0
    assert [buckets.wait("a", 1e6) for _ in range(5)] == [0, 0, 0, 0, 0.5]
    for number in range(Buckets.LARGEST + 10):
        buckets.wait(str(number), 1e6)
    assert len(buckets._buckets) == Buckets.LARGEST
    assert Buckets(0.1).wait("a", 0.0) == 0, "a slow rate still lets one through"


class Slow:
    """Makes every prediction of an application take some seconds, and counts them."""

    def __init__(self, client, seconds):
        self.count, predictor = 0, client.app.state.holder.predictor
        real = predictor.probabilities

        def slow(texts):
            self.count += 1
            time.sleep(seconds)
            return real(texts)

        predictor.probabilities = slow


PREDICT = ("POST", "/predict", {"json": {"text": TEXT}})


def test_the_queue_holds_what_can_be_answered_in_time(folder):
    """Whatever their number: 200 short ones wait, where 32 places were once all."""
    client = Client(folder, answer_seconds=30)
    found = client.together(*[PREDICT] * 200)
    assert [one.status_code for one in found] == [200] * 200
    assert client.series()["sentiment_in_flight"] == 0


@pytest.mark.parametrize("inline_bytes", [20_000, 0], ids=["small", "large"])
def test_who_would_be_answered_too_late_is_refused_unpredicted(folder, inline_bytes):
    client = Client(folder, answer_seconds=0.2, inline_bytes=inline_bytes)
    slow = Slow(client, 0.05)
    *found, alive = client.together(*[PREDICT] * 20, ("GET", "/health", {}))
    statuses = [one.status_code for one in found]
    assert set(statuses) == {200, 503} and 2 <= statuses.count(200) <= 6
    assert slow.count == statuses.count(200)
    assert alive.status_code == 200
    for one in found:
        if one.status_code == 503:
            assert_problem(one, 503, "overloaded")
            assert int(one.headers["retry-after"]) >= 1
    assert client.together(PREDICT)[0].status_code == 200, "places are given back"


def test_a_service_that_knows_how_slow_it_is_refuses_at_once(folder):
    client = Client(folder, answer_seconds=0.1)
    slow = Slow(client, 0.03)
    for _ in range(45):
        client.together(PREDICT)
    began, slow.count = time.monotonic(), 0
    found = client.together(*[PREDICT] * 50)
    assert time.monotonic() - began < 0.75, "fifty would take 1.5 s"
    assert slow.count == [one.status_code for one in found].count(200) <= 6


def test_a_short_stall_does_not_make_the_queue_refuse():
    """One prediction of a second among many of a millisecond is a stall."""

    def serve(queue, seconds):
        came = time.monotonic()
        time.sleep(seconds)
        queue.learn(came)

    queue = Queue(1.0)
    for _ in range(20):
        serve(queue, 0.001)
    serve(queue, 1.0)
    queue.waiting = 100  # so many came meanwhile: they wait a tenth of a second
    assert queue.excess() == 0
    queue.waiting = 0
    for _ in range(40):
        serve(queue, 0.03)
    queue.waiting = 100
    assert queue.excess() > 1, "a slower model is noticed within some dozens"


def test_nothing_is_predicted_for_clients_that_have_left(folder):
    client = Client(folder, answer_seconds=30)
    slow = Slow(client, 0.02)

    async def leave_at_once():
        pieces = Pieces(b'{"text": "a"}', then="end, leaves")
        await client.app(scope(), pieces, asyncio.Queue().put)

    async def all_of_them():
        await asyncio.gather(*(leave_at_once() for _ in range(40)))

    client._loop.run(all_of_them())
    assert slow.count == 1, "the first did not have to wait"
    key = 'sentiment_requests_total{method="POST",path="/predict",status="499"}'
    assert client.series()[key] == 39


def test_the_loop_comes_up_for_air_between_two_predictions(folder, monkeypatch):
    """Else 32 slow predictions in a row keep refusals and new clients waiting."""
    client, seen = Client(folder), []
    predictor = client.app.state.holder.predictor
    real = predictor.probabilities

    def slow(texts):
        seen.append("prediction")
        return real(texts)

    async def watch():
        while seen.count("prediction") < 4:
            seen.append("loop")
            await asyncio.sleep(0)

    async def all_of_it():
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as c:
            asked = [c.post("/predict", json={"text": TEXT}) for _ in range(4)]
            await asyncio.gather(*asked, watch())

    monkeypatch.setattr(type(predictor), "probabilities", lambda _, texts: slow(texts))
    client._loop.run(all_of_it())
    first, last = seen.index("prediction"), len(seen)
    between = "".join(what[0] for what in seen[first:last])
    assert "pp" not in between, between


# --- Bodies that come in pieces, slowly or without end --------------------------------


def scope(**more):
    return {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "raw_path": b"/predict",
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "http_version": "1.1",
        "server": ("here", 80),
        "client": ("127.0.0.1", 1),
        "headers": [(b"content-type", b"application/json")],
        **more,
    }


def status_of(app, receive, **more):
    """Send one request whose body comes from `receive`; return the status or None."""
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope(**more), receive, send))
    return sent[0]["status"] if sent else None


class Pieces:
    """A body in pieces; what follows the last one is up to `then`."""

    def __init__(self, *pieces, then="silence"):
        self.pieces, self.then, self.asked = list(pieces), then, 0

    async def __call__(self):
        self.asked += 1
        if self.pieces:
            more = len(self.pieces) > 1 or not self.then.startswith("end")
            return message(self.pieces.pop(0), more)
        if self.then.endswith("leaves"):
            return {"type": "http.disconnect"}
        if self.then == "endless":
            return message(b"x" * 1000, True)
        await asyncio.sleep(3600)


def message(body, more):
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_may_come_in_pieces(client):
    pieces = Pieces(b'{"text"', b"", b': "a"}', then="end")
    assert status_of(client.app, pieces) == 200


def test_a_body_that_stops_coming_ends_in_a_time_out(folder):
    impatient = Client(folder, body_seconds=0.05)
    assert status_of(impatient.app, Pieces(b'{"text": "a')) == 408
    assert status_of(impatient.app, Pieces()) == 408


def test_an_endless_body_is_cut_off_after_a_bounded_amount(folder):
    small = Client(folder, max_body_bytes=1000)
    endless = Pieces(then="endless")
    assert status_of(small.app, endless) == 413
    assert endless.asked <= 20


def test_a_promised_size_counts_before_the_body_and_a_lie_does_not_help(folder):
    small = Client(folder, max_body_bytes=100, body_seconds=0.05)
    many = [(b"content-length", b"1000000"), *scope()["headers"]]
    assert status_of(small.app, Pieces(b"x"), headers=many) == 413
    few = [(b"content-length", b"5"), *scope()["headers"]]
    lie = Pieces(*[b"x" * 60] * 3, then="end")
    assert status_of(small.app, lie, headers=few) == 413


def test_a_client_that_leaves_gets_no_answer_and_holds_no_place(folder):
    client = Client(folder)
    assert status_of(client.app, Pieces(b"{", then="leaves")) is None
    assert client.predict(json={"text": "a"}).status_code == 200
    counted = client.series()
    assert counted["sentiment_in_flight"] == 0
    key = 'sentiment_requests_total{method="POST",path="/predict",status="499"}'
    assert counted[key] == 1


def test_bodies_of_slow_clients_do_not_fill_the_memory(folder):
    app = Client(folder, max_body_bytes=1000, body_seconds=0.2).app

    async def all_at_once():
        found = []

        async def one():
            sent = []

            async def send(message):
                sent.append(message)

            await app(scope(), Pieces(b"x" * 900), send)
            found.append(sent[0]["status"])

        await asyncio.gather(*(one() for _ in range(100)))
        return found

    found = asyncio.run(all_at_once())
    assert found.count(503) >= 60 and set(found) == {503, 408}


# --- A model that cannot serve --------------------------------------------------------


def cut(name):
    def spoil(folder):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return spoil


def remove(name):
    return lambda folder: (folder / name).unlink()


def other_tokenizer(folder):
    text = (folder / bundle.TOKENIZER).read_text().replace("wonderful", "wunderbar")
    (folder / bundle.TOKENIZER).write_text(text)


def no_model_inside(folder):
    (folder / bundle.ONNX_MODEL).write_bytes(b"not a graph")
    manifest = json.loads((folder / bundle.MANIFEST).read_text())
    manifest["files"][bundle.ONNX_MODEL] = bundle.file_sha256(
        folder / bundle.ONNX_MODEL
    )
    (folder / bundle.MANIFEST).write_text(json.dumps(manifest))
    bundle.write_checksum(folder)


SPOILT = {
    "manifest missing": (remove(bundle.MANIFEST), bundle.MANIFEST),
    "manifest cut off": (cut(bundle.MANIFEST), bundle.MANIFEST),
    "model missing": (remove(bundle.ONNX_MODEL), bundle.ONNX_MODEL),
    "model cut off": (cut(bundle.ONNX_MODEL), bundle.ONNX_MODEL),
    "model corrupt": (no_model_inside, bundle.ONNX_MODEL),
    "tokeniser cut off": (cut(bundle.TOKENIZER), bundle.TOKENIZER),
    "tokeniser of another model": (other_tokenizer, bundle.TOKENIZER),
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_model_that_cannot_serve_refuses_readiness_with_the_reason(spoil, tmp_path):
    damage, named = SPOILT[spoil]
    folder = served_model.write(tmp_path / "served")
    damage(folder)
    client = Client(folder)
    problem = assert_problem(client("GET", "/ready"), 503, "not_ready")
    assert named in problem["message"]
    assert str(tmp_path) not in problem["message"]
    assert client("GET", "/health").status_code == 200
    refused = client.predict(json={"text": TEXT})
    assert_problem(refused, 503, "not_ready")
    assert int(refused.headers["retry-after"]) >= 1
    version = client("GET", "/version").json()
    assert not version["ready"] and version["model"] is None
    served_model.write(folder)
    client.look()
    assert client("GET", "/ready").status_code == 200
    assert client.predict(json={"text": TEXT}).status_code == 200


def test_what_failed_by_bad_luck_is_tried_again(folder, monkeypatch):
    def load(folder, threads):
        raise MemoryError

    with monkeypatch.context() as unlucky:
        unlucky.setattr(Predictor, "load", load)
        client = Client(folder)
        client.look()
        counted = client.series()['sentiment_model_reloads_total{outcome="refused"}']
        assert counted == 1, "the same reason counts once"
    client.look()
    assert client("GET", "/ready").status_code == 200


def test_a_missing_folder_is_named_with_its_cure(tmp_path):
    client = Client(tmp_path / "nowhere")
    message = client("GET", "/ready").json()["message"]
    assert '"nowhere" does not exist' in message and str(tmp_path) not in message
    assert "Day 30's notebook" in message and "SENTIMENT_MODEL" in message
    line = json.loads(client.lines()[0])
    assert line["folder"] == str(tmp_path / "nowhere"), "in full, in the log"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_file_that_hangs_does_not_end_the_watch(tmp_path):
    folder = served_model.write(tmp_path / "served")
    client = Client(folder, load_seconds=1)
    manifest = (folder / bundle.MANIFEST).read_bytes()
    (folder / bundle.MANIFEST).unlink()
    os.mkfifo(folder / bundle.MANIFEST)
    client.look()
    state = client("GET", "/ready")
    assert state.status_code == 200 and "no answer in 1 s" in state.json()["warning"]
    client.look()  # does not start a second thread that hangs
    assert [one.name for one in threading.enumerate()].count("model") == 1
    with (folder / bundle.MANIFEST).open("wb") as pipe:
        pipe.write(manifest)  # the reader goes on, and finds a folder in disorder
    (folder / bundle.MANIFEST).unlink()
    served_model.write(folder, sign=-1)
    for _ in range(20):  # the server looks every two seconds: one look may be too early
        client.look()
        if not client("GET", "/ready").json().get("warning"):
            break
    assert not client("GET", "/ready").json().get("warning")
    label = client.predict(json={"text": "good"}).json()["predictions"][0]["label"]
    assert label == "negative"


@pytest.mark.parametrize("spoil", SPOILT)
def test_the_old_model_serves_on_when_the_new_one_is_broken(spoil, tmp_path):
    damage, named = SPOILT[spoil]
    folder = served_model.write(tmp_path / "served")
    client = Client(folder)
    before = client.predict(json={"text": TEXT}).json()
    damage(folder)
    client.look()
    state = client("GET", "/ready")
    assert state.status_code == 200 and named in state.json()["warning"]
    assert client.predict(json={"text": TEXT}).json() == before
    counted = client.series()
    assert counted['sentiment_model_reloads_total{outcome="refused"}'] == 1


def test_a_new_model_takes_over_once_it_is_whole(tmp_path):
    folder = served_model.write(tmp_path / "served")
    client = Client(folder)
    before = client.predict(json={"text": "good"}).json()
    client.look()
    assert client.app.state.holder.problem is None
    served_model.write(folder, sign=-1)
    client.look()
    after = client.predict(json={"text": "good"}).json()
    assert after["predictions"][0]["label"] == "negative"
    assert before["predictions"][0]["label"] == "positive"
    assert after["manifest_sha256"] != before["manifest_sha256"]
    serving = [
        value
        for name, value in client.series().items()
        if name.startswith("sentiment_model_info")
    ]
    assert sorted(serving) == [0, 1]


def test_whatever_a_predictor_raises_is_a_reason(folder, monkeypatch):
    def load(folder, threads):
        raise MemoryError("of /secret/path")

    monkeypatch.setattr(Predictor, "load", load)
    message = Client(folder)("GET", "/ready").json()["message"]
    assert "MemoryError" in message and "/secret" not in message


@pytest.mark.parametrize("value", [float("nan"), 2.0, -0.1])
def test_a_model_without_probabilities_does_not_serve(folder, monkeypatch, value):
    def probabilities(self, texts):
        return np.full(len(texts), value)

    monkeypatch.setattr(Predictor, "probabilities", probabilities)
    assert "probabilities" in Client(folder)("GET", "/ready").json()["message"]


# --- What is written down -------------------------------------------------------------


def test_the_log_has_a_line_a_request_and_no_text(client):
    client.lines()
    client.predict(json={"texts": [TEXT, TEXT]}, headers={"X-Request-ID": "abc-1"})
    client.predict(json={"text": 7, TEXT: TEXT})
    client("GET", "/predict?text=" + TEXT)
    client("GET", "/" + TEXT)
    lines = client.lines()
    assert "wonderful" not in "".join(lines)
    first, second, third, fourth = map(json.loads, lines)
    assert first["request_id"] == "abc-1"
    assert (first["method"], first["path"]) == ("POST", "/predict")
    assert (first["status"], first["texts"]) == (200, 2)
    assert 0 < first["seconds"] < 60
    assert (second["status"], second["refused"]) == (422, "invalid")
    assert third["path"] == "/predict" and fourth["path"] == "other"


def test_the_log_holds_texts_only_on_demand(folder):
    client = Client(folder, log_texts=True)
    client.predict(json={"text": "Broken\nline \u2028"})
    line = client.lines()[-1]
    assert "\n" not in line and line.isascii()
    assert json.loads(line)["content"] == ["Broken\nline \u2028"]


def test_lines_that_nobody_writes_are_dropped_and_counted(client):
    log = client.app.state.log
    client.lines()
    for _ in range(LARGEST + 7):
        log.write("event")
    assert log.waiting.qsize() == LARGEST
    assert client.series()["sentiment_log_lines_dropped_total"] == 7
    assert client("GET", "/health").status_code == 200


def test_a_log_that_cannot_be_written_counts_and_goes_on(monkeypatch):
    dropped = queue.Queue()
    log = Log(False, lambda: dropped.put("a line"))

    def full(descriptor, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("common.sentiment.api.log.os.write", full)
    log.write("first")
    log.write("second")
    log.start()
    assert [dropped.get(timeout=60) for _ in range(2)] == ["a line"] * 2
    log.stop()


@pytest.mark.parametrize("given", ["", "a" * 65, "two words", "ä", "a\tb"])
def test_a_strange_request_id_is_replaced(client, given):
    answer = client("GET", "/health", headers={"X-Request-ID": given.encode()})
    assert len(answer.headers["x-request-id"]) == 32


def test_an_unexpected_error_is_a_500_without_its_words(client, capsys, monkeypatch):

    def fail(texts):
        raise RuntimeError(texts[0])

    monkeypatch.setattr(client.app.state.holder.predictor, "probabilities", fail)
    client.lines()
    assert_problem(client.predict(json={"text": TEXT}), 500, "internal")
    captured = capsys.readouterr()
    (line,) = client.lines()
    assert "wonderful" not in line + captured.out + captured.err
    line = json.loads(line)
    assert line["level"] == "error" and line["trace"][-1] == "RuntimeError"
    monkeypatch.undo()
    assert client.predict(json={"text": TEXT}).status_code == 200


def test_metrics_count_requests_texts_and_refusals(folder):
    client = Client(folder, max_texts=3)
    client.predict(json={"texts": ["good", "bad", "good"]})
    client.predict(json={"texts": ["a"] * 4})
    client("BREW", "/" + "x" * 50)
    found = client.series()
    requests = "sentiment_requests_total"
    assert found[f'{requests}{{method="POST",path="/predict",status="200"}}'] == 1
    assert found[f'{requests}{{method="POST",path="/predict",status="422"}}'] == 1
    assert found[f'{requests}{{method="other",path="other",status="404"}}'] == 1
    assert found['sentiment_texts_total{label="positive"}'] == 2
    assert found['sentiment_texts_total{label="negative"}'] == 1
    assert found["sentiment_probability_count"] == 3
    assert found['sentiment_refused_total{reason="invalid"}'] == 1
    assert found["sentiment_in_flight"] == 0
    assert found['sentiment_request_seconds_count{path="/predict"}'] == 2


def test_two_applications_count_apart(client, folder):
    client.predict(json={"text": "good"})
    other = Client(folder).series()
    assert other.get('sentiment_texts_total{label="positive"}', 0) == 0


def test_the_schema_tells_limits_answers_and_examples(folder):
    schema = Client(folder, max_characters=77, max_texts=9)("GET", "/openapi.json")
    parts = schema.json()["components"]["schemas"]
    assert parts["OneText"]["properties"]["text"]["maxLength"] == 77
    assert parts["ManyTexts"]["properties"]["texts"]["maxItems"] == 9
    operation = schema.json()["paths"]["/predict"]["post"]
    expected = {"200", "400", "401", "408", "413", "415", "422", "429", "503"}
    assert set(operation["responses"]) == expected
    assert "Retry-After" in operation["responses"]["503"]["headers"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    client = Client(folder)
    for example in examples.values():
        assert client.predict(json=example["value"]).status_code == 200


def test_the_page_of_documentation_is_whole_without_a_network(folder):
    page = Client(folder, api_key="k")("GET", "/docs")
    schema = Client(folder)("GET", "/openapi.json").json()
    assert "//" not in page.text.replace("<!doctype", ""), "an address elsewhere"
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert f"<h2>{method.upper()} {path}</h2>" in page.text
            for status, answer in operation["responses"].items():
                assert f"<td>{status}<td>{answer['description']}" in page.text
    assert 'name="key"' in page.text
    assert 'name="key"' not in Client(folder)("GET", "/docs").text
    assert "One of the best films of the year." in page.text


def test_a_prefix_of_a_proxy_does_not_open_the_gate(folder):
    locked = create_app(Settings(model=folder, api_key="k"))
    for path, prefix in (
        ("/api/predict", "/api"),
        ("/predict", "/pre"),
        ("/predict", "/predict"),
        ("/predict/", ""),
        ("//predict", ""),
    ):
        asked = {"path": path, "root_path": prefix}
        assert status_of(locked, Pieces(b"{}", then="end"), **asked) == 401


# --- Settings -------------------------------------------------------------------------


def test_every_setting_has_a_variable_and_a_default(tmp_path):
    given = {
        "SENTIMENT_MODEL": str(tmp_path),
        "SENTIMENT_API_KEY": "k",
        "SENTIMENT_MAX_TEXTS": " 7 ",
        "SENTIMENT_LOG_TEXTS": "1",
        "SENTIMENT_REQUESTS_PER_SECOND": "2.5",
        "SENTIMENT_THREADS": "",
    }
    found = Settings.from_environment(given)
    assert (found.model, found.max_texts, found.log_texts) == (tmp_path, 7, True)
    assert found.requests_per_second == 2.5
    assert found.api_key.get_secret_value() == "k"
    assert found.threads == Settings(model=tmp_path).threads == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SENTIMENT_MAX_TEXTS", "many"),
        ("SENTIMENT_MAX_TEXTS", "0"),
        ("SENTIMENT_MAX_BODY_BYTES", "-1"),
        ("SENTIMENT_BODY_SECONDS", "nan"),
        ("SENTIMENT_REQUESTS_PER_SECOND", "0"),
        ("SENTIMENT_LOG_TEXTS", "perhaps"),
        ("SENTIMENT_RELOAD_SECONDS", "-2"),
        ("SENTIMENT_ANSWER_SECONDS", "0"),
    ],
)
def test_a_bad_value_is_named_in_one_sentence(variable, value):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({variable: value, "SENTIMENT_MODEL": "m"})
    sentence = str(caught.value)
    assert variable in sentence and value in sentence
    assert "\n" not in sentence and sentence.endswith(".")


@pytest.mark.parametrize("blank", ["", "  ", "\t"])
def test_a_blank_key_does_not_open_the_service(blank):
    with pytest.raises(SettingsError, match="SENTIMENT_API_KEY is blank"):
        Settings.from_environment({"SENTIMENT_API_KEY": blank})
    assert Settings.from_environment({}).api_key is None


def test_without_a_setting_the_model_is_the_best_that_is_saved(course_home):
    """Also if it is saved while the server runs, and better ones after it."""
    client = Client(None)
    message = client("GET", "/ready").json()["message"]
    assert "Day 30's notebook" in message
    saved = artifacts.save(settings.ARTIFACT, served_model.write, budget="quick")
    assert settings.default_model() == saved
    client.look()
    quick = client("GET", "/ready").json()["manifest_sha256"]
    artifacts.save(
        settings.ARTIFACT,
        lambda folder: served_model.write(folder, sign=-1),
        budget="full",
    )
    client.look()
    assert client("GET", "/ready").json()["manifest_sha256"] != quick
    label = client.predict(json={"text": "good"}).json()["predictions"][0]["label"]
    assert label == "negative"


def test_a_misspelt_variable_is_reported_and_others_are_left_alone():
    environment = {
        "SENTIMENT_MAX_TEXT": "3",
        "SENTIMENT_SERVICE_HOST": "10.0.0.1",
        "SENTIMENT_MODEL": "m",
        "HOME": "/",
    }
    (sentence,) = settings.misspelt(environment)
    assert "SENTIMENT_MAX_TEXT is" in sentence and "SENTIMENT_MAX_TEXTS" in sentence


def test_the_server_needs_neither_keras_nor_a_backend(folder):
    code = (
        "import sys; from pathlib import Path\n"
        "from common.sentiment.api import create_app\n"
        "from common.sentiment.settings import Settings\n"
        f"create_app(Settings(model=Path({str(folder)!r})))\n"
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=support.ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.strip() == "[]", ran.stderr


def test_as_many_files_may_be_open_as_the_system_allows():
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
        limits.raise_open_files()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        unlimited = hard == resource.RLIM_INFINITY
        assert soft == (2**16 if unlimited else min(hard, 2**16))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
