from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from nn import Dense, Network
from training.fitting.combine import combine_networks


def _network(rng: np.random.Generator, widths: Sequence[int], activation: str, last: str) -> Network:
    layers: list[Dense] = []
    for shape in pairwise(widths):
        kind = last if len(layers) == len(widths) - 2 else activation
        layers.append(Dense(rng.normal(size=shape), rng.normal(size=shape[1]), kind))
    return Network(layers)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("hidden", [(), (3,), (4, 5), (2, 3, 4)])
@pytest.mark.parametrize(("outputs", "last"), [(1, "linear"), (3, "softmax")])
def test_the_logits_are_the_weighted_sum(
    hidden: tuple[int, ...], activation: str, outputs: int, last: str, rng: np.random.Generator
) -> None:
    networks = [_network(rng, (6, *hidden, outputs), activation, last) for _ in range(3)]
    weights = [0.5, 0.3, 2.0]
    if activation == "relu":
        networks, weights = [*networks, _network(rng, (6, outputs), activation, last)], [*weights, 0.7]
    combined = combine_networks(networks, weights, offset=10.0)
    x = rng.normal(size=(50, 6)) * 3
    expected = sum(weight * network.logits(x) for network, weight in zip(networks, weights, strict=True)) + 10.0
    np.testing.assert_allclose(combined.logits(x), expected, rtol=1e-5, atol=1e-4)
    assert combined.layers[-1].activation == last
    assert len(combined.layers) == len(hidden) + 1


def test_a_single_network_is_scaled(rng: np.random.Generator) -> None:
    network = _network(rng, (4, 8, 1), "relu", "linear")
    scaled = combine_networks([network], [2.0], offset=-1.0)
    assert [layer.kernel.shape for layer in scaled.layers] == [(4, 8), (8, 1)]
    x = rng.normal(size=(20, 4))
    np.testing.assert_allclose(scaled.predict(x), 2 * network.predict(x) - 1, rtol=1e-6)
