"""The page of the sentiment model: its client, its files, its words, its situations.

Everything in memory; tests/test_ui_browser.py looks at it with a browser.
"""

from __future__ import annotations

import csv
import gc
import io
import json
from pathlib import Path

import httpx
import numpy as np
import pytest
import served_model

from common.sentiment import bundle, ui, ui_client, ui_files, ui_jobs
from common.sentiment.features import FIRST_WORD, PADDING, Tokenizer
from common.sentiment.ui_breakages import breakages
from common.sentiment.ui_client import Api, Limits, Trouble
from common.sentiment.ui_pretend import KEY, Pretend
from common.sentiment.ui_situations import SITUATIONS, failure, name_of
from common.sentiment.ui_words import NotAdditive, Words

TEXT = "A good, not a bad film"


def write_averaged(folder: Path, *, buckets: int = 50) -> Path:
    """Write a model like the product's, a mean and a linear layer, made at once."""
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(served_model.WORDS, max_tokens=20, bigram_buckets=buckets)
    weights = np.random.default_rng(0).normal(size=(tokenizer.size, 1))
    weights[FIRST_WORD : FIRST_WORD + 3] += 3
    weights[PADDING] = 0
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    node = helper.make_node
    graph = helper.make_graph(
        [
            node("Gather", ["weights", "ids"], ["looked_up"]),
            node("ReduceSum", ["looked_up", "axes"], ["sum"], keepdims=0),
            node("Cast", ["ids"], ["bits"], to=TensorProto.BOOL),  # False for padding
            node("Cast", ["bits"], ["ones"], to=TensorProto.FLOAT),
            node("ReduceSum", ["ones", "axes"], ["count"], keepdims=1),
            node("Div", ["sum", "count"], ["mean"]),
            node("Add", ["mean", "bias"], ["logit"]),
        ],
        "mean",
        [helper.make_tensor_value_info("ids", TensorProto.INT32, ["batch", "length"])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["batch", 1])],
        [
            numpy_helper.from_array(weights.astype(np.float32), "weights"),
            numpy_helper.from_array(np.array([0.25], np.float32), "bias"),
            axes,
        ],
    )
    made = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    (folder / bundle.ONNX_MODEL).write_bytes(made.SerializeToString())
    bundle.write(folder, kind="bigrams", tokenizer=tokenizer, temperature=1.5)
    return folder


