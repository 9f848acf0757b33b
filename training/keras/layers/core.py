"""Dense layers, and the layers between them."""

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
    """Declares the shape of a row, so that the model can be built before it sees data.

    Batches may be of any size, and data of any numeric type, whatever batch_size and dtype say.
    """

    def __init__(
        self, shape: Sequence[int], batch_size: Any = None, dtype: Any = None, name: str | None = None, **base: Any
    ) -> None:
        super().__init__(name, input_shape=shape, **base)
        self.shape = self._row_shape(shape)


class Dense(Layer):
    """y = activation(x @ kernel + bias).

    Input shape (batch_size, input_dim), output shape (batch_size, units); kernel (input_dim, units)
    starts as glorot_uniform, bias (units,) as zeros.
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
        """The bias (U,), where there is one."""
        return self.parameters["bias"].values if self.use_bias else None

    def output_shape(self, shape: Shape) -> Shape:
        """Return (U,)."""
        return (self.units,)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return kernel (I, U) and bias (U,)."""
        kernel: dict[str, Shape] = {"kernel": (width_of(self, shape), self.units)}
        return kernel | {"bias": (self.units,)} if self.use_bias else kernel

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        """Set the initial values; return the product with the kernel, and the activation."""
        initial = [self.kernel_initializer, self.bias_initializer]
        for parameter, initialize in zip(self.parameters.values(), initial, strict=False):
            parameter.values[:] = initialize(parameter.values.shape, rng)
        penalties = zip(self.parameters.values(), [self.kernel_regularizer, self.bias_regularizer], strict=False)
        self.regularized = [(parameter, regularizer) for parameter, regularizer in penalties if regularizer]
        dense = DenseOp(self.parameters["kernel"], self.parameters.get("bias"))
        return [dense] if self.activation == "linear" else [dense, ActivationOp(ACTIVATIONS[self.activation])]


class Activation(Layer):
    """An activation on its own."""

    def __init__(self, activation: str, **base: Any) -> None:
        super().__init__(**base)
        self.activation = look_up("activation function", activation, ACTIVATIONS).name

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        """Return the one operation; linear has none."""
        if self.activation == "softmax":
            width_of(self, shape)
        return [] if self.activation == "linear" else [ActivationOp(ACTIVATIONS[self.activation])]


class Dropout(Layer):
    """Set a share `rate` of the inputs to zero in training, and scale the rest so that the sum is kept."""

    def __init__(self, rate: float, seed: int | None = None, **base: Any) -> None:
        super().__init__(**base)
        check_number("rate", rate, 0, 1)
        self.rate, self.seed = float(rate), seed

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        """Return the one operation, with a random generator of its own."""
        (own,) = rng.spawn(1)
        return [DropoutOp(self.rate, own if self.seed is None else np.random.Generator(np.random.SFC64(self.seed)))]


class Flatten(Layer):
    """Make each row one-dimensional; rows are stored that way already."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return (I,)."""
        return (int(np.prod(shape)),)
