"""The layers of single activation functions: ReLU, LeakyReLU, ELU and Softmax."""

from typing import Any

import numpy as np

from nn.activations import Activation as Function
from nn.activations import Array
from training.keras.checks import check_axis, check_number, invalid_argument
from training.keras.engine.ops import ActivationOp, Op
from training.keras.layers.base import Layer, Shape
from training.keras.layers.core import Activation


class ReLU(Activation):
    """Rectified linear unit: max(x, 0).

    Args:
        max_value: Only None, no maximum, is supported.
        negative_slope: Only 0 is supported: `LeakyReLU` has a slope.
        threshold: Only 0 is supported.
        base: `name`, `input_shape` and `input_dim`.
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **base: Any
    ) -> None:
        super().__init__("relu", **base)
        if max_value is not None:
            raise invalid_argument("max_value", "None: a maximum can't be published", max_value)
        if negative_slope:
            raise invalid_argument("negative_slope", "0, or the layer LeakyReLU", negative_slope)
        if threshold:
            raise invalid_argument("threshold", "0", threshold)
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold


class ELU(Activation):
    """Exponential linear unit: x, and exp(x) - 1 below 0.

    Args:
        alpha: Only 1 is supported.
        base: `name`, `input_shape` and `input_dim`.
    """

    def __init__(self, alpha: float = 1.0, **base: Any) -> None:
        super().__init__("elu", **base)
        if alpha != 1:
            raise invalid_argument("alpha", "1: other slopes can't be published", alpha)
        self.alpha = alpha


class Softmax(Activation):
    """Softmax over the last axis.

    Args:
        axis: The last axis, -1.
        base: `name`, `input_shape` and `input_dim`.
    """

    def __init__(self, axis: int = -1, **base: Any) -> None:
        super().__init__("softmax", **base)
        check_axis(axis)
        self.axis = axis


class LeakyReLU(Layer):
    """Rectified linear unit with a slope below 0: x, and negative_slope * x below 0.

    Published, it is two rectified units: x' = max(x, 0) - negative_slope * max(-x, 0).

    Args:
        negative_slope: Float >= 0.
        base: `name`, `input_shape` and `input_dim`.
    """

    def __init__(self, negative_slope: float = 0.3, **base: Any) -> None:
        super().__init__(**base)
        check_number("negative_slope", negative_slope, 0)
        self.negative_slope = float(negative_slope)

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        # The sign of the output may be that of the input or 0, so the gradient is computed from the input.
        return [ActivationOp(Function("leaky_relu", self._forward, self._backward, from_input=True))]

    def _forward(self, z: Array) -> Array:
        return np.multiply(z, self.negative_slope, out=z, where=z < 0)

    def _backward(self, g: Array, z: Array) -> Array:
        return np.multiply(g, self.negative_slope, out=g, where=z <= 0)
