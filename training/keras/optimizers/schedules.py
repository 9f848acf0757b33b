"""Learning rate schedules, which compute the learning rate of a step; the first step is 0.

Names, defaults and formulas are those of Keras 3 (`keras/src/optimizers/schedules/`).
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.errors import TrainingError
from training.keras.lookup import module_getattr

LearningRateSchedule = Callable[[int], float]


@dataclass(frozen=True)
class _Decay:
    """Base class of the schedules that decay the learning rate over a number of steps."""

    initial_learning_rate: float
    decay_steps: int

    def __post_init__(self) -> None:
        if self.decay_steps <= 0:
            raise TrainingError(f"Argument `decay_steps` must be > 0. Received: decay_steps={self.decay_steps}")


@dataclass(frozen=True)
class CosineDecay(_Decay):
    """A schedule that uses a cosine decay (Loshchilov & Hutter 2017) with optional warmup.

    Args:
        initial_learning_rate: The initial learning rate.
        decay_steps: Number of steps to decay over.
        alpha: Minimum learning rate for decay, as a fraction of the rate at which the decay starts.
        warmup_target: Learning rate that the linear warmup reaches; without it there is no warmup.
        warmup_steps: Number of steps to warm up over.
    """

    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: int = 0

    def __call__(self, step: int) -> float:
        highest = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return highest + (self.warmup_target - highest) * step / self.warmup_steps
            highest, step = self.warmup_target, step - self.warmup_steps
        done = min(step / self.decay_steps, 1)
        return highest * ((1 - self.alpha) * 0.5 * (1 + math.cos(math.pi * done)) + self.alpha)


@dataclass(frozen=True)
class ExponentialDecay(_Decay):
    """A schedule that uses an exponential decay: initial_learning_rate * decay_rate ^ (step / decay_steps).

    Args:
        initial_learning_rate: The initial learning rate.
        decay_steps: Number of steps after which the learning rate has decayed by the factor `decay_rate`.
        decay_rate: Factor by which the learning rate is multiplied every `decay_steps` steps.
        staircase: Whether to decay at discrete intervals: the exponent is rounded down.
    """

    decay_rate: float
    staircase: bool = False

    def __call__(self, step: int) -> float:
        power = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (math.floor(power) if self.staircase else power)


@dataclass(frozen=True)
class PiecewiseConstantDecay:
    """A schedule that uses a piecewise constant decay.

    Args:
        boundaries: Increasing step numbers. The learning rate is values[0] up to and including step boundaries[0],
            then values[1] up to and including step boundaries[1], and so on.
        values: Learning rates of the intervals: one value more than `boundaries` has.
    """

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
        return self.values[bisect_left(list(self.boundaries), step)]


SCHEDULES = (CosineDecay, ExponentialDecay, PiecewiseConstantDecay)
__getattr__ = module_getattr(__name__, [kind.__name__ for kind in SCHEDULES])
