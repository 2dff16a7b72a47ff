"""The gates of the sentiment product: what a change must pass before it is released.

    python -m common.sentiment.release secrets
    python -m common.sentiment.release promotion --run run --champion champion

The first four look at the change alone; the others need the model that the pipeline
made of it (`run/`, as `dvc repro` leaves it) and the folder that serves now. The exit
status is 0 if the gate let the change pass, 1 if it did not and said why, 2 if an
option is unknown. `day34_cicd/workflow.yml` calls them in this order.
"""

from __future__ import annotations

import argparse
import inspect
import runpy
import sys
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common import program
from common.sentiment import data, gates, secret_scan
from common.sentiment.config import Config
from common.sentiment.features import Tokenizer
from common.sentiment.gates import Gate
from common.sentiment.pipeline.stages.shared import start_keras

if TYPE_CHECKING:
    from common.sentiment.export import SentimentModel
    from common.sentiment.predictor import Predictor

REPEATS = 20
"""How often the tests run: one that fails with probability 0.2 shows in 99 %."""
BATCH, EPOCHS = 64, 40
"""One batch, and how often the network sees it."""
START_LOSS = 0.01
"""How far from ln 2 the loss may start."""
TEXTS = 1_000
"""Validation reviews that the gates of tokeniser and behaviour read."""
WORSE = 0.1
"""How much lower than the champion's a capability's pass rate may be."""
ODD = ("", "Don’t “miss” it", "A<br />B", "Café, naïve", "ﬁlm No. 1", "100 % NOT good")
ODD += ("good " + "bad " * 3_000 + "fine",)
"""Texts on which tokenisers like to differ; the last is longer than any limit."""


class Candidate:
    """A change on its way: its files, the model made of them, and who serves now."""

    def __init__(self, source: str | Path, run: str | Path, champion: str | Path):
        """Take the folders; nothing is read before a gate asks for it.

        Args:
            source: of the change: sentiment.toml, tests/, and all other files.
            run: holds ingest/ and export/ as the pipeline writes them.
            champion: the served folder that the change wants to replace.
        """
        self.source, self.run, self.champion = map(Path, (source, run, champion))

    @cached_property
    def config(self) -> Config:
        """The settings that the change brings."""
        return Config.load(self.source / "sentiment.toml")

    @cached_property
    def corpus(self) -> data.Corpus:
        """The reviews; the gates judge on the validation split."""
        return data.read(self.run / "ingest")

    @cached_property
    def trained(self) -> SentimentModel:
        """The model as training left it, in Keras."""
        start_keras()
        from common.sentiment import export

        return export.load_keras(self.run / "export" / "model")

    @property
    def served_folder(self) -> Path:
        """What a server would load."""
        return self.run / "export" / "served"

    @cached_property
    def served(self) -> Predictor:
        """The model as a server would run it."""
        return _predictor(self.served_folder)

    @cached_property
    def current(self) -> Predictor:
        """The model that serves now."""
        return _predictor(self.champion)


def _predictor(folder: Path) -> Predictor:
    from common.sentiment.predictor import Predictor

    return Predictor.load(folder)


def secrets(candidate: Candidate) -> str:
    """No file of the change holds what looks like a key."""
    found = secret_scan.scan(candidate.source)
    if not found:
        return ""
    first = found[0]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{first.file}, line {first.line}, looks like a {first.kind}{more}."


def tests(candidate: Candidate) -> str:
    """The tests of the change pass, and pass each time.

    A test is a function `test_…` in tests/test_*.py; it gets the candidate if it takes
    an argument.
    """
    failures: dict[str, int] = {}
    for path in sorted(candidate.source.glob("tests/test_*.py")):
        for name, function in runpy.run_path(str(path)).items():
            if name.startswith("test_") and callable(function):
                given = [candidate] * len(inspect.signature(function).parameters)
                failures[name] = sum(_fails(function, given) for _ in range(REPEATS))
    if not failures:
        return "There is no test in tests/."
    bad = {name: count for name, count in failures.items() if count}
    said = [
        f"{name} fails" if count == REPEATS
        else f"{name} is flaky: it failed in {count} of {REPEATS} runs"
        for name, count in bad.items()
    ]  # fmt: skip
    return "; ".join(said) + "." if said else ""


def _fails(function, given) -> bool:
    try:
        function(*given)
    except Exception:
        return True
    return False


def reviews(candidate: Candidate) -> str:
    """The data may be learnt from: Day 29's checks."""
    return " ".join(
        one.sentence for one in data.validate(candidate.corpus) if not one.passed
    )


