"""Who is told how a run of the pipeline goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Observer:
    """Hears of each step of a run, inside the lock on its folder; this one is deaf.

    What it returns is not looked at, and no result depends on it: it is an argument
    of a run, not a setting.
    """

    def stage_starts(self, stage: str, reason: str) -> None:
        """A stage's turn has come; it has to work for this reason, not if it is ""."""

    def epoch_ends(self, entry: Mapping[str, Any]) -> None:
        """An epoch of training is done; `entry` as in `training.Trained.history`."""

    def stage_ends(self, stage: str, folder: Path, record: Mapping[str, Any]) -> None:
        """A stage is done, or did not have to work; its results lie in `folder`."""

    def run_ends(self, manifest: Mapping[str, Any], folder: Path) -> None:
        """All stages are done; `folder` is the run's."""
