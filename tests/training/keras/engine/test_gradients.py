"""Compares the gradient of the loss in every parameter with finite differences in float64."""

from collections.abc import Sequence

import numpy as np
import pytest

from nn.activations import ACTIVATIONS
from tests.helpers.gradcheck import Float64, assert_gradient
from training.keras import Sequential
from training.keras.engine.data_adapter import Batch
from training.keras.engine.loops import train_step
from training.keras.engine.running_metrics import RunningMetrics
from training.keras.layers import (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Layer,
    LeakyReLU,
    ReLU,
    Rescaling,
    Softmax,
)
from training.keras.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from training.keras.optimizers import SGD
from training.keras.regularizers import l1_l2, l2


class Standstill(SGD):
    """Records the gradient, and does not change the parameters."""

    def step(self, values: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        self.seen = gradient.copy()


def _built(layers: Sequence[Layer], loss: Loss | None = None) -> Sequential:
    model = Sequential(layers)
    model.build((None, 4), np.float64)
    model.compile(Standstill(), loss or SparseCategoricalCrossentropy(), ["accuracy"])
    return model


def _check(model: Sequential, rng: np.random.Generator, y: np.ndarray | None = None, error: float = 0.0) -> None:
    values = model.stack.parameters.values
    values[:] = rng.normal(size=values.shape)
    x = rng.normal(size=(7, 4))
    y = model.loss.check(rng.integers(0, 3, 7) if y is None else y, 3)
    weights = rng.uniform(0.5, 2, 7).astype(np.float32)
    train_step(model.compiled_model, Batch(x.copy(), y, weights), RunningMetrics(model.compiled_model.new_metrics(y)))
    assert isinstance(model.optimizer, Standstill)
    gradient = model.optimizer.seen + error

    def loss(at: Float64) -> float:
        values[:] = at
        metrics = RunningMetrics(model.compiled_model.new_metrics(y))
        train_step(model.compiled_model, Batch(x.copy(), y, weights), metrics)
        return metrics["loss"]

    assert_gradient(loss, np.asarray(gradient, np.float64), np.asarray(values.copy(), np.float64), rng)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_in_a_deep_network(activation: str, rng: np.random.Generator) -> None:
    _check(_built([Dense(6, activation), Dense(5, activation), Dense(3, "softmax")]), rng)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_sparse_crossentropy_after_any_activation(activation: str, rng: np.random.Generator) -> None:
    _check(_built([Dense(6, "tanh"), Dense(3, activation)]), rng)


def test_crossentropy_from_logits(rng: np.random.Generator) -> None:
    _check(_built([Dense(6, "tanh"), Dense(3)], SparseCategoricalCrossentropy(from_logits=True)), rng)


def test_softmax_in_a_hidden_layer(rng: np.random.Generator) -> None:
    _check(_built([Dense(6, "softmax"), Dense(3, "softmax")]), rng)


def test_leading_layers_without_parameters(rng: np.random.Generator) -> None:
    _check(_built([Dropout(0), Dense(6, "relu"), Dropout(0), Dense(3, "softmax")]), rng)
    _check(_built([Rescaling(0.3, 1), Dense(6), Activation("elu"), Dense(3), Activation("softmax")]), rng)
    _check(_built([Dense(6), LeakyReLU(), Dense(5), LeakyReLU(2), Dense(5), ReLU(), Dense(3), Softmax()]), rng)


def test_batch_normalization(rng: np.random.Generator) -> None:
    for layer in (BatchNormalization(), BatchNormalization(center=False), BatchNormalization(scale=False)):
        _check(_built([Dense(6, "tanh"), layer, Dense(5, use_bias=False), BatchNormalization(), Dense(3)], MSE), rng, Y)
    _check(_built([BatchNormalization(), Dense(3, "softmax")]), rng)
    _check(_built([BatchNormalization(center=False, scale=False), Dense(3, "softmax")]), rng)


Y = np.random.default_rng(0).dirichlet([1, 1, 1], 7)
MSE = MeanSquaredError()


@pytest.mark.parametrize(
    ("loss", "last"),
    [
        (SparseCategoricalCrossentropy(label_smoothing=0.2), "softmax"),
        (CategoricalCrossentropy(), "softmax"),
        (CategoricalCrossentropy(label_smoothing=0.2), "softmax"),
        (CategoricalCrossentropy(from_logits=True), "linear"),
        (BinaryCrossentropy(), "sigmoid"),
        (BinaryCrossentropy(label_smoothing=0.2), "sigmoid"),
        (BinaryCrossentropy(from_logits=True), "linear"),
        (BinaryCrossentropy(), "softmax"),
        (MeanSquaredError(), "linear"),
        (MeanAbsoluteError(), "tanh"),
        (Huber(0.7), "linear"),
    ],
)
def test_every_loss(loss: Loss, last: str, rng: np.random.Generator) -> None:
    sparse = isinstance(loss, SparseCategoricalCrossentropy)
    _check(_built([Dense(6, "tanh"), Dense(3, last)], loss), rng, None if sparse else Y)


def test_every_regularizer(rng: np.random.Generator) -> None:
    first = Dense(6, "tanh", kernel_regularizer="l1", bias_regularizer=l2(0.3))
    _check(_built([first, Dense(3, "softmax", kernel_regularizer=l1_l2(0.1, 0.2))]), rng)


def test_a_wrong_gradient_is_detected(rng: np.random.Generator) -> None:
    with pytest.raises(AssertionError):
        _check(_built([Dense(6, "tanh"), Dense(3, "softmax")]), rng, error=1e-2)


def test_dropout_masks_outputs_and_gradients_alike(rng: np.random.Generator) -> None:
    model = _built([Dense(50, "linear"), Dropout(0.5), Dense(3, "softmax")])
    train_step(
        model.compiled_model,
        Batch(rng.normal(size=(1, 4)), np.array([1])),
        RunningMetrics(model.compiled_model.new_metrics(np.array([1]))),
    )
    assert isinstance(model.optimizer, Standstill)
    to_hidden = model.optimizer.seen[: 4 * 50].reshape(4, 50)
    from_hidden = model.optimizer.seen[4 * 50 + 50 : -3].reshape(50, 3)
    np.testing.assert_array_equal((to_hidden != 0).all(axis=0), (from_hidden != 0).all(axis=1))
    assert 5 < np.count_nonzero(to_hidden[0]) < 45
