"""The gradient of the loss in every parameter, against finite differences in float64."""

from collections.abc import Sequence

import numpy as np
import pytest

from nn.activations import ACTIVATIONS
from tests.gradcheck import Float64, assert_gradient
from training.keras import Sequential
from training.keras.fit import Figures, Rows, train_on_batch
from training.keras.layers import Dense, Dropout, Layer
from training.keras.losses import SparseCategoricalCrossentropy
from training.keras.optimizers import SGD


class Standstill(SGD):
    """Keeps the gradient for us to see, and moves nothing."""

    def step(self, values: np.ndarray, gradient: np.ndarray) -> None:
        self.seen = gradient.copy()


def _built(layers: Sequence[Layer], from_logits: bool = False) -> Sequential:
    model = Sequential(layers)
    model.build((None, 4), np.float64)
    model.compile(Standstill(), SparseCategoricalCrossentropy(from_logits), ["accuracy"])
    return model


def _check(model: Sequential, rng: np.random.Generator, error: float = 0.0) -> None:
    values = model.parameters.values
    values[:] = rng.normal(size=values.shape)
    rows = Rows(rng.normal(size=(7, 4)), rng.integers(0, 3, 7))
    model._prepare()
    train_on_batch(model, Rows(rows.x.copy(), rows.y), Figures(model))
    assert isinstance(model.optimizer, Standstill)
    gradient = model.optimizer.seen + error

    def loss(at: Float64) -> float:
        values[:] = at
        result = model.evaluate(rows.x, rows.y)
        assert isinstance(result, list)
        return float(result[0])

    assert_gradient(loss, np.asarray(gradient, np.float64), np.asarray(values.copy(), np.float64), rng)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_in_a_deep_network(activation: str, rng: np.random.Generator) -> None:
    _check(_built([Dense(6, activation), Dense(5, activation), Dense(3, "softmax")]), rng)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_probabilities_however_they_come(activation: str, rng: np.random.Generator) -> None:
    _check(_built([Dense(6, "tanh"), Dense(3, activation)]), rng)


def test_logits(rng: np.random.Generator) -> None:
    _check(_built([Dense(6, "tanh"), Dense(3)], from_logits=True), rng)


def test_a_softmax_in_the_middle(rng: np.random.Generator) -> None:
    _check(_built([Dense(6, "softmax"), Dense(3, "softmax")]), rng)


def test_layers_without_parameters_in_front(rng: np.random.Generator) -> None:
    _check(_built([Dropout(0), Dense(6, "relu"), Dropout(0), Dense(3, "softmax")]), rng)


def test_a_wrong_gradient_is_caught(rng: np.random.Generator) -> None:
    with pytest.raises(AssertionError):
        _check(_built([Dense(6, "tanh"), Dense(3, "softmax")]), rng, error=1e-2)


def test_through_dropout_the_gradient_takes_the_same_mask(rng: np.random.Generator) -> None:
    model = _built([Dense(50, "linear"), Dropout(0.5), Dense(3, "softmax")])
    model._prepare()
    rows = Rows(rng.normal(size=(1, 4)), np.array([1]))
    train_on_batch(model, rows, Figures(model))
    assert isinstance(model.optimizer, Standstill)
    to_hidden = model.optimizer.seen[: 4 * 50].reshape(4, 50)
    from_hidden = model.optimizer.seen[4 * 50 + 50 : -3].reshape(50, 3)
    np.testing.assert_array_equal((to_hidden != 0).all(axis=0), (from_hidden != 0).all(axis=1))
    assert 5 < np.count_nonzero(to_hidden[0]) < 45
