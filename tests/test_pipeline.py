"""The training pipeline: what it drops, refuses, skips, survives and promises."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from common import ROOT
from common.sentiment import data, pipeline
from common.sentiment.config import Config
from common.sentiment.data import Corpus, Split, ValidationError
from common.sentiment.features import FeatureError, Tokenizer
from common.sentiment.pipeline import (
    PipelineError,
    provenance,
    records,
    runner,
    stages,
)
from common.sentiment.pipeline.stages import shared

SMALL = {
    "features": {"vocabulary_size": 200, "max_tokens": 20, "bigram_buckets": 64},
    "model": {"embedding_dim": 4},
    "training": {"epochs": 8, "batch_size": 16},
}
"""As many epochs as a kill needs to come before the last one."""


def small(**sections: dict) -> Config:
    merged = {
        name: SMALL.get(name, {}) | sections.get(name, {})
        for name in Config.model_fields
    }
    return Config.parse(merged)


def review(i: int, label: int) -> str:
    word = "good" if label else "bad"
    return f"Film number {i} is {word}, and its {i % 7} friends are {word} too."


def labelled(numbers: range) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(len(numbers)) % 2
    texts = [review(i, y) for i, y in zip(numbers, labels, strict=True)]
    return np.array(texts, object), labels.astype(np.int64)


def dataset(**splits: tuple) -> SimpleNamespace:
    """A data set of 120 + 30 + 40 different reviews, with some splits replaced."""
    texts, labels = labelled(range(200, 230))
    labels[:3] = 1 - labels[:3]  # not all can be right
    given = {
        "train": labelled(range(120)),
        "valid": (texts, labels),
        "test": labelled(range(300, 340)),
    } | splits
    return SimpleNamespace(**given, title="a toy", source="stand_in")


def joined(*pairs: tuple) -> tuple[np.ndarray, np.ndarray]:
    texts, labels = zip(*pairs, strict=True)
    return np.concatenate([np.array(t, object) for t in texts]), np.concatenate(labels)


def quiet(line: str) -> None:
    """Take a line of progress and say nothing."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A finished run, which no test changes, and its manifest."""
    folder = tmp_path_factory.mktemp("pipeline") / "run"
    return folder, pipeline.run(small(), folder, dataset=dataset(), say=quiet)


