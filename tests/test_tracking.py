"""The diary of a run: what it holds, that it changes nothing, what it survives."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from test_lab_browser import free_port
from test_pipeline import SMALL, dataset, quiet, small

from common import ROOT
from common.sentiment import pipeline, tracking, tracking_store
from common.sentiment.config import Config, ConfigError
from common.sentiment.observer import Observer
from common.sentiment.pipeline import runner
from common.sentiment.tracking_store import TrackingError

EPOCHS = SMALL["training"]["epochs"]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables, to be copied: making them takes seconds."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    tracking_store.connect(f"sqlite:///{path}")
    return path


@pytest.fixture
def store(
    migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A store of its own for the test, configured as a person would."""
    (tmp_path / "tracking").mkdir()
    path = Path(shutil.copy(migrated, tmp_path / "tracking" / "mlflow.db"))
    monkeypatch.setenv(tracking_store.ADDRESS, f"sqlite:///{path}")
    monkeypatch.delenv(tracking.EXPERIMENT, raising=False)
    yield path


def run(config: Config, folder: Path, say: Any = quiet) -> dict:
    """A run as the command line makes it, on the toy reviews."""
    with tracking.observed(config, folder, say) as observer:
        return runner.run(config, folder, dataset=dataset(), say=say, observer=observer)


def runs_in(store: Path) -> list[Any]:
    """All runs of the store, the oldest first."""
    client = tracking_store.connect(f"sqlite:///{store}")
    found = client.search_experiments()
    ids = [one.experiment_id for one in found]
    return sorted(client.search_runs(ids), key=lambda run: run.info.start_time)


def steps(store: Path, run_id: str, name: str = "loss") -> list[int]:
    client = tracking_store.connect(f"sqlite:///{store}")
    return sorted(one.step for one in client.get_metric_history(run_id, name))


# --- What a run's record holds -------------------------------------------------------


