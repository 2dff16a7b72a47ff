"""The registry: versions that do not change, one write that decides, no lost step."""

import concurrent.futures
import json
import multiprocessing
import shutil

import pandas as pd
import pytest

from common.sentiment import bundle
from common.sentiment.bundle import BundleError
from common.sentiment.registry import Registry, RegistryError, Serving
from tests import served_model

mlflow = pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A small exported model."""
    return served_model.write(tmp_path_factory.mktemp("exported") / "model")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A registry with its tables made; copying it is quicker than making them."""
    folder = tmp_path_factory.mktemp("template")
    Registry(folder / "registry")
    return folder / "registry"


@pytest.fixture
def registry(template, tmp_path):
    """A registry of its own for each test."""
    (tmp_path / "registry").mkdir()
    shutil.copy(template / "mlflow.db", tmp_path / "registry")
    opened = Registry(tmp_path / "registry")
    # the template's experiment keeps its artefacts beside the template
    opened.experiment = opened.client.create_experiment(
        "here", artifact_location=(tmp_path / "registry" / "artifacts").as_uri()
    )
    return opened


@pytest.fixture
def three(registry, exported):
    """The registry with three versions, the first of them champion."""
    for note in ("one", "two", "three"):
        registry.register(exported, tags={"note": note})
    registry.promote(1, expected_champion=None)
    return registry


def aliases(registry):
    found = registry.client.get_registered_model(registry.name).aliases
    return {alias: int(version) for alias, version in found.items()}


def test_a_version_knows_what_it_is_and_where_it_comes_from(registry, exported):
    version = registry.register(exported, tags={"commit": "0a1b2c3"})
    known = registry.lineage(version)
    assert version == 1
    assert known["commit"] == "0a1b2c3" and known["run_id"]
    assert known["manifest_sha256"] == bundle.read_manifest(exported)[1]
    assert aliases(registry) == {"challenger": 1}


def test_a_broken_folder_is_not_registered(registry, exported, tmp_path):
    broken = shutil.copytree(exported, tmp_path / "broken")
    (broken / bundle.ONNX_MODEL).write_bytes(b"half")
    with pytest.raises(BundleError, match="not the file"):
        registry.register(broken)
    assert registry.versions() == []


def test_nothing_is_pickled_and_mlflow_itself_can_load_a_version(registry, exported):
    version = registry.register(exported)
    folder = registry.folder_of(version).parents[1]
    assert not [*folder.rglob("*.pkl"), *folder.rglob("*.pickle")]
    loaded = mlflow.pyfunc.load_model(str(folder))
    answer = loaded.predict(pd.DataFrame({"text": ["A fine film.", "Dull."]}))
    assert answer["probability"].between(0, 1).all() and len(answer) == 2


def test_promotion_and_rollback_move_names_and_no_files(three):
    before = {v: three.folder_of(v) for v in (1, 2, 3)}
    assert three.promote(2, expected_champion=1)[:2] == (2, 1)
    assert aliases(three) == {"champion": 2, "previous": 1, "challenger": 3}
    assert three.rollback()[:2] == (1, 2)
    assert aliases(three) == {"champion": 1, "previous": 2, "challenger": 3}
    assert {v: three.folder_of(v) for v in (1, 2, 3)} == before


def test_who_is_promoted_is_no_challenger_any_more(three):
    three.promote(3, expected_champion=1)
    assert aliases(three) == {"champion": 3, "previous": 1}


def test_a_comparison_with_yesterdays_champion_does_not_count(three):
    three.promote(2, expected_champion=1)
    with pytest.raises(RegistryError, match="compared with version 1, but version 2"):
        three.promote(3, expected_champion=1)
    assert three.champion == 2


def test_promoting_the_champion_changes_nothing(three):
    three.promote(2, expected_champion=1)
    assert three.promote(2, expected_champion=2) == three.serving
    assert three.serving.previous == 1


def test_without_an_earlier_champion_there_is_no_way_back(three):
    with pytest.raises(RegistryError, match="no earlier champion"):
        three.rollback()


