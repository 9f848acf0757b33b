"""The first values of the parameters, by Keras's names."""

from collections.abc import Callable

import numpy as np

from nn.activations import Array
from training.errors import TrainingError

Initializer = Callable[[tuple[int, ...], np.random.Generator], Array]


def zeros(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """All zero."""
    return np.zeros(shape)


def glorot_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Uniform within ± sqrt(6 / (inputs + units)) (Glorot & Bengio 2010)."""
    limit = np.sqrt(6 / sum(shape))
    return rng.uniform(-limit, limit, shape)


INITIALIZERS: dict[str, Initializer] = {"glorot_uniform": glorot_uniform, "zeros": zeros}


def get(identifier: str) -> Initializer:
    """Look up an initializer by name."""
    if identifier not in INITIALIZERS:
        known = ", ".join(INITIALIZERS)
        raise TrainingError(f"Could not interpret initializer identifier: {identifier!r}; known are {known}")
    return INITIALIZERS[identifier]
