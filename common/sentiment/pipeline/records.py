"""What a run writes down: stage.json beside each result, manifest.json at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from common.sentiment import data
from common.sentiment.config import Config
from common.sentiment.pipeline import stages
from common.sentiment.pipeline.provenance import (
    STAGE_RECORD,
    code_of,
    code_sha256,
    digest,
    file_hashes,
    read_json,
    version,
)
from common.sentiment.pipeline.stage import SERVED, Stage
from common.sentiment.pipeline.stages.shared import headline

if TYPE_CHECKING:
    from common.datasets.dataset import Dataset

MANIFEST = "manifest.json"
FORMAT = "forty-days run 1"


def made_from(
    stage: Stage, config: Config, dataset: Dataset, records: Mapping[str, dict]
) -> dict[str, dict[str, str]]:
    """Everything that a stage's results depend on, part by part.

    Args:
        stage: whose results.
        config: all settings; those sections count that the stage declares.
        dataset: counts where a stage needs no other.
        records: the stage records of the stages that it needs, by name.
    """
    parts = {
        "settings": {
            name: digest(getattr(config, name).model_dump(mode="json"))
            for name in stage.settings
        },
        "input": {name: digest(records[name]["outputs"]) for name in stage.needs},
        "code": {stage.name: code_of(stage.name)},
        "software": {name: version(name) for name in stage.software},
    }
    if not stage.needs:
        content = data.content_sha256(getattr(dataset, name) for name in data.SPLITS)
        parts["data"] = {"content": content, "title": dataset.title}
    return parts


def reason_to_run(folder: Path, parts: dict) -> tuple[dict, str]:
    """A stage's record, and why it has to run again: "" if it need not.

    Args:
        folder: of the stage.
        parts: what `made_from` says now.
    """
    try:
        record = json.loads((folder / STAGE_RECORD).read_text(encoding="utf-8"))
        outputs = dict(record["outputs"])
        before = {kind: dict(values) for kind, values in record["made_from"].items()}
        float(record["seconds"]), str(record["sentence"])
    except FileNotFoundError:
        return {}, "not done yet"
    except NotADirectoryError:
        return {}, "a file has its name"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}, f"its {STAGE_RECORD} cannot be read"
    changed = [
        f"{kind} {name} changed" if kind in ("settings", "input") else f"{kind} changed"
        for kind, values in parts.items()
        for name, value in values.items()
        if before.get(kind, {}).get(name) != value
    ]
    if changed:
        return record, ", ".join(dict.fromkeys(changed))
    present = file_hashes(folder)
    for name in sorted(outputs.keys() | present.keys()):
        if name not in present:
            return record, f"its {name} is gone"
        if name not in outputs:
            return record, f"{name} is not its own"
        if present[name] != outputs[name]:
            return record, f"its {name} is not as it was written"
    return record, ""


def manifest_of(
    config: Config,
    folder: Path,
    records: Mapping[str, dict],
    reasons: Mapping[str, str],
    started: datetime,
) -> dict:
    """What a finished run says about itself; no path and no name of a machine.

    Args:
        config: all settings.
        folder: of the run.
        records: the record of every stage, by name.
        reasons: why a stage ran, by name; those that did not run are not in it.
        started: when the run began.
    """
    corpus = read_json(folder / "ingest" / "corpus.json")
    evaluation = read_json(folder / "evaluate" / "evaluation.json")
    training = read_json(folder / "train" / "training.json")
    served = {
        name: sha256
        for name, sha256 in records["export"]["outputs"].items()
        if name.startswith(f"{SERVED.name}/")
    }
    return {
        "format": FORMAT,
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {key: value for key, value in corpus.items() if key != "format"},
        "config": config.model_dump(mode="json"),
        "config_sha256": config.digest,
        "code_sha256": code_sha256(stage.name for stage in stages.STAGES),
        "versions": {
            name: version(name) for stage in stages.STAGES for name in stage.software
        },
        "weights_sha256": training["weights_sha256"],
        "temperature": evaluation["temperature"],
        "threshold": evaluation["threshold"],
        "metrics": headline(evaluation),
        "served_sha256": digest(served),
        "stages": {
            name: {
                "ran": reasons.get(name, ""),
                "sentence": record["sentence"],
                "seconds": record["seconds"],
                "outputs_sha256": digest(record["outputs"]),
            }
            for name, record in records.items()
        },
    }
