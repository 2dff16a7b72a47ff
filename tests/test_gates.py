"""The gates of a release: each on candidates whose fate is known, and as a command."""

import ast
import itertools
import json
import math
import re
import subprocess
import sys
import textwrap
import time
from collections import Counter, namedtuple
from types import SimpleNamespace

import numpy as np
import pytest
import served_model
import support
import yaml

from common import program
from common.sentiment import behaviour, data, gates, release, secret_scan
from common.sentiment.features import Tokenizer, tokenise
from common.sentiment.gates import Gate

WORKFLOW = support.ROOT / "day34_cicd" / "workflow.yml"
NOTEBOOK = support.ROOT / "day34_cicd" / "day34_cicd.ipynb"


# --------------------------------------------------------------------- gates in a row


def asked(candidate, **options):
    row = (
        Gate("even", lambda n: "" if n % 2 == 0 else f"{n} is odd."),
        Gate("reciprocal", lambda n: "" if 1 / n < 1 else "Too large."),
        Gate("small", lambda n: "" if n < 10 else "It is large."),
    )
    return gates.run(row, candidate, **options)


def test_a_row_of_gates_ends_at_the_first_failure_with_its_reason():
    assert [one.passed for one in asked(4)] == [True] * 3
    assert gates.stopped_at(asked(4)) == ""
    (odd,) = asked(13)
    assert (odd.gate, odd.passed, odd.reason) == ("even", False, "13 is odd.")
    assert [one.passed for one in asked(13, stop=False)] == [False, True, False]
    assert gates.stopped_at(asked(12)) == "small"


def test_a_gate_that_cannot_be_checked_or_does_not_answer_is_closed():
    *_, raised = asked(0)
    assert not raised.passed and "ZeroDivisionError" in raised.reason
    for answer in (None, True, 0):
        (silent,) = gates.run([Gate("silent", lambda _, a=answer: a)], 1)
        assert not silent.passed and "no answer" in silent.reason


def test_the_report_has_a_line_for_each_gate_and_measures_it():
    slow = Gate("slow", lambda _: time.sleep(0.11) or "Too late.")
    outcomes = gates.run([Gate("quick", lambda _: ""), slow], None)
    quick, late = gates.report(outcomes).splitlines()
    assert quick.split() == ["quick", "passed", "0.0", "s"]
    assert late.split(maxsplit=4) == ["slow", "FAILED", "0.1", "s", "Too late."]


def test_expected_seconds_by_hand():
    assert gates.expected_seconds([10, 60], [0.1, 0.5]) == pytest.approx(64)
    assert gates.expected_seconds([60, 10], [0.5, 0.1]) == pytest.approx(65)
    assert gates.expected_seconds([], []) == 0


def test_the_order_by_ratio_is_the_best_of_all():
    rng = np.random.default_rng(0)
    for _ in range(30):
        costs, catches = rng.uniform(1, 60, 5), rng.uniform(0, 0.6, 5)
        every = [
            gates.expected_seconds(costs[list(order)], catches[list(order)])
            for order in itertools.permutations(range(5))
        ]
        best = gates.by_ratio(costs, catches)
        got = gates.expected_seconds(costs[best], catches[best])
        assert got == pytest.approx(min(every))
    assert gates.by_ratio([1, 100, 5], [0.0, 0.5, 0.5]) == [2, 1, 0]


# ---------------------------------------------------------------------------- secrets


def secrets_of_each_kind():
    rng = np.random.default_rng(1)
    letters = [*map(chr, (*range(48, 58), *range(65, 91), *range(97, 123)))]

    def random(count, signs=letters):
        return "".join(rng.choice(signs, count))

    capitals = [one for one in letters if not one.islower()]
    return {
        "private key": "-----BEGIN EC PRIVATE" + " KEY-----",
        "AWS access key": "AK" + "IA" + random(16, capitals),
        "GitHub token": "gh" + "p_" + random(36),
        "password": "db_pass" + "word = 'correct-horse'",
        "random word": f'send("{random(32)}")',
    }


@pytest.mark.parametrize("kind", secrets_of_each_kind())
def test_each_kind_of_secret_is_found_and_not_repeated(tmp_path, kind):
    line = secrets_of_each_kind()[kind]
    assert secret_scan.kind_of_secret(line) == kind
    assert secret_scan.kind_of_secret(f"{line}  # no-secret") == ""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "deploy.py").write_text(f"import os\n{line}\n", encoding="utf-8")
    assert secret_scan.scan(tmp_path) == [("a/deploy.py", 2, kind)]
    said = release.secrets(release.Candidate(tmp_path, tmp_path, tmp_path))
    assert "a/deploy.py, line 2" in said
    assert line not in said and line[-12:] not in said


