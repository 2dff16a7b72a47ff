"""The gate: each rule on numbers whose outcome is known, and equal to the lesson's."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binomtest

from common.sentiment import promotion
from tests.support import ROOT


class Told:
    """Stands for a predictor: its probabilities are given, text by text."""

    def __init__(self, probabilities, wait=0.0):
        self.known, self.wait = probabilities, wait
        self.manifest = SimpleNamespace(threshold=0.5)

    def probabilities(self, texts):
        if self.wait and len(texts) == 1:
            promotion.time.sleep(self.wait)
        return np.array([self.known[text] for text in texts])


def reviews(n=2_000, seed=0):
    """Texts, half of them with a negation, and labels."""
    rng = np.random.default_rng(seed)
    words = np.where(np.arange(n) % 2, "not bad at all", "a very good long film")
    texts = [f"{word} {i}" for i, word in enumerate(words)]
    return texts, rng.integers(0, 2, n)


def model(texts, labels, right, seed, sure=0.85, wait=0.0):
    """A model that is right with the given probability, one for each text."""
    correct = np.random.default_rng(seed).random(len(texts)) < right
    said = np.where(correct, labels, 1 - labels)
    return Told(dict(zip(texts, np.where(said, sure, 1 - sure), strict=True)), wait)


TEXTS, LABELS = reviews()
CHAMPION = model(TEXTS, LABELS, 0.80, 1, sure=0.8)


def judge(challenger, **options):
    return promotion.judge(CHAMPION, challenger, TEXTS, LABELS, timed=5, **options)


@pytest.mark.parametrize(
    "counts", [(11, 5), (5, 11), (8, 8), (0, 0), (1, 0), (400, 330)]
)
def test_mcnemar_is_the_binomial_test(counts):
    expected = binomtest(counts[0], sum(counts)).pvalue if sum(counts) else 1.0
    assert promotion.mcnemar(*counts) == pytest.approx(expected, rel=1e-9)


def test_discordant_counts_only_where_one_is_right():
    a, b = np.array([1, 1, 0, 0, 0], bool), np.array([1, 0, 1, 1, 0], bool)
    assert promotion.discordant(a, b) == (2, 1)


def test_the_bootstrap_has_the_width_of_the_normal_interval():
    difference = np.repeat([-1, 0, 1], [150, 1_650, 200])
    low, high = promotion.bootstrap(difference)
    half = 1.96 * difference.std() / math.sqrt(len(difference))
    assert low == pytest.approx(difference.mean() - half, abs=0.002)
    assert high == pytest.approx(difference.mean() + half, abs=0.002)


def test_the_bootstrap_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for i in range(300):
        sample = rng.choice([-1, 0, 1], size=500, p=[0.08, 0.8, 0.12])
        low, high = promotion.bootstrap(sample, draws=500, seed=i)
        held += low <= 0.04 <= high
    assert 0.91 <= held / 300 <= 0.985


def test_no_reviews_decide_nothing():
    assert promotion.bootstrap(np.array([], int)) == (-1.0, 1.0)


def test_a_better_challenger_is_accepted():
    decision = judge(model(TEXTS, LABELS, 0.88, 2))
    assert decision.accepted and decision.reasons == []
    assert 0.04 < decision.measured["gain"] < 0.12


@pytest.mark.parametrize(
    "right, reason", [(0.80, "It is not better beyond chance"), (0.70, "It is worse: ")]
)
def test_an_equal_and_a_worse_one_are_refused_each_in_its_words(right, reason):
    decision = judge(model(TEXTS, LABELS, right, 3, sure=0.8))
    assert not decision.accepted
    assert decision.reasons[0].startswith(reason)


def test_better_on_average_and_broken_on_a_slice_is_refused():
    negated = np.array(["not" in text for text in TEXTS])
    decision = judge(model(TEXTS, LABELS, np.where(negated, 0.68, 0.99), 4, sure=0.82))
    assert decision.measured["gain_low"] > 0
    assert any("worse on many negations" in reason for reason in decision.reasons)


def test_probabilities_that_are_further_off_are_refused():
    decision = judge(model(TEXTS, LABELS, 0.88, 5, sure=0.999))
    assert [r for r in decision.reasons if "calibration error" in r]


def test_the_same_answers_given_slowly_are_refused_for_the_time_alone():
    decision = judge(model(TEXTS, LABELS, 0.88, 2, wait=0.01))
    assert len(decision.reasons) == 1 and "too slow" in decision.reasons[0]


def test_a_slow_model_within_the_promised_time_is_fine():
    rules = promotion.Rules(latency_seconds=5)
    assert judge(model(TEXTS, LABELS, 0.88, 2, wait=0.002), rules=rules).accepted


def test_too_many_bytes_are_refused():
    decision = judge(model(TEXTS, LABELS, 0.88, 2), size=60 * 2**20)
    assert decision.reasons == ["It is too large: 60 MiB to load."]


def test_the_lesson_and_the_room_are_equal():
    notebook = json.loads((ROOT / "day28_registry/day28_registry.ipynb").read_text())
    source = "\n".join(
        "".join(cell["source"]).split("\n\n\n")[0]
        for cell in notebook["cells"]
        if "".join(cell["source"])
        .removeprefix("# NBVAL_CHECK_OUTPUT\n")
        .startswith(("def mcnemar(", "def bootstrap("))
    )
    lesson = {"math": math, "np": np}
    exec(source, lesson)
    for counts in ((11, 5), (0, 0), (3, 9), (70, 30)):
        assert lesson["mcnemar"](*counts) == promotion.mcnemar(*counts)
    difference = np.repeat([-1, 0, 1], [15, 165, 20])
    assert tuple(lesson["bootstrap"](difference)) == promotion.bootstrap(difference)
