"""The layers of a Sequential model, each of which creates its parameters and operations: `keras.layers`.

Read base, core, activations, normalization.
"""

from training.keras.layers.activations import ELU, LeakyReLU, ReLU, Softmax
from training.keras.layers.base import Layer
from training.keras.layers.core import Activation, Dense, Dropout, Flatten, Input
from training.keras.layers.normalization import BatchNormalization, Normalization, Rescaling
from training.keras.lookup import module_getattr

__all__ = [
    "ELU",
    "LAYERS",
    "Activation",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "Layer",
    "LeakyReLU",
    "Normalization",
    "ReLU",
    "Rescaling",
    "Softmax",
]

LAYERS = (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    ELU,
    Flatten,
    Input,
    LeakyReLU,
    Normalization,
    ReLU,
    Rescaling,
    Softmax,
)

__getattr__ = module_getattr(__name__, [layer.__name__ for layer in LAYERS])
