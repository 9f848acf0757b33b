"""The base class of layers: a description that becomes parameters and operations once its input is known."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.errors import TrainingError
from training.keras.checks import refuse_arguments
from training.keras.engine.ops import Op
from training.keras.engine.parameters import Parameter
from training.keras.lookup import snake_case
from training.keras.regularizers import L1L2

Shape = tuple[int, ...]
_name_counts: Counter[str] = Counter()


class AlwaysTrainable:
    """A layer or model that can't be frozen: setting `trainable` to False raises TrainingError."""

    name: str

    @property
    def trainable(self) -> bool:
        """True."""
        return True

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if not value:
            raise TrainingError(f"{self.name} can't be frozen (trainable = False): all layers are trained here")


class Layer(AlwaysTrainable):
    """`ops` are run in training; `parameters` are trained, `statistics` are measured batch by batch."""

    input_shape: Shape | None = None
    built = False

    def __init__(self, name: str | None = None, **unknown: Any) -> None:
        shape, width = unknown.pop("input_shape", None), unknown.pop("input_dim", None)
        refuse_arguments(self, unknown)
        if shape is not None or width is not None:
            self.input_shape = self._row_shape(shape if shape is not None else (width,))
        kind = snake_case(type(self).__name__)
        self.name = name or (f"{kind}_{_name_counts[kind]}" if _name_counts[kind] else kind)
        _name_counts[kind] += name is None
        self.parameters: dict[str, Parameter] = {}
        self.statistics: list[Array] = []
        self.ops: list[Op] = []
        self.regularized: list[tuple[Parameter, L1L2]] = []

    def _row_shape(self, shape: Any) -> Shape:
        sizes = tuple(shape) if isinstance(shape, Sequence) and not isinstance(shape, str) else ()
        if not sizes or not all(isinstance(size, int | np.integer) and size > 0 for size in sizes):
            raise TrainingError(f"{type(self).__name__} takes the shape of a row, such as (4,), got {shape!r}")
        return tuple(map(int, sizes))

    @property
    def weights(self) -> list[Array]:
        """All numbers of the layer in Keras's order, the trained ones first: the arrays themselves."""
        return [parameter.values for parameter in self.parameters.values()] + self.statistics

    def get_weights(self) -> list[Array]:
        """Return copies of all weights."""
        self._must_be_built()
        return [weights.copy() for weights in self.weights]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Take weights in the same order."""
        self._must_be_built()
        assign_weights(self.name, self.weights, weights)

    def _must_be_built(self) -> None:
        if not self.built:
            raise TrainingError(f"{self.name} has no weights yet: call fit() or build() of its model first")

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of a row after this layer."""
        return shape

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shape of each trained tensor by its name, for rows of this shape."""
        return {}

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        """Give the tensors, which have been allocated, their initial values; return the operations of training."""
        return []


def width_of(layer: Layer, shape: Sequence[int]) -> int:
    """Return I of a row (I,). Raises TrainingError for rows of any other shape."""
    if len(shape) != 1:
        raise TrainingError(f"{layer.name} takes rows of one dimension, got {tuple(shape)}: add Flatten() before it")
    return shape[0]


def assign_weights(name: str, own: Sequence[Array], given: Sequence[npt.ArrayLike]) -> None:
    """Overwrite the weights of a layer or a model of that name. Raises TrainingError where they do not fit."""
    if len(own) != len(given):
        raise TrainingError(
            f"You called `set_weights(weights)` on layer '{name}' with a weight list of length"
            f" {len(given)}, but the layer was expecting {len(own)} weights."
        )
    for part, values in zip(own, given, strict=True):
        if part.shape != np.shape(values):
            raise TrainingError(f"Layer weight shape {part.shape} not compatible with {np.shape(values)}")
    for part, values in zip(own, given, strict=True):
        part[...] = values
