"""Tell an MLflow store about a run of the pipeline, where one is configured.

    export MLFLOW_TRACKING_URI=sqlite:////home/ann/tracking/mlflow.db
    python -m common.sentiment.pipeline

Without that variable nothing here imports MLflow, and the pipeline runs as ever. With
it the same stages run, for the same reasons, to the same bytes: the address is no
setting of the model, so no stage depends on it. A store that cannot be used stops a
run before any work; one that fails later costs a sentence, and the run goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import ROOT
from common.sentiment.config import Config
from common.sentiment.observer import Observer
from common.sentiment.pipeline.stage import SERVED
from common.sentiment.tracking_store import (
    address_in_use,
    connect,
    experiment_of,
    in_a_line,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
"""The heading in the store under which the runs stand; "sentiment" if not set."""


@contextlib.contextmanager
def observed(
    config: Config, folder: Path, say: Callable[[str], None] = print
) -> Iterator[Observer]:
    """Give the pipeline somebody to report to, and write down how the run ended.

    Args:
        config: the settings of the run.
        folder: its run folder.
        say: called with a sentence if the store fails during the run.

    Yields:
        A `Tracker`, or where no store is configured an observer that does nothing.

    Raises:
        TrackingError: the store cannot be used, see `connect`.
    """
    address = address_in_use()
    if not address:
        yield Observer()
        return
    client = connect(address)
    name = os.environ.get(EXPERIMENT, "").strip() or "sentiment"
    experiment = experiment_of(client, name, address)
    tracker = Tracker(client, experiment, config, place_of(folder))
    guarded = Guarded(tracker, say)
    try:
        yield guarded
    except KeyboardInterrupt:
        guarded.close("KILLED", "stopped by Ctrl-C")
        raise
    except BaseException as error:
        guarded.close("FAILED", str(error) or type(error).__name__)
        raise
    guarded.close("FINISHED")


# --- What is written down ------------------------------------------------------------


def flat(config: Config) -> dict[str, str]:
    """All settings under dotted names, as texts from which `unflat` reads them back."""
    return {
        f"{section}.{name}": value if isinstance(value, str) else json.dumps(value)
        for section, values in config.model_dump(mode="json").items()
        for name, value in values.items()
    }


def unflat(params: Mapping[str, str]) -> Config:
    """The settings again; raises ConfigError where a name or a value is none."""
    sections: dict[str, dict[str, Any]] = {}
    for key, text in params.items():
        section, _, name = key.partition(".")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        sections.setdefault(section, {})[name] = value
    return Config.parse(sections, "The record")


def commit_of(folder: Path) -> tuple[str, str]:
    """The commit of the code in a folder, and what was changed since, as a diff.

    Both are "" where there is no git, or no repository.
    """
    texts = []
    for command in (("rev-parse", "HEAD"), ("diff", "HEAD", "--", "*.py", "*.toml")):
        try:
            ran = subprocess.run(["git", *command], cwd=folder, capture_output=True)
        except OSError:
            return "", ""
        if ran.returncode:
            return "", ""
        texts.append(ran.stdout.decode("utf-8", "replace"))
    return texts[0].strip(), texts[1]


def open_run(client: MlflowClient, experiment: str, config: Config, place: str) -> str:
    """Begin a run with its settings, its commit, and what was changed since; its id."""
    from mlflow.entities import Param

    commit, diff = commit_of(ROOT)
    tags = {"place": place, "commit": commit, "changed_since_commit": str(bool(diff))}
    run_id = client.create_run(experiment, tags=tags).info.run_id
    params = [Param(name, value) for name, value in flat(config).items()]
    client.log_batch(run_id, params=params)
    if diff:
        client.log_text(run_id, diff, "changed_since_commit.diff")
    return run_id


def note(
    client: MlflowClient, run_id: str, values: Mapping[str, float], step: int = 0
) -> None:
    """Write figures of one step, all in one transaction."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    metrics = [Metric(name, float(value), now, step) for name, value in values.items()]
    client.log_batch(run_id, metrics=metrics)


