"""The base classes of metrics."""

from typing import Any

import numpy.typing as npt

from nn.activations import Array
from training.keras.checks import refuse_arguments
from training.keras.engine.data_adapter import TargetArray
from training.keras.lookup import snake_case


class Metric:
    """`update` takes targets (B,) or (B, C) and outputs (B, C) of a batch; `result` is the value so far."""

    direction = "max"  # whether "max" or "min" is better

    def __init__(self, name: str | None = None, **unknown: Any) -> None:
        refuse_arguments(self, unknown)
        self.name = name or snake_case(type(self).__name__)
        self.reset()

    def reset(self) -> None:
        """Remove all batches."""
        raise NotImplementedError

    def update(self, y: TargetArray, outputs: Array) -> None:
        """Add a batch."""
        raise NotImplementedError

    def result(self) -> float:
        """Return the value so far."""
        raise NotImplementedError


class Mean(Metric):
    """The mean of a value of each row."""

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        """Return the value of each row (B,)."""
        raise NotImplementedError

    def reset(self) -> None:
        """Remove all batches."""
        self._total, self._rows = 0.0, 0

    def update(self, y: TargetArray, outputs: Array) -> None:
        """Add a batch."""
        self.add(float(self.values(y, outputs).sum()), len(y))

    def add(self, total: float, rows: int) -> None:
        """Add some rows by the sum of their values."""
        self._total += total
        self._rows += rows

    def result(self) -> float:
        """Return the mean so far."""
        return self._total / self._rows if self._rows else 0.0
