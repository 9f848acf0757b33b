"""Golden rows: raw rows whose logits are known, so that a loaded model is a tested model.

They show that this machine computes what was published: NaN, layers in another order, a kernel that is transposed,
negated, rescaled or zeroed, another activation. A change of a single weight or of a label is found by the SHA-256 in
the manifest.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from nn.columns import Cell
from nn.model import Model

# Machines add in another order, so the float32 error of a few rows may differ by some tens of times between two of
# them. A tolerance thousands of times larger than here was not measured, and would let a wrong network pass.
MAX_TOLERANCE_RATIO = 1000


@dataclass(frozen=True)
class Golden:
    """Raw rows, the logits (G, C) that float64 arithmetic gives for them, and how far float32 may be off."""

    rows: list[list[Cell]]
    logits: npt.NDArray[np.float64]
    tolerance: float

    @classmethod
    def measure(cls, model: Model, rows: list[list[Cell]]) -> Self:
        """Compute the logits in float64; the tolerance is four times the error of float32 on this machine."""
        inputs = model.features.inputs(_codes(model, rows))
        exact = model.network.logits(inputs.astype(np.float64)).astype(np.float64)
        error = float(np.abs(model.network.logits(inputs) - exact).max())
        # A few rows may happen to come out exact here; another machine sums in another order.
        least = float(np.finfo(np.float32).eps * max(1.0, np.abs(exact).max()))
        return cls(rows, exact, 4 * max(error, least))

    def failure(self, model: Model) -> str | None:
        """Return how the model fails the rows, or why their tolerance proves nothing; None where it passes."""
        deviation = self.deviation(model)
        if not deviation <= self.tolerance:
            return f"golden rows are off by {deviation:.3g}, {self.tolerance:.3g} is tolerated"
        limit = MAX_TOLERANCE_RATIO * Golden.measure(model, self.rows).tolerance
        if self.tolerance > limit:
            return f"a tolerance of {self.tolerance:.3g} proves nothing: for this model at most {limit:.3g} is accepted"
        return None

    def deviation(self, model: Model) -> float:
        """Return how far the model's logits are from these at most; infinite where one is no number."""
        distance = np.abs(model.logits(_codes(model, self.rows)) - self.logits).max()
        return float(distance) if np.isfinite(distance) else float("inf")


def _codes(model: Model, rows: list[list[Cell]]) -> Array:
    codes = model.features.read(rows)
    if codes is None:
        raise ValueError("the golden rows are no rows of this model")
    return codes
