"""Layers one after another, and the parameters and operations that they become once the shape of a row is known."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.errors import TrainingError
from training.keras.engine.ops import DropoutOp
from training.keras.engine.parameters import Parameter, Parameters
from training.keras.layers import Input, Layer
from training.keras.layers.base import assign_weights
from training.keras.utils import new_generator


class LayerStack:
    """Built when weights are asked for, or data seen, and the shape of a row is known."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.layers: list[Layer] = []
        self._declared_shape: tuple[int, ...] | None = None
        self.rng = new_generator()
        self.built = False
        self.on_build: Callable[[], None] | None = None  # called whenever all layers have been built

    def add(self, layer: Layer) -> None:
        """Append a layer."""
        if not isinstance(layer, Layer):
            raise TrainingError(
                f"Only instances of `keras.Layer` can be added to a Sequential model. Received: {layer!r}"
            )
        if isinstance(layer, Input):
            # As in Keras an Input is not one of the model's `layers`.
            if self.layers or self._declared_shape:
                raise TrainingError(f"{layer.name} comes too late: an Input comes before all layers, once")
            self._declared_shape = layer.shape
        elif self.built:
            self._add_to_built(layer)
        else:
            self.layers.append(layer)

    def _add_to_built(self, layer: Layer) -> None:
        """Build again with one layer more; the others keep their weights, whether it fits or not."""
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
        """The shape of a row, where an Input or a layer declares it."""
        return self._declared_shape or next((layer.input_shape for layer in self.layers if layer.input_shape), None)

    def build(self, input_shape: Sequence[int | None], dtype: npt.DTypeLike = np.float32) -> None:
        """Create the parameters for inputs of (batch_size, …)."""
        given = tuple(input_shape[1:])
        if not given or any(size is None or size < 1 for size in given):
            raise TrainingError(f"expected an input shape (None, n), got {tuple(input_shape)}")
        if not self.layers:
            raise TrainingError("a model needs at least one layer")
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
        """Build, or refuse where the shape of a row is not known."""
        if not self.built:
            if self.declared_shape is None:
                raise TrainingError("the model has no weights yet: call fit() or build() first")
            self.build((None, *self.declared_shape))

    def get_weights(self) -> list[Array]:
        """Return copies of all weights, layer by layer: kernel, bias; gamma, beta, mean, variance."""
        self.ensure_built()
        return [weights.copy() for layer in self.layers for weights in layer.weights]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Take weights in the order of `get_weights`."""
        self.ensure_built()
        assign_weights(self.name, [own for layer in self.layers for own in layer.weights], weights)

    @property
    def generators(self) -> list[np.random.Generator]:
        """All generators that training draws from: the order of the rows, and each dropout."""
        return [self.rng, *(dropout.rng for dropout in self.dropouts)]
