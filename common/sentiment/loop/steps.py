"""What a turn of the loop does, step by step; each may be done twice without harm.

Every function gets the loop's home, and what earlier steps have returned. It returns
what JSON can hold: the next steps, and the audit, read it in the journal.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.sentiment import bundle, monitor, pipeline, promotion, reaction, tracking
from common.sentiment.bundle import BundleError
from common.sentiment.loop import batches
from common.sentiment.loop.card import write_card
from common.sentiment.loop.home import Home, read_json, write_json
from common.sentiment.loop.journal import At, nothing_happens
from common.sentiment.observer import Observer
from common.sentiment.predictor import Predictor
from common.sentiment.tracking_store import ADDRESS

GRACE = 0.02
"""What a challenger may lose on older reviews, as a fraction, beyond chance."""


def champion_of(home: Home) -> Predictor | None:
    """The model of the registry's champion; None before the first promotion."""
    champion = home.registry.champion
    return (
        None if champion is None else Predictor.load(home.registry.folder_of(champion))
    )


# --- Data -----------------------------------------------------------------------------


def admit(home: Home, path: Path, batch: batches.Batch) -> dict:
    """Look at a batch before anybody learns from it; refuse it with a reason."""
    said = batches.problems(batch, champion_of(home))
    return {"accepted": not said, "reasons": said, "reviews": len(batch.texts)} | {
        "delivered_as": path.name
    }


def version(home: Home, path: Path, key: str) -> dict:
    """Keep the batch, and name the data that would be learnt from with it."""
    batches.keep(home, path, key)
    parent = read_json(home.folder / "data.json") or []
    keys = [*(one for one in parent if one != key), key]
    return {"version": batches.commit(home, keys), "batches": keys}


def decide(home: Home, batch: batches.Batch) -> dict:
    """Day 33's decision: do these labels show that the champion does harm now?"""
    champion = home.registry.champion
    if champion is None:
        return {"action": "retrain", "sentence": "Nothing serves yet."} | {
            "champion": None
        }
    right = batches.rights(champion_of(home), batch)
    reference = monitor.Reference.load(home.place("watched") / "reference.json")
    alarm = read_json(home.folder / "alarm.json") or {}
    alarms = " ".join(alarm["alarms"]) if alarm.get("model") == reference.model else ""
    decision = reaction.decide(
        reaction.Evidence(
            promised=reference.accuracy,
            inputs_alarm="characters" in alarms,
            answers_alarm="probability" in alarms,
            labelled=len(right),
            right=int(right.sum()),
        ),
        reaction.Bounds(enough_to_learn=home.settings.enough_to_learn),
    )
    return {"action": decision.action.value, "sentence": decision.sentence} | {
        "champion": champion,
        "accuracy": round(float(right.mean()), 4),
        "promised": round(reference.accuracy, 4),
    }


# --- The challenger -------------------------------------------------------------------


class _Epochs(Observer):
    """Tells the tracker all, and the loop of each epoch."""

    def __init__(self, told: Observer, at: At) -> None:
        self._told, self._at = told, at
        self.stage_starts, self.stage_ends = told.stage_starts, told.stage_ends
        self.run_ends = told.run_ends

    def epoch_ends(self, entry: Any) -> None:
        self._told.epoch_ends(entry)
        self._at("train", f"epoch {entry['epoch']}")


def train(home: Home, version: str, at: At = nothing_happens) -> dict:
    """Run Day 29's pipeline on a version of the data, tracked as on Day 26.

    Args:
        home: of the loop.
        version: of the data; it names the run's folder.
        at: told of each epoch of the training, as "epoch 1".
    """
    folder = home.place("runs") / version
    config = home.config
    with (
        _tracked_in(home.registry.address),
        tracking.observed(config, folder, lambda line: None) as observer,
    ):
        manifest = pipeline.run(
            config,
            folder,
            dataset=batches.dataset(home, version),
            say=lambda line: None,
            observer=_Epochs(observer, at),
        )
    return {
        "run_id": _run_of(home, folder, manifest),
        "served_sha256": manifest["served_sha256"],
        "weights_sha256": manifest["weights_sha256"],
        "code_sha256": manifest["code_sha256"],
        "epochs": config.training.epochs,
    }


