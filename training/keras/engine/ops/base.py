"""The interface of an operation, and the reusable arrays for its results."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from nn.activations import Array


class Op(Protocol):
    """A differentiable operation on a batch."""

    def forward(self, x: Array, training: bool) -> Array:
        """Compute the output of a batch."""

    def backward(self, g: Array) -> Array:
        """Compute the gradient with respect to the input, and those of the parameters of the operation."""


class Workspace:
    """An array that is reused from batch to batch, and reallocated only for a larger batch or another width."""

    def __init__(self) -> None:
        self._array: Array = np.empty((0, 0), np.float32)

    def get(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Return an array (rows, width) with undefined content."""
        if shape[0] > len(self._array) or shape[1] != self._array.shape[1] or self._array.dtype != dtype:
            self._array = np.empty(shape, dtype)
        return self._array[: shape[0]]