@pytest.fixture(scope="module", autouse=True)
def nothing_old_is_searched():
    """Streamlit collects garbage after every run of a script, through all there is."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_averaged(tmp_path_factory.mktemp("averaged"))


@pytest.fixture(scope="module")
def words(folder: Path) -> Words:
    return Words.load(folder)


# ---- the page


@pytest.mark.parametrize("situation", SITUATIONS, ids=name_of)
def test_the_page_does_what_it_must(situation, words, folder):
    assert not failure(situation, words, folder)


def test_every_breakage_is_seen_by_the_situation_meant_for_it(words, folder):
    unseen = [
        name
        for name, (meant, changes) in breakages(words).items()
        if not failure(meant, words, folder, changes)
    ]
    assert not unseen
    left = [name_of(one) for one in SITUATIONS[:4] if failure(one, words, folder)]
    assert not left, "a breakage outlived its turn"


def test_a_page_that_raises_does_not_hold(words, folder):
    changes = [(ui, "foot", None)]
    assert failure(SITUATIONS[0], words, folder, changes)


@pytest.mark.parametrize(
    ("given", "sure"),
    [("0.7", 0.7), ("", 0.8), ("much", 0.8), ("1.5", 0.8), ("nan", 0.8)],
)
def test_the_level_for_a_verdict(monkeypatch, given, sure):
    monkeypatch.setenv("SENTIMENT_UI_SURE", given)
    assert ui.sure_from() == sure


def test_no_probability_is_shown_as_certain():
    assert [ui.percent(p) for p in (0.5, 0.934, 0.99, 0.9999, 1.0)] == [
        "50 %",
        "93 %",
        "99 %",
        "more than 99 %",
        "more than 99 %",
    ]


# ---- the words


@pytest.mark.parametrize("buckets", [0, 50])
@pytest.mark.parametrize(
    "text", [TEXT, "", "good", "unheard of", "bad " * 100, "Ein guter Film, très fine"]
)
def test_the_parts_sum_to_the_logit(tmp_path, buckets, text):
    words = Words.load(write_averaged(tmp_path, buckets=buckets))
    made = words.of(text)
    want = words.logits([text]).item() / words.manifest.temperature
    assert made.logit == pytest.approx(want, abs=1e-5)
    assert made.probability == pytest.approx(
        words.probabilities([text]).item(), abs=1e-5
    )
    assert len(made.words) == len(made.shares) == len(made.known)


def test_a_pair_belongs_to_both_of_its_words(words):
    made = words.of("good bad")
    ids = words.tokenizer.encode("good bad")  # the mark, two words, two pairs
    (alone,) = words._session.run(None, {words._input: ids[:, None]})
    start, good, bad, first_pair, second_pair = alone[:, 0] / (5 * 1.5)
    assert made.start == pytest.approx(start + first_pair / 2, abs=1e-6)
    assert made.shares == pytest.approx(
        [good + first_pair / 2 + second_pair / 2, bad + second_pair / 2], abs=1e-6
    )


def test_a_model_that_does_not_average_is_told_apart(tmp_path):
    words = Words.load(served_model.write(tmp_path))  # a sum, not a mean
    with pytest.raises(NotAdditive):
        words.of("good good")


def test_what_was_not_read_is_counted(words):
    made = words.of("good " * 25 + "film")
    assert (made.dropped, len(made.words)) == (6, 20)
    assert list(made.known) == [True] * 19 + [False]
    word, share, times = made.strongest(1)[0]
    assert (word, times) == ("good", 19) and share == pytest.approx(
        made.shares[:19].sum()
    )


def test_marked_words_speak_without_colour(words):
    html = words.of(TEXT).html()
    assert "solid" in html or "dotted" in html
    assert 'title="' in html and html.count("<p") == 1


# ---- the client


def client_for(answer, waited=None):
    """A client whose every request gets this answer."""
    transport = httpx.MockTransport(lambda request: answer)
    return Api("http://api", KEY, transport=transport, pause=(waited or []).append)


@pytest.mark.parametrize(
    ("mood", "kind", "requests"),
    [
        ("down", "down", 3),
        ("slow", "slow", 1),
        ("busy", "busy", 3),
        ("very busy", "busy", 1),
        ("loading", "no model", 3),
        ("key", "key", 1),
        ("too long", "refused", 1),
        ("error", "broken", 1),
    ],
)
def test_every_failure_is_a_sentence(words, mood, kind, requests):
    api = Pretend(words, mood)
    with pytest.raises(Trouble) as caught:
        api.client().predict([TEXT])
    sentence = str(caught.value)
    assert caught.value.kind == kind and len(api.questions) == requests
    assert sentence[0].isupper() and sentence.endswith(".")
    assert not any(secret in sentence for secret in (KEY, TEXT, "http://", "Traceback"))


def test_a_refusal_that_passes_is_not_seen(words):
    api, waited = Pretend(words, "busy", "down", "well"), []
    assert len(api.client(waited.append).predict([TEXT, TEXT]).labels) == 2
    assert waited == [1.0, 0.4]


@pytest.mark.parametrize(
    "said",
    [
        "not JSON",
        [],
        {},
        {"predictions": 3, "manifest_sha256": "a"},
        {"predictions": [], "manifest_sha256": "a"},
        {"predictions": [{"label": "positive"}], "manifest_sha256": "a"},
        {
            "predictions": [{"label": "positive", "probability": 1.5}],
            "manifest_sha256": "a",
        },
    ],
)
def test_an_answer_is_looked_at_before_it_is_believed(said):
    content = said if isinstance(said, str) else json.dumps(said)
    with pytest.raises(Trouble) as caught:
        client_for(httpx.Response(200, text=content)).predict([TEXT])
    assert caught.value.kind == "broken"


@pytest.mark.parametrize("wait", ["soon", "Wed, 21 Oct 2026 07:28:00 GMT", "nan", "-3"])
def test_an_odd_retry_after_does_no_harm(wait):
    waited: list[float] = []
    answer = httpx.Response(429, headers={"Retry-After": wait})
    transport = httpx.MockTransport(lambda request: answer)
    with pytest.raises(Trouble):
        Api("http://api", transport=transport, pause=waited.append).predict([TEXT])
    assert len(waited) == 2 and all(0 <= seconds <= 1 for seconds in waited)


def test_half_a_surrogate_pair_can_be_sent(words):
    api = Pretend(words, p=0.5)
    api.client().predict(["\ud83d"])
    assert api.questions == [["\ud83d"]]


def test_the_version_comes_with_its_limits(words):
    version = Pretend(words).client().version()
    assert version == ui_client.Version(words.digest, Limits())


# ---- files and jobs


def test_a_csv_file_is_read():
    table = ui_files.read(
        "a.CSV", b'\xef\xbb\xbfid;Review;\n1;Good, good;\n\n2;"Ba\nd";x\n'
    )
    assert table.columns == ("id", "Review", "column 3")
    assert table.texts("Review") == ("Good, good", "Ba\nd") and table.likely() == 1
    twice = ui_files.read("a.csv", b"a,a\nx,longer\n")
    assert twice.columns == ("a", "a (2)") and twice.likely() == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_a_text_file_is_read_in_its_alphabet(encoding):
    table = ui_files.read("a.txt", "Très bon.\r\n\r\nÜbel.".encode(encoding))
    assert table.texts("text") == ("Très bon.", "Übel.")
    assert bool(table.notice) == (encoding == "cp1252")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b""),
        ("a.csv", b"text\n"),
        ("a.txt", b" \n \n"),
        ("a.csv", b"PK\x03\x04rest"),
        ("a.txt", b"a\0b"),
        ("a.csv", b'text\n"' + b"x" * 200_000 + b'"\n'),
        ("a.txt", b"x\n" * 5_001),
        ("a.txt", b"x" * (5 * 2**20 + 1)),
    ],
)
def test_a_file_that_cannot_be_read_says_why(name, data):
    with pytest.raises(ui_files.FileTrouble) as caught:
        ui_files.read(name, data)
    assert str(caught.value).endswith(".")


def test_batches_keep_to_every_limit_and_lose_nothing():
    rng = np.random.default_rng(0)
    texts = ["é" * n for n in rng.integers(1, 60, 300)]
    limits = Limits(max_texts=7, max_body_bytes=700)
    places = list(range(0, 300, 2))
    batches = list(ui_files.batches(texts, places, limits))
    assert [place for batch in batches for place in batch] == places
    for batch in batches:
        body = json.dumps({"texts": [texts[place] for place in batch]})
        assert len(batch) <= 7 and (len(body) <= 700 or len(batch) == 1)


def test_no_cell_of_a_download_is_a_formula():
    cells = ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "good", "", "a=b"]
    data = ui_files.as_csv(["text"], [[cell] for cell in cells])
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))[1:]
    got = [row[0] if row else "" for row in rows]
    assert got == [f"'{cell}" for cell in cells[:6]] + cells[6:]


def test_a_job_keeps_what_it_has(words):
    api = Pretend(words, "well", "slow", "well")
    job = ui_jobs.Job.of("a.txt", ["good"] * 20 + ["", "bad"], Limits())
    client = api.client()
    assert job.step(client) == words.digest and job.answered == 16
    with pytest.raises(Trouble):
        job.step(client)
    assert job.answered == 16 and job.left == [16, 17, 18, 19, 21]
    api.digest = "b" * 64
    job.step(client)
    assert not job.left and job.share == 1 and len(job.models) == 2
    row = job.rows(0.8)[20]
    assert row[1:5] == ("", "", "", "empty")


@pytest.mark.parametrize(
    ("label", "p", "want"),
    [
        ("positive", 0.8, "positive"),
        ("positive", 0.79, "not sure"),
        ("negative", 0.15, "negative"),
        ("negative", 0.3, "not sure"),
    ],
)
def test_a_verdict_needs_its_level(label, p, want):
    assert ui_jobs.verdict(label, p, 0.8) == want
