"""Adam, and AdamW with decoupled weight decay."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nn.activations import Array
from training.keras.checks import BELOW_1, check_number, invalid_argument
from training.keras.engine.parameters import Parameters
from training.keras.optimizers.base import LearningRate, Optimizer


class Adam(Optimizer):
    """Optimizer that implements the Adam algorithm (Kingma & Ba 2015).

    The update is m = β1 m + (1 - β1) g;  v = β2 v + (1 - β2) g²;  w -= α m / (sqrt(v) + epsilon), where at step t
    α = lr sqrt(1 - β2^t) / (1 - β1^t). As in Keras, epsilon is not bias-corrected. The slots are m / (1 - β1) and
    v / (1 - β2), which saves two passes over the parameters.

    Args:
        learning_rate: A float or a learning rate schedule.
        beta_1: Decay rate of the 1st moment estimates.
        beta_2: Decay rate of the 2nd moment estimates.
        epsilon: Small constant for numerical stability.
        options: One of `clipnorm`, `global_clipnorm` and `clipvalue`.
    """

    slot_count = 2

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        check_number("beta_1", beta_1, 0, BELOW_1)
        check_number("beta_2", beta_2, 0, BELOW_1)
        check_number("epsilon", epsilon, 0)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def step(self, values: Array, gradient: Array, rate: float) -> None:
        (m, v), t = self.slots, self.iterations
        alpha = rate * (1 - self.beta_2**t) ** 0.5 / (1 - self.beta_1**t)
        root = (1 - self.beta_2) ** 0.5
        m *= self.beta_1
        m += gradient
        gradient *= gradient
        v *= self.beta_2
        v += gradient
        np.sqrt(v, out=gradient)
        gradient += self.epsilon / root
        np.divide(m, gradient, out=gradient)
        gradient *= alpha * (1 - self.beta_1) / root
        values -= gradient


class AdamW(Adam):
    """Optimizer that implements the AdamW algorithm (Loshchilov & Hutter 2019).

    It is Adam with decoupled weight decay: w -= lr weight_decay w before each step. As in Keras, biases decay too.

    Args:
        learning_rate: A float or a learning rate schedule.
        weight_decay: Fraction of each weight, multiplied by the learning rate, that is subtracted in each step.
        beta_1: Decay rate of the 1st moment estimates.
        beta_2: Decay rate of the 2nd moment estimates.
        epsilon: Small constant for numerical stability.
        exclude_from_weight_decay: Names of variables to exclude, as for the method `exclude_from_weight_decay`.
        options: One of `clipnorm`, `global_clipnorm` and `clipvalue`.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        exclude_from_weight_decay: Sequence[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        check_number("weight_decay", weight_decay, 0)
        self.weight_decay = weight_decay
        # Also an argument, so that it is saved with the optimizer.
        self.exclude_from_weight_decay(exclude_from_weight_decay)

    def exclude_from_weight_decay(self, var_names: Sequence[str]) -> None:
        """Excludes variables from weight decay.

        Args:
            var_names: List of strings. Variables whose name contains one of them, such as "bias", do not decay.
        """
        if isinstance(var_names, str):
            raise invalid_argument("exclude_from_weight_decay", "a list of names, such as ['bias']", var_names)
        self._exclude_from_weight_decay = tuple(var_names)

    def apply(self, parameters: Parameters) -> None:
        """Decay the values, then update them."""
        decayed = [parameters.values]
        if excluded := self._exclude_from_weight_decay:
            decayed = [t.values for t in parameters.tensors if not any(name in t.name for name in excluded)]
        for values in decayed:
            values *= 1 - self.weight_decay * self.learning_rate
        super().apply(parameters)
