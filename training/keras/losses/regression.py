"""Regression losses."""

from typing import Any

import numpy as np

from nn.activations import Array
from training.keras.checks import check_number, invalid_argument
from training.keras.engine.data_adapter import TargetArray
from training.keras.losses.base import Loss


class RegressionLoss(Loss):
    """Base class of the regression losses: the mean over the outputs of a function of the error e = output - y."""

    def forward(self, y: TargetArray, z: Array) -> tuple[Array, Array]:
        self.error = z - y
        return self.loss_of(self.error).mean(axis=1), z

    def gradient(self, y: TargetArray) -> Array:
        g: Array = self.derivative(self.error)
        g /= self.error.shape[1]
        return g

    def loss_of(self, e: Array) -> Array:
        """Compute the losses (B, C) of errors (B, C)."""
        raise NotImplementedError

    def derivative(self, e: Array) -> Array:
        """Compute the derivative of `loss_of` (B, C)."""
        raise NotImplementedError


class MeanSquaredError(RegressionLoss):
    """Computes the mean of squares of errors between targets and predictions."""

    def loss_of(self, e: Array) -> Array:
        return np.square(e)

    def derivative(self, e: Array) -> Array:
        return 2 * e


class MeanAbsoluteError(RegressionLoss):
    """Computes the mean of absolute errors between targets and predictions."""

    def loss_of(self, e: Array) -> Array:
        return np.abs(e)

    def derivative(self, e: Array) -> Array:
        return np.sign(e)


class Huber(RegressionLoss):
    """Computes the Huber loss between targets and predictions (Huber 1964).

    Args:
        delta: Absolute error at which the loss changes from quadratic to linear.
        base: `name` and `reduction`.
    """

    def __init__(self, delta: float = 1.0, **base: Any) -> None:
        super().__init__(**base)
        check_number("delta", delta, 0)
        if delta == 0:
            raise invalid_argument("delta", "a number > 0", delta)
        self.delta = delta

    def loss_of(self, e: Array) -> Array:
        """e² / 2 up to delta, delta (|e| - delta / 2) beyond it."""
        size = np.minimum(np.abs(e), self.delta)
        return size * (np.abs(e) - size / 2)

    def derivative(self, e: Array) -> Array:
        """e, clipped to [-delta, delta]."""
        return np.clip(e, -self.delta, self.delta)
