"""All trainable numbers of a model in one flat vector, and their gradient in another.

Layers hold views into both, so that an optimizer updates a whole model with a handful of operations on two vectors,
however many layers there are.

Some rows of the first tensor may be frozen for a time (`narrow`, until `widen`). The vectors then hold the live rows
alone, and every view of them is made again; `Parameter.full_values` still gives all rows, and `compress` and `expand`
convert vectors of the optimizer between the two lengths.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nn.activations import Array


@dataclass
class Parameter:
    """A tensor of a layer: its name, such as kernel, its values and their gradient, both views of the flat vectors.

    While some rows are frozen (see `Parameters.narrow`), the views hold the live rows alone.
    """

    name: str
    shape: tuple[int, ...]
    values: Array = field(init=False)
    gradient: Array = field(init=False)
    live_rows: npt.NDArray[np.intp] | None = None
    frozen_values: Array | None = None  # of the full shape; only the rows that are not live count

    @property
    def full_values(self) -> Array:
        """The values with those of frozen rows: the view itself where none are frozen."""
        if self.live_rows is None or self.frozen_values is None:
            return self.values
        full = self.frozen_values.copy()
        full[self.live_rows] = self.values
        return full

    def assign(self, values: npt.ArrayLike) -> None:
        """Set the values, those of frozen rows too."""
        if self.live_rows is None or self.frozen_values is None:
            self.values[...] = values
        else:
            self.frozen_values[...] = values
            self.values[...] = self.frozen_values[self.live_rows]


class Parameters:
    """`values` and `gradient`, each (P,), in which the tensors follow one another."""

    def __init__(self, tensors: list[Parameter], dtype: npt.DTypeLike = np.float32) -> None:
        self.tensors = tensors
        self.dtype = np.dtype(dtype)
        self._live: npt.NDArray[np.bool_] | None = None  # a mask over the full vector
        self._allocate([tensor.shape for tensor in tensors])

    def _allocate(self, shapes: list[tuple[int, ...]]) -> None:
        sizes = [int(np.prod(shape)) for shape in shapes]
        self.values, self.gradient = (np.zeros(sum(sizes), self.dtype) for _ in range(2))
        ends = np.cumsum(sizes).tolist()
        for tensor, shape, size, end in zip(self.tensors, shapes, sizes, ends, strict=True):
            part = slice(end - size, end)
            tensor.values, tensor.gradient = (vector[part].reshape(shape) for vector in (self.values, self.gradient))

    def narrow(self, live_rows: npt.NDArray[np.intp]) -> None:
        """Freeze all rows of the first tensor but the live ones, and leave them out of the vectors."""
        first, before = self.tensors[0], self.values
        self._live = np.ones(len(before), bool)
        self._live[: first.values.size] = np.repeat(np.isin(np.arange(first.shape[0]), live_rows), first.shape[1])
        first.frozen_values, first.live_rows = first.values.copy(), live_rows
        self._allocate([(len(live_rows), first.shape[1]), *(tensor.shape for tensor in self.tensors[1:])])
        self.values[:] = self.compress(before)

    def widen(self) -> None:
        """Take the frozen rows back into the vectors."""
        first, full = self.tensors[0], self.expand(self.values)
        full[: np.prod(first.shape)] = first.full_values.ravel()
        self._live = first.live_rows = first.frozen_values = None
        self._allocate([tensor.shape for tensor in self.tensors])
        self.values[:] = full

    def compress(self, vector: Array) -> Array:
        """Leave the entries of frozen rows out of a vector of all parameters: the vector itself where none are."""
        return vector if self._live is None else vector[self._live]

    def expand(self, vector: Array) -> Array:
        """Put zeros in for the entries of frozen rows: the vector itself where none are frozen."""
        if self._live is None:
            return vector
        full = np.zeros(len(self._live), vector.dtype)
        full[self._live] = vector
        return full
