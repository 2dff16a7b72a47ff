"""One stage as a command, and the dvc.yaml that calls six of them."""

from __future__ import annotations

import ast
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from common import ROOT
from common.sentiment import data, one_stage, pipeline
from common.sentiment.config import Config
from common.sentiment.pipeline.provenance import file_hashes
from common.sentiment.pipeline.runner import CHECKPOINTS
from common.terminal import Terminal

PRODUCT = "common/sentiment"
SETTINGS = """[data]

[features]
vocabulary_size = 200
max_tokens = 20
bigram_buckets = 64

[model]
embedding_dim = 4

[training]
epochs = 3
batch_size = 16

[evaluation]
"""


def split(first: int, count: int) -> data.Split:
    labels = np.arange(count) % 2
    words = np.where(labels, "good", "bad")
    texts = (
        f"Film {first + i} is {words[i]}, as {i % 7} of us found." for i in range(count)
    )
    return data.Split(tuple(texts), labels.astype(np.int64))


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reviews")
    corpus = data.Corpus(
        train=split(0, 96), valid=split(200, 24), test=split(300, 24),
        title="a toy", source="stand_in", dropped={},
    )  # fmt: skip
    data.write(folder, corpus)
    return folder


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Config:
    path = tmp_path_factory.mktemp("settings") / "sentiment.toml"
    path.write_text(SETTINGS)
    return Config.load(path)


def quiet(line: str) -> None:
    """Take a line of progress and say nothing."""


def test_stage_by_stage_ends_at_the_pipelines_bytes_even_after_a_kill(
    reviews, config, tmp_path
):
    def killed(line: str) -> None:
        if line.startswith("epoch 2/"):
            raise KeyboardInterrupt

    whole, single = tmp_path / "whole", tmp_path / "single"
    pipeline.run(config, whole, dataset=data.read(reviews), say=quiet)
    for name in one_stage.NAMES:
        if name == "train":
            with pytest.raises(KeyboardInterrupt):
                one_stage.run_stage(name, config, reviews, single, killed)
            assert not (single / "train").exists() and (single / CHECKPOINTS).exists()
            said = one_stage.run_stage(name, config, reviews, single, quiet)
            assert "2 of them before a restart" in said
        else:
            one_stage.run_stage(name, config, reviews, single, quiet)
        ours, theirs = (
            # a .keras file is an archive with the time of day in it
            {file: one for file, one in file_hashes(folder / name).items()
             if not file.startswith("model/")}
            for folder in (single, whole)
        )  # fmt: skip
        assert ours == theirs and ours, name
    left = {path.name for path in single.iterdir()}
    assert left == set(one_stage.NAMES)


def test_a_stage_replaces_its_folder_and_nothing_else(reviews, config, tmp_path):
    one_stage.run_stage("ingest", config, reviews, tmp_path, quiet)
    before = file_hashes(tmp_path / "ingest")
    (tmp_path / "ingest" / "stray.txt").write_text("left by somebody")
    (tmp_path / ".part-ingest").mkdir()  # by a run that was killed
    one_stage.run_stage("ingest", config, reviews, tmp_path, quiet)
    assert file_hashes(tmp_path / "ingest") == before
    assert [path.name for path in tmp_path.iterdir()] == ["ingest"]


def command(tmp_path: Path, *words: str) -> int:
    return one_stage.main(
        [*words, "--config", str(tmp_path / "sentiment.toml"),
         "--folder", str(tmp_path / "run"), "--reviews", str(tmp_path / "data")]
    )  # fmt: skip


def test_the_command_says_in_a_sentence_why_it_stops(tmp_path, reviews, capsys):
    assert command(tmp_path, "ingest") == 2
    assert "Not started. There is no settings file" in capsys.readouterr().err
    (tmp_path / "sentiment.toml").write_text(SETTINGS)
    assert command(tmp_path, "ingest") == 1
    assert "Stopped. The corpus cannot be read" in capsys.readouterr().err
    assert command(tmp_path, "featurise") == 1
    said = capsys.readouterr().err
    assert "reads the results of ingest" in said and "run ingest first" in said
    shutil.copytree(reviews, tmp_path / "data")
    assert command(tmp_path, "ingest") == 0
    assert "96 + 24 + 24 reviews" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        command(tmp_path, "trian")
    assert ended.value.code == 2


# --- dvc.yaml ------------------------------------------------------------------------

DESCRIBED = yaml.safe_load((ROOT / "day27_dvc" / "dvc.yaml").read_text())


def modules_of(name: str) -> set[str]:
    """The product's files that a stage's module imports, without settings and runner.

    Found by a walk of its own, so that this is no copy of what it tests.
    """
    found: set[str] = set()
    waiting = [f"{PRODUCT}/pipeline/stages/{name}.py"]
    while waiting:
        path = waiting.pop()
        runner = path.startswith(f"{PRODUCT}/pipeline/") and "/stages/" not in path
        if path in found or runner or path == f"{PRODUCT}/config.py":
            continue
        if not path.startswith(PRODUCT) or not (ROOT / path).is_file():
            continue
        found.add(path)
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = node.module.replace(".", "/")
                waiting += [f"{module}.py"]
                waiting += [f"{module}/{alias.name}.py" for alias in node.names]
            elif isinstance(node, ast.Import):
                waiting += [f"{one.name.replace('.', '/')}.py" for one in node.names]
    return found


