"""Candidates for the service's model, all behind one interface: texts in, logits out.

    candidate = deployed(folder, network, tokenizer, kind="bigrams", seconds=4.0)
    candidate.one("Not bad at all.")           # as a server asks
    candidate.logits(texts)                    # as an evaluation asks
    eight = int8_twin(candidate, folder_of_its_own)

Day 24 measures whatever stands behind this, and its winner is a folder that
`predictor.Predictor` loads.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from common.sentiment import bundle, evaluation, export
from common.sentiment.features import Tokenizer, pad

_ROWS_AT_ONCE = 16


class Onnx:
    """An ONNX file, and the function that turns a text into its token ids.

    Attributes:
        path: of the file.
        encode: a text to its ids, (length,) whole numbers; 0 is padding.
        session: ONNX Runtime's, with one thread an answer.
    """

    def __init__(self, path: Path, encode: Callable[[str], np.ndarray]) -> None:
        """Load the file; it has one input, ids (texts, length), and one output."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.path, self.encode = Path(path), encode
        self.session = onnxruntime.InferenceSession(
            self.path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        (entrance,) = self.session.get_inputs()
        self._name = entrance.name
        self._type = "int64" if "int64" in entrance.type else "int32"

    def run(self, rows: Sequence[np.ndarray]) -> np.ndarray:
        """Return the logits of n rows of token ids, (n,) float64."""
        ids = pad(list(rows)).astype(self._type)
        (out,) = self.session.run(None, {self._name: ids})
        return np.asarray(out, np.float64).reshape(len(rows))

    def logits(self, texts: Sequence[str], threads: int = 2) -> np.ndarray:
        """Return the logits of n texts, (n,) float64, in their order.

        Texts of like length go through together, so that little padding is computed.

        Args:
            texts: n of them, possibly none.
            threads: batches that run at the same time.
        """
        rows = [self.encode(text) for text in texts]
        order = np.argsort([len(row) for row in rows], kind="stable").astype(int)
        starts = range(0, len(order), _ROWS_AT_ONCE)
        parts = [order[start : start + _ROWS_AT_ONCE] for start in starts]
        out = np.empty(len(rows))
        with ThreadPoolExecutor(threads) as pool:
            found = pool.map(lambda part: self.run([rows[i] for i in part]), parts)
            for part, logits in zip(parts, found, strict=True):
                out[part] = logits
        return out


@dataclass
class Candidate:
    """A model that might serve, and what it costs.

    Attributes:
        logits: n texts to their logits, (n,) float64.
        size: bytes on disk, with everything that travels with the model.
        seconds: of its training, those of its teachers included.
        todays_service: whether `predictor.Predictor` could load it.
        onnx: the file behind it, where there is one.
        folder: what `export.export` wrote, for one that could serve.
        temperature: what its logits are divided by before the sigmoid.
    """

    logits: Callable[[Sequence[str]], np.ndarray]
    size: int
    seconds: float
    todays_service: bool
    onnx: Onnx | None = None
    folder: Path | None = None
    temperature: float = 1.0

    def one(self, text: str) -> float:
        """Return the logit of one text, from its characters on, as a server does."""
        if self.onnx is None:
            return float(self.logits([text])[0])
        return float(self.onnx.run([self.onnx.encode(text)])[0])

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of "positive" for n texts, (n,) float64."""
        return evaluation.sigmoid(self.logits(texts) / self.temperature)


def from_folder(folder: Path, seconds: float) -> Candidate:
    """Return the candidate of a folder for serving.

    Args:
        folder: what `export.export` wrote, or `int8_twin`.
        seconds: what its training took.
    """
    manifest = bundle.read(folder, needs=bundle.ONNX_MODEL)
    tokenizer = bundle.read_tokenizer(folder, manifest)
    onnx = Onnx(folder / bundle.ONNX_MODEL, tokenizer.encode)
    size = sum(path.stat().st_size for path in folder.iterdir())
    return Candidate(onnx.logits, size, seconds, True, onnx, folder)


def deployed(
    folder: Path, network: Any, tokenizer: Tokenizer, *, kind: str, seconds: float
) -> Candidate:
    """Export a Keras network as the product does, and return what was exported.

    Args:
        folder: for serving; what is in it is replaced.
        network: word numbers in, one logit out.
        tokenizer: the one that it was trained with.
        kind: for the manifest.
        seconds: what its training took.

    Raises:
        BundleError: the two runtimes disagree.
    """
    import keras

    # A copy that was never compiled: a file would ask for its loss when it is loaded
    bare = keras.Model.from_config(network.get_config())
    bare.set_weights(network.get_weights())
    source = folder.with_name(folder.name + " in Keras")
    for old in (source, folder):
        shutil.rmtree(old, ignore_errors=True)
    source.mkdir(parents=True)
    export.save_keras(source, bare, tokenizer, kind=kind)
    export.export(source, folder)
    return from_folder(folder, seconds)


def int8_twin(plain: Candidate, target: Path) -> Candidate:
    """Quantise a candidate's weights to 8 bits, its activations while it runs.

    Args:
        plain: with an ONNX file.
        target: a folder for the twin; what is in it is replaced. One that could serve
            becomes a folder that could serve.

    Returns:
        The twin, with the training's seconds and the temperature of `plain`.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    path = target / bundle.ONNX_MODEL
    logging.disable(logging.WARNING)  # it recommends a step that is for photographs
    try:
        quantize_dynamic(plain.onnx.path, path, weight_type=QuantType.QInt8)
    finally:
        logging.disable(logging.NOTSET)
    if plain.folder is None:
        onnx = Onnx(path, plain.onnx.encode)
        saved = plain.onnx.path.stat().st_size - path.stat().st_size
        return replace(plain, logits=onnx.logits, size=plain.size - saved, onnx=onnx)
    manifest = bundle.read(plain.folder)
    tokenizer = bundle.read_tokenizer(plain.folder, manifest)
    bundle.write(target, tokenizer=tokenizer, kind=manifest.kind)
    return replace(from_folder(target, plain.seconds), temperature=plain.temperature)


def rounding(plain: Path, quantised: Path) -> dict[str, float]:
    """How far int8 moved each weight matrix, in half steps of its scale.

    Args:
        plain: an ONNX file.
        quantised: its int8 version, with one scale a matrix.

    Returns:
        By the matrix's name, the largest distance over half the scale: 1 if a weight
        lay in the middle between two whole numbers.
    """
    import onnx

    before, after = (
        {
            w.name: onnx.numpy_helper.to_array(w)
            for w in onnx.load(path).graph.initializer
        }
        for path in (plain, quantised)
    )
    errors = {}
    for name, weights in before.items():
        scale = after.get(f"{name}_scale")
        if f"{name}_quantized" not in after or np.size(scale) != 1:
            continue
        whole = after[f"{name}_quantized"].astype(np.float64)
        whole -= after[f"{name}_zero_point"].astype(np.float64)
        step = float(np.ravel(scale)[0])
        moved = [  # some matrices are turned round on the way
            np.abs(weights - step * stored).max()
            for stored in (whole, whole.T)
            if stored.shape == weights.shape
        ]
        if moved and step:
            errors[name] = float(min(moved) / (step / 2))
    return errors


def timed(
    call: Callable[[Any], object], items: Sequence[Any], repeats: int = 3
) -> np.ndarray:
    """Seconds of a call for each item, (n,): the least of some repeats, warmed up.

    Whatever else the machine does can only make a call longer.
    """
    call(items[0])
    found = []
    for item in items:
        marks = [time.perf_counter()]
        for _ in range(repeats):
            call(item)
            marks.append(time.perf_counter())
        found.append(np.diff(marks).min())
    return np.array(found)
