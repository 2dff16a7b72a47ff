"""A run: bring a folder up to date, stage by stage; and the plan of one."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from common.sentiment import data
from common.sentiment.config import Config
from common.sentiment.observer import Observer
from common.sentiment.pipeline import stages
from common.sentiment.pipeline.provenance import (
    STAGE_RECORD,
    code_sha256,
    digest,
    file_hashes,
    read_json,
    write_json,
)
from common.sentiment.pipeline.records import (
    MANIFEST,
    made_from,
    manifest_of,
    reason_to_run,
)
from common.sentiment.pipeline.stage import Context, PipelineError, Stage

if TYPE_CHECKING:
    from common.datasets.dataset import Dataset

LOCK = "pipeline.lock"
CHECKPOINTS = "checkpoints"
_ASIDE = (".part-", ".old-")


def run(
    config: Config,
    folder: str | Path,
    *,
    dataset: Dataset | None = None,
    force: Sequence[str] = (),
    say: Callable[[str], None] = print,
    observer: Observer | None = None,
) -> dict:
    """Bring a run folder up to date: run the stages that have to, skip the others.

    Args:
        config: all settings.
        folder: for the results; a new one, an empty one, or one of an earlier run.
        dataset: reviews as text; without it `datasets.imdb` is asked.
        force: names of stages that run again even if nothing changed.
        say: called with each line of progress.
        observer: told what happens, see `Observer`; it changes no result.

    Returns:
        The manifest, which also stands in manifest.json of the folder.

    Raises:
        PipelineError: the folder is another program's, another run is at work in
            it, a stage does not exist, or the model is not good enough to export.
        ValidationError: the data must not be trained on.
        FeatureError: the training texts hold no word.
        BundleError: the exported model is not the trained one.
    """
    folder = Path(folder).absolute()
    known = [stage.name for stage in stages.STAGES]
    if unknown := [name for name in force if name not in known]:
        raise PipelineError(
            f"There is no stage {unknown[0]!r}: choose among {', '.join(known)}."
        )
    with _locked(folder):
        return _run(config, folder, dataset, force, say, observer or Observer())


def plan(
    config: Config, folder: str | Path, *, dataset: Dataset | None = None
) -> dict[str, str]:
    """Say what `run` would do, without doing it.

    Returns:
        For each stage why it would run, or "" if it would be skipped. Where a stage
        that runs comes before it: "if the result of … changes", known only then.

    Raises:
        ValidationError: texts or labels have the wrong form.
    """
    dataset = _loaded(config, dataset)
    records: dict[str, dict] = {}
    reasons: dict[str, str] = {}
    for stage in stages.STAGES:
        before = [name for name in stage.needs if reasons[name]]
        parts = made_from(stage, config, dataset, records)
        for name in before:  # to be made anew, nobody knows to what
            del parts["input"][name]
        record, reason = reason_to_run(Path(folder) / stage.name, parts)
        if not reason and before:
            reason = f"if the result of {' or '.join(before)} changes"
        reasons[stage.name] = reason
        records[stage.name] = {"outputs": {}} | record
    return reasons


def _run(
    config: Config,
    folder: Path,
    dataset: Dataset | None,
    force: Sequence[str],
    say: Callable[[str], None],
    observer: Observer,
) -> dict:
    started = datetime.now(UTC)
    for left in folder.glob(".*"):  # by a run that was killed
        if left.name.startswith(_ASIDE):
            remove(left)
    dataset = _loaded(config, dataset)
    records: dict[str, dict] = {}
    reasons: dict[str, str] = {}
    for stage in stages.STAGES:
        parts = made_from(stage, config, dataset, records)
        record, reason = reason_to_run(folder / stage.name, parts)
        if stage.name in force:
            reason = "asked for"
            if stage.name == "train":
                remove(folder / CHECKPOINTS)
        observer.stage_starts(stage.name, reason)
        if reason:
            # Until the last stage is done, the folder holds no finished run
            (folder / MANIFEST).unlink(missing_ok=True)
            say(f"{stage.name:<10} runs ({reason})")
            record = _carry_out(stage, config, folder, parts, dataset, say, observer)
            reasons[stage.name] = reason
            say(f"{'':<10} {record['sentence']}, {record['seconds']:.1f} s")
        else:
            say(f"{stage.name:<10} unchanged: {record['sentence']}")
        observer.stage_ends(stage.name, folder / stage.name, record)
        records[stage.name] = record
    manifest = manifest_of(config, folder, records, reasons, started)
    if not reasons and (kept := _same_but_for_dates(folder / MANIFEST, manifest)):
        return kept
    write_json(folder / ".part-manifest.json", manifest)
    os.replace(folder / ".part-manifest.json", folder / MANIFEST)
    observer.run_ends(manifest, folder)
    return manifest


def _same_but_for_dates(path: Path, manifest: Mapping) -> dict | None:
    """An earlier manifest that says the same but for when, or None."""
    with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
        kept = read_json(path)
        when = dict.fromkeys(("started", "finished", "stages"))
        if manifest | when == kept | when:
            return kept
    return None


def _loaded(config: Config, dataset: Dataset | None) -> Dataset:
    if dataset is None:
        from common import datasets

        dataset = datasets.imdb(form="text", limit=config.data.limit)
    data.require_schema(dataset)
    return dataset


def _carry_out(
    stage: Stage,
    config: Config,
    folder: Path,
    parts: dict,
    dataset: Dataset,
    say: Callable[[str], None],
    observer: Observer,
) -> dict:
    """Run a stage in a folder aside, and give that its name when it is whole."""
    part, target = folder / f".part-{stage.name}", folder / stage.name
    part.mkdir()
    clock = time.perf_counter()
    sentence = stage.function(
        Context(
            settings={name: getattr(config, name) for name in stage.settings},
            inputs={name: folder / name for name in stage.needs},
            target=part,
            fingerprint=digest(parts),
            checkpoints=folder / CHECKPOINTS,
            dataset=dataset if not stage.needs else None,
            code_sha256=code_sha256(stage.name for stage in stages.STAGES),
            say=lambda line: say(f"{'':<10} {line}"),
            epoch_ends=observer.epoch_ends,
        )
    )
    record = {
        "stage": stage.name,
        "made_from": parts,
        "outputs": file_hashes(part),
        "sentence": sentence,
        "seconds": round(time.perf_counter() - clock, 3),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(part / STAGE_RECORD, record)
    if target.exists():
        old = folder / f".old-{stage.name}"
        os.replace(target, old)
        os.replace(part, target)
        remove(old)
    else:
        os.replace(part, target)
    if stage.name == "train":
        remove(folder / CHECKPOINTS)
    return record


def remove(path: Path) -> None:
    """Take a folder or a file away, as far as one may; it need not be there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a run folder; the system lets go of it when the process ends, however."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_foreign(folder)
        lock = FileLock(folder / LOCK, blocking=False)
        lock.acquire()
    except Timeout:
        raise PipelineError(
            f"Another run is at work in the folder {folder.name}: wait until it "
            "ends, or name another folder."
        ) from None
    except OSError as error:
        raise PipelineError(
            f"The folder {folder.name} cannot be used ({error.strerror}): name one "
            "that you may write to."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _refuse_foreign(folder: Path) -> None:
    """Stage folders are replaced: somebody else's "train" must not be."""
    present = sorted(path.name for path in folder.iterdir())
    own = LOCK in present or any(
        (folder / stage.name / STAGE_RECORD).is_file() for stage in stages.STAGES
    )
    if present and not own:
        raise PipelineError(
            f"The folder {folder.name} holds other files, {present[0]} for one: name "
            "a new or an empty folder, or one of an earlier run."
        )