def test_dvc_yaml_has_the_stages_in_order():
    assert tuple(DESCRIBED["stages"]) == one_stage.NAMES
    assert DESCRIBED["metrics"] == ["run/evaluate/evaluation.json"]


@pytest.mark.parametrize("stage", pipeline.STAGES, ids=lambda stage: stage.name)
def test_dvc_yaml_names_all_that_a_stage_reads(stage):
    described = DESCRIBED["stages"][stage.name]
    assert described["cmd"] == f"python -m common.sentiment.one_stage {stage.name}"
    assert described["outs"] == [f"run/{stage.name}"]
    results = {f"run/{name}" for name in stage.needs} or {"data"}
    assert set(described["deps"]) == results | modules_of(stage.name)
    assert len(set(described["deps"])) == len(described["deps"])
    sections = [section for one in described.get("params", [])
                for section in one["sentiment.toml"]]  # fmt: skip
    assert set(sections) == set(stage.settings)


def test_repro_runs_what_a_change_reaches_and_nothing_else(reviews, tmp_path):
    """The answers of exercise 27.1 that need no training."""
    desk = Terminal(tmp_path / "project", root=tmp_path)
    for line in ("git init -q -b main", "dvc init -q"):
        desk.ask(line)
    shutil.copytree(reviews, desk.folder / "data")
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "common", desk.folder / "common", ignore=without)
    shutil.copy(ROOT / "day27_dvc" / "dvc.yaml", desk.folder)
    toml = desk.folder / "sentiment.toml"
    toml.write_text(SETTINGS)
    desk.ask("dvc add data")

    def ran() -> list[str]:
        return re.findall(r"Running stage '(\w+)'", desk.ask("dvc repro featurise"))

    assert ran() == ["ingest", "validate", "featurise"]
    toml.write_text(SETTINGS.replace("max_tokens = 20", "max_tokens = 10"))
    assert ran() == ["featurise"]
    toml.write_text(SETTINGS)
    shutil.rmtree(desk.folder / "run" / "featurise")
    assert ran() == []  # out of the cache
    assert (desk.folder / "run" / "featurise" / "x_train.npy").is_file()
    validate = desk.folder / PRODUCT / "pipeline" / "stages" / "validate.py"
    validate.write_text(validate.read_text() + "# a comment\n")
    for path in desk.folder.glob("run/*/*"):
        os.utime(path)
    assert ran() == ["validate"]  # and its result is the same, so featurise is not


# --- What the lesson says of DVC's own answers ---------------------------------------


@pytest.fixture
def shared(tmp_path):
    """An author, and what the remote holds of a folder: its list and its file."""
    author = Terminal(tmp_path / "author", root=tmp_path)
    for line in ("git init -q -b main", "dvc init -q", "dvc remote add -d r ../remote"):
        author.ask(line)
    (author.folder / "data").mkdir()
    (author.folder / "data" / "a.txt").write_text("one\ntwo\nthree\n")
    for line in ("dvc add data", "git add -A", "git commit -q -m one", "dvc push"):
        author.ask(line)
    remote = tmp_path / "remote" / "files" / "md5"
    listed, file = sorted(
        (path for path in remote.rglob("*") if path.is_file()),
        key=lambda path: path.suffix != ".dir",
    )
    return author, listed, file


def pulled(author: Terminal, *before: str):
    colleague = Terminal(author.root / "colleague", root=author.root)
    colleague.ask("git clone -q ../author .")
    for line in before:
        colleague.ask(line)
    return colleague, colleague.run("dvc pull")


def test_half_a_file_is_delivered_unless_dvc_is_told_to_verify(shared):
    author, _, file = shared
    os.chmod(file, 0o644)
    file.write_text("one\nt")
    os.chmod(file, 0o444)
    colleague, answer = pulled(author)
    assert answer.status == 0
    assert (colleague.folder / "data" / "a.txt").read_text() == "one\nt"
    assert "up to date" in colleague.ask("dvc status")
    shutil.rmtree(colleague.folder)
    colleague, answer = pulled(author, "dvc remote modify --local r verify true")
    assert answer.status and not (colleague.folder / "data" / "a.txt").exists()


def test_a_push_takes_the_files_for_granted_where_their_list_is(shared):
    author, listed, file = shared
    for path in (listed, file):
        os.chmod(path, 0o644)
    file.unlink()
    assert "up to date" in author.ask("dvc push") and not file.exists()
    listed.unlink()
    author.ask("dvc push")
    assert file.exists() and listed.exists()


def test_a_pull_from_a_remote_that_is_gone_fails_and_a_push_makes_a_new_one(shared):
    author, _, file = shared
    (author.root / "remote").rename(author.root / "elsewhere")
    _, answer = pulled(author)
    assert answer.status and "neither locally nor on remote" in answer.text
    assert "dvc warns: " in answer.text and "WARNING" not in answer.text
    author.ask("dvc push")
    assert file.exists()
