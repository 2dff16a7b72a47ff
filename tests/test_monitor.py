"""The monitor: scrapes of the real service, windows across restarts, rules, command."""

import json

import numpy as np
import pytest
import served_model
from fastapi.testclient import TestClient

from common.sentiment import drift, monitor, watch
from common.sentiment.api import create_app
from common.sentiment.api.metrics import Metrics
from common.sentiment.predictor import Predictor
from common.sentiment.settings import Settings

GOOD, BAD = "a good wonderful fine film", "a dull and awful film, bad"
RNG = np.random.default_rng(0)


def mixed(n, share=0.5, words=""):
    """Texts of varying length, a share of them good ones."""
    return [
        (GOOD if RNG.random() < share else BAD) + " and so on" * int(RNG.integers(9))
        + words
        for _ in range(n)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return served_model.write(tmp_path_factory.mktemp("model") / "served")


@pytest.fixture(scope="module")
def predictor(folder):
    return Predictor.load(folder)


@pytest.fixture(scope="module")
def reference(predictor):
    texts = mixed(2_000)
    labels = np.array([GOOD in text for text in texts]).astype(int)
    return monitor.Reference.measured(predictor, texts, labels)


def counts_of(predictor, texts):
    return monitor.counted(texts, predictor.probabilities(texts))


def exposition(predictor, *batches):
    """What /metrics says after these batches were answered."""
    metrics = Metrics()
    metrics.serves(predictor)
    for texts in batches:
        metrics.predicted(texts, predictor.probabilities(texts), 0)
    return metrics.exposition().decode()


def test_a_scrape_of_the_running_service_is_what_was_sent(folder, predictor):
    texts = mixed(70)
    with TestClient(create_app(Settings(model=folder))) as client:
        while client.get("/ready").status_code != 200:
            pass
        before = monitor.read(client.get("/metrics").text)
        for start in (0, 35):
            answer = client.post("/predict", json={"texts": texts[start : start + 35]})
            assert answer.status_code == 200
        exposed = client.get("/metrics").text
        after = monitor.read(exposed)
    assert after.model == predictor.digest[:12]
    window, expected = monitor.window(before, after), counts_of(predictor, texts)
    for name in monitor.WATCHED:
        assert window[name].tolist() == expected[name].tolist(), name
    assert GOOD not in exposed and "awful" not in exposed  # no text is kept


def test_the_bins_are_those_of_the_service(predictor):
    snapshot = monitor.read(exposition(predictor, ["x" * 16, "x" * 17, "x" * 20_000]))
    row = snapshot.counts["text_characters"]
    assert row[0] == 1 and row[1] == 1 and row[-1] == 1
    assert len(row) == len(monitor.EDGES["text_characters"]) + 1


def test_quiet_on_the_same_kind_of_texts(predictor, reference):
    alarms = [
        monitor.check(reference, counts_of(predictor, mixed(300))) for _ in range(60)
    ]
    assert sum(map(bool, alarms)) <= 1


def test_longer_texts_and_other_answers_alarm_each_by_its_name(predictor, reference):
    longer = monitor.check(reference, counts_of(predictor, mixed(300, words=" x" * 99)))
    assert [alarm.statistic for alarm in longer] == ["text_characters"]
    happier = monitor.check(reference, counts_of(predictor, mixed(300, share=0.95)))
    assert "probability" in [alarm.statistic for alarm in happier]
    assert "PSI" in happier[0].sentence and "300 texts" in happier[0].sentence
    many = counts_of(predictor, mixed(9_000, words=" x" * 99))
    others = monitor.check(reference, many)
    assert "p < 1e-99, 9,000 texts" in others[-1].sentence  # a p-value is never 0


def test_a_certain_but_tiny_difference_is_nobodys_business(reference):
    many = {k: np.array(row) * 10_000 for k, row in reference.counts.items()}
    base = reference.model_copy(
        update={"counts": {k: row.tolist() for k, row in many.items()}}
    )
    used = np.flatnonzero(many["probability"])[:2]
    moved = {k: row.copy() for k, row in many.items()}
    step = int(0.01 * moved["probability"][used[0]])
    moved["probability"][used] += [step, -step]
    assert monitor.check(base, moved) == []
    awake = monitor.check(base, moved, monitor.Rules(smallest_psi=0))
    assert [alarm.statistic for alarm in awake] == ["probability"]


def test_the_difference_of_two_scrapes_survives_a_restart(predictor):
    first, second = mixed(50), mixed(30)
    before = monitor.read(exposition(predictor, first))
    went_on = monitor.read(exposition(predictor, first, second))
    anew = monitor.read(exposition(predictor, second))
    expected = counts_of(predictor, second)
    for after in (went_on, anew):
        window = monitor.window(before, after)
        assert all((window[name] == expected[name]).all() for name in expected)


def test_a_window_with_two_models_is_not_judged(predictor):
    snapshot = monitor.read(exposition(predictor, mixed(5)))
    assert monitor.window(snapshot, snapshot._replace(model="another")) is None


@pytest.mark.parametrize(
    "text", ["", "no metrics {", "# HELP x y\nx 1\n", "<html>proxy error</html>"]
)
def test_what_is_no_scrape_is_refused_in_a_sentence(text):
    with pytest.raises(monitor.MonitorError, match=r"^The scrape .*\.$"):
        monitor.read(text)


def test_the_expected_loss_is_nothing_on_the_reference(reference):
    same = {k: np.array(row) for k, row in reference.counts.items()}
    assert monitor.expected_loss(reference, same) == pytest.approx(0)


def test_the_expected_loss_sees_a_model_that_grows_unsure(reference):
    right = [0.5 if 3 <= i <= 6 else 0.95 for i in range(10)]
    sure = reference.model_copy(update={"right": right, "accuracy": 0.9})
    unsure = {"probability": np.array([0, 0, 0, 50, 50, 50, 50, 0, 0, 0])}
    assert monitor.expected_loss(sure, unsure) == pytest.approx(0.4)


def test_a_reference_is_written_and_read_and_checked(reference, tmp_path):
    path = tmp_path / "reference.json"
    with pytest.raises(monitor.MonitorError, match=r"no reference\.json"):
        monitor.Reference.load(path)
    reference.save(path)
    assert monitor.Reference.load(path) == reference
    path.write_text(path.read_text()[:-20])
    with pytest.raises(monitor.MonitorError, match="no reference of a model"):
        monitor.Reference.load(path)


@pytest.fixture
def looking(reference, predictor, tmp_path, monkeypatch):
    """Look once after these batches were answered: the status, and what was printed."""
    reference.save(tmp_path / "reference.json")

    def look(capsys, *batches):
        monkeypatch.setattr(
            watch, "_scraped", lambda url: exposition(predictor, *batches)
        )
        status = watch.main(["--folder", str(tmp_path)])
        return status, capsys.readouterr()

    return look


def test_the_command_remembers_judges_and_tells(looking, capsys):
    same, other = mixed(400), mixed(400, share=0.98)
    status, said = looking(capsys)
    assert status == 0 and json.loads(said.out)["judged"] is False
    status, said = looking(capsys, same[:50])  # too few: they wait for the others
    assert status == 0 and json.loads(said.out)["judged"] is False
    status, said = looking(capsys, same)
    assert (status, json.loads(said.out)["texts"]) == (0, 400)
    status, said = looking(capsys, same, other)
    assert status == 1 and "probability left" in json.loads(said.out)["alarms"][0]


@pytest.mark.parametrize("allowed", [False, True])
def test_no_text_is_kept_unless_that_is_allowed(
    allowed, folder, predictor, reference, tmp_path, monkeypatch, capfd
):
    texts = [f"{text} Xyzzy" for text in mixed(150)]
    reference.save(tmp_path / "reference.json")
    settings = Settings(model=folder, log_texts=allowed)
    with TestClient(create_app(settings)) as client:
        monkeypatch.setattr(watch, "_scraped", lambda url: client.get("/metrics").text)
        while client.get("/ready").status_code != 200:
            pass
        watch.look("", tmp_path)
        for start in (0, 50, 100):
            client.post("/predict", json={"texts": texts[start : start + 50]})
        assert watch.look("", tmp_path)["texts"] == 150
    kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == 2 and "xyzzy" not in "".join(kept).lower()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    logged = [text for line in lines for text in line.get("content", [])]
    assert logged == (texts if allowed else [])
    assert allowed or "xyzzy" not in json.dumps(lines).lower()
    if allowed:  # then, and only then, can the richer numbers be had
        numbers = drift.describe(logged, predictor.tokenizer)
        assert numbers["characters"].tolist() == [len(text) for text in texts]


def test_a_restart_in_a_short_window_loses_no_text(looking, capsys):
    old, few, more = mixed(300), mixed(40), mixed(500)
    looking(capsys, old)
    status, said = looking(capsys, few)  # the service started anew
    assert status == 0 and json.loads(said.out)["judged"] is False
    _, said = looking(capsys, few, more)  # every bin holds more than at the first look
    assert json.loads(said.out)["texts"] == 540


def test_another_model_and_a_silent_service_are_told(
    looking, capsys, tmp_path, reference
):
    reference.model_copy(update={"model": "f" * 12}).save(tmp_path / "reference.json")
    status, said = looking(capsys)
    assert status == 2 and "save one of the model that serves" in said.err


def test_a_service_that_does_not_answer_is_told(reference, tmp_path, capsys):
    reference.save(tmp_path / "reference.json")
    asked = ["--folder", str(tmp_path), "--url", "http://127.0.0.1:9"]
    assert watch.main(asked) == 2
    assert "cannot be read" in capsys.readouterr().err