@pytest.fixture(scope="module")
def tracked(
    migrated: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, dict]:
    """A store with one finished run of the pipeline; its folder; its manifest."""
    place = tmp_path_factory.mktemp("tracked")
    (place / "tracking").mkdir()
    path = Path(shutil.copy(migrated, place / "tracking" / "mlflow.db"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(tracking_store.ADDRESS, f"sqlite:///{path}")
        manifest = run(small(), place / "run")
    return path, place / "run", manifest


def test_a_run_is_written_whole(tracked):
    store, _, manifest = tracked
    (kept,) = runs_in(store)
    assert kept.info.status == "FINISHED"
    assert tracking.unflat(kept.data.params) == small()
    tags = kept.data.tags
    assert tags["data_sha256"] == manifest["data"]["sha256"]
    for name in ("weights_sha256", "served_sha256", "code_sha256"):
        assert tags[name] == manifest[name]
    for stage in pipeline.STAGES:
        assert tags[f"ran.{stage.name}"] == "not done yet"
    (data,) = kept.inputs.dataset_inputs
    assert tags["data_sha256"].startswith(data.dataset.digest)
    assert len(data.dataset.digest) == 16
    assert [(tag.key, tag.value) for tag in data.tags] == [
        ("mlflow.data.context", "training")
    ]
    for name, value in manifest["metrics"].items():
        assert kept.data.metrics[f"final.{name}"] == value


def test_every_epoch_has_its_step_and_its_figures(tracked):
    store, folder, _ = tracked
    (kept,) = runs_in(store)
    history = json.loads((folder / "train" / "training.json").read_text())["history"]
    client = tracking_store.connect(f"sqlite:///{store}")
    for name in ("loss", "accuracy", "valid_loss", "valid_accuracy"):
        found = client.get_metric_history(kept.info.run_id, name)
        written = {one.step: one.value for one in found}
        assert len(found) == EPOCHS
        assert written == {entry["epoch"]: entry[name] for entry in history}


def test_artefacts_lie_beside_the_database(tracked):
    store, folder, _ = tracked
    (kept,) = runs_in(store)
    place = store.parent / "artifacts" / kept.info.run_id / "artifacts"
    assert (place / "manifest.json").read_bytes() == (
        folder / "manifest.json"
    ).read_bytes()
    served = {path.name for path in (folder / pipeline.SERVED).iterdir()}
    assert {path.name for path in (place / "served").iterdir()} == served


def test_a_record_tells_no_name_of_machine_user_or_folder(tracked):
    store, folder, _ = tracked
    (kept,) = runs_in(store)
    told = json.dumps([dict(kept.data.tags), dict(kept.data.params)])
    assert str(folder) not in told and str(folder.parent) not in told
    assert "mlflow.user" not in kept.data.tags and kept.info.user_id == "unknown"


def test_a_run_in_which_nothing_changed_leaves_no_trace(tracked, monkeypatch):
    store, folder, manifest = tracked
    monkeypatch.setenv(tracking_store.ADDRESS, f"sqlite:///{store}")
    assert run(small(), folder) == manifest
    assert len(runs_in(store)) == 1


# --- It changes nothing --------------------------------------------------------------


def test_tracked_or_not_the_stages_come_out_the_same(tracked, tmp_path):
    _, folder, manifest = tracked
    plain = runner.run(small(), tmp_path / "run", dataset=dataset(), say=quiet)
    assert plain["weights_sha256"] == manifest["weights_sha256"]
    assert plain["code_sha256"] == manifest["code_sha256"]
    for stage in pipeline.STAGES:
        one, other = (
            json.loads((place / stage.name / "stage.json").read_text())
            for place in (folder, tmp_path / "run")
        )
        if stage.name == "export":  # its files may carry the time of day
            del one["made_from"]["input"], other["made_from"]["input"]
            assert one["outputs"].keys() == other["outputs"].keys()
        else:
            assert one["outputs"] == other["outputs"]
        assert one["made_from"] == other["made_from"]


@pytest.mark.parametrize("address", ["", "sqlite:////somewhere/else/mlflow.db"])
def test_no_stage_depends_on_the_address(tracked, monkeypatch, address):
    monkeypatch.setenv(tracking_store.ADDRESS, address)
    _, folder, _ = tracked
    assert not any(pipeline.plan(small(), folder, dataset=dataset()).values())


def test_without_an_address_mlflow_is_not_imported(tmp_path):
    code = textwrap.dedent("""
        import sys
        from common.sentiment import pipeline, tracking
        from common.sentiment.config import Config
        from common.sentiment.observer import Observer
        with tracking.observed(Config(), __import__("pathlib").Path("run")) as one:
            assert type(one) is Observer, one
        assert pipeline.main(["--force", "nonsense", "--folder", "run"]) == 1
        assert not [name for name in sys.modules if name.startswith("mlflow")]
    """)
    without = {k: v for k, v in os.environ.items() if k != tracking_store.ADDRESS}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=without | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr


def test_a_deaf_observer_has_all_that_a_tracker_hears():
    def heard(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert heard(Observer) == heard(tracking.Tracker)
    assert heard(tracking.Guarded) - {"close"} == heard(Observer)


# --- How a run may end ---------------------------------------------------------------


def test_a_run_that_stops_says_why(store, tmp_path):
    picky = small(evaluation={"minimum_accuracy": 1.0})
    with pytest.raises(pipeline.PipelineError):
        run(picky, tmp_path / "run")
    (kept,) = runs_in(store)
    assert kept.info.status == "FAILED"
    assert "minimum_accuracy asks for 100.0%" in kept.data.tags["ended"]
    assert steps(store, kept.info.run_id) == list(range(1, EPOCHS + 1))
    assert kept.inputs.dataset_inputs, "which data, is known after a failure, too"


def test_ctrl_c_is_told(store, tmp_path):
    def press(line: str) -> None:
        if line.strip().startswith("epoch 2/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(small(), tmp_path / "run", say=press)
    (kept,) = runs_in(store)
    assert (kept.info.status, kept.data.tags["ended"]) == (
        "KILLED",
        "stopped by Ctrl-C",
    )


KILL_ME = """
import sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
from test_pipeline import small
from test_tracking import run
run(small(), Path({folder!r}), say=lambda line: print(line, flush=True))
"""


def test_a_killed_run_keeps_its_epochs_and_is_declared_dead_by_the_next(
    store, tmp_path
):
    folder = tmp_path / "run"
    code = KILL_ME.format(tests=str(ROOT / "tests"), root=str(ROOT), folder=str(folder))
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ.copy(),
    ) as program:
        for line in program.stdout:
            if line.strip().startswith("epoch 3/"):
                program.kill()
                break
    assert program.returncode == -signal.SIGKILL
    (killed,) = runs_in(store)
    assert killed.info.status == "RUNNING", "a kill cannot say anything"
    assert steps(store, killed.info.run_id)[:2] == [1, 2]

    run(small(), folder)
    first, second = runs_in(store)
    assert (first.info.run_id, first.info.status) == (killed.info.run_id, "KILLED")
    assert second.info.status == "FINISHED"
    assert steps(store, second.info.run_id) == list(range(1, EPOCHS + 1)), (
        "the epochs of before the kill belong to the finished run as well"
    )


def test_only_runs_of_the_same_folder_are_declared_dead(store):
    client = tracking_store.connect(f"sqlite:///{store}")
    experiment = tracking_store.experiment_of(client, "x", f"sqlite:///{store}")
    mine, other = (
        tracking.open_run(client, experiment, small(), place) for place in "ab"
    )
    assert tracking.bury(client, experiment, "a") == [mine]
    assert client.get_run(other).info.status == "RUNNING"
    assert tracking.bury(client, experiment, "a") == []


def test_a_store_that_fails_in_mid_run_costs_one_sentence(store, tmp_path):
    said: list[str] = []

    def break_it(line: str) -> None:
        said.append(line)
        if line.strip().startswith("epoch 2/"):
            with sqlite3.connect(store) as database:
                database.execute("DROP TABLE metrics")

    manifest = run(small(), tmp_path / "run", say=break_it)
    assert manifest["metrics"]["valid_accuracy"] > 0
    complaints = [line for line in said if "no longer tracked" in line]
    assert len(complaints) == 1 and "\n" not in complaints[0]


TWO_AT_ONCE = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from common.sentiment import tracking, tracking_store
from common.sentiment.config import Config
import mlflow
Path({here!r}, "ready-" + sys.argv[1]).touch()
while len(list(Path({here!r}).glob("ready-*"))) < 2:
    time.sleep(0.01)
client = tracking_store.connect({address!r})
experiment = tracking_store.experiment_of(client, "both", {address!r})
for i in range(5):
    run_id = tracking.open_run(client, experiment, Config(), sys.argv[1])
    for step in (1, 2):
        tracking.note(client, run_id, {{"loss": 1.0 / step, "i": i}}, step=step)
    tracking.close_run(client, run_id, "FINISHED", "")
"""


def test_two_processes_at_once_lose_nothing_even_on_a_new_database(tmp_path):
    path = tmp_path / "new" / "mlflow.db"
    code = TWO_AT_ONCE.format(
        root=str(ROOT), here=str(tmp_path), address=f"sqlite:///{path}"
    )
    pair = [
        subprocess.Popen(
            [sys.executable, "-c", code, name], stderr=subprocess.PIPE, text=True
        )
        for name in "ab"
    ]
    for one in pair:
        assert one.wait(300) == 0, one.stderr.read()
    kept = runs_in(path)
    assert len(kept) == 10 and {run.info.status for run in kept} == {"FINISHED"}
    for name in "ab":
        own = [run for run in kept if run.data.tags["place"] == name]
        assert sorted(run.data.metrics["i"] for run in own) == list(range(5))
    assert all(steps(path, run.info.run_id) == [1, 2] for run in kept[:3])


# --- Addresses that cannot be used ---------------------------------------------------


def test_a_relative_address_is_refused_with_the_absolute_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrackingError) as reason:
        tracking_store.connect("sqlite:///mlflow.db")
    assert f"sqlite:///{tmp_path / 'mlflow.db'}" in str(reason.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "address", ["./mlruns", "/tmp/mlruns", "file:///tmp/x", "ftp://x"]
)
def test_what_keeps_no_runs_is_refused(address):
    with pytest.raises(TrackingError, match="is no store of runs"):
        tracking_store.connect(address)


def test_a_file_that_is_no_database_is_refused_at_once(tmp_path):
    (tmp_path / "mlflow.db").write_text("these are no tables " * 100)
    clock = time.monotonic()
    with pytest.raises(TrackingError, match=r"mlflow\.db cannot be used"):
        tracking_store.connect(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert time.monotonic() - clock < 5


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrackingError, match="cannot be used"):
        tracking_store.connect(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}")


def test_a_server_that_is_away_stops_the_command_before_any_work(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv(tracking_store.ADDRESS, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert pipeline.main(["--folder", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err
    assert (
        said.startswith("Stopped. The store does not answer") and said.count("\n") == 1
    )
    assert not (tmp_path / "run").exists()


def test_a_reason_is_one_line_and_holds_no_password():
    error = RuntimeError(f"API request to https://ann:secret@host/x {'x' * 999}\nmore")
    said = tracking_store.in_a_line(error)
    assert said.startswith("API request to https://host/x") and "secret" not in said
    assert len(said) <= 200 and "\n" not in said
    assert tracking_store.in_a_line(RuntimeError()) == "RuntimeError"


def test_a_deleted_experiment_is_a_sentence(store):
    client = tracking_store.connect(f"sqlite:///{store}")
    address = f"sqlite:///{store}"
    client.delete_experiment(tracking_store.experiment_of(client, "gone", address))
    with pytest.raises(TrackingError, match="was deleted"):
        tracking_store.experiment_of(client, "gone", address)


def test_telemetry_is_off(store):
    from mlflow.telemetry.utils import is_telemetry_disabled

    tracking_store.connect(f"sqlite:///{store}")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert is_telemetry_disabled()


# --- Settings and code, there and back -----------------------------------------------


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"data": {"limit": 2_000}},
        {"model": {"kind": "bilstm"}},
        {"training": {"learning_rate": 1 / 3, "seed": 7}},
        {"training": {"learning_rate": 1e-07}},
    ],
)
def test_settings_come_back_as_they_were(sections):
    config = Config.parse(sections)
    written = tracking.flat(config)
    assert all(isinstance(value, str) for value in written.values())
    assert tracking.unflat(written) == config


@pytest.mark.parametrize("spoil", [{"training.lerning_rate": "0.1"}, {"epochs": "4"}])
def test_a_record_with_a_name_that_is_none_is_refused(spoil):
    with pytest.raises(ConfigError):
        tracking.unflat(tracking.flat(Config()) | spoil)


def test_the_commit_and_what_was_changed_since(tmp_path):
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.org")
    assert tracking.commit_of(tmp_path) == ("", "")
    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "code.py").write_text("a = 1\n")
    subprocess.run([*git, "add", "."], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "-qm", "x"], cwd=tmp_path, check=True)
    commit, diff = tracking.commit_of(tmp_path)
    assert len(commit) == 40 and diff == ""
    (tmp_path / "code.py").write_text("a = 2\n")
    (tmp_path / "notes.txt").write_text("not code\n")
    assert tracking.commit_of(tmp_path)[0] == commit
    assert "+a = 2" in tracking.commit_of(tmp_path)[1]


# --- The notebook shows what the product does ----------------------------------------


def bare(source: str) -> dict[str, str]:
    """Functions and classes of a source, without hints, docstrings and module names."""
    found = {}
    for node in ast.parse(source).body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.FunctionDef):
                part.returns = None
                for one in ast.walk(part.args):
                    if isinstance(one, ast.arg):
                        one.annotation = None
            if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
                body = part.body
                if isinstance(body[0], ast.Expr) and len(body) > 1:
                    part.body = body[1:]
            if isinstance(part, ast.AnnAssign):
                part.annotation = ast.Name("Any")
        text = ast.unparse(node).replace("tracking.", "")
        found[node.name] = text.replace("sections: Any = {}", "sections = {}")
    return found


def test_the_notebooks_tracker_is_the_products():
    notebook = nbformat.read(ROOT / "day26_mlflow" / "day26_mlflow.ipynb", 4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    shown: dict[str, str] = {}
    for source in cells:
        shown |= bare(source)
    own = bare(Path(tracking.__file__).read_text(encoding="utf-8"))
    for name in ("flat", "unflat", "commit_of", "Tracker"):
        assert shown[name] == own[name], name
