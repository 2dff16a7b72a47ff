"""value_and_grad equals finite differences, on whichever backend runs."""

import keras
import numpy as np
import pytest
from keras import layers

from common.gradients import value_and_grad

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(6, 4)).astype("float32"), rng.integers(0, 3, size=6)


def test_gradients_equal_finite_differences(batch):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [layers.Input((4,)), layers.Dense(5, activation="tanh"), layers.Dense(3)]
    )
    value, gradients = value_and_grad(model, LOSS, *batch)
    assert isinstance(value, float)
    assert [g.shape for g in gradients] == [w.shape for w in model.trainable_weights]
    epsilon = 1e-2
    for position, weight in enumerate(model.trainable_weights):
        start = keras.ops.convert_to_numpy(weight.value).copy()
        direction = np.random.default_rng(position).normal(size=start.shape)
        values = []
        for sign in (1, -1):
            weight.assign((start + sign * epsilon * direction).astype("float32"))
            values.append(value_and_grad(model, LOSS, *batch)[0])
        weight.assign(start)
        slope = (values[0] - values[1]) / (2 * epsilon)
        np.testing.assert_allclose(
            np.sum(gradients[position] * direction), slope, rtol=1e-2, atol=1e-3
        )


def test_the_model_is_left_as_it_was(batch):
    model = keras.Sequential(
        [
            layers.Input((4,)),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(3),
        ]
    )
    before = [np.copy(v) for v in model.get_weights()]
    first = value_and_grad(model, LOSS, *batch, training=True)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    # Dropout's seed was put back too, so the same call gives the same answer
    second = value_and_grad(model, LOSS, *batch, training=True)
    assert first[0] == second[0]
    assert first[0] != value_and_grad(model, LOSS, *batch)[0]


def test_a_weight_that_the_loss_does_not_reach_has_gradient_zero(batch):
    x = layers.Input((4,))
    reached, unreached = layers.Dense(3)(x), layers.Dense(2)(x)
    model = keras.Model(x, [reached, unreached])
    _, gradients = value_and_grad(model, lambda y, out: LOSS(y, out[0]), *batch)
    assert np.abs(gradients[0]).max() > 0
    assert [np.abs(g).max() for g in gradients[2:]] == [0, 0]


def test_an_unbuilt_model_is_refused(batch):
    with pytest.raises(ValueError, match="has no weights yet"):
        value_and_grad(keras.Sequential([layers.Dense(3)]), LOSS, *batch)
