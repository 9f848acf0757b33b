"""Gradient descent, with or without momentum."""

from typing import Any

from nn.activations import Array
from training.keras.checks import check_number
from training.keras.optimizers.base import LearningRate, Optimizer


class SGD(Optimizer):
    """Gradient descent (with momentum) optimizer.

    The update is m = momentum m - lr g;  w += m. With `nesterov` it is w += momentum m - lr g.

    Args:
        learning_rate: A float or a learning rate schedule.
        momentum: Float in [0, 1]; 0 disables momentum.
        nesterov: Whether to apply Nesterov momentum.
        options: One of `clipnorm`, `global_clipnorm` and `clipvalue`.
    """

    slot_count = 1

    def __init__(
        self, learning_rate: LearningRate = 0.01, momentum: float = 0.0, nesterov: bool = False, **options: Any
    ) -> None:
        super().__init__(learning_rate, **options)
        check_number("momentum", momentum, 0, 1)
        self.momentum, self.nesterov = momentum, nesterov

    def step(self, values: Array, gradient: Array, rate: float) -> None:
        gradient *= rate
        if self.momentum:
            (m,) = self.slots
            m *= self.momentum
            m -= gradient
            if not self.nesterov:
                values += m
                return
            values += self.momentum * m
        values -= gradient
