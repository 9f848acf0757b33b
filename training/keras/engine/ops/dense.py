"""The operations of a dense layer: the product with the kernel, and the activation."""

import numpy as np

from nn.activations import Activation, Array
from training.keras.engine.ops.base import Workspace
from training.keras.engine.parameters import Parameter


class DenseOp:
    """z = x @ kernel + bias, x (B, I) -> z (B, U).

    Gradients: xᵀ g for the kernel, the sum of g over the batch for the bias, g kernelᵀ for x.
    """

    needs_input_gradient = True

    def __init__(self, kernel: Parameter, bias: Parameter | None) -> None:
        self.kernel, self.bias = kernel, bias
        self._z, self._gx = Workspace(), Workspace()

    def forward(self, x: Array, training: bool) -> Array:
        kernel = self.kernel.values
        if training:
            self._x = x
            z = np.matmul(x, kernel, out=self._z.get((len(x), kernel.shape[1]), kernel.dtype))
        else:
            z = x @ kernel
        if self.bias:
            z += self.bias.values
        return z

    def backward(self, g: Array) -> Array:
        """Return the gradient (B, I); return g if no earlier operation needs a gradient."""
        np.matmul(self._x.T, g, out=self.kernel.gradient)
        if self.bias:
            np.add.reduce(g, axis=0, out=self.bias.gradient)
        if not self.needs_input_gradient:
            return g
        return np.matmul(g, self.kernel.values.T, out=self._gx.get(self._x.shape, g.dtype))


class ActivationOp:
    """y = activation(z), z (B, U) -> y (B, U), in place."""

    def __init__(self, activation: Activation) -> None:
        self.activation = activation
        self._z = Workspace()

    def forward(self, z: Array, training: bool) -> Array:
        if training:
            self._kept = z  # the output, once `forward` has overwritten it
            if self.activation.from_input:
                self._kept = self._z.get(z.shape, z.dtype)
                self._kept[:] = z
        return self.activation.forward(z)

    def backward(self, g: Array) -> Array:
        return self.activation.backward(g, self._kept)
