"""Losses of regressions."""

from typing import Any

import numpy as np

from nn.activations import Array
from training.errors import TrainingError
from training.keras.checks import check_number
from training.keras.engine.data_adapter import TargetArray
from training.keras.losses.base import Loss


class RegressionLoss(Loss):
    """A function of the error output - y, the mean over the outputs."""

    def forward(self, y: TargetArray, z: Array) -> tuple[Array, Array]:
        """Return losses (B,)."""
        self.error = z - y
        return self.loss_of(self.error).mean(axis=1), z

    def gradient(self, y: TargetArray) -> Array:
        """Return the derivative / C."""
        g: Array = self.derivative(self.error)
        g /= self.error.shape[1]
        return g

    def loss_of(self, e: Array) -> Array:
        """Errors (B, C) -> losses (B, C)."""
        raise NotImplementedError

    def derivative(self, e: Array) -> Array:
        """Return the derivative of `loss_of`."""
        raise NotImplementedError


class MeanSquaredError(RegressionLoss):
    """The mean of the squared errors."""

    def loss_of(self, e: Array) -> Array:
        """e²."""
        return np.square(e)

    def derivative(self, e: Array) -> Array:
        """2 e."""
        return 2 * e


class MeanAbsoluteError(RegressionLoss):
    """The mean of the absolute errors."""

    def loss_of(self, e: Array) -> Array:
        """|e|."""
        return np.abs(e)

    def derivative(self, e: Array) -> Array:
        """The sign."""
        return np.sign(e)


class Huber(RegressionLoss):
    """e² / 2 up to delta, straight beyond it (Huber 1964)."""

    def __init__(self, delta: float = 1.0, **base: Any) -> None:
        super().__init__(**base)
        check_number("delta", delta, 0)
        if delta == 0:
            raise TrainingError("delta must be above 0")
        self.delta = delta

    def loss_of(self, e: Array) -> Array:
        """e² / 2, or delta (|e| - delta / 2)."""
        size = np.minimum(np.abs(e), self.delta)
        return size * (np.abs(e) - size / 2)

    def derivative(self, e: Array) -> Array:
        """e, clipped to ± delta."""
        return np.clip(e, -self.delta, self.delta)
