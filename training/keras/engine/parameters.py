"""All trainable numbers of a model in one flat vector, and their gradient in another.

Layers hold views into both, so that an optimizer updates a whole model with a handful of
operations on two vectors, however many layers there are.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nn.activations import Array

Index = npt.NDArray[np.intp]


@dataclass
class Parameter:
    """A tensor of a layer: its name, such as kernel, its values and their gradient, both views of the flat vectors.

    While some rows rest (see `Parameters.narrow`), the views hold the others alone.
    """

    name: str
    shape: tuple[int, ...]
    values: Array = field(init=False)
    gradient: Array = field(init=False)
    live: Index | None = None
    resting: Array | None = None

    @property
    def whole(self) -> Array:
        """The values with those of resting rows: the view itself where none rest."""
        if self.live is None or self.resting is None:
            return self.values
        whole = self.resting.copy()
        whole[self.live] = self.values
        return whole

    def assign(self, values: npt.ArrayLike) -> None:
        """Take other values, of resting rows too."""
        if self.live is None or self.resting is None:
            self.values[...] = values
        else:
            self.resting[...] = values
            self.values[...] = self.resting[self.live]


class Parameters:
    """`values` and `gradient`, each (P,), in which the tensors follow one another."""

    def __init__(self, tensors: list[Parameter], dtype: npt.DTypeLike = np.float32) -> None:
        self.tensors = tensors
        self.dtype = np.dtype(dtype)
        self._kept: npt.NDArray[np.bool_] | None = None
        self._lay_out([tensor.shape for tensor in tensors])

    def _lay_out(self, shapes: list[tuple[int, ...]]) -> None:
        sizes = [int(np.prod(shape)) for shape in shapes]
        self.values, self.gradient = (np.zeros(sum(sizes), self.dtype) for _ in range(2))
        ends = np.cumsum(sizes).tolist()
        for tensor, shape, size, end in zip(self.tensors, shapes, sizes, ends, strict=True):
            part = slice(end - size, end)
            tensor.values, tensor.gradient = (vector[part].reshape(shape) for vector in (self.values, self.gradient))

    def narrow(self, live: Index) -> None:
        """Let all rows of the first tensor rest but the live ones: the vectors (P,) have no place for them."""
        first, before = self.tensors[0], self.values
        self._kept = np.ones(len(before), bool)
        self._kept[: first.values.size] = np.repeat(np.isin(np.arange(first.shape[0]), live), first.shape[1])
        first.resting, first.live = first.values.copy(), live
        self._lay_out([(len(live), first.shape[1]), *(tensor.shape for tensor in self.tensors[1:])])
        self.values[:] = self.without_resting(before)

    def widen(self) -> None:
        """Wake the resting rows."""
        first, whole = self.tensors[0], self.with_resting(self.values)
        whole[: np.prod(first.shape)] = first.whole.ravel()
        self._kept = first.live = first.resting = None
        self._lay_out([tensor.shape for tensor in self.tensors])
        self.values[:] = whole

    def without_resting(self, vector: Array) -> Array:
        """Leave the places of resting rows out of a vector of all parameters: the vector itself where none rest."""
        return vector if self._kept is None else vector[self._kept]

    def with_resting(self, vector: Array) -> Array:
        """Put zeros into the places of resting rows: the vector itself where none rest."""
        if self._kept is None:
            return vector
        whole = np.zeros(len(self._kept), vector.dtype)
        whole[self._kept] = vector
        return whole