@pytest.fixture
def copied(finished: tuple[Path, dict], tmp_path: Path) -> Path:
    """A copy of the finished run, which a test may spoil."""
    return Path(shutil.copytree(finished[0], tmp_path / "run"))


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stages that only say that they were called, and leave one small file."""
    called: list[str] = []

    def pretending(stage: pipeline.Stage) -> pipeline.Stage:
        def function(context: pipeline.Context) -> str:
            called.append(stage.name)
            for path in context.inputs.values():
                assert path.is_dir()
            told = {name: one.model_dump() for name, one in context.settings.items()}
            (context.target / "told.json").write_text(json.dumps(told))
            return "done"

        return stage._replace(function=function)

    pretended = tuple(pretending(stage) for stage in stages.STAGES)
    monkeypatch.setattr(stages, "STAGES", pretended)
    monkeypatch.setattr(runner, "manifest_of", lambda *parts: {"format": "pretended"})
    return called


# --- What is one review, and what ingest drops ---------------------------------------


@pytest.mark.parametrize(
    "copy",
    [
        "a great film",
        "A GREAT film!",
        "a<br />great... film",
        "\ta  great\n film",
        "ａ great ﬁlm",
    ],
)
def test_a_copy_in_another_dress_is_the_same_review(copy):
    assert data.identity(copy) == data.identity("A great film.")


@pytest.mark.parametrize("other", ["a film great", "great film", "a great films", ""])
def test_other_words_are_another_review(other):
    assert data.identity(other) != data.identity("A great film.")


def test_ingest_drops_leaks_and_copies_and_counts_them():
    test = labelled(range(300, 340))
    valid = labelled(range(200, 230))
    loud = np.array([text.upper() + "!!" for text in test[0][:3]], object)
    contrary = valid[0][:0], np.zeros(0, np.int64)
    both = (
        np.array(["one and the same", "One and the same."], object),
        np.array([0, 1]),
    )
    train = joined(
        labelled(range(120)),
        (loud, test[1][:3]),
        (valid[0][:2], valid[1][:2]),
        labelled(range(5)),
        both,
        contrary,
    )
    corpus = data.ingest(
        dataset(
            train=train,
            valid=joined(
                valid, (test[0][:1], test[1][:1]), (valid[0][:4], valid[1][:4])
            ),
        )
    )
    assert corpus.dropped == {
        "valid_in_test": 1,
        "valid_repeated": 4,
        "train_in_test": 3,
        "train_in_valid": 2,
        "train_with_both_labels": 2,
        "train_repeated": 5,
    }
    assert corpus.sizes == {"train": 120, "valid": 30, "test": 40}
    assert list(corpus.train.texts) == list(labelled(range(120))[0])
    assert "dropped: 17" in repr(corpus)
    data.stop_on_problems(data.validate(corpus))


def test_ingest_leaves_the_test_split_alone():
    test = joined(labelled(range(300, 340)), labelled(range(300, 310)))
    corpus = data.ingest(dataset(test=test))
    assert list(corpus.test.texts) == list(test[0])
    repeats = {check.name: check for check in data.validate(corpus)}["repeats"]
    assert repeats.passed and "repeats 10" in repeats.sentence


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        ((np.array(["a", 3], object), np.array([0, 1])), "1 text is no string"),
        ((np.array(["a", "b"], object), np.array([0, 2])), "other than 0 and 1: 2"),
        ((np.array(["a", "b"], object), np.array([0.5, 1])), "other than 0 and 1"),
        ((np.array(["a"], object), np.array([0, 1])), "1 texts and 2 labels"),
        ((np.array([None, None], object), np.array([0, 1])), "2 texts are no string"),
    ],
)
def test_another_form_of_data_is_refused_before_anything_else(
    tmp_path, split, sentence
):
    with pytest.raises(ValidationError, match=sentence):
        data.ingest(dataset(train=split))
    with pytest.raises(ValidationError, match=sentence):
        pipeline.run(small(), tmp_path / "run", dataset=dataset(train=split), say=quiet)


# --- What stops a run ----------------------------------------------------------------


def corpus_with(**splits: tuple) -> Corpus:
    made = dataset(**splits)
    dropped = splits.pop("dropped", {})
    parts = {
        name: Split(tuple(getattr(made, name)[0]), getattr(made, name)[1])
        for name in data.SPLITS
    }
    return Corpus(**parts, title="a toy", source="stand_in", dropped=dropped)


ALL = labelled(range(120))
POISONS = {
    "size": {"valid": labelled(range(200, 203))},
    "words": {"train": joined(ALL, (np.array(["<br />!"], object), np.array([1])))},
    "repeats": {"train": joined(ALL, labelled(range(3)))},
    "contradictions": {
        "train": joined(ALL, (ALL[0][:2], 1 - ALL[1][:2])),
    },
    "leakage": {"train": joined(ALL, labelled(range(300, 305)))},
    "balance": {"train": (ALL[0][ALL[1] == 1], ALL[1][ALL[1] == 1])},
    "dropped": {"dropped": {"train_in_test": 14}},
}


@pytest.mark.parametrize("name", POISONS)
def test_each_check_finds_its_poison_and_says_so_in_a_sentence(name):
    assert all(check.passed for check in data.validate(corpus_with()))
    checks = {
        check.name: check for check in data.validate(corpus_with(**POISONS[name]))
    }
    assert set(checks) == set(POISONS)
    assert not checks[name].passed
    with pytest.raises(ValidationError) as stopped:
        data.stop_on_problems(checks.values())
    assert checks[name].sentence in str(stopped.value)
    assert checks[name].sentence.endswith(".") and "\n" not in str(stopped.value)


def test_an_empty_split_is_a_sentence_too():
    empty = np.array([], object), np.zeros(0, np.int64)
    with pytest.raises(ValidationError, match="too few"):
        data.stop_on_problems(data.validate(corpus_with(train=empty)))


def test_poisoned_data_stop_the_run_and_nothing_is_trained(tmp_path):
    train = (ALL[0][ALL[1] == 1], ALL[1][ALL[1] == 1])
    with pytest.raises(ValidationError, match="out of balance"):
        pipeline.run(small(), tmp_path / "run", dataset=dataset(train=train), say=quiet)
    assert (tmp_path / "run" / "ingest").is_dir()
    assert not (tmp_path / "run" / "featurise").exists()
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_a_corpus_comes_back_from_the_disk_with_every_character(tmp_path):
    strange = np.array(["ok", "\ud800 half", "a\u2028b\r\nc", '"\\', "😀\0"], object)
    corpus = corpus_with(train=(strange, np.array([0, 1, 0, 1, 1])))
    data.write(tmp_path, corpus)
    again = data.read(tmp_path)
    assert again.train.texts == tuple(strange) and again.sha256 == corpus.sha256
    (tmp_path / "test.jsonl").write_text('{"label": 1, "text": "other"}\n')
    with pytest.raises(ValidationError, match="not the one that ingest wrote"):
        data.read(tmp_path)
    (tmp_path / "test.jsonl").write_text('{"label": 1, "te')
    with pytest.raises(ValidationError, match="cannot be read"):
        data.read(tmp_path)


def test_the_content_hash_sees_texts_labels_order_and_borders():
    def sha256(*pairs):
        texts, labels = zip(*pairs, strict=True)
        return data.content_sha256([(texts, np.array(labels))])

    base = sha256(("ab", 1), ("c", 0))
    for other in (
        [("ab", 0), ("c", 0)],
        [("c", 0), ("ab", 1)],
        [("a", 1), ("bc", 0)],
        [("AB", 1), ("c", 0)],
    ):
        assert sha256(*other) != base


# --- What runs again -----------------------------------------------------------------


def test_a_finished_run_says_what_it_was_made_from(finished):
    folder, manifest = finished
    assert manifest == json.loads((folder / "manifest.json").read_text())
    assert manifest["data"]["sha256"] == data.ingest(dataset()).sha256
    assert manifest["data"]["reviews"] == {"train": 120, "valid": 30, "test": 40}
    assert manifest["config"] == small().model_dump(mode="json")
    assert manifest["config_sha256"] == small().digest
    assert set(manifest["stages"]) == {stage.name for stage in pipeline.STAGES}
    assert {"python", "numpy", "keras", "backend"} <= set(manifest["versions"])
    assert 0 <= manifest["metrics"]["test_accuracy"] <= 1
    assert str(ROOT) not in json.dumps(manifest) and str(folder) not in json.dumps(
        manifest
    )


def test_a_server_can_load_what_was_exported(finished):
    from common.sentiment.predictor import Predictor

    folder, manifest = finished
    predictor = Predictor.load(folder / pipeline.SERVED)
    assert predictor.manifest.threshold == manifest["threshold"]
    assert predictor.manifest.data["sha256"] == manifest["data"]["sha256"]
    assert predictor.manifest.code_sha256 == manifest["code_sha256"]
    logits = np.load(folder / "evaluate" / "logits_test.npy")
    texts = list(dataset().test[0])
    np.testing.assert_allclose(predictor.logits(texts), logits, rtol=1e-4, atol=1e-5)


def test_nothing_runs_where_nothing_changed(copied):
    before = (copied / "manifest.json").read_bytes()
    told: list[str] = []
    manifest = pipeline.run(small(), copied, dataset=dataset(), say=told.append)
    assert all("unchanged" in line for line in told) and len(told) == 6
    assert (copied / "manifest.json").read_bytes() == before
    assert manifest == json.loads(before)
    assert not any(pipeline.plan(small(), copied, dataset=dataset()).values())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"evaluation": {"false_positive_cost": 3.0}}, "evaluate export"),
        ({"training": {"seed": 1}}, "train evaluate export"),
        ({"model": {"dropout": 0.3}}, "train evaluate export"),
        ({"features": {"max_tokens": 9}}, "featurise train evaluate export"),
        ({"data": {"limit": 50}}, "ingest validate featurise train evaluate export"),
    ],
)
def test_a_changed_setting_runs_what_reads_it_and_what_follows(
    no_work, tmp_path, change, expected
):
    pipeline.run(small(), tmp_path, dataset=dataset(), say=quiet)
    no_work.clear()
    changed = small(**change)
    planned = pipeline.plan(changed, tmp_path, dataset=dataset())
    assert " ".join(name for name, reason in planned.items() if reason) == expected
    pipeline.run(changed, tmp_path, dataset=dataset(), say=quiet)
    # Behind a stage that leaves the same files, what follows is skipped
    assert set(no_work) <= set(expected.split())
    assert no_work[0] == expected.split()[0] and no_work[-1] == "export"
    no_work.clear()
    pipeline.run(changed, tmp_path, dataset=dataset(), say=quiet)
    assert no_work == []


def test_new_data_that_leave_the_same_corpus_train_nothing(copied):
    more = joined(ALL, labelled(range(4)))  # copies, which ingest drops
    config = small()
    told: list[str] = []
    pipeline.run(config, copied, dataset=dataset(train=more), say=told.append)
    assert any(line.startswith("ingest     runs (data changed)") for line in told)
    assert any(line.startswith("train      unchanged") for line in told)


def test_forced_stages_run_and_the_same_result_stops_there(no_work, tmp_path):
    pipeline.run(small(), tmp_path, dataset=dataset(), say=quiet)
    (tmp_path / "checkpoints" / "epoch-0003").mkdir(parents=True)
    no_work.clear()
    pipeline.run(small(), tmp_path, dataset=dataset(), force=["train"], say=quiet)
    assert no_work == ["train"]
    assert not (tmp_path / "checkpoints").exists()  # forced means from the beginning
    with pytest.raises(PipelineError, match="no stage 'trian': choose among ingest"):
        pipeline.run(small(), tmp_path, dataset=dataset(), force=["trian"], say=quiet)


@pytest.mark.parametrize(
    ("name", "change", "stage", "reason"),
    [
        ("train/weights.npz", "flip", "train", "its weights.npz is not as it was"),
        ("featurise/tokenizer.json", "cut", "featurise", "its tokenizer.json is not"),
        (
            "evaluate/evaluation.json",
            "remove",
            "evaluate",
            "its evaluation.json is gone",
        ),
        ("ingest/extra.txt", "add", "ingest", "extra.txt is not its own"),
        ("export/served/model.onnx", "cut", "export", "model.onnx is not as it was"),
        ("validate/stage.json", "cut", "validate", "its stage.json cannot be read"),
        ("train/stage.json", "remove", "train", "not done yet"),
    ],
)
def test_what_somebody_changed_is_found_and_made_again(
    copied, name, change, stage, reason
):
    path = copied / name
    content = path.read_bytes() if path.exists() else b""
    if change == "flip":
        path.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    elif change == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif change == "remove":
        path.unlink()
    else:
        path.write_text("added")
    planned = pipeline.plan(small(), copied, dataset=dataset())
    assert reason in planned[stage]
    others = {n for n, why in planned.items() if why and "if the result" not in why}
    assert others == {stage}


def test_a_spoilt_result_is_made_again_to_the_same_bytes(copied):
    weights = copied / "train" / "weights.npz"
    before = weights.read_bytes()
    weights.write_bytes(before[:100])
    told: list[str] = []
    pipeline.run(small(), copied, dataset=dataset(), say=told.append)
    assert weights.read_bytes() == before
    assert any(line.startswith("evaluate   unchanged") for line in told)


def test_a_manifest_that_somebody_changed_is_written_anew(copied):
    path = copied / "manifest.json"
    right = json.loads(path.read_text())
    better = right | {"metrics": right["metrics"] | {"test_accuracy": 0.999}}
    for spoilt in (json.dumps(better), "{", "[]", ""):
        path.write_text(spoilt)
        assert pipeline.run(small(), copied, dataset=dataset(), say=quiet)
        assert json.loads(path.read_text())["metrics"] == right["metrics"]


@pytest.mark.parametrize(
    "record",
    [
        "[]",
        "{}",
        "[" * 100_000,
        '{"made_from": 3, "outputs": {}}',
        '{"made_from": {"code": 1}}',
        "",
    ],
)
def test_a_record_of_another_form_is_no_record(copied, record):
    (copied / "train" / "stage.json").write_text(record)
    planned = pipeline.plan(small(), copied, dataset=dataset())
    assert planned["train"] == "its stage.json cannot be read"


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("python", [stage.name for stage in pipeline.STAGES]),
        ("numpy", ["featurise", "train", "evaluate", "export"]),
        ("keras", ["train", "evaluate", "export"]),
        ("scipy", ["evaluate"]),
        ("tf2onnx", ["export"]),
        ("onnxruntime", ["export"]),
    ],
)
def test_another_version_counts_where_the_software_is_used(
    copied, monkeypatch, name, changed
):
    real = provenance.version
    monkeypatch.setattr(
        records, "version", lambda asked: "9.9" if asked == name else real(asked)
    )
    planned = pipeline.plan(small(), copied, dataset=dataset())
    assert [stage for stage, why in planned.items() if "software changed" in why] == (
        changed
    )
    before = list(planned)[: list(planned).index(changed[0])]
    assert [planned[stage] for stage in before] == [""] * len(before)


def test_software_that_is_missing_is_a_version_too():
    """The plan does not break on what only a later stage needs, and will ask for."""
    assert provenance.version("no-such-package") == "not installed"


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A root with a copy of the product's code, which a test may change."""
    copy = tmp_path / "common" / "sentiment"
    shutil.copytree(ROOT / "common" / "sentiment", copy)
    return tmp_path


