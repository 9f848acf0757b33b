"""RMSprop."""

from typing import Any

import numpy as np

from nn.activations import Array
from training.keras.checks import check_number
from training.keras.optimizers.base import LearningRate, Optimizer


class RMSprop(Optimizer):
    """Optimizer that implements the RMSprop algorithm.

    The update is v = rho v + (1 - rho) g²;  w -= lr g / sqrt(v + epsilon). With a momentum, the last term is
    accumulated first: m = momentum m + lr g / sqrt(v + epsilon);  w -= m.

    Args:
        learning_rate: A float or a learning rate schedule.
        rho: Decay rate of the moving average of squared gradients.
        momentum: Float in [0, 1]; 0 disables momentum.
        epsilon: Small constant for numerical stability.
        options: One of `clipnorm`, `global_clipnorm` and `clipvalue`.
    """

    slot_count = 2

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        check_number("rho", rho, 0, 1)
        check_number("momentum", momentum, 0, 1)
        check_number("epsilon", epsilon, 0)
        self.rho, self.momentum, self.epsilon = rho, momentum, epsilon

    def step(self, values: Array, gradient: Array, rate: float) -> None:
        (v, m), scratch = self.slots, self._scratch
        np.multiply(gradient, gradient, out=scratch)
        scratch *= 1 - self.rho
        v *= self.rho
        v += scratch
        np.add(v, self.epsilon, out=scratch)
        np.sqrt(scratch, out=scratch)
        np.divide(gradient, scratch, out=scratch)
        scratch *= rate
        if self.momentum:
            m *= self.momentum
            m += scratch
            scratch = m
        values -= scratch
