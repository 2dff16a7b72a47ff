"""The gradient of a Keras model's loss, on whichever backend Keras runs.

Keras 3 trains on three backends and has no gradient call of its own, so a lesson
that looks at gradients would be tied to one of them. This is the one function that
hides the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def value_and_grad(
    model: keras.Model,
    loss: Callable[[Any, Any], Any],
    x: Any,
    y: Any,
    training: bool = False,
) -> tuple[float, list[np.ndarray]]:
    """Return a model's loss on one batch and its gradient for every trainable weight.

    The model is left as it was: state that a forward pass in training mode moves
    (batch-normalisation averages, dropout's seed) is put back.

    Args:
        model: a built Keras model.
        loss: `loss(y, model(x))` gives one number, for example an instance of
            `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`.
        x: one batch of inputs, (batch, ...).
        y: the batch's targets, (batch, ...).
        training: whether layers such as dropout run in training mode.

    Returns:
        The loss in the unit of `loss`, and the gradients as float arrays, in the
        order and the shapes of `model.trainable_weights`.

    Raises:
        ValueError: the model has not been built, so it has no weights yet.
        NotImplementedError: Keras runs on a backend without gradients.
    """
    if not model.built:
        raise ValueError(
            f"The model {model.name!r} has no weights yet: "
            "call it on a batch or give it an Input layer first."
        )
    backend = keras.backend.backend()
    if backend not in _BRANCHES:
        raise NotImplementedError(f"The Keras backend {backend!r} has no gradients.")
    state = [keras.ops.copy(w.value) for w in model.non_trainable_variables]
    value, gradients = _BRANCHES[backend](model, loss, x, y, training)
    for variable, before in zip(model.non_trainable_variables, state, strict=True):
        variable.assign(before)
    to_numpy = keras.ops.convert_to_numpy
    return float(to_numpy(value)), [to_numpy(g) for g in gradients]


def _tensorflow(model, loss, x, y, training):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = loss(y, model(x, training=training))
    weights = [w.value for w in model.trainable_weights]
    # A weight that the loss does not reach has gradient zero, as in the other two.
    return value, tape.gradient(
        value, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )


def _jax(model, loss, x, y, training):
    import jax

    def loss_of(trainable):
        y_pred, _ = model.stateless_call(
            trainable,
            [v.value for v in model.non_trainable_variables],
            x,
            training=training,
        )
        return loss(y, y_pred)

    return jax.value_and_grad(loss_of)([v.value for v in model.trainable_variables])


def _torch(model, loss, x, y, training):
    import torch

    weights = [w.value for w in model.trainable_weights]
    value = loss(y, model(x, training=training))
    gradients = torch.autograd.grad(
        value, weights, allow_unused=True, materialize_grads=True
    )
    return value.detach(), gradients


_BRANCHES = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
