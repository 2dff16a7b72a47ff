"""The command line of the pipeline.

Exit status: 0 done; 1 the run stopped, or could not begin, and said why in a sentence;
2 an option is unknown or the settings cannot be used; 130 stopped by Ctrl-C.
With MLFLOW_TRACKING_URI set, the run is also written into that store.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import course_home
from common.sentiment import data, tracking
from common.sentiment.bundle import BundleError
from common.sentiment.config import Config, ConfigError
from common.sentiment.features import FeatureError
from common.sentiment.pipeline import runner, stages
from common.sentiment.pipeline.stage import SERVED, PipelineError
from common.sentiment.tracking_store import TrackingError

SETTINGS = Path(__file__).parents[1] / "sentiment.toml"
"""The settings that the course ships."""

_REASONS_TO_STOP = (
    PipelineError,
    data.ValidationError,
    FeatureError,
    BundleError,
    TrackingError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pipeline from the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m common.sentiment.pipeline",
        description="Bring a sentiment model up to date with its data, its settings "
        "and its code. What did not change is not done again.",
    )
    parser.add_argument(
        "--config", type=Path, default=SETTINGS, help="settings, a TOML file"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="for the results (default: your own folder of the course)",
    )
    parser.add_argument(
        "--force",
        metavar="STAGE",
        action="append",
        default=[],
        help="run this stage even if nothing changed; may be given several times",
    )
    parser.add_argument(
        "--plan", action="store_true", help="say which stages would run, and why"
    )
    asked = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a path may hold what it cannot show
            stream.reconfigure(errors="backslashreplace")
    folder = asked.folder or course_home() / "sentiment-run"
    clock = time.perf_counter()

    def say(line: str) -> None:
        print(line, flush=True)

    try:
        config = Config.load(asked.config)
        if asked.plan:
            say(plan_as_text(runner.plan(config, folder)))
            return 0
        with tracking.observed(config, folder, say) as observer:
            manifest = runner.run(
                config, folder, force=asked.force, say=say, observer=observer
            )
    except ConfigError as reason:
        print(f"Not started. {reason}", file=sys.stderr)
        return 2
    except _REASONS_TO_STOP as reason:
        print(f"Stopped. {reason}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Stopped. {_named(error)}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    say("")
    say(summary(manifest, folder, time.perf_counter() - clock))
    return 0


def _named(error: OSError) -> str:
    """What the system says, with the name of the file, without its path."""
    said = error.strerror or str(error) or type(error).__name__
    if not isinstance(error.filename, (str, bytes, os.PathLike)):
        return said
    return f"{Path(os.fsdecode(error.filename)).name}: {said}"


def plan_as_text(planned: Mapping[str, str]) -> str:
    """One line a stage: what it is for, and what `plan` says of it."""
    lines = []
    for stage in stages.STAGES:
        reason = planned[stage.name]
        lines += [f"{stage.name:<10} {stage.purpose}"]
        lines += [f"{'':<10} {f'runs: {reason}' if reason else 'unchanged'}"]
    return "\n".join(lines)


def summary(manifest: Mapping[str, Any], folder: Path, seconds: float) -> str:
    """Say in a few lines what a run came to."""
    about, metrics = manifest["data"], manifest["metrics"]
    dropped = sum(about["dropped"].values())
    rows = {
        "data": f"{about['title']}; {dropped:,} dropped; {about['sha256'][:12]}",
        "settings": manifest["config_sha256"][:12],
        "code": manifest["code_sha256"][:12],
        "weights": manifest["weights_sha256"][:12],
        "validation": f"accuracy {metrics['valid_accuracy']:.1%}",
        "test": f"accuracy {metrics['test_accuracy']:.1%}, calibration error "
        f"{metrics['test_expected_calibration_error']:.1%}",
        "decision": f"positive from {manifest['threshold']:.2f} on, temperature "
        f"{manifest['temperature']:.2f}",
        "to serve": str(folder / SERVED),
        "took": f"{seconds:.0f} s",
    }
    return "\n".join(f"{name:<10} {value}" for name, value in rows.items())
