"""Where rows come from: an array, or anything else that can write the inputs of some rows into a batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nn.activations import Array

Index = npt.NDArray[np.intp]


class Source(Protocol):
    """Inputs (N, I) that need not lie in memory as such."""

    @property
    def shape(self) -> tuple[int, int]:
        """Return N and I."""

    @property
    def block(self) -> int:
        """How many rows are best gathered at once."""

    def gather(self, index: Index, out: Any) -> None:
        """Write the inputs of the rows numbered `index` into `out` (len(index), I)."""


class ArraySource:
    """The rows of an array (N, I) of any type: bytes stay bytes until they are in a batch."""

    block = 1

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self.array = array
        self.shape: tuple[int, int] = (len(array), array.shape[1])
        self._gathered: npt.NDArray[Any] = np.empty((0, array.shape[1]), array.dtype)

    def gather(self, index: Index, out: Array) -> None:
        """Write rows into `out`."""
        # With mode="raise" numpy would fill a buffer of its own first.
        if out.dtype == self.array.dtype:
            np.take(self.array, index, axis=0, out=out, mode="clip")
            return
        if len(self._gathered) < len(index):
            self._gathered = np.empty((len(index), self.shape[1]), self.array.dtype)
        out[:] = np.take(self.array, index, axis=0, out=self._gathered[: len(index)], mode="clip")


@dataclass(frozen=True)
class Batch:
    """Inputs x (B, I), targets (B,) or (B, C), and a weight for each row where there are any (B,)."""

    x: Array
    y: npt.NDArray[Any]
    weights: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Rows:
    """Inputs, targets and weights that belong together, row by row."""

    source: Source
    y: npt.NDArray[Any]
    weights: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return self.source.shape[0]

    def batches(self, size: int, order: Index, dtype: npt.DTypeLike) -> Iterator[Batch]:
        """Yield the rows in the given order; a batch is overwritten by one that follows."""
        block = max(self.source.block // size, 1) * size
        room = np.empty((min(block, len(order)), self.source.shape[1]), dtype)
        for first in range(0, len(order), block):
            index = order[first : first + block]
            x = room[: len(index)]
            self.source.gather(index, x)
            y, weights = self.y[index], None if self.weights is None else self.weights[index]
            for start in range(0, len(index), size):
                part = slice(start, start + size)
                yield Batch(x[part], y[part], None if weights is None else weights[part])