def edit(root: Path, name: str, old: str, new: str) -> None:
    path = root / "common" / "sentiment" / name
    source = path.read_text()
    assert old in source
    path.write_text(source.replace(old, new))
    provenance.code_of.cache_clear()


@pytest.fixture(autouse=True)
def forget_code() -> Iterator[None]:
    yield
    provenance.code_of.cache_clear()


def code_of_all(root: Path) -> dict[str, str]:
    return {s.name: provenance.code_of(s.name, root) for s in pipeline.STAGES}


def test_comments_and_docstrings_are_no_code(product):
    before = code_of_all(product)
    assert before == code_of_all(ROOT)
    edit(product, "training.py", '"""Training that', '# more\n"""Teaching that')
    edit(product, "pipeline/stages/train.py", "Train the network, from", "Begin at")
    assert code_of_all(product) == before


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("training.py", "shuffle=False", "shuffle=True", "train"),
        ("pipeline/stages/validate.py", "checks passed", "checks", "validate"),
        (
            "evaluation.py",
            '"never", ',
            "",
            "evaluate export",
        ),  # a constant
        (
            "data.py",
            "MOST_DROPPED = 0.1",
            "MOST_DROPPED = 0.2",
            "ingest validate featurise evaluate",
        ),
        ("model.py", "seed=0", "seed=1", "train evaluate export"),
        ("export.py", "PARITY = 1e-3", "PARITY = 1e-4", "export"),
        ("predictor.py", "_ROWS_AT_ONCE = 64", "_ROWS_AT_ONCE = 8", "export"),
        (
            "features.py",
            "FIRST_WORD = 3",
            "FIRST_WORD = 4",
            "ingest validate featurise train evaluate export",
        ),
        ("config.py", "le=10_000", "le=20_000", ""),  # settings count by value
        ("pipeline/runner.py", "runs (", "is run (", ""),
    ],
)
def test_code_counts_for_the_stages_that_reach_it(product, name, old, new, changed):
    """Also what stands outside functions, and what an import brings along."""
    before = code_of_all(product)
    edit(product, name, old, new)
    after = code_of_all(product)
    assert [s for s in before if before[s] != after[s]] == changed.split()


