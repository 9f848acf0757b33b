"""Golden rows: raw rows with known logits, so that a loaded model is a tested model.

They verify that this machine computes the published model. They detect NaN, reordered layers, a changed activation, and
a kernel that is transposed, negated, rescaled or zeroed. A change of a single weight or label is detected by the
SHA-256 in the manifest.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from nn.columns import Cell
from nn.model import Model

# Machines sum in different orders, so the float32 error of a few rows may differ between two of them by a factor of
# a few tens. A tolerance thousands of times larger than on this machine would let a wrong network pass.
MAX_TOLERANCE_RATIO = 1000


@dataclass(frozen=True)
class Golden:
    """Raw rows, their logits (B, C) in float64 arithmetic, and the accepted deviation of float32 from them."""

    rows: list[list[Cell]]
    logits: npt.NDArray[np.float64]
    tolerance: float

    @classmethod
    def measure(cls, model: Model, rows: list[list[Cell]]) -> Self:
        """Compute the logits in float64; the tolerance is four times the float32 error on this machine."""
        inputs = model.features.inputs(_codes(model, rows))
        exact = model.network.logits(inputs.astype(np.float64)).astype(np.float64)
        error = float(np.abs(model.network.logits(inputs) - exact).max())
        # The error of a few rows may happen to be zero here; another machine sums in another order.
        least = float(np.finfo(np.float32).eps * max(1.0, np.abs(exact).max()))
        return cls(rows, exact, 4 * max(error, least))

    def failure(self, model: Model) -> str | None:
        """Return the reason if the model fails the rows or their tolerance is too large; None if it passes."""
        deviation = self.deviation(model)
        if not deviation <= self.tolerance:
            return f"golden rows deviate by {deviation:.3g}; the tolerance is {self.tolerance:.3g}"
        limit = MAX_TOLERANCE_RATIO * Golden.measure(model, self.rows).tolerance
        if self.tolerance > limit:
            return f"the golden rows have a tolerance of {self.tolerance:.3g}; expected at most {limit:.3g}"
        return None

    def deviation(self, model: Model) -> float:
        """Return the largest distance of the model's logits from the stored ones; infinite if one is not finite."""
        distance = np.abs(model.logits(_codes(model, self.rows)) - self.logits).max()
        return float(distance) if np.isfinite(distance) else float("inf")


def _codes(model: Model, rows: list[list[Cell]]) -> Array:
    codes = model.features.read(rows)
    if codes is None:
        raise ValueError("the golden rows are not valid input of this model")
    return codes
