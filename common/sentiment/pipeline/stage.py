"""What a stage is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from common.datasets.dataset import Dataset

SERVED = Path("export", "served")
"""Where in a run folder the model lies that a server loads."""


class PipelineError(RuntimeError):
    """A run that cannot begin or must not go on; says why in a sentence."""


@dataclass(frozen=True)
class Context:
    """What a stage is given, and nothing else: so that nothing undeclared counts.

    Attributes:
        settings: the sections that the stage declares, by name.
        inputs: the folders of the stages that it needs, by name.
        target: an empty folder for its results.
        fingerprint: stands for all that the results depend on.
        checkpoints: a folder that outlives a kill.
        dataset: for ingest alone.
        code_sha256: of the code of all stages, for the model's manifest.
        say: prints one line of progress.
        epoch_ends: is told each epoch's entry of the history.
    """

    settings: Mapping[str, Any]
    inputs: Mapping[str, Path]
    target: Path
    fingerprint: str
    checkpoints: Path
    dataset: Dataset | None
    code_sha256: str
    say: Callable[[str], None]
    epoch_ends: Callable[[Mapping[str, Any]], None]


class Stage(NamedTuple):
    """One component: what it is for, what it depends on, and the function.

    Its code needs no declaration: it stands in the module `stages.<name>`, and what
    that imports from the product counts with it (`provenance.code_of`).
    """

    name: str
    purpose: str
    needs: tuple[str, ...]
    """Earlier stages whose results it reads."""
    settings: tuple[str, ...]
    """Sections of the settings that it reads."""
    software: tuple[str, ...]
    """Packages whose version counts; "backend" is the one that Keras runs on."""
    function: Callable[[Context], str]
    """Writes the results and returns a sentence on them."""
