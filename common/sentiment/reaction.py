"""What to do about drift: nothing, dismiss it, roll back, label, or retrain; once.

    decision = reaction.decide(evidence)
    trigger = reaction.Trigger(folder, start=lambda: pipeline.run(config, run_folder))
    trigger.fire(reaction.key(model, data_sha256))

Drift is a reason to look, not a reason to train. The only proof of harm is labels, and
the only drift that a retrained model can cure is one of the world: where a new model
came in with the change, the old one goes back. The trigger starts training once for
one reason, however many alarms, processes and machines with the same folder fire it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout


class Action(StrEnum):
    """What comes next."""

    NOTHING = "nothing"
    DISMISS = "dismiss"
    LABEL = "label"
    ROLL_BACK = "roll back"
    RETRAIN = "retrain"


@dataclass(frozen=True)
class Evidence:
    """What is known of a window."""

    promised: float
    """Accuracy at release, a fraction."""
    inputs_alarm: bool = False
    answers_alarm: bool = False
    expected_loss: float = 0.0
    """Of accuracy, from the probabilities alone; a fraction."""
    labelled: int = 0
    """Texts of the window whose labels have come."""
    right: int = 0
    """How many of these the model got right."""
    model_is_new: bool = False
    """Whether the served model changed since the last quiet window."""


@dataclass(frozen=True)
class Bounds:
    """What is tolerated, chosen before."""

    loss: float = 0.02
    """Accuracy below the promise that nobody has to act on; a fraction."""
    enough_to_learn: int = 500
    """Labels of the new kind, below which retraining waits for more."""
    z: float = 1.96
    """Of the interval of the measured accuracy."""


class Decision(NamedTuple):
    """The action, and the sentence for whoever is woken."""

    action: Action
    sentence: str


def wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share: all p for which `right` of n is no surprise.

    Source: E. Wilson, 1927. It stays inside [0, 1], and is (0, 1) for n = 0.
    """
    if n == 0:
        return 0.0, 1.0
    share, extra = right / n, z * z / n
    middle = (share + extra / 2) / (1 + extra)
    half = z / (1 + extra) * (share * (1 - share) / n + extra / (4 * n)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def decide(evidence: Evidence, bounds: Bounds | None = None) -> Decision:
    """Choose the next step; labels decide where there are enough of them.

    The interval holds for one look at a number of labels fixed beforehand: who looks
    after each label, and stops when it pleases, errs more often than it says.
    """
    bounds = Bounds() if bounds is None else bounds
    floor = evidence.promised - bounds.loss
    low, high = wilson(evidence.right, evidence.labelled, bounds.z)
    alarmed = evidence.inputs_alarm or evidence.answers_alarm
    suspected = alarmed or evidence.expected_loss > bounds.loss
    if high < floor:  # harm is proven
        told = f"accuracy is at most {high:.1%}, {evidence.promised:.1%} were promised"
        if evidence.model_is_new:
            return Decision(Action.ROLL_BACK, f"The model is new and {told}.")
        if evidence.labelled >= bounds.enough_to_learn:
            return Decision(Action.RETRAIN, f"The world has changed: {told}.")
        missing = bounds.enough_to_learn - evidence.labelled
        return Decision(
            Action.LABEL,
            f"{told[0].upper()}{told[1:]}; {missing} more "
            "labels are needed to learn from.",
        )
    if low > floor:  # harmlessness is proven
        told = f"accuracy is at least {low:.1%}"
        if suspected:
            return Decision(Action.DISMISS, f"It changed without harm: {told}.")
        return Decision(Action.NOTHING, f"Quiet, and {told}.")
    if evidence.model_is_new and evidence.answers_alarm and not evidence.inputs_alarm:
        return Decision(
            Action.ROLL_BACK,
            "The same kind of texts gets other answers since the model changed.",
        )
    if evidence.right < floor * evidence.labelled:
        return Decision(
            Action.LABEL,
            f"The labels so far leave {low:.1%} to {high:.1%} open; more decide.",
        )
    if suspected:
        return Decision(
            Action.LABEL, "Something changed; only labels can say whether it does harm."
        )
    return Decision(Action.NOTHING, "Quiet; no label speaks against it.")


def key(model: str, data_sha256: str) -> str:
    """What a retraining is started for: one model and one set of labelled texts."""
    return hashlib.sha256(f"{model} {data_sha256}".encode()).hexdigest()[:16]


class Outcome(StrEnum):
    """What came of firing."""

    STARTED = "started"
    DONE_BEFORE = "done before"
    AT_WORK = "at work"
    COOLING_DOWN = "cooling down"


class Trigger:
    """Starts a retraining at most once for each key, and not too often.

    Attributes:
        folder: holds the ledger and the lock; share it between those who may fire.
        cool_down: seconds between two starts, whatever their keys.
    """

    def __init__(
        self,
        folder: str | Path,
        start: Callable[[], object],
        cool_down: float = 86_400.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take what starts the retraining; it returns when that is done."""
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.cool_down = cool_down
        self._start, self._clock = start, clock
        self._ledger = self.folder / "retrainings.jsonl"

    def fire(self, reason: str) -> Outcome:
        """Start, or say why not. What `start` raises is noted, and raised.

        Args:
            reason: the key. One that failed, or was cut off by a kill, may start
                again after the cool-down; one that is done never does.
        """
        lock = FileLock(self.folder / "retraining.lock", blocking=False)
        try:
            lock.acquire()  # the system lets go of it when the process ends, however
        except Timeout:
            return Outcome.AT_WORK
        try:
            rows = self.history()
            if any(r["key"] == reason and r["state"] == "done" for r in rows):
                return Outcome.DONE_BEFORE
            starts = [r["time"] for r in rows if r["state"] == "started"]
            if starts and self._clock() - max(starts) < self.cool_down:
                return Outcome.COOLING_DOWN
            self._note(reason, "started")  # first: a kill must not make it twice
            try:
                self._start()
            except BaseException:
                self._note(reason, "failed")
                raise
            self._note(reason, "done")
            return Outcome.STARTED
        finally:
            lock.release()

    def history(self) -> list[dict]:
        """The ledger, oldest first: "key", "state" and "time" (s) of each step."""
        if not self._ledger.exists():
            return []
        lines = self._ledger.read_text(encoding="ascii").splitlines()
        rows = []
        for line in lines:
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue  # half a line, from a kill or a full disk
        return rows

    def _note(self, reason: str, state: str) -> None:
        row = {"key": reason, "state": state, "time": self._clock()}
        with open(self._ledger, "a", encoding="ascii", newline="\n") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())
