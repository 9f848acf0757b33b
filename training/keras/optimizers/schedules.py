"""Learning rates that change from step to step; `step` is counted from 0.

Names, defaults and formulas are those of Keras 3 (`keras/src/optimizers/schedules/`).
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.errors import TrainingError
from training.keras.lookup import no_other

LearningRateSchedule = Callable[[int], float]


@dataclass(frozen=True)
class _Decay:
    """A rate that falls over a number of steps."""

    initial_learning_rate: float
    decay_steps: int

    def __post_init__(self) -> None:
        if self.decay_steps <= 0:
            raise TrainingError(f"Argument `decay_steps` must be > 0. Received: decay_steps={self.decay_steps}")


@dataclass(frozen=True)
class CosineDecay(_Decay):
    """From the initial rate along half a cosine to `alpha` of it (Loshchilov & Hutter 2017).

    With a `warmup_target` the rate first rises to it, in a straight line over `warmup_steps`.
    """

    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: int = 0

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        highest = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return highest + (self.warmup_target - highest) * step / self.warmup_steps
            highest, step = self.warmup_target, step - self.warmup_steps
        done = min(step / self.decay_steps, 1)
        return highest * ((1 - self.alpha) * 0.5 * (1 + math.cos(math.pi * done)) + self.alpha)


@dataclass(frozen=True)
class ExponentialDecay(_Decay):
    """initial * decay_rate ^ (step / decay_steps), by whole powers where `staircase` is set."""

    decay_rate: float
    staircase: bool = False

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        power = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (math.floor(power) if self.staircase else power)


@dataclass(frozen=True)
class PiecewiseConstantDecay:
    """values[0] up to and with step boundaries[0], then values[1] up to boundaries[1], and so on."""

    boundaries: Sequence[int]
    values: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.boundaries) + 1:
            raise TrainingError(
                "The length of boundaries should be 1 less than the length of values."
                f" Received: boundaries={list(self.boundaries)} of length {len(self.boundaries)},"
                f" and values={list(self.values)} of length {len(self.values)}."
            )

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.values[bisect_left(list(self.boundaries), step)]


SCHEDULES = (CosineDecay, ExponentialDecay, PiecewiseConstantDecay)
__getattr__ = no_other("schedule", [kind.__name__ for kind in SCHEDULES])
