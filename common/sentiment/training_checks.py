"""Three things that any training code must do, in seconds and without a data set."""

from __future__ import annotations

import math

import keras
import numpy as np

from common.sentiment import evaluation
from common.sentiment.config import Config
from common.sentiment.model import build_model
from common.sentiment.training import train, weights_digest


def starting_loss(
    config: Config, tokenizer_size: int, x: np.ndarray, y: np.ndarray
) -> float:
    """The mean cross-entropy of the untrained network, in nats: ln 2, if it works.

    Small weights give logits near 0, so both classes get about one half, and
    -ln(1/2) = ln 2 whatever the labels are.
    """
    keras.utils.set_random_seed(config.training.seed)
    z = evaluation.logits(build_model(config.model, tokenizer_size), x)
    return evaluation.cross_entropy(y, evaluation.sigmoid(z))


def problem(
    config: Config,
    tokenizer_size: int,
    x: np.ndarray,
    y: np.ndarray,
    *,
    epochs: int,
    start_loss: float,
) -> str:
    """Say what is wrong with the training code, or "".

    Args:
        config: the settings under test; its learning rate and network are used.
        tokenizer_size: see `build_model`.
        x: (n, length) int32, one batch.
        y: (n,) labels, as many 0 as 1.
        epochs: how often the network sees the batch.
        start_loss: how far from ln 2 the loss may start.

    Returns:
        A sentence: the loss does not start at ln 2, a batch cannot be learnt by heart,
        or the same seed does not give the same weights.
    """
    first = starting_loss(config, tokenizer_size, x, y)
    if not abs(first - math.log(2)) <= start_loss:
        return f"The loss starts at {first:.3f}, not at ln 2 = {math.log(2):.3f}."
    settings = config.training.model_copy(
        update={"epochs": epochs, "batch_size": len(x)}
    )
    one, other = (
        train(config.model, settings, tokenizer_size, x, y).model for _ in range(2)
    )
    right = np.mean((evaluation.logits(one, x) >= 0) == (y == 1))
    if right < 1:
        return (
            f"After {epochs} steps on one batch of {len(x)} reviews {right:.0%} are "
            "right: it cannot learn a batch by heart."
        )
    if weights_digest(one) != weights_digest(other):
        return "The same seed gives other weights the second time."
    return ""