# --- Kill, stop, two at once ---------------------------------------------------------

PROGRAM = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
import test_pipeline as t
t.pipeline.run(t.small(), sys.argv[1], dataset=t.dataset(),
               say=lambda line: print(line, flush=True))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on Windows")
def test_killed_in_the_middle_of_training_it_ends_at_the_same_weights(
    finished, tmp_path, monkeypatch
):
    folder = tmp_path / "run"
    program = PROGRAM.format(root=str(ROOT), tests=str(Path(__file__).parent))
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.strip().startswith("epoch 3/"):
            process.kill()
            break
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    assert not (folder / "train").exists() and not (folder / "manifest.json").exists()
    assert list((folder / "checkpoints").glob("epoch-*"))

    def no_export(context: pipeline.Context) -> str:
        return "nothing exported: that costs seconds, and is not the question"

    shorter = (*stages.STAGES[:-1], stages.STAGES[-1]._replace(function=no_export))
    monkeypatch.setattr(stages, "STAGES", shorter)
    told: list[str] = []
    manifest = pipeline.run(small(), folder, dataset=dataset(), say=told.append)
    assert any(line.startswith("featurise  unchanged") for line in told)
    assert not any("epoch 1/" in line or "epoch 3/" in line for line in told)
    assert "before a restart" in manifest["stages"]["train"]["sentence"]
    straight = finished[0]
    for name in (
        "train/weights.npz",
        "train/training.json",
        "evaluate/logits_test.npy",
    ):
        assert (folder / name).read_bytes() == (straight / name).read_bytes(), name
    assert manifest["weights_sha256"] == finished[1]["weights_sha256"]
    assert not (folder / "checkpoints").exists()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", [stage.name for stage in pipeline.STAGES])
