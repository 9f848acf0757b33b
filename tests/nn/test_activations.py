import math

import numpy as np
import pytest

from nn.activations import ACTIVATIONS
from tests.helpers.gradcheck import Float64, assert_gradient

# The values of Keras 3 for -2, -0.5, 0, 0.5 and 2, by the formulas in its documentation.
X = [-2.0, -0.5, 0.0, 0.5, 2.0]
SELU, ALPHA = 1.0507009873554805, 1.6732632423543772
EXPECTED = {
    "linear": X,
    "relu": [0, 0, 0, 0.5, 2],
    "leaky_relu": [-0.4, -0.1, 0, 0.5, 2],
    "elu": [math.exp(-2) - 1, math.exp(-0.5) - 1, 0, 0.5, 2],
    "selu": [SELU * ALPHA * (math.exp(-2) - 1), SELU * ALPHA * (math.exp(-0.5) - 1), 0, SELU / 2, SELU * 2],
    "sigmoid": [1 / (1 + math.exp(-x)) for x in X],
    "tanh": [math.tanh(x) for x in X],
    "gelu": [x * 0.5 * math.erfc(-x / math.sqrt(2)) for x in X],
    "silu": [x / (1 + math.exp(-x)) for x in X],
    "softmax": [math.exp(x) / sum(map(math.exp, X)) for x in X],
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values(name: str, dtype: type[np.floating]) -> None:
    z = np.array([X], dtype)
    y = ACTIVATIONS[name].forward(z)
    assert y is z
    assert y.dtype == dtype
    np.testing.assert_allclose(y, [EXPECTED[name]], rtol=1e-6, atol=2e-7)


def _gradient(name: str, z: Float64, weights: Float64) -> Float64:
    activation = ACTIVATIONS[name]
    y = activation.forward(z.copy())
    return np.asarray(activation.backward(weights.copy(), z if activation.from_input else y), np.float64)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients(name: str, rng: np.random.Generator) -> None:
    z, weights = rng.normal(size=(2, 6, 5))
    z[abs(z) < 1e-3] = 0.1  # the step must not cross the kink of relu
    gradient = _gradient(name, z, weights)
    assert_gradient(lambda z: float((ACTIVATIONS[name].forward(z) * weights).sum()), gradient, z, rng)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_check_detects_a_wrong_gradient(name: str, rng: np.random.Generator) -> None:
    z, weights = np.abs(rng.normal(size=(2, 6, 5))) + 0.1
    gradient = _gradient(name, z, weights) + 1e-2
    with pytest.raises(AssertionError):
        assert_gradient(lambda z: float((ACTIVATIONS[name].forward(z) * weights).sum()), gradient, z, rng)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_large_values_do_not_overflow(name: str) -> None:
    y = ACTIVATIONS[name].forward(np.array([[1e4, -1e4, 0]], np.float32))
    assert np.isfinite(y).all()
    if name == "softmax":
        np.testing.assert_array_equal(y, [[1, 0, 0]])
