"""Keras's words for dense networks in NumPy: same names, defaults and semantics."""

from training.keras import callbacks, initializers, layers, losses, metrics, optimizers, utils
from training.keras.sequential import Sequential

__all__ = [
    "Sequential",
    "callbacks",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "utils",
]