def gate(home: Home, version: str, champion: int | None) -> dict:
    """Day 28's gate on reviews held out: better on the newest, no worse on the old."""
    challenger = Predictor.load(_served(home, version))
    *old, new = batches.keys_of(home, version)
    newest = batches.held_out(home, [new])
    right = batches.rights(challenger, newest)
    measured = {"challenger": float(right.mean()), "reviews": len(right)}
    if champion is None:
        low, _ = reaction.wilson(int(right.sum()), len(right))
        share = float(max(newest.labels.mean(), 1 - newest.labels.mean()))
        reasons = [] if low > share else [f"No better than one label: {low:.1%}."]
        return {"accepted": not reasons, "reasons": reasons, "measured": measured}
    current = Predictor.load(home.registry.folder_of(champion))
    measured["champion"] = float(batches.rights(current, newest).mean())
    decision = promotion.judge(
        current,
        challenger,
        list(newest.texts),
        newest.labels,
        size=promotion.size_of(_served(home, version)),
        timed=50,
    )
    reasons = list(decision.reasons)
    before = batches.held_out(home, old)
    if len(before.texts):
        theirs = batches.rights(current, before).astype(int)
        difference = batches.rights(challenger, before).astype(int) - theirs
        low, high = promotion.bootstrap(difference)
        measured["gain_on_old"] = float(difference.mean())
        if high < -GRACE:
            reasons.append(f"It is worse on older reviews: {difference.mean():+.1%}.")
    measured |= {"gain": decision.measured["gain"]} | {
        "low": decision.measured["gain_low"],
        "high": decision.measured["gain_high"],
    }
    return {"accepted": not reasons, "reasons": reasons, "measured": measured}


def register(home: Home, turn: str, made: dict, data_version: str) -> dict:
    """Keep the challenger as a version, unless this turn has done so already."""
    for one in home.registry.versions():
        if one.tags.get("turn") == turn:
            return {"model": int(one.version), "run_id": one.run_id}
    tags = {"turn": turn, "data_version": data_version}
    made_version = home.registry.register(
        _served(home, data_version), run_id=made["run_id"], tags=tags
    )
    return {"model": made_version, "run_id": made["run_id"]}


def package(home: Home, model: int, verdict: dict) -> dict:
    """Lay out what a host needs: the model's files, its card, and the settings."""
    source = home.registry.folder_of(model)
    release = home.place("releases") / str(model)
    target = release / "model"
    _, digest = bundle.read_manifest(source)
    if not _whole(target, digest):
        part = release / f".part-{os.getpid()}"
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(part, target)
    card = write_card(home, model, verdict)
    return {"manifest_sha256": digest, "card_sha256": card} | {
        "settings": home.release_settings
    }


def reference(home: Home, model: int, data_version: str) -> dict:
    """Write down how the world looks now; the watch compares with it."""
    newest = batches.held_out(home, batches.keys_of(home, data_version)[-1:])
    predictor = Predictor.load(home.registry.folder_of(model))
    measured = monitor.Reference.measured(predictor, newest.texts, newest.labels)
    part = home.place("watched") / ".part-reference.json"
    measured.save(part)
    os.replace(part, part.with_name("reference.json"))
    for stale in (home.folder / "alarm.json", home.place("watched") / "last.json"):
        stale.unlink(missing_ok=True)
    return {"promised": round(measured.accuracy, 4), "texts": len(newest.texts)}


def learn(home: Home, keys: list[str]) -> dict:
    """Let later turns learn from these batches, too."""
    write_json(home.folder / "data.json", keys)
    return {"batches": len(keys)}


# --- Helpers --------------------------------------------------------------------------


def _served(home: Home, version: str) -> Path:
    return home.place("runs") / version / pipeline.SERVED


def _whole(folder: Path, digest: str) -> bool:
    try:
        bundle.read(folder, needs=bundle.ONNX_MODEL)
        return bundle.read_manifest(folder)[1] == digest
    except BundleError:
        return False


def _run_of(home: Home, folder: Path, manifest: dict) -> str:
    """The run that made a model; one cut off before its end is completed."""
    client, place = home.registry.client, tracking.place_of(folder)
    runs = client.search_runs(
        [home.registry.experiment],
        f"tags.place = '{place}'",
        order_by=["attributes.start_time DESC"],
    )
    for run in runs:
        if run.data.tags.get("served_sha256") == manifest["served_sha256"]:
            return run.info.run_id
    if runs:
        run_id = runs[0].info.run_id
    else:
        run_id = tracking.open_run(client, home.registry.experiment, home.config, place)
    tracking.note_data(client, run_id, manifest["data"])
    tracking.note_results(client, run_id, manifest, folder)
    tracking.close_run(client, run_id, "FINISHED", "")
    return run_id


@contextlib.contextmanager
def _tracked_in(address: str) -> Iterator[None]:
    before = os.environ.get(ADDRESS)
    os.environ[ADDRESS] = address
    try:
        yield
    finally:
        if before is None:
            del os.environ[ADDRESS]
        else:
            os.environ[ADDRESS] = before
