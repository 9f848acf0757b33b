"""Normalization by constants, and by the mean and variance of the batch."""

import numpy as np

from nn.activations import Array
from training.keras.engine.ops.base import Workspace
from training.keras.engine.parameters import Parameter


class ScaleOp:
    """y = (x - offset) * scale with constants, (B, I) -> (B, I): the operation of Rescaling and Normalization."""

    def __init__(self, offset: Array | float, scale: Array | float) -> None:
        self.offset, self.scale = offset, scale
        self._y = Workspace()

    def forward(self, x: Array, training: bool) -> Array:
        y = np.subtract(x, self.offset, out=self._y.get(x.shape, x.dtype) if training else None)
        y *= self.scale
        return y

    def backward(self, g: Array) -> Array:
        g *= self.scale
        return g


class BatchNormOp:
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, (B, I) -> (B, I) (Ioffe & Szegedy 2015).

    In training, mean and variance are those of the batch; in inference, they are moving averages.
    """

    def __init__(
        self, gamma: Parameter | None, beta: Parameter | None, mean: Array, variance: Array, momentum: float, eps: float
    ) -> None:
        self.gamma, self.beta = gamma, beta
        self.mean, self.variance = mean, variance
        self.momentum, self.epsilon = momentum, eps
        self._x, self._y, self._product = Workspace(), Workspace(), Workspace()

    def forward(self, x: Array, training: bool) -> Array:
        if training:
            mean = x.mean(axis=0)
            centred = np.subtract(x, mean, out=self._x.get(x.shape, x.dtype))
            variance = np.square(centred, out=self._product.get(x.shape, x.dtype)).mean(axis=0)
            for moving, of_batch in ((self.mean, mean), (self.variance, variance)):
                moving *= self.momentum
                moving += (1 - self.momentum) * of_batch
        else:
            centred, variance = x - self.mean, self.variance
        inverse = 1 / np.sqrt(variance + self.epsilon)
        normal: Array = np.multiply(centred, inverse, out=centred)
        if training:
            self._normal, self._inverse = normal, inverse
        gamma = 1 if self.gamma is None else self.gamma.values
        y: Array = np.multiply(normal, gamma, out=self._y.get(x.shape, x.dtype))
        if self.beta:
            y += self.beta.values
        return y

    def backward(self, g: Array) -> Array:
        """Compute inverse (g' - mean(g') - normal mean(g' normal)) with g' = gamma g, and the parameter gradients."""
        product = np.multiply(g, self._normal, out=self._product.get(g.shape, g.dtype))
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
