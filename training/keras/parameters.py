"""All trainable numbers of a model in one flat vector, and their gradient in another.

Layers hold views into both, so that an optimizer updates a whole model with a handful of
operations on two vectors, however many layers there are.
"""

import numpy as np
import numpy.typing as npt

from nn.activations import Array


class Parameters:
    """`values` and `gradient`, each (P,); `take` hands out the views one after another."""

    def __init__(self, size: int, dtype: npt.DTypeLike = np.float32) -> None:
        self.values: Array = np.zeros(size, dtype)
        self.gradient: Array = np.zeros(size, dtype)
        self._taken = 0

    def take(self, shape: tuple[int, ...]) -> tuple[Array, Array]:
        """Return the next views of the values and of the gradient, both of this shape."""
        start, self._taken = self._taken, self._taken + int(np.prod(shape))
        part = slice(start, self._taken)
        return self.values[part].reshape(shape), self.gradient[part].reshape(shape)
