"""A model folder for tests of the server: real files, made in milliseconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from common.sentiment import bundle
from common.sentiment.features import FIRST_WORD, Tokenizer

WORDS = ("good", "wonderful", "fine", "bad", "dull", "awful")


def write(folder: Path, *, sign: float = 1.0, threshold: float = 0.5) -> Path:
    """Write a model that counts good words minus bad ones; return its folder.

    Args:
        folder: made if it does not exist; its files are replaced.
        sign: -1 turns every verdict round: another model with the same interface.
        threshold: for the manifest.
    """
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(WORDS, max_tokens=400)
    weights = np.zeros((tokenizer.size, 1), np.float32)
    weights[FIRST_WORD:, 0] = sign * np.array([1, 1, 1, -1, -1, -1])
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["weights", "ids"], ["looked_up"]),
            helper.make_node("ReduceSum", ["looked_up", "axis"], ["logit"], keepdims=0),
        ],
        "count",
        [helper.make_tensor_value_info("ids", TensorProto.INT32, ["batch", "length"])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["batch", 1])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
        ],
    )
    # Old enough for every ONNX Runtime of the last years
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    (folder / bundle.ONNX_MODEL).write_bytes(model.SerializeToString())
    bundle.write(folder, kind="bigrams", tokenizer=tokenizer, threshold=threshold)
    return folder
