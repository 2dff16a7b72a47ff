"""From a trained network to a folder that can be kept, and to one that can be served.

    python -m common.sentiment.export model.keras model.onnx

is the step that always runs on TensorFlow: Keras' other backends fix the shapes of an
exported graph or convert it by another road, a .keras file is the same for all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import common
from common import quiet
from common.sentiment import bundle
from common.sentiment.bundle import BundleError, Manifest
from common.sentiment.features import Tokenizer

PARITY = 1e-3
"""How far the probabilities of the two runtimes may lie apart."""

_SAMPLE = (
    "",
    "A film to remember.",
    "Not good, not bad, only long. " * 40,
    "I did not expect to like it, but I did.",
    "Ein schöner Film über fünf Freunde",
)


@dataclass(frozen=True, eq=False)
class SentimentModel:
    """A Keras model with all that it takes to go from text to probability."""

    model: Any
    tokenizer: Tokenizer
    manifest: Manifest

    @property
    def temperature(self) -> float:
        """What a logit is divided by, as the manifest says."""
        return self.manifest.temperature

    @property
    def threshold(self) -> float:
        """From which probability on a text is positive, as the manifest says."""
        return self.manifest.threshold

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Return the logits of n texts, (n,) float64."""
        from common.sentiment import evaluation

        return evaluation.logits(self.model, self.tokenizer.batch(texts))

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of "positive" for n texts, (n,) float64."""
        from common.sentiment import evaluation

        return evaluation.sigmoid(self.logits(texts) / self.temperature)


def save_keras(
    folder: str | Path, model: Any, tokenizer: Tokenizer, **about: Any
) -> Manifest:
    """Save a trained model with its preprocessing into an existing folder.

    Args:
        folder: exists; its model files of the same names are replaced.
        model: a Keras model, word numbers in, one logit out.
        tokenizer: the one that it was trained with.
        about: fields of `bundle.Manifest`: `kind` at least, then `temperature`,
            `threshold`, `metrics`, `data`, `config`, `code_sha256`.

    Raises:
        BundleError: a field does not exist, or is out of its bounds.
    """
    folder = Path(folder)
    model.save(folder / bundle.KERAS_MODEL)
    return bundle.write(folder, tokenizer=tokenizer, **about)


def load_keras(folder: str | Path) -> SentimentModel:
    """Read back what `save_keras` wrote.

    Raises:
        BundleError: a file is missing, cut off, changed, or not of this version.
    """
    import keras

    folder = Path(folder)
    manifest = bundle.read(folder, needs=bundle.KERAS_MODEL)
    tokenizer = bundle.read_tokenizer(folder, manifest)
    model = keras.models.load_model(folder / bundle.KERAS_MODEL)
    return SentimentModel(model, tokenizer, manifest)


def to_onnx(keras_path: str | Path, onnx_path: str | Path) -> None:
    """Convert a saved Keras model to ONNX, on TensorFlow: equal models, equal bytes.

    Where Keras runs on another backend, a process of its own does it.

    Args:
        keras_path: an existing .keras file.
        onnx_path: the .onnx file to write; any batch size and text length.

    Raises:
        BundleError: the conversion failed; carries the converter's last line.
    """
    import keras
    import onnx

    from common.sentiment.canonical import canonical

    paths = os.path.abspath(keras_path), os.path.abspath(onnx_path)
    if keras.backend.backend() == "tensorflow":
        try:
            _convert(*paths)
        except Exception as error:  # the converter raises whatever it likes
            raise _not_converted(str(error)) from error
    else:
        _convert_elsewhere(*paths)
    model = canonical(onnx.load(onnx_path))
    Path(onnx_path).write_bytes(model.SerializeToString(deterministic=True))


def _convert_elsewhere(*paths: str) -> None:
    """Convert in a process of its own, on TensorFlow."""
    run = subprocess.run(
        [sys.executable, "-m", "common.sentiment.export", *paths],
        cwd=common.ROOT,
        env=os.environ
        | {
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise _not_converted(run.stderr or run.stdout)


def _not_converted(said: str) -> BundleError:
    last = said.strip().splitlines()[-1:] or ["no message"]
    return BundleError(f"The model cannot be converted to ONNX: {last[0]}")


def export(source: str | Path, target: str | Path) -> Manifest:
    """Turn a saved Keras model into a folder for serving, and prove them equal.

    Args:
        source: a folder by `save_keras`.
        target: a new or empty folder; gets model.onnx, tokenizer.json, manifest.json.

    Returns:
        The manifest of `target`: the source's, with the ONNX file's hash.

    Raises:
        BundleError: the source cannot be used, or the two runtimes disagree.
    """
    from common.sentiment.predictor import Predictor

    source, target = Path(source), Path(target)
    loaded = load_keras(source)
    target.mkdir(parents=True, exist_ok=True)
    to_onnx(source / bundle.KERAS_MODEL, target / bundle.ONNX_MODEL)
    about = loaded.manifest.model_dump(exclude={"format", "files", "versions"})
    versions = loaded.manifest.versions | bundle.installed_versions()
    manifest = bundle.write(
        target, tokenizer=loaded.tokenizer, versions=versions, **about
    )
    gap = np.abs(
        Predictor.load(target).probabilities(_SAMPLE) - loaded.probabilities(_SAMPLE)
    ).max()
    if not gap < PARITY:
        raise BundleError(
            f"Keras and ONNX Runtime differ by {gap:.2g} in probability, more than "
            f"{PARITY}: the exported model is not the trained one."
        )
    return manifest


def _convert(keras_path: str, onnx_path: str) -> None:
    """Write the ONNX file; runs on TensorFlow."""
    quiet.start()
    import keras

    model = keras.models.load_model(keras_path, compile=False)
    ids = keras.InputSpec(shape=(None, None), dtype="int32", name="ids")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the converter's, about NumPy
        model.export(onnx_path, format="onnx", verbose=False, input_signature=[ids])


if __name__ == "__main__":
    _convert(*sys.argv[1:])
