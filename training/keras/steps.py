"""What training runs: a layer is one or two steps, each a forward and its backward side by side.

`forward(x, training)` maps a batch (B, I) -> (B, U) and, in training, keeps what `backward` needs.
`backward(g)` takes the gradient with respect to the output and returns the one with respect to
the input; both may overwrite what they are given. In training nothing is allocated: every result
goes into a buffer that is reused from batch to batch.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from nn.activations import Activation, Array


class Step(Protocol):
    """A differentiable map of a batch."""

    def forward(self, x: Array, training: bool) -> Array:
        """Map the batch."""

    def backward(self, g: Array) -> Array:
        """Map the gradient back, and fill in that of the step's own parameters."""


class Buffer:
    """Room for a batch of rows, kept and grown as needed."""

    def __init__(self) -> None:
        self._room: Array = np.empty((0, 0), np.float32)

    def room(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Return room for (rows, width); its content is whatever was there."""
        if shape[0] > len(self._room) or shape[1] != self._room.shape[1] or self._room.dtype != dtype:
            self._room = np.empty(shape, dtype)
        return self._room[: shape[0]]


class Affine:
    """z = x @ kernel + bias. Gradients: of kernel xᵀ g, of bias the sum of g, of x g kernelᵀ."""

    def __init__(self, kernel: tuple[Array, Array], bias: tuple[Array, Array], needs_input_gradient: bool) -> None:
        self.kernel, self.kernel_gradient = kernel
        self.bias, self.bias_gradient = bias
        self._needs_input_gradient = needs_input_gradient
        self._z, self._gx = Buffer(), Buffer()

    def forward(self, x: Array, training: bool) -> Array:
        """(B, I) -> (B, U)."""
        z: Array
        if training:
            self._x = x
            z = np.matmul(x, self.kernel, out=self._z.room((len(x), self.bias.size), self.kernel.dtype))
        else:
            z = x @ self.kernel
        z += self.bias
        return z

    def backward(self, g: Array) -> Array:
        """(B, U) -> (B, I); the first layer of a model has no use for that and returns g."""
        np.matmul(self._x.T, g, out=self.kernel_gradient)
        np.add.reduce(g, axis=0, out=self.bias_gradient)
        if not self._needs_input_gradient:
            return g
        return np.matmul(g, self.kernel.T, out=self._gx.room(self._x.shape, g.dtype))


class Activate:
    """y = activation(z), in place."""

    def __init__(self, activation: Activation) -> None:
        self.activation = activation
        self._z = Buffer()

    def forward(self, z: Array, training: bool) -> Array:
        """(B, U) -> (B, U)."""
        if training and self.activation.from_input:
            self._kept = self._z.room(z.shape, z.dtype)
            self._kept[:] = z
            return self.activation.forward(z)
        y = self.activation.forward(z)
        if training:
            self._kept = y
        return y

    def backward(self, g: Array) -> Array:
        """(B, U) -> (B, U)."""
        return self.activation.backward(g, self._kept)


class Drop:
    """Inverted dropout (Srivastava et al. 2014): a unit is kept where u >= rate, and scaled by 1 / (1 - rate)."""

    def __init__(self, rate: float, rng: np.random.Generator) -> None:
        self.rate = rate
        self._rng = rng
        self._u, self._y, self._mask = Buffer(), Buffer(), Buffer()

    def forward(self, x: Array, training: bool) -> Array:
        """(B, U) -> (B, U): the identity outside training."""
        if not training or self.rate == 0:
            return x
        u = self._u.room(x.shape, np.float32)
        self._rng.random(dtype=np.float32, out=u)
        mask = self._scale = self._mask.room(x.shape, x.dtype)
        np.greater_equal(u, self.rate, out=mask)
        if self.rate < 1:
            mask *= 1 / (1 - self.rate)
        # Not in place: the step before may still need its own output.
        return np.multiply(x, mask, out=self._y.room(x.shape, x.dtype))

    def backward(self, g: Array) -> Array:
        """(B, U) -> (B, U), through the same mask."""
        if self.rate:
            g *= self._scale
        return g


class Log:
    """z = log(p) of probabilities, clipped to 1e-7 … 1 - 1e-7 as Keras clips them; its gradient is g / p."""

    EPSILON = 1e-7  # keras.config.epsilon()

    def forward(self, p: Array, training: bool) -> Array:
        """(B, C) -> (B, C)."""
        clipped = np.clip(p, self.EPSILON, 1 - self.EPSILON)
        if training:
            self._clipped, self._inside = clipped, clipped == p
        return np.log(clipped)

    def backward(self, g: Array) -> Array:
        """(B, C) -> (B, C); none where the probability was clipped."""
        g /= self._clipped
        g *= self._inside
        return g
