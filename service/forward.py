"""The forward pass of the service: rows of several requests at once, each answer the same as if it came alone."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nn import Model
from nn.activations import Array
from nn.features import Codes

# Rows of a tile. BLAS sums in another order for another number of rows, and in a large product for other places of a
# row. Its kernels take at least four rows at once, so that in a product of four all are summed in the same order.
TILE = 4
# Rows whose activations stay in the cache; and however many rows come, memory is bounded.
CHUNK = 1024


class Predicted(NamedTuple):
    """Probabilities or values (B, C), the most probable class of each row (B,), whether its sums are finite (B,)."""

    outputs: Array
    classes: npt.NDArray[np.intp]
    finite: npt.NDArray[np.bool_]

    def part(self, rows: slice) -> "Predicted":
        """Return that of some rows."""
        return Predicted(self.outputs[rows], self.classes[rows], self.finite[rows])


def forward(model: Model, codes: Codes, *, deterministic: bool = False) -> Predicted:
    """Run codes (B, K) through a model. Float32 sums depend on the company of a row unless `deterministic`."""
    size = TILE if deterministic else CHUNK
    parts = [_pass(model, codes[start : start + size], deterministic) for start in range(0, len(codes), size)]
    return parts[0] if len(parts) == 1 else Predicted(*map(np.concatenate, zip(*parts, strict=True)))


def _pass(model: Model, codes: Codes, whole_tile: bool) -> Predicted:
    inputs = model.features.inputs(codes)
    if whole_tile:
        inputs = np.pad(inputs, ((0, TILE - len(inputs)), (0, 0)))
    logits = model.network.logits(inputs)
    finite = np.asarray(np.isfinite(logits).all(axis=1))
    if not finite.all():
        logits[~finite] = 0  # whoever asks looks at `finite`; softmax would warn
    outputs = model.network.activate(logits)
    return Predicted(outputs, outputs.argmax(axis=1), finite).part(slice(len(codes)))