@pytest.mark.parametrize(
    "line",
    [
        "",
        "password = os.environ['DATABASE_PASSWORD']",
        f"commit {'0123456789abcdef' * 4}",
        "from common.sentiment.pipeline.stages.shared import start_keras",
        "def test_an_endless_body_is_cut_off_after_a_bounded_amount(folder):",
        "x = keras.layers.GlobalAveragePooling1D(name='mean')(x)",
    ],
)
def test_ordinary_lines_are_no_secret(line):
    assert secret_scan.kind_of_secret(line) == ""


def test_most_random_keys_are_found_and_the_product_raises_no_alarm():
    rng = np.random.default_rng(2)
    signs = [*map(chr, (*b"-_", *range(48, 58), *range(65, 91), *range(97, 123)))]
    keys = ["".join(row) for row in rng.choice(signs, size=(500, 32))]
    assert np.mean([bool(secret_scan.kind_of_secret(key)) for key in keys]) > 0.97
    assert secret_scan.scan(support.ROOT / "common") == []


def test_environments_and_pictures_are_not_read(tmp_path):
    line = secrets_of_each_kind()["random word"]
    for place in (".venv/a.py", "b.png", "c.ipynb", "__pycache__/d.py"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(line, encoding="utf-8")
    assert secret_scan.scan(tmp_path) == []
    (tmp_path / ".env").write_text(line, encoding="utf-8")
    assert [found.file for found in secret_scan.scan(tmp_path)] == [".env"]


# -------------------------------------------------------------------------- behaviour


class Counting:
    """Good words minus bad ones; a bonus for some words; perhaps an ear for "not"."""

    def __init__(self, negates=False, favours=(), sign=1.0):
        self.negates, self.favours, self.sign = negates, favours, sign

    def probabilities(self, texts):
        z = []
        for text in texts:
            words = tokenise(text)
            total = sum((w in behaviour.PRAISE) - (w in behaviour.BLAME) for w in words)
            turned = -1 if self.negates and "not" in words else 1
            z.append(
                self.sign * turned * total
                + 3 * any(one in words for one in self.favours)
            )
        return 1 / (1 + np.exp(-np.array(z, float)))


FAVOURED = ("nurse", "lawyer", "pilot")
REVIEWS = ("A long film.", "A great story, and a poor end.", "I saw it.")


def test_behaviour_of_models_that_are_known():
    able = behaviour.pass_rates(Counting(negates=True), REVIEWS)
    assert able == dict.fromkeys(behaviour.CAPABILITIES, 1.0)
    deaf = behaviour.pass_rates(Counting(), REVIEWS)
    assert deaf == able | {"negation": 0.0}
    unfair = behaviour.pass_rates(Counting(negates=True, favours=FAVOURED), REVIEWS)
    assert unfair == able | {"people": 1 - 5 * 3 / 80}  # where the film is blamed
    turned = behaviour.pass_rates(Counting(negates=True, sign=-1), REVIEWS)
    assert turned["plain words"] == turned["praise added"] == turned["blame added"] == 0


def test_a_model_that_behaves_worse_than_the_champion_is_refused():
    corpus = SimpleNamespace(valid=data.Split(REVIEWS, np.array([0, 1, 0])))

    def said(champion, challenger):
        return release.behaviour(
            SimpleNamespace(current=champion, served=challenger, corpus=corpus)
        )

    able, deaf = Counting(negates=True), Counting()
    assert said(able, able) == said(deaf, able) == said(deaf, deaf) == ""
    assert "negation 0% pass, and 100% of the champion's" in said(able, deaf)
    assert "people" in said(able, Counting(negates=True, favours=FAVOURED))


# ------------------------------------------------------------------ a candidate's gates

SETTINGS = """
[features]
vocabulary_size = 500
max_tokens = 40
bigram_buckets = 64
[model]
embedding_dim = 8
[training]
epochs = 1
batch_size = 16
learning_rate = 0.03
"""
GOOD = ("good", "wonderful", "fine")
BAD = ("bad", "dull", "awful")


def reviews_of(count, start=0):
    """Different reviews whose label their one telling word decides."""
    labels = np.arange(count) % 2
    texts = tuple(
        f"film {start + i} was {(GOOD if label else BAD)[i % 3]} number{start + i}"
        for i, label in enumerate(labels)
    )
    return data.Split(texts, labels)


@pytest.fixture
def candidate(tmp_path):
    source, run = tmp_path / "source", tmp_path / "run"
    (source / "tests").mkdir(parents=True)
    (source / "sentiment.toml").write_text(SETTINGS, encoding="utf-8")
    write_test(source, "def test_it():\n    assert True")
    write_corpus(run / "ingest", reviews_of(200))
    served_model.write(run / "export" / "served")
    served_model.write(tmp_path / "champion")
    return release.Candidate(source, run, tmp_path / "champion")


def write_corpus(folder, train):
    folder.mkdir(parents=True, exist_ok=True)
    valid, test = reviews_of(300, 1_000), reviews_of(60, 2_000)
    data.write(folder, data.Corpus(train, valid, test, "made up", "stand_in", {}))


def write_test(source, code):
    text = textwrap.dedent(code)
    (source / "tests" / "test_it.py").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def test_it():\n    assert 1 + 1 == 2", "^$"),
        ("def test_it(candidate):\n    assert candidate.served", "^$"),
        ("def test_it():\n    assert 1 + 1 == 3", "^test_it fails.$"),
        ("def test_it():\n    raise OSError", "^test_it fails.$"),
        (
            "import itertools\nn = itertools.count()\n"
            "def test_it():\n    assert next(n) % 5",
            "^test_it is flaky: it failed in 4 of 20 runs.$",
        ),
        ("def helper():\n    assert False", "no test"),
    ],
)
def test_tests_pass_fail_waver_or_are_missing(candidate, code, said):
    write_test(candidate.source, code)
    assert re.search(said, release.tests(candidate))


