"""The forward pass of the service, for the rows of one or several requests."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nn import Model, Network
from nn.activations import Array
from nn.features import Codes

# Rows per tile. The order in which BLAS sums depends on the number of rows, and in a large product on the position of a
# row. Its kernels process at least four rows at once, so a product of four rows sums all of them in the same order.
TILE = 4
# Rows per pass: their activations fit into the cache, and the memory of a large batch is bounded.
CHUNK = 1024
# The cost model of a pass. PER_UNIT: other work per input and unit (scaling, activations, softmax, the check for
# finite values), in multiplications of a matrix product. ROW_UNITS: other work per row, in units. READING_ROWS: reading
# the weights, in rows; it dominates for few rows. Measured on 15 networks from 1-2 to 784-2048-2048-10: with columns
# of numbers a pass takes from a sixth of the estimate (wide networks) to 1.5 times; with dates up to 2.6 times.
PER_UNIT, ROW_UNITS, READING_ROWS = 128, 16, 8
MULTIPLICATION_SECONDS = 2e-3 / 2**25  # on one core


class Predictions(NamedTuple):
    """Probabilities or values (B, C); per row, the most probable class (B,) and whether its logits are finite (B,)."""

    outputs: Array
    classes: npt.NDArray[np.intp]
    finite: npt.NDArray[np.bool_]

    def take(self, rows: slice) -> "Predictions":
        return Predictions(self.outputs[rows], self.classes[rows], self.finite[rows])


def row_seconds(network: Network) -> float:
    """Return the estimated seconds of a row on one core."""
    multiplications = sum(layer.kernel.size for layer in network.layers)
    units = network.inputs + sum(layer.bias.size for layer in network.layers)
    return (multiplications + PER_UNIT * (units + ROW_UNITS)) * MULTIPLICATION_SECONDS


def forward(model: Model, codes: Codes, *, deterministic: bool = False) -> Predictions:
    """Run codes (B, K) through a model. Unless `deterministic`, float32 sums depend on the batch of a row."""
    logits_of = _tiled_logits if deterministic else Network.logits
    parts = [_pass(model, codes[start : start + CHUNK], logits_of) for start in range(0, len(codes), CHUNK)]
    return parts[0] if len(parts) == 1 else Predictions(*map(np.concatenate, zip(*parts, strict=True)))


def _pass(model: Model, codes: Codes, logits_of: Callable[[Network, Array], Array]) -> Predictions:
    logits = logits_of(model.network, model.features.inputs(codes))
    finite = np.asarray(np.isfinite(logits).all(axis=1))
    if not finite.all():
        logits[~finite] = 0  # avoids a warning in softmax; callers check `finite`
    outputs = model.network.activate(logits)
    return Predictions(outputs, outputs.argmax(axis=1), finite)


@np.errstate(over="ignore", invalid="ignore")
def _tiled_logits(network: Network, inputs: Array) -> Array:
    """Like `Network.logits`, in products of TILE rows; the last tile is padded with zeros."""
    tiles = -(-len(inputs) // TILE)
    x: Array = np.zeros((tiles, TILE, inputs.shape[1]), np.float32)
    x.reshape(-1, inputs.shape[1])[: len(inputs)] = inputs
    for layer in network.layers[:-1]:
        x = layer.function.forward(layer.preactivation(x))
    return network.layers[-1].preactivation(x).reshape(-1, network.outputs)[: len(inputs)]
