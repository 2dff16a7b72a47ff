"""Drift in numbers: equal to SciPy, as quiet as promised, and awake where it counts."""

import ast
import itertools

import nbformat
import numpy as np
import pytest
import support
from scipy import stats

from common.sentiment import drift
from common.sentiment.features import Tokenizer

TOKENIZER = Tokenizer(("the", "film", "good", "not"), max_tokens=50)


def test_psi_is_both_divergences_of_the_smoothed_shares():
    rng = np.random.default_rng(0)
    for _ in range(10):
        one, other = rng.integers(0, 50, (2, 8))
        p, q = ((row + 0.5) / (row.sum() + 4) for row in (one, other))
        both = stats.entropy(p, q) + stats.entropy(q, p)
        assert drift.psi(one, other) == pytest.approx(both, rel=1e-9)
        assert drift.psi(one, other) == pytest.approx(drift.psi(other, one))


def test_psi_of_equal_shares_is_nothing_and_of_empty_bins_finite():
    assert drift.psi(np.array([10, 20]), np.array([10, 20])) == 0
    assert np.isfinite(drift.psi(np.array([10, 0]), np.array([0, 10])))
    assert np.isfinite(drift.psi(np.array([10, 20]), np.array([0, 0])))


def test_psi_without_drift_has_the_size_that_the_lesson_states():
    rng = np.random.default_rng(1)
    n, m, bins = 200, 2_000, 10
    sizes = [
        drift.psi(
            rng.multinomial(m, np.ones(bins) / bins),
            rng.multinomial(n, np.ones(bins) / bins),
        )
        for _ in range(2_000)
    ]
    assert np.mean(sizes) == pytest.approx((bins - 1) * (1 / n + 1 / m), rel=0.06)
    limit = stats.chi2.ppf(0.95, bins - 1) * (1 / n + 1 / m)
    assert 0.03 < np.mean(np.array(sizes) > limit) < 0.075


def test_chi_square_is_scipys_where_no_bin_is_sparse():
    table = np.array([[300, 250, 120, 80], [60, 70, 20, 30]])
    theirs = stats.chi2_contingency(table, correction=False)
    assert drift.chi_square(*table) == pytest.approx(theirs.pvalue, rel=1e-9)


def test_sparse_bins_are_joined_and_nothing_is_lost():
    reference, window = np.array([500, 3, 1, 496, 0]), np.array([40, 2, 1, 57, 0])
    joined = np.array([[500, 500], [40, 60]])
    theirs = stats.chi2_contingency(joined, correction=False).pvalue
    assert drift.chi_square(reference, window) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("window", [[0, 0, 0], [3, 0, 0]])
def test_too_little_to_judge_is_no_difference(window):
    assert drift.chi_square(np.array([50, 0, 0]), np.array(window)) == 1.0


def test_the_chi_square_test_keeps_its_risk_and_sees_a_change():
    rng = np.random.default_rng(2)
    p = np.array([0.3, 0.2, 0.2, 0.15, 0.1, 0.05])
    moved = np.array([0.2, 0.2, 0.2, 0.15, 0.1, 0.15])
    reference = rng.multinomial(20_000, p)
    same, other = (
        [drift.chi_square(reference, rng.multinomial(300, q)) for _ in range(1_000)]
        for q in (p, moved)
    )
    assert 0.03 < np.mean(np.array(same) < 0.05) < 0.075
    assert np.mean(np.array(other) < 0.001) > 0.95