def test_reviews_in_two_splits_are_refused(candidate):
    assert release.reviews(candidate) == ""
    leaked = data.Split(
        reviews_of(200).texts + reviews_of(60, 2_000).texts,
        np.concatenate([reviews_of(200).labels, reviews_of(60, 2_000).labels]),
    )
    write_corpus(candidate.run / "ingest", leaked)
    said = release.reviews(release.Candidate(candidate.source, candidate.run, "x"))
    assert "stand in two splits: 60 in train and test" in said


def test_training_that_learns_a_batch_passes_and_a_lost_rate_is_refused(candidate):
    assert release.training(candidate) == ""
    settings = SETTINGS.replace("0.03", "3e-7")
    (candidate.source / "sentiment.toml").write_text(settings, encoding="utf-8")
    lost = release.Candidate(candidate.source, candidate.run, candidate.champion)
    assert "cannot learn a batch by heart" in release.training(lost)


def test_a_loss_that_starts_elsewhere_is_refused(candidate, monkeypatch):
    from common.sentiment import training_checks

    logits = training_checks.evaluation.logits
    monkeypatch.setattr(
        training_checks.evaluation, "logits", lambda *given: logits(*given) + 2
    )
    said = release.training(candidate)
    assert re.search(r"starts at 1\.1\d\d, not at ln 2 = 0\.693", said)


def test_a_seed_that_fixes_nothing_is_refused(candidate, monkeypatch):
    from common.sentiment import training_checks

    digests = iter("ab")
    monkeypatch.setattr(training_checks, "weights_digest", lambda _: next(digests))
    assert "other weights the second time" in release.training(candidate)


def with_trained(candidate, tokenizer=None, shift=0.0):
    """Stand in for the Keras model: what is served, with another part."""
    served = candidate.served
    candidate.trained = SimpleNamespace(
        tokenizer=tokenizer or served.tokenizer,
        probabilities=lambda texts: served.probabilities(texts) + shift,
    )
    return candidate


def test_a_tokeniser_or_a_probability_that_differs_in_serving_is_refused(candidate):
    assert release.parity(with_trained(candidate)) == ""
    other = Tokenizer(served_model.WORDS[::-1], max_tokens=400)
    assert "other numbers" in release.parity(with_trained(candidate, other))
    assert "differ by 0.01" in release.parity(with_trained(candidate, shift=0.01))


def test_the_service_is_started_and_keeps_its_contract(candidate):
    assert release.service(candidate) == ""


def test_a_latency_that_regresses_is_refused(candidate):
    served = candidate.served
    assert release._too_slow(candidate) == ""

    class Late:
        def probabilities(self, texts):
            time.sleep(0.004)
            return served.probabilities(texts)

    candidate.served = Late()
    assert re.search(r"takes \d+.\d ms, \d+ times", release._too_slow(candidate))


def test_a_service_that_answers_for_another_model_is_refused(candidate, tmp_path):
    other = served_model.write(tmp_path / "other", sign=-1)
    candidate.served = release._predictor(other)
    assert "other probabilities" in release.service(candidate)