def test_a_stage_that_dies_leaves_nothing_half_done(
    no_work, tmp_path, monkeypatch, name
):
    whole = stages.STAGES

    def dying(context: pipeline.Context) -> str:
        (context.target / "half").write_text("half")
        raise KeyboardInterrupt

    broken = [s._replace(function=dying) if s.name == name else s for s in whole]
    monkeypatch.setattr(stages, "STAGES", tuple(broken))
    monkeypatch.setattr(records, "code_of", lambda stage: stage)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(small(), tmp_path, dataset=dataset(), say=quiet)
    assert not (tmp_path / name).exists()
    no_work.clear()
    monkeypatch.setattr(stages, "STAGES", whole)
    pipeline.run(small(), tmp_path, dataset=dataset(), say=quiet)
    places = [stage.name for stage in whole]
    assert no_work == places[places.index(name) :]
    assert not list(tmp_path.rglob("half"))


def test_while_a_changed_run_is_unfinished_there_is_no_manifest(
    no_work, tmp_path, monkeypatch
):
    pipeline.run(small(), tmp_path, dataset=dataset(), say=quiet)
    assert (tmp_path / "manifest.json").exists()

    def dying(context: pipeline.Context) -> str:
        raise OSError("disk full")

    broken = (*stages.STAGES[:-1], stages.STAGES[-1]._replace(function=dying))
    monkeypatch.setattr(stages, "STAGES", broken)
    with pytest.raises(OSError, match="disk full"):
        pipeline.run(
            small(training={"seed": 5}), tmp_path, dataset=dataset(), say=quiet
        )
    assert not (tmp_path / "manifest.json").exists()
    assert (tmp_path / "export" / "stage.json").exists()  # the old one, whole


