"""One stage of the pipeline as a command, for a tool that decides itself what runs.

    python -m common.sentiment.one_stage train

`python -m common.sentiment.pipeline` runs all stages and skips those whose record
still holds. DVC, make and orchestrators keep records of their own; they want a stage
to read its inputs, write its results and end with a status. So this command asks
nothing: it runs the stage. The reviews come from a folder that `data.write` wrote, in
place of `datasets.imdb`, so that they can be under version control.

Exit status: 0 done; 1 the stage stopped, and said why in a sentence; 2 an option is
unknown or the settings cannot be used; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from common.sentiment import data
from common.sentiment.bundle import BundleError
from common.sentiment.config import Config, ConfigError
from common.sentiment.features import FeatureError
from common.sentiment.observer import Observer
from common.sentiment.pipeline import STAGES, Context, PipelineError, Stage
from common.sentiment.pipeline.provenance import code_sha256, digest, file_hashes
from common.sentiment.pipeline.runner import CHECKPOINTS, remove

NAMES = tuple(stage.name for stage in STAGES)


def run_stage(
    name: str,
    config: Config,
    reviews: Path,
    folder: Path,
    say: Callable[[str], None] = print,
) -> str:
    """Run one stage; its folder, `folder / name`, is replaced when it is done.

    Args:
        name: of the stage, one of `NAMES`.
        config: all settings; the stage is given the sections that it declares.
        reviews: a folder that `data.write` wrote; ingest alone reads it.
        folder: holds the results of the stages before, and gets this one's.
        say: called with each line of progress.

    Returns:
        A sentence on what was done.

    Raises:
        PipelineError: an earlier stage has no results yet, or the model is not good
            enough to export.
        ValidationError: the reviews cannot be read, or must not be trained on.
        FeatureError: the training texts hold no word.
        BundleError: the exported model is not the trained one.
    """
    stage = STAGES[NAMES.index(name)]
    inputs = {need: folder / need for need in stage.needs}
    for need, place in inputs.items():
        if not place.is_dir():
            raise PipelineError(
                f"The stage {name} reads the results of {need}, and there are none in "
                f"the folder {folder.name}: run {need} first."
            )
    part, target = folder / f".part-{name}", folder / name
    remove(part)
    part.mkdir(parents=True)
    sentence = stage.function(
        Context(
            settings={section: getattr(config, section) for section in stage.settings},
            inputs=inputs,
            target=part,
            fingerprint=_fingerprint(stage, config, inputs),
            checkpoints=folder / CHECKPOINTS,
            dataset=None if stage.needs else data.read(reviews),
            code_sha256=code_sha256(NAMES),
            say=say,
            epoch_ends=Observer().epoch_ends,  # nobody asked to hear of it
        )
    )
    remove(target)
    os.replace(part, target)
    if name == "train":
        remove(folder / CHECKPOINTS)
    return sentence


def _fingerprint(stage: Stage, config: Config, inputs: dict[str, Path]) -> str:
    """What the results depend on, so that training goes on from its own epochs only."""
    return digest(
        {
            "settings": {
                section: getattr(config, section).model_dump(mode="json")
                for section in stage.settings
            },
            "inputs": {need: file_hashes(place) for need, place in inputs.items()},
            "code": code_sha256([stage.name]),
        }
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one stage from the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m common.sentiment.one_stage",
        description="Run one stage of the sentiment pipeline, whatever changed or not.",
    )
    parser.add_argument("stage", choices=NAMES)
    parser.add_argument("--config", type=Path, default=Path("sentiment.toml"))
    parser.add_argument("--reviews", type=Path, default=Path("data"))
    parser.add_argument("--folder", type=Path, default=Path("run"))
    asked = parser.parse_args(arguments)

    def say(line: str) -> None:
        print(line, flush=True)

    try:
        config = Config.load(asked.config)
        say(run_stage(asked.stage, config, asked.reviews, asked.folder, say))
    except ConfigError as reason:
        print(f"Not started. {reason}", file=sys.stderr)
        return 2
    except (PipelineError, data.ValidationError, FeatureError, BundleError) as reason:
        print(f"Stopped. {reason}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Stopped. {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