def note_data(client: MlflowClient, run_id: str, corpus: Mapping[str, Any]) -> None:
    """Write which reviews the run learnt from: their title, and a hash of them all."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    sha256 = corpus["sha256"]
    # MLflow keeps 36 characters of a digest; the whole one stands in a tag
    data = Dataset(corpus["title"], sha256[:16], "ingest", json.dumps(corpus["source"]))
    role = InputTag("mlflow.data.context", "training")
    client.log_inputs(run_id, [DatasetInput(data, [role])])
    client.set_tag(run_id, "data_sha256", sha256)


def note_results(
    client: MlflowClient, run_id: str, manifest: Mapping[str, Any], folder: Path
) -> None:
    """Write what a finished run came to: figures, hashes, and the model itself."""
    metrics = manifest["metrics"].items()  # "valid_accuracy" is a curve already
    note(client, run_id, {f"final.{name}": value for name, value in metrics})
    for name in ("weights_sha256", "served_sha256", "code_sha256"):
        client.set_tag(run_id, name, manifest[name])
    client.log_artifact(run_id, str(folder / "manifest.json"))
    client.log_artifacts(run_id, str(folder / SERVED), "served")


class Tracker(Observer):
    """Writes what the pipeline reports into one run of an MLflow store.

    The run is opened when the first stage has to work: a pipeline in which nothing
    changed leaves no trace. What is known is written at once, so that a kill loses
    nothing but the end.
    """

    def __init__(
        self, client: MlflowClient, experiment: str, config: Config, place: str
    ) -> None:
        self.client, self.run_id, self.epochs = client, "", set()
        self.about, self.corpus = (experiment, config, place), {}

    def stage_starts(self, stage: str, reason: str) -> None:
        if reason and not self.run_id:
            bury(self.client, self.about[0], self.about[2])
            self.run_id = open_run(self.client, *self.about)
        if self.run_id and self.corpus:  # known once ingest is done
            note_data(self.client, self.run_id, self.corpus)
            self.corpus = {}
        if reason:
            self.client.set_tag(self.run_id, f"ran.{stage}", reason)

    def epoch_ends(self, entry: Mapping[str, Any]) -> None:
        values = {name: value for name, value in entry.items() if name != "epoch"}
        note(self.client, self.run_id, values, step=entry["epoch"])
        self.epochs.add(entry["epoch"])

    def stage_ends(self, stage: str, folder: Path, record: Mapping[str, Any]) -> None:
        if stage == "ingest":
            self.corpus = json.loads((folder / "corpus.json").read_text())
        if stage == "train" and self.run_id:
            history = json.loads((folder / "training.json").read_text())["history"]
            for entry in history:  # those of before a restart are not told otherwise
                if entry["epoch"] not in self.epochs:
                    self.epoch_ends(entry)

    def run_ends(self, manifest: Mapping[str, Any], folder: Path) -> None:
        if self.run_id:
            note_results(self.client, self.run_id, manifest, folder)


def close_run(client: MlflowClient, run_id: str, status: str, sentence: str) -> None:
    """Write how a run ended, and why; FINISHED needs no reason."""
    if sentence:
        client.set_tag(run_id, "ended", sentence)
    client.set_terminated(run_id, status)


def place_of(folder: Path) -> str:
    """Stands for a folder of this machine, and tells nobody its name."""
    named = f"{platform.node()}\0{folder.absolute()}"
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def bury(client: MlflowClient, experiment: str, place: str) -> list[str]:
    """Call those runs of a run folder KILLED that still say RUNNING; their ids.

    To be called by who holds the lock on the folder: then nobody else is at work.
    """
    dead = client.search_runs(
        [experiment], f"attributes.status = 'RUNNING' and tags.place = '{place}'"
    )
    for run in dead:
        why = "its process ended without a word"
        close_run(client, run.info.run_id, "KILLED", why)
    return [run.info.run_id for run in dead]


class Guarded(Observer):
    """Passes all on to a tracker, until the store fails: then says so, and is deaf.

    Hours of training are worth more than their diary.
    """

    def __init__(self, tracker: Tracker, say: Callable[[str], None]) -> None:
        self.tracker, self.say, self.lost = tracker, say, False

    def stage_starts(self, stage: str, reason: str) -> None:
        self._pass_on(self.tracker.stage_starts, stage, reason)

    def epoch_ends(self, entry: Mapping[str, Any]) -> None:
        self._pass_on(self.tracker.epoch_ends, entry)

    def stage_ends(self, stage: str, folder: Path, record: Mapping[str, Any]) -> None:
        self._pass_on(self.tracker.stage_ends, stage, folder, record)

    def run_ends(self, manifest: Mapping[str, Any], folder: Path) -> None:
        self._pass_on(self.tracker.run_ends, manifest, folder)

    def close(self, status: str, sentence: str = "") -> None:
        """Write how the run ended: FINISHED, FAILED or KILLED, and why."""
        if self.tracker.run_id:
            about = self.tracker.client, self.tracker.run_id
            self._pass_on(close_run, *about, status, sentence)

    def _pass_on(self, method: Callable[..., None], *told: Any) -> None:
        if self.lost:
            return
        try:
            method(*told)
        except Exception as error:  # of MLflow, database, disk or network
            self.lost = True
            why = in_a_line(error)
            self.say(f"The run goes on, but is no longer tracked: {why}.")