def test_two_runs_do_not_meet_in_one_folder(no_work, tmp_path, monkeypatch):
    inside, leave = threading.Event(), threading.Event()

    def waiting(context: pipeline.Context) -> str:
        inside.set()
        assert leave.wait(20)
        return "done"

    slow = (stages.STAGES[0]._replace(function=waiting), *stages.STAGES[1:])
    monkeypatch.setattr(stages, "STAGES", slow)
    config, reviews = small(), dataset()

    def first() -> None:
        pipeline.run(config, tmp_path / "run", dataset=reviews, say=quiet)

    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert inside.wait(20)
        with pytest.raises(
            PipelineError, match="Another run is at work in the folder run"
        ):
            first()
    finally:
        leave.set()
        thread.join()
    first()


def test_a_folder_with_somebody_elses_files_is_left_alone(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "thesis.txt").write_text("years of work")
    with pytest.raises(PipelineError, match="holds other files, train for one"):
        pipeline.run(small(), tmp_path, dataset=dataset(), say=quiet)
    assert (tmp_path / "train" / "thesis.txt").read_text() == "years of work"
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(PipelineError, match="cannot be used"):
        pipeline.run(small(), file, dataset=dataset(), say=quiet)


def test_ones_own_run_is_known_without_its_lock_file(no_work, tmp_path):
    pipeline.run(small(), tmp_path, dataset=dataset(), say=quiet)
    (tmp_path / "pipeline.lock").unlink()
    no_work.clear()
    pipeline.run(small(), tmp_path, dataset=dataset(), say=quiet)
    assert no_work == []


@pytest.mark.parametrize("name", [".old-validate", ".part-validate", "validate"])
def test_a_file_in_the_place_of_a_folder_stops_nothing(no_work, tmp_path, name):
    pipeline.run(small(), tmp_path, dataset=dataset(), say=quiet)
    if name == "validate":
        shutil.rmtree(tmp_path / name)
    (tmp_path / name).write_text("left by a copy that was broken off")
    no_work.clear()
    again = ["validate"]
    pipeline.run(small(), tmp_path, dataset=dataset(), force=again, say=quiet)
    assert no_work == again and (tmp_path / "validate" / "stage.json").is_file()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_equal_runs_export_equal_bytes(finished, copied):
    manifest = pipeline.run(
        small(), copied, dataset=dataset(), force=["export"], say=quiet
    )
    assert manifest["stages"]["export"]["ran"] == "asked for"
    assert manifest["served_sha256"] == finished[1]["served_sha256"]


def test_a_loss_that_is_no_number_stops_the_run_with_a_sentence(copied, monkeypatch):
    from common.sentiment import training

    def diverging(*arguments, **options):
        raise training.DivergedError("The loss is no finite number after epoch 1.")

    monkeypatch.setattr(training, "train", diverging)
    with pytest.raises(PipelineError, match="The loss is no finite number"):
        pipeline.run(small(training={"seed": 9}), copied, dataset=dataset(), say=quiet)


