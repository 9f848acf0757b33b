"""A network: a chain of dense layers that turns inputs (B, I) into outputs (B, C).

It is immutable and has no state, so threads may share it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nn.activations import ACTIVATIONS, Activation, Array


class NetworkError(ValueError):
    """The layers do not form a network, or the inputs have the wrong shape."""


@dataclass(frozen=True)
class Dense:
    """y = activation(x @ kernel + bias): kernel (I, U), bias (U,), both float32 and read-only."""

    kernel: Array
    bias: Array
    activation: str
    function: Activation = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise NetworkError(f"unknown activation {self.activation!r}; expected one of {', '.join(ACTIVATIONS)}")
        kernel, bias = _frozen(self.kernel), _frozen(self.bias)
        if kernel.ndim != 2 or 0 in kernel.shape or bias.shape != kernel.shape[1:]:
            raise NetworkError(f"expected kernel (I, U) and bias (U,), got kernel {kernel.shape} and bias {bias.shape}")
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise NetworkError("weights must be finite, but one is NaN or infinite")
        object.__setattr__(self, "kernel", kernel)
        object.__setattr__(self, "bias", bias)
        object.__setattr__(self, "function", ACTIVATIONS[self.activation])

    def preactivation(self, x: Array) -> Array:
        """Return x @ kernel + bias: (B, I) -> (B, U)."""
        z: Array = x @ self.kernel
        z += self.bias
        return z


def _frozen(array: npt.ArrayLike) -> npt.NDArray[np.float32]:
    copy = np.array(array, np.float32, order="C")
    copy.flags.writeable = False
    return copy


class Network:
    """A chain of dense layers. It computes in the precision of its inputs, which is float32 in the service."""

    __slots__ = ("layers",)

    def __init__(self, layers: Iterable[Dense]) -> None:
        self.layers = tuple(layers)
        if not self.layers:
            raise NetworkError("a network needs at least one layer")
        for number, (left, right) in enumerate(pairwise(self.layers)):
            outputs, inputs = left.kernel.shape[1], right.kernel.shape[0]
            if outputs != inputs:
                raise NetworkError(f"layer {number} has {outputs} outputs, but layer {number + 1} has {inputs} inputs")

    @property
    def inputs(self) -> int:
        """I, the width of a row of inputs."""
        return int(self.layers[0].kernel.shape[0])

    @property
    def outputs(self) -> int:
        """C, the width of a row of outputs."""
        return int(self.layers[-1].kernel.shape[1])

    def logits(self, x: Array) -> Array:
        """Return the outputs before the last activation: x (B, I) -> (B, C)."""
        if x.ndim != 2 or x.shape[1] != self.inputs:
            raise NetworkError(f"expected inputs of shape (n, {self.inputs}), got {x.shape}")
        # Values near the limit of float32 may overflow; the caller checks the result.
        with np.errstate(over="ignore", invalid="ignore"):
            for layer in self.layers[:-1]:
                x = layer.function.forward(layer.preactivation(x))
            return self.layers[-1].preactivation(x)

    def activate(self, logits: Array) -> Array:
        """Turn logits into outputs, in place: (B, C) -> (B, C)."""
        return self.layers[-1].function.forward(logits)

    def predict(self, x: Array) -> Array:
        """Return the outputs: x (B, I) -> (B, C)."""
        return self.activate(self.logits(x))
