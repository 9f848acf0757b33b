"""The interface of an operation, and the arrays it computes in."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from nn.activations import Array


class Op(Protocol):
    """A differentiable map of a batch."""

    def forward(self, x: Array, training: bool) -> Array:
        """Map the batch."""

    def backward(self, g: Array) -> Array:
        """Map the gradient back, and fill in that of the operation's own parameters."""


class Workspace:
    """An array for a batch of rows, reused from batch to batch and grown as needed."""

    def __init__(self) -> None:
        self._array: Array = np.empty((0, 0), np.float32)

    def get(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Return an array (rows, width) with undefined content."""
        if shape[0] > len(self._array) or shape[1] != self._array.shape[1] or self._array.dtype != dtype:
            self._array = np.empty(shape, dtype)
        return self._array[: shape[0]]
