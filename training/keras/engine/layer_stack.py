"""A linear stack of layers, with the parameters and operations that are created when it is built."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.errors import TrainingError
from training.keras.checks import invalid_argument
from training.keras.engine.ops import DropoutOp
from training.keras.engine.parameters import Parameter, Parameters
from training.keras.layers import Input, Layer
from training.keras.layers.base import assign_weights
from training.keras.utils import new_generator


class LayerStack:
    """Layers that are built on first use: when data is passed, or when weights are requested and the shape is known."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.layers: list[Layer] = []
        self._declared_shape: tuple[int, ...] | None = None
        self.rng = new_generator()
        self.built = False
        self.on_build: Callable[[], None] | None = None  # called after every build

    def add(self, layer: Layer) -> None:
        if not isinstance(layer, Layer):
            raise TrainingError(
                f"Only instances of `keras.layers.Layer` can be added to a Sequential model. Received: {layer!r}"
            )
        if isinstance(layer, Input):
            # As in Keras, an Input is not part of `layers`.
            if self.layers or self._declared_shape:
                raise TrainingError(
                    f"Cannot add {layer.name}: an Input must be the first layer, and a model has only one Input"
                )
            self._declared_shape = layer.shape
        elif self.built:
            self._add_to_built(layer)
        else:
            self.layers.append(layer)

    def _add_to_built(self, layer: Layer) -> None:
        """Rebuild with an added layer. The existing layers keep their weights, even if the new one does not fit."""
        kept, shape, dtype = self.get_weights(), (None, *self.input_shape), self.dtype
        self.layers.append(layer)
        try:
            self.build(shape, dtype)
        except TrainingError:
            self.layers.pop()
            self.build(shape, dtype)
            raise
        finally:
            self.set_weights([*kept, *self.get_weights()[len(kept) :]])

    @property
    def declared_shape(self) -> tuple[int, ...] | None:
        """The shape of a sample, if an Input or a layer declares it."""
        return self._declared_shape or next((layer.input_shape for layer in self.layers if layer.input_shape), None)

    def build(self, input_shape: Sequence[int | None], dtype: npt.DTypeLike = np.float32) -> None:
        """Create the parameters and operations for inputs of shape (batch_size, …)."""
        given = tuple(input_shape[1:])
        if not given or any(size is None or size < 1 for size in given):
            raise invalid_argument("input_shape", "a shape such as (None, n)", tuple(input_shape))
        if not self.layers:
            raise TrainingError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`."
            )
        shapes = [tuple(int(size) for size in given if size)]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        self.input_shape, self.input_width = shapes[0], int(np.prod(shapes[0]))
        self.output_width, self.dtype = int(np.prod(shapes[-1])), np.dtype(dtype)
        built = list(zip(self.layers, shapes[:-1], strict=True))
        for layer, shape in built:
            layer.parameters = {name: Parameter(name, of) for name, of in layer.parameter_shapes(shape).items()}
        self.parameters = Parameters([p for layer in self.layers for p in layer.parameters.values()], self.dtype)
        for layer, shape in built:
            layer.ops, layer.built = layer.make_ops(shape, self.dtype, self.rng), True
        self.ops = [op for layer in self.layers for op in layer.ops]
        self.dropouts = [op for op in self.ops if isinstance(op, DropoutOp)]
        self.regularized = [pair for layer in self.layers for pair in layer.regularized]
        self.built = True
        if self.on_build:
            self.on_build()

    def ensure_built(self) -> None:
        """Build the layers unless they are built. Raises TrainingError if the shape of a sample is unknown."""
        if not self.built:
            if self.declared_shape is None:
                raise TrainingError(
                    f"Weights for model '{self.name}' have not yet been created. Call `fit()` or `build()` first."
                )
            self.build((None, *self.declared_shape))

    def get_weights(self) -> list[Array]:
        self.ensure_built()
        return [weights.copy() for layer in self.layers for weights in layer.weights]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        self.ensure_built()
        assign_weights(self.name, [own for layer in self.layers for own in layer.weights], weights)

    @property
    def generators(self) -> list[np.random.Generator]:
        """The random generators that training uses: one for shuffling, and one for each dropout layer."""
        return [self.rng, *(dropout.rng for dropout in self.dropouts)]
