"""The forward pass of the service: rows of several requests at once, each predicted as if it came alone."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nn import Model, Network
from nn.activations import Array
from nn.features import Codes

# Rows of a tile. BLAS sums in another order for another number of rows, and in a large product for other places of a
# row. Its kernels take at least four rows at once, so that in a product of four all are summed in the same order.
TILE = 4
# Rows whose activations stay in the cache; and however many rows come, memory is bounded.
CHUNK = 1024
# In multiplications of a matrix product: what is done to each input and unit besides (scaling, activations, softmax,
# looking whether it is finite); in units: the rest of a row; in rows: reading the weights, which is most of the work
# for few rows. Of 15 networks of numbers from 1-2 to 784-2048-2048-10 none took more than 1.5 times what this says, and
# wide ones a sixth; with dates it was up to 2.6.
PER_UNIT, ROW_UNITS, READING_ROWS = 128, 16, 8
MULTIPLICATION_SECONDS = 2e-3 / 2**25  # on one core


class Predictions(NamedTuple):
    """Probabilities or values (B, C), the most probable class of each row (B,), whether its sums are finite (B,)."""

    outputs: Array
    classes: npt.NDArray[np.intp]
    finite: npt.NDArray[np.bool_]

    def take(self, rows: slice) -> "Predictions":
        """Return those of some rows."""
        return Predictions(self.outputs[rows], self.classes[rows], self.finite[rows])


def row_seconds(network: Network) -> float:
    """Return how long a row takes, about, on one core."""
    multiplications = sum(layer.kernel.size for layer in network.layers)
    units = network.inputs + sum(layer.bias.size for layer in network.layers)
    return (multiplications + PER_UNIT * (units + ROW_UNITS)) * MULTIPLICATION_SECONDS


def forward(model: Model, codes: Codes, *, deterministic: bool = False) -> Predictions:
    """Run codes (B, K) through a model. Float32 sums depend on the batch of a row unless `deterministic`."""
    logits_of = _tiled_logits if deterministic else Network.logits
    parts = [_pass(model, codes[start : start + CHUNK], logits_of) for start in range(0, len(codes), CHUNK)]
    return parts[0] if len(parts) == 1 else Predictions(*map(np.concatenate, zip(*parts, strict=True)))


def _pass(model: Model, codes: Codes, logits_of: Callable[[Network, Array], Array]) -> Predictions:
    logits = logits_of(model.network, model.features.inputs(codes))
    finite = np.asarray(np.isfinite(logits).all(axis=1))
    if not finite.all():
        logits[~finite] = 0  # the caller checks `finite`; softmax would warn
    outputs = model.network.activate(logits)
    return Predictions(outputs, outputs.argmax(axis=1), finite)


@np.errstate(over="ignore", invalid="ignore")
def _tiled_logits(network: Network, inputs: Array) -> Array:
    """Like `Network.logits`, in products of TILE rows, the last filled up with zeros."""
    tiles = -(-len(inputs) // TILE)
    x: Array = np.zeros((tiles, TILE, inputs.shape[1]), np.float32)
    x.reshape(-1, inputs.shape[1])[: len(inputs)] = inputs
    for layer in network.layers[:-1]:
        x = layer.function.forward(layer.preactivation(x))
    return network.layers[-1].preactivation(x).reshape(-1, network.outputs)[: len(inputs)]
