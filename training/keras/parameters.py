"""All trainable numbers of a model in one flat vector, and their gradient in another.

Layers hold views into both, so that an optimizer updates a whole model with a handful of
operations on two vectors, however many layers there are.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nn.activations import Array


@dataclass(frozen=True)
class Parameter:
    """A tensor of a layer: its name, such as kernel, its values and their gradient, both views of the flat vectors."""

    name: str
    values: Array
    gradient: Array
    part: slice


class Parameters:
    """`values` and `gradient`, each (P,); `take` hands out one tensor after another."""

    def __init__(self, size: int, dtype: npt.DTypeLike = np.float32) -> None:
        self.values: Array = np.zeros(size, dtype)
        self.gradient: Array = np.zeros(size, dtype)
        self.tensors: list[Parameter] = []

    def take(self, name: str, shape: tuple[int, ...]) -> Parameter:
        """Return the next tensor of this shape."""
        start = self.tensors[-1].part.stop if self.tensors else 0
        part = slice(start, start + int(np.prod(shape)))
        values, gradient = self.values[part].reshape(shape), self.gradient[part].reshape(shape)
        self.tensors.append(Parameter(name, values, gradient, part))
        return self.tensors[-1]