def test_a_model_that_is_not_good_enough_is_not_exported(copied):
    strict = small(evaluation={"minimum_accuracy": 1.0})
    found = json.loads((copied / "evaluate" / "evaluation.json").read_text())
    assert found["valid"]["accuracy"] < 1
    with pytest.raises(PipelineError, match=r"not exported: .* asks for 100\.0%"):
        pipeline.run(strict, copied, dataset=dataset(), say=quiet)
    assert not (copied / "manifest.json").exists()


# --- The command ---------------------------------------------------------------------


def test_the_shipped_settings_are_the_defaults():
    assert Config.load(pipeline.SETTINGS) == Config()


@pytest.mark.parametrize(
    ("text", "status", "sentence"),
    [
        ("[training]\nepoch = 8\n", 2, "[training] epoch does not exist"),
        ('[training]\nepochs = "8"\n', 2, "[training] epochs = '8'"),
        ("[training\n", 2, "cannot be read"),
        (None, 2, "There is no settings file"),
    ],
)
def test_settings_that_cannot_be_used_are_one_sentence(
    tmp_path, capsys, text, status, sentence
):
    path = tmp_path / "s.toml"
    if text is not None:
        path.write_text(text)
    arguments = ["--config", str(path), "--folder", str(tmp_path / "run")]
    assert pipeline.main(arguments) == status
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("Not started. ") and err.count("\n") == 1
    assert sentence in err and "Traceback" not in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (ValidationError("The same reviews stand in two splits."), 1, "two splits"),
        (FeatureError("there is no word"), 1, "no word"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (OSError(28, "No space", b"/a/x.npy"), 1, "Stopped. x.npy: No space."),
        (OSError(28, "No space", 3), 1, "Stopped. No space."),
        (KeyboardInterrupt(), 130, "goes on from here"),
    ],
)
def test_a_run_that_stops_says_why_without_a_traceback(
    tmp_path, capsys, monkeypatch, error, status, sentence
):
    def stopping(*arguments, **options):
        raise error

    monkeypatch.setattr(runner, "run", stopping)
    assert pipeline.main(["--folder", str(tmp_path / "run")]) == status
    err = capsys.readouterr().err.strip()
    assert err.startswith("Stopped. ") and sentence in err and "Traceback" not in err


def test_a_folder_that_the_output_cannot_show_is_shown_otherwise(tmp_path):
    """A name in other bytes than UTF-8, or a terminal that knows ASCII alone."""
    script = (
        "from common.sentiment.pipeline import command, runner\n"
        "runner.run = lambda *parts, **options: {}\n"
        "command.summary = lambda manifest, folder, seconds: str(folder)\n"
        "raise SystemExit(command.main(['--folder', 'caf\\u00e9\\udcff']))\n"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True
    )
    assert ended.returncode == 0, ended.stderr
    assert b"caf\\xe9\\udcff" in ended.stdout


def test_a_budget_or_backend_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "huge")
    with pytest.raises(PipelineError, match=r"cannot start: .*smoke, quick or full"):
        shared.start_keras()

    def missing():
        raise ModuleNotFoundError("No module named 'jax'")

    monkeypatch.setattr("common.quiet.start", missing)
    with pytest.raises(PipelineError, match=r"cannot start: No module named 'jax'\.$"):
        shared.start_keras()
    monkeypatch.setattr(provenance, "backend", lambda: "abacus")
    assert provenance.version("backend") == "abacus not installed"
    monkeypatch.setenv("COURSE_BUDGET", "smoke")
    assert provenance.version("backend") == "abacus not installed, graphs not optimised"


def test_the_traceback_in_tensorflows_message_is_left_out():
    said = """Traceback (most recent call last):
  File "pywrap_tensorflow.py", line 73, in <module>
ImportError: libtensorflow_cc.so.2: cannot open shared object file.


Failed to load the native TensorFlow runtime."""
    line = "ImportError: libtensorflow_cc.so.2: cannot open shared object file"
    assert shared.first_line(ImportError(said)) == line
    assert shared.first_line(ValueError()) == "ValueError"


def test_an_unchanged_run_needs_no_keras_and_is_quiet(tmp_path):
    """As a program: nothing on stderr; after the first run nothing is imported."""
    script = (
        "import sys\n"
        "from common.sentiment import pipeline\n"
        "from common.sentiment.pipeline import command, runner, stages\n"
        "stages.STAGES = tuple(s._replace(function=lambda context: 'done') "
        "for s in stages.STAGES)\n"
        "runner.manifest_of = lambda *parts: {}\n"
        "command.summary = lambda *parts: 'a summary'\n"
        "status = pipeline.main(['--config', 'small.toml', '--folder', 'run'])\n"
        "assert 'keras' not in sys.modules\n"
        "sys.exit(status)\n"
    )
    (tmp_path / "small.toml").write_text("[data]\nlimit = 20\n")
    env = os.environ | {"PYTHONPATH": str(ROOT), "COURSE_DATA": "", "no_proxy": "*"}
    for expected in ("runs (not done yet)", "unchanged: done"):
        ended = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
        assert ended.stderr == "" and ended.stdout.count(expected) == 6
        assert ended.stdout.rstrip().endswith("a summary")


