"""What follows from an alarm: each road of the decision; a trigger fires once."""

import json
import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from scipy.stats import binomtest
from test_pipeline import dataset, small

from common.sentiment import pipeline
from common.sentiment.predictor import Predictor
from common.sentiment.reaction import (
    Action,
    Bounds,
    Evidence,
    Outcome,
    Trigger,
    decide,
    key,
    wilson,
)

ROADS = [
    (Evidence(0.88), Action.NOTHING),
    (Evidence(0.88, inputs_alarm=True), Action.LABEL),
    (Evidence(0.88, answers_alarm=True), Action.LABEL),
    (Evidence(0.88, expected_loss=0.03), Action.LABEL),
    (Evidence(0.88, expected_loss=0.01), Action.NOTHING),
    (Evidence(0.88, inputs_alarm=True, labelled=2_000, right=1_760), Action.DISMISS),
    (Evidence(0.88, labelled=2_000, right=1_760), Action.NOTHING),
    (Evidence(0.88, inputs_alarm=True, labelled=200, right=140), Action.LABEL),
    (Evidence(0.88, inputs_alarm=True, labelled=600, right=420), Action.RETRAIN),
    (Evidence(0.88, labelled=600, right=420), Action.RETRAIN),  # no alarm: a new rule
    (
        Evidence(0.88, answers_alarm=True, labelled=600, right=420, model_is_new=True),
        Action.ROLL_BACK,
    ),
    (Evidence(0.88, answers_alarm=True, model_is_new=True), Action.ROLL_BACK),
    (
        Evidence(0.88, inputs_alarm=True, answers_alarm=True, model_is_new=True),
        Action.LABEL,
    ),
    (Evidence(0.88, inputs_alarm=True, labelled=50, right=43), Action.LABEL),
    (Evidence(0.88, labelled=500, right=425), Action.LABEL),  # no alarm, but low
    (Evidence(0.88, labelled=500, right=435), Action.NOTHING),  # open, and not low
]


@pytest.mark.parametrize("evidence, action", ROADS)
def test_each_road_ends_where_it_should_with_a_sentence(evidence, action):
    decision = decide(evidence)
    assert decision.action is action
    assert decision.sentence[0].isupper() and decision.sentence.endswith(".")


def test_the_roads_reach_every_action():
    assert {action for _, action in ROADS} == set(Action)


def test_bounds_are_the_teams_own():
    evidence = Evidence(0.88, labelled=600, right=420)
    assert decide(evidence, Bounds(enough_to_learn=5_000)).action is Action.LABEL
    assert decide(evidence, Bounds(loss=0.3)).action is Action.NOTHING


@pytest.mark.parametrize("right, n", [(0, 10), (10, 10), (140, 200), (263, 300)])
def test_wilson_is_scipys(right, n):
    theirs = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert wilson(right, n, 1.959964) == pytest.approx((theirs.low, theirs.high))


def test_wilson_of_nothing_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_key_is_of_a_model_and_its_labels():
    assert key("a", "b") == key("a", "b")
    assert len({key("a", "b"), key("a", "c"), key("b", "b"), key("a b", "")}) == 4


def trigger_of(tmp_path, start, cool_down=0.0, clock=time.time):
    return Trigger(tmp_path / "trigger", start, cool_down, clock)


def test_a_hundred_alarms_start_one_retraining(tmp_path):
    starts, begun = [], threading.Event()

    def start():
        starts.append(1)
        begun.set()
        time.sleep(0.2)

    trigger = trigger_of(tmp_path, start)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: trigger.fire("k"), range(100)))
    assert len(starts) == 1 and outcomes.count(Outcome.STARTED) == 1
    assert set(outcomes) <= {Outcome.STARTED, Outcome.AT_WORK, Outcome.DONE_BEFORE}
    assert trigger.fire("k") is Outcome.DONE_BEFORE


def test_a_hundred_alarms_run_the_pipeline_once(tmp_path):
    told = []

    def retrain():
        settings = small(training={"epochs": 1})
        pipeline.run(settings, tmp_path / "run", dataset=dataset(), say=told.append)

    trigger = trigger_of(tmp_path, retrain, cool_down=3_600)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: trigger.fire("k"), range(100)))
    assert outcomes.count(Outcome.STARTED) == 1
    assert sum(line.startswith("train ") for line in told) == 1, told
    served = Predictor.load(tmp_path / "run" / pipeline.SERVED)
    assert served.probabilities(["a good film"]).shape == (1,)
    assert trigger.fire("k") is Outcome.DONE_BEFORE
    assert trigger.fire("other labels") is Outcome.COOLING_DOWN
    assert [row["state"] for row in trigger.history()] == ["started", "done"]


def test_another_key_waits_for_the_cool_down(tmp_path):
    now, starts = [1_000.0], []
    trigger = trigger_of(tmp_path, lambda: starts.append(1), 60, lambda: now[0])
    assert trigger.fire("a") is Outcome.STARTED
    assert trigger.fire("b") is Outcome.COOLING_DOWN
    now[0] += 61
    assert trigger.fire("b") is Outcome.STARTED
    assert trigger.fire("a") is Outcome.DONE_BEFORE and len(starts) == 2


def test_a_failure_is_noted_raised_and_may_be_tried_again_later(tmp_path):
    now, broken = [1_000.0], [True]

    def start():
        if broken[0]:
            raise RuntimeError("no disk")

    trigger = trigger_of(tmp_path, start, 60, lambda: now[0])
    with pytest.raises(RuntimeError, match="no disk"):
        trigger.fire("a")
    assert [row["state"] for row in trigger.history()] == ["started", "failed"]
    broken[0] = False
    assert trigger.fire("a") is Outcome.COOLING_DOWN  # not again and again
    now[0] += 61
    assert trigger.fire("a") is Outcome.STARTED


def _fire_and_hang(folder, ready):
    def start():
        ready.set()
        time.sleep(60)

    Trigger(folder, start, 0.0).fire("a")


def test_a_kill_half_way_lets_go_of_the_lock_and_is_remembered(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    killed = context.Process(target=_fire_and_hang, args=(tmp_path / "trigger", ready))
    killed.start()
    try:
        assert ready.wait(60)
        mine = trigger_of(tmp_path, lambda: None)
        assert mine.fire("a") is Outcome.AT_WORK
    finally:
        killed.kill()
        killed.join(20)
    patient = trigger_of(tmp_path, lambda: None, cool_down=3_600)
    assert patient.fire("a") is Outcome.COOLING_DOWN
    assert mine.fire("a") is Outcome.STARTED


def test_half_a_line_in_the_ledger_stops_nobody(tmp_path):
    trigger = trigger_of(tmp_path, lambda: None)
    trigger.fire("a")
    ledger = tmp_path / "trigger" / "retrainings.jsonl"
    assert all(json.loads(line) for line in ledger.read_text().splitlines())
    ledger.write_text(ledger.read_text() + '{"key": "b", "sta')
    assert len(trigger.history()) == 2
    assert trigger.fire("a") is Outcome.DONE_BEFORE
