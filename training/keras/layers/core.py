"""The core layers: Input, Dense, Activation, Dropout and Flatten."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nn.activations import ACTIVATIONS, Array
from training.errors import TrainingError
from training.keras import initializers, regularizers
from training.keras.checks import check_number
from training.keras.engine.ops import ActivationOp, DenseOp, DropoutOp, Op
from training.keras.layers.base import Layer, Shape, width_of
from training.keras.lookup import look_up


class Input(Layer):
    """Declares the shape of a sample, so that the model can be built before it sees data.

    Args:
        shape: Tuple of integers, without the batch dimension.
        batch_size: Accepted for compatibility; batches may have any size.
        dtype: Accepted for compatibility; data may have any numeric type.
        name: Optional name of the layer.
    """

    def __init__(
        self, shape: Sequence[int], batch_size: Any = None, dtype: Any = None, name: str | None = None, **base: Any
    ) -> None:
        super().__init__(name, input_shape=shape, **base)
        self.shape = self._row_shape(shape)


class Dense(Layer):
    """A densely connected layer: y = activation(x @ kernel + bias).

    Input shape: (batch_size, input_dim). Output shape: (batch_size, units).

    Args:
        units: Positive integer, dimensionality of the output space.
        activation: Name of the activation function; linear by default.
        use_bias: Whether the layer uses a bias vector.
        kernel_initializer: Initializer for the kernel (input_dim, units).
        bias_initializer: Initializer for the bias (units,).
        kernel_regularizer: Regularizer applied to the kernel.
        bias_regularizer: Regularizer applied to the bias.
        base: `name`, `input_shape` and `input_dim`.
    """

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        if isinstance(units, bool) or not isinstance(units, int | np.integer) or units < 1:
            raise TrainingError(
                f"Received an invalid value for `units`, expected a positive integer. Received: units={units}"
            )
        self.units = int(units)
        self.activation = look_up("activation function", activation or "linear", ACTIVATIONS).name
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    @property
    def kernel(self) -> Array:
        """The kernel (I, U)."""
        return self.parameters["kernel"].values

    @property
    def bias(self) -> Array | None:
        """The bias (U,), or None without `use_bias`."""
        return self.parameters["bias"].values if self.use_bias else None

    def output_shape(self, shape: Shape) -> Shape:
        return (self.units,)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        kernel: dict[str, Shape] = {"kernel": (width_of(self, shape), self.units)}
        return kernel | {"bias": (self.units,)} if self.use_bias else kernel

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        initial = [self.kernel_initializer, self.bias_initializer]
        for parameter, initialize in zip(self.parameters.values(), initial, strict=False):
            parameter.values[:] = initialize(parameter.values.shape, rng)
        penalties = zip(self.parameters.values(), [self.kernel_regularizer, self.bias_regularizer], strict=False)
        self.regularized = [(parameter, regularizer) for parameter, regularizer in penalties if regularizer]
        dense = DenseOp(self.parameters["kernel"], self.parameters.get("bias"))
        return [dense] if self.activation == "linear" else [dense, ActivationOp(ACTIVATIONS[self.activation])]


class Activation(Layer):
    """Applies an activation function to its input.

    Args:
        activation: Name of the activation function.
        base: `name`, `input_shape` and `input_dim`.
    """

    def __init__(self, activation: str, **base: Any) -> None:
        super().__init__(**base)
        self.activation = look_up("activation function", activation, ACTIVATIONS).name

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        if self.activation == "softmax":
            width_of(self, shape)
        return [] if self.activation == "linear" else [ActivationOp(ACTIVATIONS[self.activation])]


class Dropout(Layer):
    """Applies dropout to the input: in training, a fraction `rate` of the inputs is randomly set to 0.

    Inputs not set to 0 are scaled up by 1 / (1 - rate), so that the expected sum over all inputs is unchanged.

    Args:
        rate: Float in [0, 1]. Fraction of the inputs to drop.
        seed: Seed of the layer's random generator; by default the generator is derived from that of the model.
        base: `name`, `input_shape` and `input_dim`.
    """

    def __init__(self, rate: float, seed: int | None = None, **base: Any) -> None:
        super().__init__(**base)
        check_number("rate", rate, 0, 1)
        self.rate, self.seed = float(rate), seed

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        (own,) = rng.spawn(1)
        return [DropoutOp(self.rate, own if self.seed is None else np.random.Generator(np.random.SFC64(self.seed)))]


class Flatten(Layer):
    """Flattens the input, without affecting the batch size. No operation is needed: samples are stored flat."""

    def output_shape(self, shape: Shape) -> Shape:
        return (int(np.prod(shape)),)
