"""Initializers of layer weights: `keras.initializers`.

Names, formulas and constants are those of Keras 3 (`keras/src/initializers/random_initializers.py`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nn.activations import Array
from training.keras.lookup import look_up, module_getattr

# Standard deviation of a standard normal distribution truncated at ±2.
TRUNCATED_DEVIATION = 0.87962566103423978

Initializer = Callable[[tuple[int, ...], np.random.Generator], Array]


@dataclass(frozen=True)
class VarianceScaling:
    """Initializer that adapts its scale to the shape of the weights: the variance of the samples is scale / fan.

    Args:
        scale: Scaling factor.
        fan: "in" divides by the number of inputs, "avg" by the mean of the numbers of inputs and units.
        law: "uniform", or "normal" for a normal distribution truncated at two standard deviations.
        seed: Seed of the initializer's random generator; by default the generator of the model is used.
    """

    scale: float
    fan: str
    law: str
    seed: int | None = None

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        rng = rng if self.seed is None else np.random.Generator(np.random.SFC64(self.seed))
        fan = shape[0] if self.fan == "in" else sum(shape) / 2
        variance = self.scale / max(1.0, fan)
        if self.law == "uniform":
            limit = math.sqrt(3 * variance)
            return rng.uniform(-limit, limit, shape)
        values = rng.standard_normal(shape)
        while (far := np.abs(values) > 2).any():
            values[far] = rng.standard_normal(int(far.sum()))
        return values * (math.sqrt(variance) / TRUNCATED_DEVIATION)


@dataclass(frozen=True)
class Constant:
    """Initializer that generates tensors with a constant value."""

    value: float = 0.0

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return np.full(shape, self.value)


# Glorot & Bengio 2010; He et al. 2015; LeCun et al. 1998.
GlorotUniform = partial(VarianceScaling, 1, "avg", "uniform")
GlorotNormal = partial(VarianceScaling, 1, "avg", "normal")
HeUniform, HeNormal = partial(VarianceScaling, 2, "in", "uniform"), partial(VarianceScaling, 2, "in", "normal")
LecunUniform, LecunNormal = partial(VarianceScaling, 1, "in", "uniform"), partial(VarianceScaling, 1, "in", "normal")
Zeros, Ones = partial(Constant, 0), partial(Constant, 1)

INITIALIZERS: dict[str, Callable[..., Initializer]] = {
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
    "zeros": Zeros,
    "ones": Ones,
}

__getattr__ = module_getattr(__name__, ["Constant", *(name.title().replace("_", "") for name in INITIALIZERS)])


def get(identifier: Any) -> Initializer:
    """Return the initializer with this name; a callable is returned unchanged."""
    return identifier if callable(identifier) else look_up("initializer", identifier, INITIALIZERS)()
