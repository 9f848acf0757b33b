"""The base classes of metrics."""

from typing import Any

import numpy.typing as npt

from nn.activations import Array
from training.keras.checks import reject_unknown_arguments
from training.keras.engine.data_adapter import TargetArray
from training.keras.lookup import snake_case


class Metric:
    """Base class of metrics.

    `update` accumulates a batch with targets (B,) or (B, C) and outputs (B, C); `result` computes the current value.
    """

    direction = "max"  # of an improvement: "max" or "min"

    def __init__(self, name: str | None = None, **unknown: Any) -> None:
        reject_unknown_arguments(self, unknown)
        self.name = name or snake_case(type(self).__name__)
        self.reset()

    def reset(self) -> None:
        """Resets the accumulated values."""
        raise NotImplementedError

    def update(self, y: TargetArray, outputs: Array) -> None:
        """Accumulates the values of a batch."""
        raise NotImplementedError

    def result(self) -> float:
        """Computes the current value of the metric."""
        raise NotImplementedError


class Mean(Metric):
    """Computes the mean of a value over all samples; subclasses override `values`."""

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        """Computes the value of each sample (B,)."""
        raise NotImplementedError

    def reset(self) -> None:
        self._total, self._rows = 0.0, 0

    def update(self, y: TargetArray, outputs: Array) -> None:
        self.add(float(self.values(y, outputs).sum()), len(y))

    def add(self, total: float, rows: int) -> None:
        """Adds `total`, the sum of the values of `rows` samples."""
        self._total += total
        self._rows += rows

    def result(self) -> float:
        return self._total / self._rows if self._rows else 0.0
