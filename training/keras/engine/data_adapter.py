"""Data adapters, which gather rows into batches from an array or any other source, and samples with targets."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nn.activations import Array

Indices = npt.NDArray[np.intp]
TargetArray = npt.NDArray[Any]  # class indices (B,), or values (B, C)


class DataAdapter(Protocol):
    """Inputs (N, I) that are not necessarily an array in memory."""

    @property
    def shape(self) -> tuple[int, int]:
        """N and I."""

    @property
    def block(self) -> int:
        """The number of rows that are most efficiently gathered at once."""

    def gather(self, index: Indices, out: Any) -> None:
        """Write the rows with the indices `index` to `out` (len(index), I)."""


class ArrayDataAdapter:
    """Adapter of an array (N, I) of any numeric type. Only gathered rows are converted: a uint8 array stays uint8."""

    block = 1

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self.array = array
        self.shape: tuple[int, int] = (len(array), array.shape[1])
        self._gathered: npt.NDArray[Any] = np.empty((0, array.shape[1]), array.dtype)

    def gather(self, index: Indices, out: Array) -> None:
        # With mode="raise", take() would write to a temporary buffer first.
        if out.dtype == self.array.dtype:
            self.array.take(index, axis=0, out=out, mode="clip")
            return
        if len(self._gathered) < len(index):
            self._gathered = np.empty((len(index), self.shape[1]), self.array.dtype)
        out[:] = self.array.take(index, axis=0, out=self._gathered[: len(index)], mode="clip")


@dataclass
class Batch:
    """Inputs x (B, I), targets y (B,) or (B, C), and optional sample weights (B,)."""

    x: Array
    y: TargetArray
    weights: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Samples:
    """Inputs with their targets and optional sample weights."""

    inputs: DataAdapter
    y: TargetArray
    weights: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def first(self, count: int) -> "Samples":
        """Return the first `count` samples; the adapter is not truncated."""
        return replace(self, y=self.y[:count], weights=None if self.weights is None else self.weights[:count])

    def batches(self, size: int, order: Indices, dtype: npt.DTypeLike) -> Iterator[Batch]:
        """Yield batches of samples in the given order; a later batch overwrites the inputs of an earlier one."""
        block = max(self.inputs.block // size, 1) * size
        buffer = np.empty((min(block, len(order)), self.inputs.shape[1]), dtype)
        y, weights = self.y[order], None if self.weights is None else self.weights[order]
        for first in range(0, len(order), block):
            last = min(first + block, len(order))
            x = buffer[: last - first]
            self.inputs.gather(order[first:last], x)
            for start in range(first, last, size):
                end = min(start + size, last)
                own = None if weights is None else weights[start:end]
                yield Batch(x[start - first : end - first], y[start:end], own)