def test_an_unknown_version_is_named_with_those_that_exist(three):
    with pytest.raises(RegistryError, match=r"no version 9 .* there are: 1, 2, 3"):
        three.promote(9, expected_champion=1)


@pytest.mark.parametrize("name", [bundle.ONNX_MODEL, bundle.MANIFEST, bundle.TOKENIZER])
def test_a_file_changed_after_registration_is_refused(three, name):
    path = three.folder_of(2) / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(RegistryError, match="Version 2"):
        three.promote(2, expected_champion=1)
    assert three.serving == Serving(1, None, "")


def test_another_whole_model_in_a_versions_place_is_refused(three, exported, tmp_path):
    other = shutil.copytree(exported, tmp_path / "other")
    manifest = json.loads((other / bundle.MANIFEST).read_text())
    (other / bundle.MANIFEST).write_text(json.dumps(manifest | {"temperature": 2.0}))
    bundle.write_checksum(other)
    bundle.read(other)  # whole in itself
    place = three.folder_of(2)
    shutil.rmtree(place)
    shutil.copytree(other, place)
    with pytest.raises(RegistryError, match="not what was registered"):
        three.promote(2, expected_champion=1)


def test_a_promotion_killed_after_its_write_has_happened(three, monkeypatch):
    def dies(serving):
        raise KeyboardInterrupt

    monkeypatch.setattr(three, "_point_aliases", dies)
    with pytest.raises(KeyboardInterrupt):
        three.promote(2, expected_champion=1)
    again = Registry(three.folder)
    assert again.serving[:2] == (2, 1) and aliases(again)["champion"] == 1
    again.reconcile()
    assert aliases(again) == {"champion": 2, "previous": 1, "challenger": 3}


def test_a_promotion_killed_before_its_write_has_not(three, monkeypatch):
    def dies(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(three.client, "set_registered_model_tag", dies)
    with pytest.raises(KeyboardInterrupt):
        three.promote(2, expected_champion=1)
    again = Registry(three.folder)
    assert again.serving == Serving(1, None, "")
    assert again.promote(3, expected_champion=1).champion == 3  # the lock was let go of


def test_of_two_promoters_at_once_one_wins(three):
    def promote(version):
        try:
            Registry(three.folder).promote(version, expected_champion=1)
        except RegistryError as reason:
            return str(reason)
        return "promoted"

    with concurrent.futures.ThreadPoolExecutor(2) as together:
        outcomes = list(together.map(promote, (2, 3)))
    assert outcomes.count("promoted") == 1
    assert sum("compare again" in outcome for outcome in outcomes) == 1
    assert three.serving.previous == 1


def _hold(folder, held, done):
    import filelock

    with filelock.FileLock(folder / "registry.lock"):
        held.set()
        done.wait(30)


def test_another_process_at_work_is_waited_for_and_then_told(three, monkeypatch):
    monkeypatch.setattr("common.sentiment.registry._LOCK_SECONDS", 0.3)
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(three.folder, held, done))
    other.start()
    try:
        assert held.wait(30)
        with pytest.raises(RegistryError, match="does not finish"):
            three.promote(2, expected_champion=1)
    finally:
        done.set()
        other.join(30)


def test_deploy_brings_the_champion_and_leaves_nothing_beside_it(three, tmp_path):
    target = tmp_path / "served"
    assert three.deploy(target) == 1
    three.promote(2, expected_champion=1)
    assert three.deploy(target) == 2
    assert bundle.read(target, needs=bundle.ONNX_MODEL)
    assert [path.name for path in tmp_path.glob("*served*")] == ["served"]
    assert not list(tmp_path.glob(".served*"))


def test_a_killed_deployment_is_made_whole_by_the_next(three, tmp_path):
    target = tmp_path / "served"
    three.deploy(target)
    target.rename(tmp_path / ".served.old")
    (tmp_path / ".served.new").mkdir()
    three.deploy(target)
    assert bundle.read(target)


def test_before_a_first_promotion_there_is_nothing_to_deploy(registry, tmp_path):
    with pytest.raises(RegistryError, match="nothing to deploy"):
        registry.deploy(tmp_path / "served")
