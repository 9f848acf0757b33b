"""Keras's words for dense networks in NumPy: same names, defaults and semantics."""

from training.keras import (
    callbacks,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    utils,
)
from training.keras.layers import Input
from training.keras.lookup import no_other
from training.keras.sequential import Sequential

__all__ = [
    "Input",
    "Sequential",
    "callbacks",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "utils",
]

__getattr__ = no_other("module", __all__)
