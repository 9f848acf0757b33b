"""The layers of a Sequential model, as Keras describes them; `steps` says what training runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nn.activations import ACTIVATIONS, Array
from training.errors import TrainingError
from training.keras import initializers
from training.keras.parameters import Parameters
from training.keras.steps import Activate, Affine, Drop, Step


class Layer:
    """A description that becomes steps once the width of its input is known."""

    input_shape: tuple[int, ...] | None = None

    def output_width(self, width: int) -> int:
        """Return U for an input of I."""
        return width

    def count_params(self, width: int) -> int:
        """Return how many trainable numbers the layer has for an input of I."""
        return 0

    def steps(self, width: int, first: bool, parameters: Parameters, rng: np.random.Generator) -> Sequence[Step]:
        """Take the layer's views of the parameters, initialise them, and return the steps to run."""
        raise NotImplementedError


class Dense(Layer):
    """y = activation(x @ kernel + bias).

    Input shape (batch_size, input_dim), output shape (batch_size, units); kernel (input_dim, units)
    starts as glorot_uniform, bias (units,) as zeros.
    """

    kernel: Array
    bias: Array

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        kernel_initializer: str = "glorot_uniform",
        bias_initializer: str = "zeros",
        input_shape: Sequence[int] | None = None,
        **unknown: Any,
    ) -> None:
        _refuse(self, unknown)
        if isinstance(units, bool) or not isinstance(units, int | np.integer) or units < 1:
            raise TrainingError(
                f"Received an invalid value for `units`, expected a positive integer. Received: units={units}"
            )
        if activation is not None and activation not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise TrainingError(
                f"Could not interpret activation function identifier: {activation!r}; known are {known}"
            )
        self.units = int(units)
        self.activation = activation or "linear"
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.input_shape = tuple(input_shape) if input_shape is not None else None

    def output_width(self, width: int) -> int:
        """Return the units."""
        return self.units

    def count_params(self, width: int) -> int:
        """Return (I + 1) U."""
        return (width + 1) * self.units

    def steps(self, width: int, first: bool, parameters: Parameters, rng: np.random.Generator) -> Sequence[Step]:
        """Return the affine map and the activation."""
        kernel, bias = parameters.take((width, self.units)), parameters.take((self.units,))
        self.kernel, self.bias = kernel[0], bias[0]
        self.kernel[:] = self.kernel_initializer(self.kernel.shape, rng)
        self.bias[:] = self.bias_initializer(self.bias.shape, rng)
        affine = Affine(kernel, bias, needs_input_gradient=not first)
        if self.activation == "linear":
            return [affine]
        return [affine, Activate(ACTIVATIONS[self.activation])]


class Dropout(Layer):
    """Set a share `rate` of the inputs to zero in training, and scale the rest so that the sum is kept."""

    def __init__(self, rate: float, seed: int | None = None, **unknown: Any) -> None:
        _refuse(self, unknown)
        if not 0 <= rate <= 1:
            raise TrainingError(
                f"Invalid value received for `rate`. Expected a number from 0 to 1. Received: rate={rate}"
            )
        self.rate = float(rate)
        self.seed = seed

    def steps(self, width: int, first: bool, parameters: Parameters, rng: np.random.Generator) -> Sequence[Step]:
        """Return the one step, with a stream of random numbers of its own."""
        (own,) = rng.spawn(1)
        return [Drop(self.rate, own if self.seed is None else np.random.Generator(np.random.SFC64(self.seed)))]


def _refuse(layer: Layer, unknown: dict[str, Any]) -> None:
    if unknown:
        raise TrainingError(f"Unrecognized keyword arguments passed to {type(layer).__name__}: {unknown}")
