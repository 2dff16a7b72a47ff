"""The exported model at work: ONNX Runtime and the tokeniser, no Keras.

A predictor is read-only once it is loaded, and may be called from several threads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from common.sentiment import bundle
from common.sentiment.bundle import BundleError, Manifest
from common.sentiment.features import Tokenizer, pad

_ROWS_AT_ONCE = 64
_PROBE = ("", "A good film.", "Not a good film, but not a bad one either.")


class Predictor:
    """Text in, probability out.

    Attributes:
        manifest: of the model folder.
        digest: the SHA-256 of the manifest, which stands for the whole model.
        tokenizer: the one that the model was trained with.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: Tokenizer,
        manifest: Manifest,
        digest: str,
    ) -> None:
        """Take the parts as they are; `load` checks them."""
        self._session = session
        self._input = session.get_inputs()[0].name
        self.tokenizer = tokenizer
        self.manifest = manifest
        self.digest = digest

    @classmethod
    def load(cls, folder: str | Path, threads: int = 1) -> Predictor:
        """Read and verify a model folder, and try it on a few texts.

        Args:
            folder: what `export.export` wrote.
            threads: that one prediction may use. One is the fastest for a small
                model, and leaves the other cores to other requests.

        Raises:
            BundleError: the folder is missing, incomplete, changed (also while it
                is read), not a model with this interface, or gives no finite
                probability.
        """
        folder = Path(folder)
        manifest = bundle.read(folder, needs=bundle.ONNX_MODEL)
        tokenizer = bundle.read_tokenizer(folder, manifest)
        try:
            graph = (folder / bundle.ONNX_MODEL).read_bytes()
        except OSError as error:
            raise BundleError(
                f"{bundle.ONNX_MODEL} cannot be read: {error.strerror}."
            ) from None
        # Another model may have been copied in since its files were checked
        now, digest = bundle.read_manifest(folder)
        of_the_graph = hashlib.sha256(graph).hexdigest()
        if now != manifest or of_the_graph != manifest.files[bundle.ONNX_MODEL]:
            raise BundleError("The model folder changed while it was read.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
            predictor = cls(session, tokenizer, manifest, digest)
            tried = predictor.logits(_PROBE)
        except Exception as error:  # ONNX Runtime's errors share no base class
            reason = str(error).strip().partition("\n")[0][:200]
            raise BundleError(
                f"ONNX Runtime cannot run {bundle.ONNX_MODEL}: {reason}"
            ) from None
        if tried.shape != (len(_PROBE),) or not np.isfinite(tried).all():
            raise BundleError(
                f"{bundle.ONNX_MODEL} does not give one finite number for a text."
            )
        return predictor

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Return the logits of n texts, (n,) float64, in their order."""
        rows = [self.tokenizer.encode(text) for text in texts]
        out = np.empty(len(rows))
        # Texts of like length go together, so that little padding is computed.
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        for start in range(0, len(order), _ROWS_AT_ONCE):
            chosen = order[start : start + _ROWS_AT_ONCE]
            ids = pad([rows[i] for i in chosen])
            (got,) = self._session.run(None, {self._input: ids})
            out[chosen] = got.reshape(len(chosen))
        return out

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of "positive" for n texts, (n,) float64.

        Raises:
            FeatureError: one of them is not a string.
        """
        z = self.logits(texts) / self.manifest.temperature
        return np.exp(-np.logaddexp(0, -z))  # the sigmoid, without overflow

    def label(self, probability: float) -> str:
        """Return "positive" or "negative", by the threshold in the manifest."""
        return "positive" if probability >= self.manifest.threshold else "negative"