def test_holm_on_numbers_worked_by_hand():
    p = {"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.5}
    # 0.01 <= 0.05 / 4; 0.02 > 0.05 / 3, so that c is not even asked
    assert drift.holm(p, 0.05) == {"a"}
    assert drift.holm({"a": 0.01, "b": 0.016, "c": 0.02}, 0.05) == {"a", "b", "c"}
    assert drift.holm({"a": 0.06}, 0.05) == set() and drift.holm({}, 0.05) == set()


def test_holm_contains_bonferroni():
    rng = np.random.default_rng(3)
    for _ in range(200):
        p = dict(zip("abcde", rng.random(5) ** 4, strict=True))
        bonferroni = {name for name, value in p.items() if value <= 0.05 / 5}
        assert bonferroni <= drift.holm(p, 0.05)


def test_bins_hold_equal_shares_and_every_value():
    values = np.random.default_rng(4).normal(size=1_000)
    edges = drift.quantile_edges(values)
    counts = drift.binned(values, edges)
    assert len(edges) == 9 and counts.sum() == 1_000
    assert counts.min() >= 99 and counts.max() <= 101
    assert drift.binned(np.array([-9.0, 9.0]), edges)[[0, -1]].tolist() == [1, 1]


def test_an_edge_belongs_to_the_bin_below_and_ties_make_fewer_bins():
    assert drift.binned(np.array([1.0, 2.0, 2.1]), np.array([2.0])).tolist() == [2, 1]
    assert len(drift.quantile_edges(np.zeros(100))) == 1


def test_a_text_in_four_numbers():
    numbers = drift.describe(["The film isn't good xyzzy", "", "the the"], TOKENIZER)
    assert list(numbers) == list(drift.DESCRIBED)
    assert numbers["characters"].tolist() == [25, 0, 7]
    assert numbers["unknown"].tolist() == pytest.approx([2 / 5, 0, 0])
    assert numbers["negations"].tolist() == pytest.approx([1 / 5, 0, 0])
    ranks = np.log([1, 2, 3]).mean()
    assert numbers["rarity"].tolist() == pytest.approx([ranks, 0, 0])


def test_negations_are_those_of_the_evaluation():
    path = support.ROOT / "common" / "sentiment" / "evaluation.py"  # it needs Keras
    wanted = [
        node
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "NEGATIONS"
    ]
    space: dict = {}
    exec(compile(ast.Module(wanted, []), path.name, "exec"), space)
    assert space["NEGATIONS"] == drift.NEGATIONS


def test_expected_accuracy_on_the_lessons_four_texts():
    found = drift.expected_accuracy(np.array([0.9, 0.8, 0.3, 0.55]))
    assert found.accuracy == pytest.approx(0.7375)
    at_60 = drift.expected_accuracy(np.array([0.55]), threshold=0.6)
    assert at_60.accuracy == pytest.approx(0.45)


def test_expected_accuracy_is_right_for_a_calibrated_model_and_says_how_far_off():
    rng = np.random.default_rng(5)
    misses = []
    for _ in range(300):
        p = rng.beta(0.6, 0.6, 400)
        labels = rng.random(400) < p
        measured = np.mean((p >= 0.5) == labels)
        found = drift.expected_accuracy(p)
        misses.append((measured - found.accuracy) / found.error)
    assert abs(np.mean(misses)) < 0.2 and 0.85 < np.std(misses) < 1.15


def test_a_changed_rule_fools_it():
    p = np.full(1_000, 0.9)
    labels = np.repeat([0, 1], 500)  # half of what it is sure of is wrong by now
    assert drift.expected_accuracy(p).accuracy - np.mean((p >= 0.5) == labels) > 0.35


def test_the_lesson_and_the_room_agree(day33):
    psi_np, ks_np = day33("psi_np"), day33("ks_np")
    p, q = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.2, 0.3, 0.3, 0.2])
    many = 10**7  # so many that half a count more is nothing
    assert drift.psi(many * p, many * q) == pytest.approx(psi_np(p, q), rel=1e-5)
    a, b = np.array([1.0, 3, 4, 7]), np.array([5.0, 6, 8, 9, 10])
    both = np.concatenate([a, b])
    deals = [
        np.isin(np.arange(9), chosen) for chosen in itertools.combinations(range(9), 4)
    ]
    p_value = np.mean([ks_np(both[d], both[~d]) >= 0.75 - 1e-12 for d in deals])
    exact = stats.ks_2samp(a, b, method="exact").pvalue
    assert p_value == pytest.approx(exact)


@pytest.fixture
def day33():
    """A function that gives one of the functions that the notebook defines."""
    book = nbformat.read(support.ROOT / "day33_drift" / "day33_drift.ipynb", 4)
    nodes = [
        node
        for cell in book.cells
        if cell.cell_type == "code"
        for node in ast.parse(cell.source).body
        if isinstance(node, ast.FunctionDef)
    ]

    def function(name):
        space = {"np": np, "itertools": itertools}
        wanted = [node for node in nodes if node.name == name]
        exec(compile(ast.Module(wanted, []), "day33", "exec"), space)
        return space[name]

    return function