def test_the_plan_is_told_in_words(copied, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(runner, "_loaded", lambda config, given: dataset())
    (tmp_path / "s.toml").write_text("[training]\nseed = 3\n")
    arguments = [
        "--config",
        str(tmp_path / "s.toml"),
        "--folder",
        str(copied),
        "--plan",
    ]
    assert pipeline.main(arguments) == 0
    out = capsys.readouterr().out
    assert "runs: settings training changed" in out or "runs: settings" in out
    assert "ingest     takes the reviews in" in out


# --- Training and serving see the same -----------------------------------------------


def strange_texts(count: int) -> list[str]:
    """Texts of all kinds: plain, odd, empty, over-long, and characters at random."""
    random = np.random.RandomState(29)
    plain = [review(i, i % 2) for i in range(40)]
    odd = [
        "",
        " ",
        "\n\t\0",
        "<br /><BR>",
        "!?…—",
        "ﬁlm ｆｉｌｍ",
        "don’t don't don`t",
        "Straße STRASSE ǅ İstanbul",
        "naïve cafe\u0301 café",
        "这部电影很好",
        "فيلم رائع",
        "фильм",
        "😀👍🏽👨‍👩‍👧",
        "a\u200bb\u00adc\ufeffd",
        "x" * 50_000,
        "good " * 30_000,
        "١٢٣ ½ ² Ⅷ",
        "'quoted' 'tis rock'n'roll''",
    ]
    texts = []
    for i in range(count):
        kind = i % 4
        if kind == 0:
            texts.append(plain[random.randint(len(plain))])
        elif kind == 1 and i < 4 * len(odd):
            texts.append(odd[i // 4])
        elif kind == 2:
            length = random.randint(0, 60)
            points = random.randint(1, 0x11000 if i % 8 == 2 else 0x2FF, length)
            points = points[(points < 0xD800) | (points > 0xDFFF)]
            texts.append("".join(map(chr, points)))
        else:
            words = random.choice(
                ["good", "BAD", "it’s", "film", "é", "<br/>", "9"], 30
            )
            texts.append(" ".join(words[: random.randint(31)]))
    return texts


def test_ten_thousand_texts_become_the_same_numbers_in_training_and_serving(
    finished, tmp_path
):
    """Training's way runs over the corpus on the disk, serving's over a JSON body."""
    from common.sentiment.predictor import Predictor

    folder = finished[0]
    texts = strange_texts(10_000)
    assert len(texts) == 10_000 and "" in texts
    corpus = corpus_with(train=(np.array(texts, object), np.arange(10_000) % 2))
    data.write(tmp_path, corpus)
    tokenizer = Tokenizer.load(folder / "featurise" / "tokenizer.json")
    np.save(tmp_path / "x.npy", tokenizer.batch(data.read(tmp_path).train.texts))
    trained_on = np.load(tmp_path / "x.npy")

    predictor = Predictor.load(folder / pipeline.SERVED)
    longest = 0
    for start in range(0, len(texts), 100):
        body = json.dumps({"texts": texts[start : start + 100]}).encode("utf-8")
        for i, text in enumerate(json.loads(body)["texts"], start):
            served = predictor.tokenizer.encode(text)
            row = trained_on[i]
            assert row[: len(served)].tobytes() == served.tobytes(), repr(texts[i])[:80]
            assert not row[len(served) :].any()
            longest = max(longest, len(served))
    assert longest == predictor.tokenizer.max_length  # over-long ones were among them
    assert predictor.tokenizer.digest == tokenizer.digest


def test_half_a_surrogate_pair_is_the_same_on_both_ways(finished):
    """JSON can say it as an escape, and Python reads it: so must the tokeniser."""
    tokenizer = Tokenizer.load(finished[0] / "featurise" / "tokenizer.json")
    text = json.loads('"\\ud800 good \\udfff"')
    assert tokenizer.encode(text).tobytes() == tokenizer.batch([text])[0].tobytes()
