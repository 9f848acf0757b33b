"""The elementwise functions between dense layers, and softmax: each function next to its gradient.

`forward(z)` overwrites the preactivations z (B, U) with the outputs y. `backward(g, y)` takes the gradient g
with respect to y, and overwrites it with the gradient with respect to z. If `from_input` is set, `backward` takes z
instead of y, so the caller must keep a copy of z.

Names, formulas and constants are those of Keras 3 (`keras/src/activations/activations.py`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]

LEAKY_SLOPE = 0.2
# Klambauer et al. 2017, "Self-Normalizing Neural Networks": the fixed point of mean 0, variance 1.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


@dataclass(frozen=True)
class Activation:
    """An activation function: its name, the function and its gradient."""

    name: str
    forward: Callable[[Array], Array]
    backward: Callable[[Array, Array], Array]
    from_input: bool = False


def _relu(z: Array) -> Array:
    return np.maximum(z, 0, out=z)


def _relu_gradient(g: Array, y: Array) -> Array:
    return np.multiply(g, y > 0, out=g)


def _leaky_relu(z: Array) -> Array:
    return np.multiply(z, LEAKY_SLOPE, out=z, where=z < 0)


def _leaky_relu_gradient(g: Array, y: Array) -> Array:
    return np.multiply(g, LEAKY_SLOPE, out=g, where=y <= 0)


def _elu(z: Array) -> Array:
    return np.expm1(z, out=z, where=z < 0)


def _elu_gradient(g: Array, y: Array) -> Array:
    return np.multiply(g, y + 1, out=g, where=y < 0)


def _selu(z: Array) -> Array:
    np.multiply(_elu(z), SELU_ALPHA, out=z, where=z < 0)
    return np.multiply(z, SELU_SCALE, out=z)


def _selu_gradient(g: Array, y: Array) -> Array:
    return np.multiply(g, np.where(y < 0, y + SELU_SCALE * SELU_ALPHA, SELU_SCALE), out=g)


def _sigmoid(z: Array) -> Array:
    # exp(-z) may overflow to infinity, and 1 / infinity is the correct result.
    with np.errstate(over="ignore"):
        np.exp(np.negative(z, out=z), out=z)
    np.add(z, 1, out=z)
    return np.reciprocal(z, out=z)


def _sigmoid_gradient(g: Array, y: Array) -> Array:
    return np.multiply(g, y * (1 - y), out=g)


def _tanh(z: Array) -> Array:
    return np.tanh(z, out=z)


def _tanh_gradient(g: Array, y: Array) -> Array:
    return np.multiply(g, 1 - y * y, out=g)


def _silu(z: Array) -> Array:
    return np.multiply(z, _sigmoid(z.copy()), out=z)


def _silu_gradient(g: Array, z: Array) -> Array:
    s = _sigmoid(z.copy())
    return np.multiply(g, s * (1 + z * (1 - s)), out=g)


def _erf(x: Array) -> Array:
    """Compute the error function, which numpy lacks, by the rational approximation of Eigen and XLA.

    In float32 the error is at most 1.4e-7. TensorFlow uses the same approximation.
    """
    x = np.clip(x, -4, 4)
    return x * _polynomial(_ERF_ODD, x * x) / _polynomial(_ERF_EVEN, x * x)


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    value = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value *= x
        value += coefficient
    return value


_ERF_ODD = (
    -1.60960333262415e-02,
    -2.95459980854025e-03,
    -7.34990630326855e-04,
    -5.69250639462346e-05,
    -2.10102402082508e-06,
    2.77068142495902e-08,
    -2.72614225801306e-10,
)
_ERF_EVEN = (
    -1.42647390514189e-02,
    -7.37332916720468e-03,
    -1.68282697438203e-03,
    -2.13374055278905e-04,
    -1.45660718464996e-05,
)


def _normal_cdf(z: Array) -> Array:
    return np.multiply(1 + _erf(z * math.sqrt(0.5)), 0.5)


def _gelu(z: Array) -> Array:
    return np.multiply(z, _normal_cdf(z), out=z)


def _gelu_gradient(g: Array, z: Array) -> Array:
    density: Array = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return np.multiply(g, _normal_cdf(z) + z * density, out=g)


def _softmax(z: Array) -> Array:
    # After the maximum is subtracted, the largest value is exp(0): no logits can overflow.
    np.subtract(z, z.max(axis=1, keepdims=True), out=z)
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)
    return z


def _softmax_gradient(g: Array, y: Array) -> Array:
    np.subtract(g, (g * y).sum(axis=1, keepdims=True), out=g)
    return np.multiply(g, y, out=g)


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("linear", lambda z: z, lambda g, _: g),
        Activation("relu", _relu, _relu_gradient),
        Activation("leaky_relu", _leaky_relu, _leaky_relu_gradient),
        Activation("elu", _elu, _elu_gradient),
        Activation("selu", _selu, _selu_gradient),
        Activation("sigmoid", _sigmoid, _sigmoid_gradient),
        Activation("tanh", _tanh, _tanh_gradient),
        Activation("gelu", _gelu, _gelu_gradient, from_input=True),
        Activation("silu", _silu, _silu_gradient, from_input=True),
        Activation("softmax", _softmax, _softmax_gradient),
    )
}
