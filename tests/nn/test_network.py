from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nn import Dense, Network, NetworkError
from tests.helpers.models import make_network


def test_a_network_computed_by_hand() -> None:
    network = Network(
        [
            Dense(np.array([[1, 2], [3, 4]]), np.array([10, -20]), "relu"),
            Dense(np.array([[1], [100]]), np.array([0.5]), "sigmoid"),
        ]
    )
    x = np.array([[1, 1], [0, -4]], np.float32)
    # row 0: [14, -14] -> [14, 0] -> 14.5; row 1: [-2, -36] -> [0, 0] -> 0.5
    np.testing.assert_array_equal(network.logits(x), [[14.5], [0.5]])
    np.testing.assert_allclose(network.predict(x), 1 / (1 + np.exp([[-14.5], [-0.5]])), rtol=1e-6)
    np.testing.assert_array_equal(x, [[1, 1], [0, -4]])


def test_the_precision_is_that_of_the_inputs(rng: np.random.Generator) -> None:
    network = make_network(rng, (4, 8, 3))
    x = rng.normal(size=(5, 4))
    assert network.logits(x.astype(np.float32)).dtype == np.float32
    assert network.logits(x).dtype == np.float64
    np.testing.assert_allclose(network.logits(x.astype(np.float32)), network.logits(x), rtol=1e-4, atol=1e-4)


def test_a_network_is_immutable(rng: np.random.Generator) -> None:
    kernel = rng.normal(size=(4, 3))
    layer = Dense(kernel, np.zeros(3), "softmax")
    network = Network([layer])
    before = network.predict(np.ones((1, 4), np.float32))
    kernel[:] = 0
    np.testing.assert_array_equal(network.predict(np.ones((1, 4), np.float32)), before)
    with pytest.raises(ValueError, match="read-only"):
        layer.kernel[0, 0] = 1
    with pytest.raises(AttributeError):
        layer.activation = "relu"  # type: ignore[misc]


def test_threads_may_share_a_network(rng: np.random.Generator) -> None:
    network = make_network(rng, (20, 64, 10), hidden="gelu")
    batches = [rng.normal(size=(n, 20)).astype(np.float32) for n in range(1, 60)]
    expected = [network.predict(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for outputs, right in zip(pool.map(network.predict, batches), expected, strict=True):
                np.testing.assert_array_equal(outputs, right)


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 2, 2), (0, 5)])
def test_inputs_of_the_wrong_shape_are_rejected(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    with pytest.raises(NetworkError, match=r"expected inputs of shape \(n, 4\), got"):
        make_network(rng, (4, 3)).predict(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("kernel", "bias", "activation", "message"),
    [
        (np.zeros((2, 3)), np.zeros(2), "relu", r"kernel \(2, 3\) and bias \(2,\)"),
        (np.zeros(3), np.zeros(3), "relu", "expected kernel"),
        (np.zeros((0, 3)), np.zeros(3), "relu", "expected kernel"),
        (np.full((2, 3), np.nan), np.zeros(3), "relu", "NaN or infinite"),
        (np.zeros((2, 3)), np.full(3, np.inf), "relu", "NaN or infinite"),
        (np.zeros((2, 3)), np.zeros(3), "swish!", "unknown activation 'swish!'; expected one of linear"),
    ],
)
def test_invalid_layers_are_rejected(kernel: np.ndarray, bias: np.ndarray, activation: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        Dense(kernel, bias, activation)


def test_invalid_chains_are_rejected() -> None:
    wide, narrow = Dense(np.ones((2, 3)), np.ones(3), "relu"), Dense(np.ones((2, 1)), np.ones(1), "relu")
    with pytest.raises(NetworkError, match="layer 0 has 3 outputs, but layer 1 has 2 inputs"):
        Network([wide, narrow])
    with pytest.raises(NetworkError, match="at least one layer"):
        Network([])
