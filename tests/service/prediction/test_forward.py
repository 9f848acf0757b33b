"""The prediction of a row is nearly independent of its batch, and bit-identical if deterministic."""

import numpy as np
import pytest

from nn import Dense, Features, Model, Network
from service.prediction.forward import CHUNK, forward
from tests.helpers.models import make_network


def _model(rng: np.random.Generator, hidden: str, inputs: int, outputs: int) -> Model:
    drawn = make_network(rng, (inputs, 70, 33, outputs), hidden)
    # Scaled as after training: sums of about 1.
    network = Network(
        Dense(layer.kernel / len(layer.kernel) ** 0.5, layer.bias, layer.activation) for layer in drawn.layers
    )
    return Model(Features.plain(inputs), network, "classification", tuple(range(outputs)))


@pytest.mark.parametrize("hidden", ["relu", "tanh", "gelu", "sigmoid", "selu", "silu", "elu"])
@pytest.mark.parametrize("inputs", [5, 784])
def test_deterministic_results_are_bit_identical(hidden: str, inputs: int, rng: np.random.Generator) -> None:
    model = _model(rng, hidden, inputs, 11)
    rows = rng.normal(size=(67, inputs)).astype(np.float32)
    whole = forward(model, rows, deterministic=True)
    for count in (1, 2, 3, 4, 5, 7, 16, 17, 64):
        for start in range(0, 67 - count, 3):
            part = slice(start, start + count)
            own = forward(model, rows[part], deterministic=True)
            np.testing.assert_array_equal(own.outputs, whole.outputs[part])
    shuffled = rng.permutation(67)
    np.testing.assert_array_equal(forward(model, rows[shuffled], deterministic=True).outputs, whole.outputs[shuffled])


@pytest.mark.parametrize("deterministic", [False, True])
def test_probabilities_are_independent_of_the_batch(deterministic: bool, rng: np.random.Generator) -> None:
    model = _model(rng, "relu", 30, 4)
    rows = rng.normal(size=(2 * CHUNK + 3, 30)).astype(np.float32)
    whole = forward(model, rows, deterministic=deterministic)
    assert whole.outputs.shape == (2 * CHUNK + 3, 4)
    assert whole.finite.all()
    expected = model.network.predict(rows.astype(np.float64))
    np.testing.assert_allclose(whole.outputs, expected, atol=1e-5)
    np.testing.assert_array_equal(whole.classes, whole.outputs.argmax(axis=1))
    for row in (0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 2):
        alone = forward(model, rows[row : row + 1], deterministic=deterministic)
        np.testing.assert_allclose(alone.outputs[0], whole.outputs[row], atol=1e-5)


def test_sums_that_overflow_are_marked(rng: np.random.Generator) -> None:
    model = _model(rng, "relu", 5, 3)
    rows = rng.normal(size=(CHUNK + 2, 5)).astype(np.float32)
    rows[[3, CHUNK + 1]] = 3e38
    assert np.flatnonzero(~forward(model, rows).finite).tolist() == [3, CHUNK + 1]