def test_a_model_that_is_not_whole_is_refused_at_once(candidate):
    (candidate.served_folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    began = time.monotonic()
    (outcome,) = gates.run([Gate("service", release.service)], candidate)
    assert not outcome.passed and "tokenizer.json" in outcome.reason
    assert time.monotonic() - began < 5


def test_a_challenger_has_to_be_better_than_the_champion(candidate):
    assert "not better beyond chance" in release.promotion(candidate)
    served_model.write(candidate.champion, sign=-1)
    better = release.Candidate(candidate.source, candidate.run, candidate.champion)
    assert release.promotion(better) == ""


# -------------------------------------------------------------- command and workflow


def test_a_gate_as_a_command_says_so_and_ends_with_a_status(candidate, capsys):
    folders = ["--source", str(candidate.source), "--run", str(candidate.run)]
    folders += ["--champion", str(candidate.champion)]
    assert release.main(["data", *folders]) == 0
    assert re.match(r"data +passed +\d+\.\d s\n$", capsys.readouterr().out)
    write_test(candidate.source, "def test_it():\n    assert False")
    assert release.main(["tests", *folders]) == 1
    assert "FAILED" in (out := capsys.readouterr().out) and "test_it fails." in out
    with pytest.raises(SystemExit) as ended:
        release.main(["luck", *folders])
    assert ended.value.code == 2


def test_the_quick_gates_start_without_keras(candidate):
    code = (
        "import sys; from common.sentiment import release\n"
        "assert release.main(sys.argv[1:]) == 0\n"
        "assert not {'keras', 'tensorflow', 'onnxruntime'} & set(sys.modules)"
    )
    for gate in ("secrets", "data"):
        command = [sys.executable, "-c", code, gate, "--source", candidate.source]
        subprocess.run(
            [*command, "--run", candidate.run], cwd=support.ROOT, check=True,
            capture_output=True,
        )  # fmt: skip


def test_the_module_runs_as_the_workflow_calls_it(candidate):
    command = program.command("common.sentiment.release", "secrets")
    done = subprocess.run(
        [*command, "--source", str(candidate.source)], capture_output=True, text=True
    )
    assert done.returncode == 0 and "secrets    passed" in done.stdout


def test_the_workflow_asks_every_gate_once_in_the_order_of_the_product():
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    calls = [
        step["run"].split()
        for job in jobs.values()
        for step in job["steps"]
        if "common.sentiment.release" in step.get("run", "")
    ]
    assert [call[:-1] for call in calls] == (
        [["python", "-m", "common.sentiment.release"]] * len(release.GATES)
    )
    assert [call[-1] for call in calls] == [gate.name for gate in release.GATES]


# --------------------------------------------------------------- lesson and product


def lesson(*starts):
    """Run the notebook's cells that begin so, up to their first experiment."""
    cells = [
        "".join(cell["source"]).removeprefix("# NBVAL_CHECK_OUTPUT\n")
        for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    ]
    names = {"np": np, "Counter": Counter, "math": math, "time": time,
             "namedtuple": namedtuple, "behaviour": behaviour}  # fmt: skip
    for start in starts:
        (cell,) = (one for one in cells if one.startswith(start))
        functions = [
            node
            for node in ast.parse(cell).body
            if isinstance(node, ast.FunctionDef)
            or (isinstance(node, ast.Assign) and "namedtuple" in ast.unparse(node))
        ]
        exec("\n\n".join(map(ast.unparse, functions)), names)
    return SimpleNamespace(**names)


def test_the_lesson_and_the_rooms_are_equal():
    told = lesson("Gate =", "def entropy(", "def people(", "def expected_seconds(")
    row = [Gate("even", lambda n: "" if n % 2 == 0 else "Odd."),
           Gate("none", lambda n: None), Gate("raises", lambda n: 1 / 0)]  # fmt: skip
    for stop in (True, False):
        for n in (1, 2):
            ours, theirs = told.run(row, n, stop), gates.run(row, n, stop=stop)
            assert [one[:3] for one in ours] == [one[:3] for one in theirs]
    for word in ("aaaa", "abab", "Xy7_zQ"):
        assert told.entropy(word) == secret_scan.entropy(word)
    for model in (Counting(), Counting(favours=FAVOURED)):
        np.testing.assert_array_equal(told.people(model), behaviour.people(model))
    costs, catches = [5, 30, 120, 7], [0.01, 0.2, 0.4, 0]
    assert told.by_ratio(costs, catches) == gates.by_ratio(costs, catches)
    assert told.expected_seconds(costs, catches) == (
        gates.expected_seconds(costs, catches)
    )
