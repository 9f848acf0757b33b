"""Several networks as one: side by side in its layers, so that the service computes them in one pass."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import block_diag

from nn import Dense, Network

_Float64 = npt.NDArray[np.float64]


def combine_networks(networks: Sequence[Network], weights: Sequence[float], offset: float = 0.0) -> Network:
    """Return the network whose logits are the weighted sum of those of the networks, plus an offset.

    All networks have the same number of hidden layers and the same elementwise activations, or no hidden layer; the
    latter can be added only to networks with the activation relu. The arithmetic is float64, rounded once at the end.
    """
    depth = max(len(network.layers) for network in networks)
    columns = [_weigh(_deepen(network, depth), weight) for network, weight in zip(networks, weights, strict=True)]
    layers = []
    for number, side_by_side in enumerate(zip(*columns, strict=True)):
        kernels, biases = [layer.kernel for layer in side_by_side], [layer.bias for layer in side_by_side]
        if number == depth - 1:
            kernel = np.vstack(kernels) if number else np.sum(kernels, axis=0)
            bias = np.sum(biases, axis=0) + offset
        else:
            kernel, bias = block_diag(*kernels) if number else np.hstack(kernels), np.concatenate(biases)
        layers.append(Dense(kernel, bias, side_by_side[0].activation))
    return Network(layers)


def forget_inputs(network: Network, inputs: npt.NDArray[np.intp]) -> Network:
    """Return the network without weights for these inputs: chance has set them if the inputs are 0 in all rows."""
    first, *others = network.layers
    kernel = first.kernel.copy()
    kernel[inputs] = 0
    return Network([Dense(kernel, first.bias, first.activation), *others])


class _Layer(NamedTuple):
    kernel: _Float64
    bias: _Float64
    activation: str


def _deepen(network: Network, depth: int) -> list[_Layer]:
    """Return the layers; those of a linear network pass its logits z on as relu(z) and relu(-z)."""
    layers = [_Layer(one.kernel.astype(float), one.bias.astype(float), one.activation) for one in network.layers]
    if len(layers) == depth:
        return layers
    (last,) = layers
    units = len(last.bias)
    both, one = np.eye(2 * units), np.eye(units)
    first = _Layer(np.hstack([last.kernel, -last.kernel]), np.append(last.bias, -last.bias), "relu")
    passing = [_Layer(both, np.zeros(2 * units), "relu")] * (depth - 2)
    return [first, *passing, _Layer(np.vstack([one, -one]), np.zeros(units), last.activation)]


def _weigh(layers: list[_Layer], weight: float) -> list[_Layer]:
    *hidden, last = layers
    return [*hidden, _Layer(weight * last.kernel, weight * last.bias, last.activation)]
