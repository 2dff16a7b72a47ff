"""Training that can be killed at any moment and still ends at the same weights.

Nothing in an epoch depends on what a process remembers: the order of the reviews and
the units that dropout silences derive from (seed, epoch), the learning rate from the
optimizer's step count, and all of it stands in a checkpoint that is either whole or
not there. "The same" holds for one machine, one backend and one number of threads.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from common import runtime
from common.sentiment.config import ModelConfig, TrainingConfig
from common.sentiment.model import build_model, compile_model

Pair = tuple[np.ndarray, np.ndarray]
Report = Callable[[dict], None]


class DivergedError(ArithmeticError):
    """A training whose loss is no longer a number; says so in a sentence."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model and how it got there.

    Attributes:
        model: compiled, with the optimizer's state after the last epoch.
        history: one entry an epoch: "epoch" from 1, "loss" in nats, "accuracy",
            and with validation data "valid_loss" and "valid_accuracy".
        resumed_at: how many epochs came out of a checkpoint; 0 for a fresh run.
    """

    model: keras.Model
    history: list[dict]
    resumed_at: int


def train(
    model_config: ModelConfig,
    config: TrainingConfig,
    tokenizer_size: int,
    x: np.ndarray,
    y: np.ndarray,
    *,
    validation: Pair | None = None,
    checkpoints: Path | None = None,
    key: str = "",
    report: Report | None = None,
) -> Trained:
    """Train a network, from its beginning or from its newest checkpoint.

    Args:
        model_config: what to build.
        config: how to train it.
        tokenizer_size: see `build_model`.
        x: (n, length) int32 word numbers, padded with 0.
        y: (n,) labels 0 and 1.
        validation: (x, y) to measure after every epoch; it decides nothing here.
        checkpoints: a folder for them; without it nothing is kept.
        key: stands for everything that the result depends on. A checkpoint with
            another key is of another run, and is not taken up.
        report: called with each new epoch's entry of the history.

    Returns:
        See `Trained`.

    Raises:
        DivergedError: the loss became infinite or no number.
    """
    start, model, history = 0, None, []
    if checkpoints is not None:
        model, history = _newest(checkpoints, key)
        start = len(history)
    if model is None:
        keras.utils.set_random_seed(config.seed)
        model = build_model(model_config, tokenizer_size)
        compile_model(
            model,
            config,
            -(-len(x) // config.batch_size),
            runtime.steps_per_execution(),
        )
    for epoch in range(start, config.epochs):
        entry = _one_epoch(model, config, epoch, x, y, validation)
        history.append(entry)
        if checkpoints is not None:
            _keep(checkpoints, key, model, history)
        if report is not None:
            report(entry)
    return Trained(model, history, start)


def weights_digest(model: keras.Model) -> str:
    """The SHA-256 of all weights: equal only if every bit of them is."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def seed_epoch(model: keras.Model, seed: int, epoch: int) -> np.ndarray:
    """Make an epoch's chance a function of (seed, epoch) alone.

    Sets the state of every layer that draws, and returns the seed for the order.

    Args:
        model: its layers' seed generators are set, nested ones too.
        seed: of the run.
        epoch: from 0.

    Returns:
        (2,) uint32, the numbers from which the epoch's order is drawn.
    """
    numbers = np.array([seed, epoch], np.uint32)
    states = [v for v in model.non_trainable_variables if _is_seed_state(v)]
    for place, state in enumerate(states):
        state.assign(np.array([seed + 7919 * place, epoch], np.uint32))
    return numbers


def _is_seed_state(variable: keras.Variable) -> bool:
    return variable.path.endswith("seed_generator_state")


def _one_epoch(
    model: keras.Model,
    config: TrainingConfig,
    epoch: int,
    x: np.ndarray,
    y: np.ndarray,
    validation: Pair | None,
) -> dict:
    numbers = seed_epoch(model, config.seed, epoch)
    order = np.random.RandomState(numbers).permutation(len(x))
    got = model.fit(
        x[order], y[order], batch_size=config.batch_size, shuffle=False, verbose=0
    ).history
    entry = {
        "epoch": epoch + 1,
        "loss": float(got["loss"][-1]),
        "accuracy": float(got["accuracy"][-1]),
    }
    if validation is not None:
        loss, accuracy = model.evaluate(*validation, batch_size=256, verbose=0)
        entry |= {"valid_loss": float(loss), "valid_accuracy": float(accuracy)}
    if not all(np.isfinite(list(entry.values()))):
        raise DivergedError(
            f"The loss is no finite number after epoch {epoch + 1}: look for a "
            f"learning rate below {config.learning_rate:g}."
        )
    return entry


# A checkpoint is a folder "epoch-0003" with the whole model, optimizer included, and
# the history. It gets that name by a rename, when all of it is on the disk.


def _keep(folder: Path, key: str, model: keras.Model, history: list[dict]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".part-{os.getpid()}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    model.save(part / "model.keras")
    state = {"key": key, "history": history}
    (part / "state.json").write_text(json.dumps(state), encoding="utf-8")
    target = folder / f"epoch-{len(history):04d}"
    shutil.rmtree(target, ignore_errors=True)  # another run's
    os.replace(part, target)
    for other in folder.iterdir():
        if other != target:  # older epochs, and what a killed process left
            shutil.rmtree(other, ignore_errors=True)


def _newest(folder: Path, key: str) -> tuple[keras.Model | None, list[dict]]:
    """The newest whole checkpoint of this run, or (None, [])."""
    for path in sorted(folder.glob("epoch-*"), reverse=True):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            state = json.loads((path / "state.json").read_text(encoding="utf-8"))
            if state["key"] == key:
                model = keras.models.load_model(path / "model.keras")
                model.steps_per_execution = runtime.steps_per_execution()
                return model, list(state["history"])
    return None, []