def training(candidate: Candidate) -> str:
    """The training code learns: see `common.sentiment.training_checks`."""
    start_keras()
    from common.sentiment import training_checks

    config, (texts, labels) = candidate.config, candidate.corpus.train
    chosen = np.concatenate([np.flatnonzero(labels == y)[: BATCH // 2] for y in (0, 1)])
    batch = [texts[i] for i in chosen]
    tokenizer = Tokenizer.fit(batch, **config.features.model_dump())
    return training_checks.problem(
        config, tokenizer.size, tokenizer.batch(batch), labels[chosen],
        epochs=EPOCHS, start_loss=START_LOSS,
    )  # fmt: skip


def parity(candidate: Candidate) -> str:
    """Training and serving see the same numbers and say the same probability."""
    from common.sentiment.export import PARITY

    texts = [*ODD, *candidate.corpus.valid.texts[:TEXTS]]
    ours, theirs = candidate.trained.tokenizer, candidate.served.tokenizer
    other = sum(not np.array_equal(ours.encode(t), theirs.encode(t)) for t in texts)
    if other:
        return (
            f"{other:,} of {len(texts):,} texts become other numbers in serving than "
            "in training."
        )
    gap = np.abs(
        candidate.trained.probabilities(texts) - candidate.served.probabilities(texts)
    ).max()
    if not gap < PARITY:
        return f"Training and serving differ by {gap:.2g} in probability."
    return ""


def behaviour(candidate: Candidate) -> str:
    """No capability is clearly below the champion's."""
    from common.sentiment.behaviour import pass_rates

    texts = candidate.corpus.valid.texts[:TEXTS]
    before = pass_rates(candidate.current, texts)
    after = pass_rates(candidate.served, texts)
    return "; ".join(
        f"of the tests of {name} {after[name]:.0%} pass, and {before[name]:.0%} of the "
        "champion's"
        for name in before
        if after[name] < before[name] - WORSE
    )


def service(candidate: Candidate) -> str:
    """The service starts with it, keeps its contract, and is not slower."""
    candidate.served.probabilities(ODD)  # a model that is not whole ends here
    problem = _contract(candidate)
    return problem or _too_slow(candidate)


def _contract(candidate: Candidate) -> str:
    import httpx

    command = program.command("common.sentiment.api", "--port", "{port}")
    with tempfile.TemporaryDirectory() as folder:
        server = program.Server(
            command, "/ready", Path(folder),
            SENTIMENT_MODEL=str(candidate.served_folder.resolve()),
        )  # fmt: skip
        try:
            url = server.wait(60).url
            with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
                return _answers(candidate, client)
        finally:
            server.stop()


def _answers(candidate: Candidate, client) -> str:
    texts = ["A fine film.", "Not a fine film.", *candidate.corpus.valid.texts[:6]]
    said = client.post("/predict", json={"texts": texts})
    if said.status_code != 200:
        return f"The service answers a batch of reviews with {said.status_code}."
    got = [one["probability"] for one in said.json()["predictions"]]
    if not np.allclose(got, candidate.served.probabilities(texts), atol=1e-6):
        return "The service gives other probabilities than the model."
    if said.json()["manifest_sha256"] != candidate.served.digest:
        return "The service names another model."
    for body in ({}, {"text": ""}, {"text": 3}, {"texts": []}, {"review": "Fine."}):
        status = client.post("/predict", json=body).status_code
        if status != 422:
            return f"The service answers the bad request {body} with {status}, not 422."
    return ""


def _too_slow(candidate: Candidate) -> str:
    from common.sentiment.promotion import Rules, seconds_a_text

    rules, texts = Rules(), candidate.corpus.valid.texts[:100]
    p99 = seconds_a_text(
        {"now": candidate.current, "new": candidate.served}, texts, rounds=3
    )
    if p99["new"] > max(rules.slower * p99["now"], rules.latency_seconds):
        return (
            f"A slow review takes {1000 * p99['new']:.1f} ms, "
            f"{p99['new'] / p99['now']:.0f} times the champion's."
        )
    return ""


def promotion(candidate: Candidate) -> str:
    """It is better than the champion: Day 28's gate, on the validation reviews."""
    from common.sentiment import promotion as rules

    texts, labels = candidate.corpus.valid
    size = rules.size_of(candidate.served_folder)
    decision = rules.judge(
        candidate.current, candidate.served, texts, labels, size=size, timed=50
    )
    return " ".join(decision.reasons)


GATES = (
    Gate("secrets", secrets),
    Gate("tests", tests),
    Gate("data", reviews),
    Gate("training", training),
    Gate("parity", parity),
    Gate("behaviour", behaviour),
    Gate("service", service),
    Gate("promotion", promotion),
)
"""In the order in which the workflow asks them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask one gate from the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m common.sentiment.release",
        description="Ask one gate whether a change may be released.",
    )
    parser.add_argument("gate", choices=[gate.name for gate in GATES])
    parser.add_argument("--source", type=Path, default=Path())
    parser.add_argument("--run", type=Path, default=Path("run"))
    parser.add_argument("--champion", type=Path, default=Path("champion"))
    asked = parser.parse_args(arguments)
    candidate = Candidate(asked.source, asked.run, asked.champion)
    chosen = [gate for gate in GATES if gate.name == asked.gate]
    outcomes = gates.run(chosen, candidate)
    print(gates.report(outcomes), flush=True)
    return 1 if gates.stopped_at(outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
