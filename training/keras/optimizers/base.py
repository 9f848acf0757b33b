"""The base class of optimizers: the learning rate, gradient clipping and the slots."""

from typing import Any, ClassVar

import numpy as np

from nn.activations import Array
from training.errors import TrainingError
from training.keras.checks import check_number, invalid_argument, reject_unknown_arguments
from training.keras.engine.parameters import Parameters
from training.keras.optimizers.schedules import LearningRateSchedule

LearningRate = float | LearningRateSchedule
CLIPS = ("clipnorm", "global_clipnorm", "clipvalue")


class Optimizer:
    """Abstract optimizer base class; an optimizer updates all parameters of a model in place.

    The variables of an optimizer are its `slots`, vectors (P,) as long as all parameters together.

    Args:
        learning_rate: A float or a learning rate schedule.
        options: At most one of `clipnorm` (clips the norm of each gradient), `global_clipnorm` (clips the norm of all
            gradients together) and `clipvalue` (clips each value of the gradients).
    """

    slot_count: ClassVar[int] = 0
    STEPS_PER_FLUSH = 64

    def __init__(self, learning_rate: LearningRate, **options: Any) -> None:
        positive = isinstance(learning_rate, int | float | np.floating) and learning_rate > 0
        if not callable(learning_rate) and not positive:
            raise invalid_argument("learning_rate", "a number > 0 or a learning rate schedule", learning_rate)
        self._learning_rate = learning_rate
        self.iterations = 0
        self.slots: list[Array] = []
        reject_unknown_arguments(self, options.keys() - CLIPS)
        self.options = {name: value for name, value in options.items() if value is not None}
        if len(self.options) > 1:
            raise TrainingError(
                f"Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: {options}"
            )
        for name, maximum in self.options.items():
            check_number(name, maximum, 0)

    @property
    def scheduled(self) -> bool:
        """Whether the learning rate follows a schedule."""
        return callable(self._learning_rate)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        rate = self._learning_rate
        return float(rate(self.iterations)) if callable(rate) else rate

    @learning_rate.setter
    def learning_rate(self, rate: LearningRate) -> None:
        if self.scheduled and not callable(rate):
            raise TrainingError(
                "This optimizer was created with a `LearningRateSchedule` object as its `learning_rate` constructor"
                " argument, hence its learning rate is not settable. If you need the learning rate to be settable,"
                " you should instantiate the optimizer with a float `learning_rate` argument."
            )
        self._learning_rate = rate

    def build(self, values: Array) -> None:
        """Initialize the slots with zeros, and reset the number of steps."""
        self.iterations = 0
        self.slots = [np.zeros_like(values) for _ in range(self.slot_count)]
        self._scratch = np.empty_like(values)

    def apply(self, parameters: Parameters) -> None:
        """Update the values by their gradient, which may be overwritten."""
        rate = self.learning_rate
        self.iterations += 1
        if self.options:
            self._clip_gradient(parameters)
        self.step(parameters.values, parameters.gradient, rate)
        if self.iterations % self.STEPS_PER_FLUSH == 0:
            self._flush()

    def step(self, values: Array, gradient: Array, rate: float) -> None:
        """Update values (P,) by their gradient (P,), which may be overwritten."""
        raise NotImplementedError

    def _flush(self) -> None:
        """Set tiny slot values to zero.

        The slots of weights without a gradient decay to subnormal numbers, on which arithmetic is slow. Values of this
        size do not change a single bit of a weight.
        """
        for slot in self.slots:
            slot *= np.abs(slot) > 1e-30

    def _clip_gradient(self, parameters: Parameters) -> None:
        ((name, maximum),) = self.options.items()
        if name == "clipvalue":
            np.clip(parameters.gradient, -maximum, maximum, out=parameters.gradient)
            return
        parts = [parameters.gradient] if name == "global_clipnorm" else [t.gradient for t in parameters.tensors]
        for part in parts:
            norm = np.linalg.norm(part)
            if norm > maximum:
                part *= maximum / norm
