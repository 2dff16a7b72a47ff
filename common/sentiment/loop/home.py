"""The loop's folder: its settings, its places, files that are whole or not there."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from common.sentiment.config import Config
from common.sentiment.loop.journal import Journal
from common.sentiment.registry import Registry


class Settings(BaseModel):
    """What a loop may be told; kept in settings.json of its folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    config: dict[str, Any] = {}
    """Of the pipeline, as `Config.parse` reads it."""
    title: str = "reviews"
    source: str = "stand_in"
    """Of the data, as in `common.datasets.dataset.Dataset`."""
    replicas: int = Field(2, ge=1, le=5)
    """Processes of the stable version."""
    canary_share: float = Field(0.25, gt=0, lt=1)
    looks: int = Field(8, ge=1)
    requests_a_look: int = Field(5, ge=1)
    """Requests that the canary has to get before each look."""
    canary_level: float = Field(0.01, gt=0, lt=1)
    """Risk of a false alarm, all looks together."""
    patience_seconds: float = Field(120.0, gt=0)
    """How long a step waits for the host."""
    watch_seconds: float = Field(0.5, gt=0)
    """Between two looks at the service, or at the inbox."""
    fewest_texts: int = Field(60, ge=1)
    """Of a window that is judged."""
    enough_to_learn: int = Field(100, ge=1)
    """Labels of a new kind, below which no model is trained on them."""


class Home:
    """Where everything of one loop lies.

    Attributes:
        folder: inbox/, archive/, quarantine/, data/, runs/, registry/, releases/,
            watched/, instances/ and a few files, all made at the first use.
        settings: see `Settings`.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Take a folder as it is; `make` and `open` are the ways to get one."""
        self.folder, self.settings = Path(folder).absolute(), settings
        self.journal = Journal(self.folder / "journal.jsonl")

    @classmethod
    def make(cls, folder: str | Path, settings: Settings) -> Self:
        """Begin a loop in a new folder, or change the settings of one."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "settings.json", settings.model_dump(mode="json"))
        return cls(folder, settings)

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Take up a loop that somebody has begun; raises FileNotFoundError if none."""
        content = (Path(folder) / "settings.json").read_bytes()
        return cls(Path(folder), Settings.model_validate_json(content))

    def place(self, name: str) -> Path:
        """A folder of the loop, which is made if it is not there."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def config(self) -> Config:
        """The pipeline's settings."""
        return Config.parse(self.settings.config)

    @functools.cached_property
    def registry(self) -> Registry:
        """Versions, and the runs that made them, in one store."""
        return Registry(self.place("registry"))

    @property
    def release_settings(self) -> dict[str, str]:
        """Environment variables of the next release; people edit release.json."""
        return read_json(self.folder / "release.json") or {}

    @property
    def status(self) -> dict:
        """What the host said last; {} if there is none."""
        return read_json(self.folder / "status.json") or {}

    @property
    def stopping(self) -> bool:
        """Whether the driver is asked to end."""
        return (self.folder / "stop").exists()


def write_json(path: Path, content: Any) -> None:
    """Write a file that is all there or as it was, whenever the process ends."""
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    with open(part, "w", encoding="ascii", newline="\n") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def read_json(path: Path) -> Any:
    """Read what `write_json` wrote; None if there is nothing."""
    try:
        return json.loads(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None
