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
from training.keras.engine.parameters import Parameter


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

    def __init__(self, kernel: Parameter, bias: Parameter | None, needs_input_gradient: bool) -> None:
        self.kernel, self.bias = kernel, bias
        self._needs_input_gradient = needs_input_gradient
        self._z, self._gx = Buffer(), Buffer()

    def forward(self, x: Array, training: bool) -> Array:
        """(B, I) -> (B, U)."""
        if training:
            self._x, kernel = x, self.kernel.values
            z = np.matmul(x, kernel, out=self._z.room((len(x), kernel.shape[1]), kernel.dtype))
        else:
            z = x @ self.kernel.whole
        if self.bias:
            z += self.bias.values
        return z

    def backward(self, g: Array) -> Array:
        """(B, U) -> (B, I); the first layer of a model has no use for that and returns g."""
        np.matmul(self._x.T, g, out=self.kernel.gradient)
        if self.bias:
            np.add.reduce(g, axis=0, out=self.bias.gradient)
        if not self._needs_input_gradient:
            return g
        return np.matmul(g, self.kernel.values.T, out=self._gx.room(self._x.shape, g.dtype))


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
    """Inverted dropout (Srivastava et al. 2014): a unit is kept with probability 1 - rate, and scaled by its inverse.

    A unit is kept where 16 random bits reach rate * 2¹⁶; they are drawn for many batches at once, which
    costs a third of drawing floats batch by batch.
    """

    DRAWN = 2**16  # units at a time

    def __init__(self, rate: float, rng: np.random.Generator) -> None:
        self.rate = rate
        self.rng = rng
        self._least = round(rate * 2**16)
        self._drawn: npt.NDArray[np.uint16] = np.empty(0, np.uint16)
        self._y, self._mask = Buffer(), Buffer()

    def restart(self) -> None:
        """Throw away what was drawn ahead, so that the generator alone says what comes."""
        self._drawn = self._drawn[:0]

    def forward(self, x: Array, training: bool) -> Array:
        """(B, U) -> (B, U): the identity outside training."""
        if not training or self.rate == 0:
            return x
        if self._drawn.size < x.size:
            raw = self.rng.bit_generator.random_raw(max(self.DRAWN, x.size) // 4 + 1)
            self._drawn = np.asarray(raw).view(np.uint16)
        bits, self._drawn = self._drawn[: x.size], self._drawn[x.size :]
        mask = self.mask = self._mask.room(x.shape, x.dtype)
        np.greater_equal(bits.reshape(x.shape), self._least, out=mask)
        if self.rate < 1:
            mask *= 1 / (1 - self.rate)
        # Not in place: the step before may still need its own output.
        return np.multiply(x, mask, out=self._y.room(x.shape, x.dtype))

    def backward(self, g: Array) -> Array:
        """(B, U) -> (B, U), through the same mask."""
        if self.rate:
            g *= self.mask
        return g


class Scale:
    """y = (x - offset) * scale, with constants: what Rescaling and Normalization do."""

    def __init__(self, offset: Array | float, scale: Array | float) -> None:
        self.offset, self.scale = offset, scale
        self._y = Buffer()

    def forward(self, x: Array, training: bool) -> Array:
        """(B, I) -> (B, I)."""
        y = np.subtract(x, self.offset, out=self._y.room(x.shape, x.dtype) if training else None)
        y *= self.scale
        return y

    def backward(self, g: Array) -> Array:
        """(B, I) -> (B, I)."""
        g *= self.scale
        return g


class Normalize:
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta (Ioffe & Szegedy 2015).

    Mean and variance are those of the batch in training, moving averages of these otherwise.
    """

    def __init__(
        self, gamma: Parameter | None, beta: Parameter | None, mean: Array, variance: Array, momentum: float, eps: float
    ) -> None:
        self.gamma, self.beta = gamma, beta
        self.mean, self.variance = mean, variance
        self.momentum, self.epsilon = momentum, eps
        self._x, self._y, self._product = Buffer(), Buffer(), Buffer()

    def forward(self, x: Array, training: bool) -> Array:
        """(B, I) -> (B, I)."""
        if training:
            mean = x.mean(axis=0)
            centred = np.subtract(x, mean, out=self._x.room(x.shape, x.dtype))
            variance = np.square(centred, out=self._product.room(x.shape, x.dtype)).mean(axis=0)
            for moving, of_batch in ((self.mean, mean), (self.variance, variance)):
                moving *= self.momentum
                moving += (1 - self.momentum) * of_batch
        else:
            centred, variance = x - self.mean, self.variance
        inverse = 1 / np.sqrt(variance + self.epsilon)
        normal: Array = np.multiply(centred, inverse, out=centred)
        if training:
            self._normal, self._inverse = normal, inverse
        y: Array = np.multiply(
            normal, 1 if self.gamma is None else self.gamma.values, out=self._y.room(x.shape, x.dtype)
        )
        if self.beta:
            y += self.beta.values
        return y

    def backward(self, g: Array) -> Array:
        """(B, I) -> (B, I): inverse (g' - mean g' - normal mean(g' normal)) with g' = gamma g."""
        product = np.multiply(g, self._normal, out=self._product.room(g.shape, g.dtype))
        if self.beta:
            np.add.reduce(g, axis=0, out=self.beta.gradient)
        if self.gamma:
            np.add.reduce(product, axis=0, out=self.gamma.gradient)
            g *= self.gamma.values
            product *= self.gamma.values
        g -= g.mean(axis=0)
        g -= np.multiply(self._normal, product.mean(axis=0), out=product)
        g *= self._inverse
        return g


EPSILON = 1e-7  # keras.config.epsilon(): probabilities are clipped to EPSILON … 1 - EPSILON


class Log:
    """z = log(p): the logits of probabilities that did not come from a softmax. Its gradient is g / p."""

    def forward(self, p: Array, training: bool) -> Array:
        """(B, C) -> (B, C)."""
        clipped = np.clip(p, EPSILON, 1 - EPSILON)
        if training:
            self._clipped, self._inside = clipped, clipped == p
        return np.log(clipped)

    def backward(self, g: Array) -> Array:
        """(B, C) -> (B, C); none where the probability was clipped."""
        g /= self._clipped
        g *= self._inside
        return g


class Logit(Log):
    """z = log(p / (1 - p)): the logits of probabilities that did not come from a sigmoid."""

    def forward(self, p: Array, training: bool) -> Array:
        """(B, C) -> (B, C)."""
        z = super().forward(p, training)
        z -= np.log(1 - np.clip(p, EPSILON, 1 - EPSILON))
        return z

    def backward(self, g: Array) -> Array:
        """(B, C) -> (B, C): g / (p (1 - p))."""
        g /= 1 - self._clipped
        return super().backward(g)
