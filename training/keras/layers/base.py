"""The base class of layers: a configuration, from which parameters and operations are created on build."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.errors import TrainingError
from training.keras.checks import reject_unknown_arguments
from training.keras.engine.ops import Op
from training.keras.engine.parameters import Parameter
from training.keras.lookup import snake_case
from training.keras.regularizers import L1L2

Shape = tuple[int, ...]
_name_counts: Counter[str] = Counter()


class AlwaysTrainable:
    """A layer or model that cannot be frozen: setting `trainable` to False raises TrainingError."""

    name: str

    @property
    def trainable(self) -> bool:
        return True

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if not value:
            raise TrainingError(f"{self.name} cannot be frozen: `trainable=False` is not supported")


class Layer(AlwaysTrainable):
    """The class from which all layers inherit.

    `parameters` are the trainable weights of the layer, `statistics` its non-trainable weights, which are updated batch
    by batch, and `ops` its operations. All three are empty until the model is built.
    """

    input_shape: Shape | None = None
    built = False

    def __init__(self, name: str | None = None, **unknown: Any) -> None:
        shape, width = unknown.pop("input_shape", None), unknown.pop("input_dim", None)
        reject_unknown_arguments(self, unknown)
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
            raise TrainingError(
                f"Invalid shape received for {type(self).__name__}. Expected the shape of a sample without the batch"
                f" dimension, such as (4,). Received: {shape!r}"
            )
        return tuple(map(int, sizes))

    @property
    def weights(self) -> list[Array]:
        """The weights of the layer in Keras's order, the trainable ones first; not copies."""
        return [parameter.values for parameter in self.parameters.values()] + self.statistics

    def get_weights(self) -> list[Array]:
        """Returns copies of all weights of the layer."""
        self._check_built()
        return [weights.copy() for weights in self.weights]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Sets the weights of the layer from a list of arrays in the order of `get_weights`."""
        self._check_built()
        assign_weights(self.name, self.weights, weights)

    def _check_built(self) -> None:
        if not self.built:
            raise TrainingError(
                f"Weights for layer '{self.name}' have not yet been created. Call `fit()` or `build()` on its model"
                " first."
            )

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of a sample after this layer."""
        return shape

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shape of each parameter by its name, for samples of this shape."""
        return {}

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        """Initialize the allocated parameters, and return the operations of the layer."""
        return []


def width_of(layer: Layer, shape: Sequence[int]) -> int:
    """Return I of samples of shape (I,). Raises TrainingError for any other shape."""
    if len(shape) != 1:
        raise TrainingError(
            f"Input of layer '{layer.name}' is incompatible with the layer: expected ndim=2, found"
            f" ndim={len(shape) + 1}. Full shape received: {(None, *shape)}. Add a `Flatten()` layer before it."
        )
    return shape[0]


def assign_weights(name: str, own: Sequence[Array], given: Sequence[npt.ArrayLike]) -> None:
    """Overwrite the weights of the layer or model `name`. Raises TrainingError if their number or shapes differ."""
    if len(own) != len(given):
        raise TrainingError(
            f"Cannot set the weights of '{name}': expected a list of {len(own)} arrays. Received: {len(given)} arrays"
        )
    for number, (part, values) in enumerate(zip(own, given, strict=True)):
        if part.shape != np.shape(values):
            raise TrainingError(
                f"Cannot set the weights of '{name}': expected shape {part.shape} for weights[{number}]."
                f" Received: shape {np.shape(values)}"
            )
    for part, values in zip(own, given, strict=True):
        part[...] = values
