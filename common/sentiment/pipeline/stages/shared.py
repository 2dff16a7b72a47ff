"""What several stages use."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.sentiment.features import Tokenizer
from common.sentiment.pipeline.stage import Context, PipelineError


def read_split(features: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read what featurise wrote of a split: x (n, length) int32, y (n,) int64."""
    return np.load(features / f"x_{name}.npy"), np.load(features / f"y_{name}.npy")


def trained_model(context: Context) -> Any:
    """Build the network of the settings, with the weights that train wrote."""
    start_keras()
    from common.sentiment.model import build_model

    size = Tokenizer.load(context.inputs["featurise"] / "tokenizer.json").size
    model = build_model(context.settings["model"], size)
    with np.load(context.inputs["train"] / "weights.npz") as weights:
        model.set_weights([weights[name] for name in weights.files])
    return model


def start_keras() -> None:
    """Import Keras without its notices.

    Raises:
        PipelineError: the backend or the budget that is asked for does not exist.
    """
    from common import quiet

    try:
        quiet.start()
    except (ImportError, ValueError) as reason:
        raise PipelineError(f"Keras cannot start: {first_line(reason)}.") from None
    with quiet.native_stderr_closed(), contextlib.suppress(ImportError):
        # Keras' fit asks for it on every backend; here it comes without its notices
        import tensorflow  # noqa: F401


def first_line(error: Exception) -> str:
    """What an error says, without the traceback that TensorFlow's carries as text."""
    lines = [
        line.rstrip(" .")
        for line in str(error).splitlines()
        if line.strip() and not line.startswith((" ", "Traceback"))
    ]
    return lines[0] if lines else type(error).__name__


def headline(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of evaluation.json that stand in a model's manifest."""
    names = ("accuracy", "cross_entropy", "expected_calibration_error")
    return {
        f"{split}_{name}": evaluation[split][name]
        for split in ("valid", "test")
        for name in names
    }
