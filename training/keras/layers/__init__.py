"""The layers of a Sequential model, as Keras describes them."""

from training.keras.layers.base import Layer
from training.keras.layers.core import Activation, Dense, Dropout, Flatten, Input
from training.keras.layers.normalization import BatchNormalization, Normalization, Rescaling
from training.keras.lookup import no_other

__all__ = [
    "Activation",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "Layer",
    "Normalization",
    "Rescaling",
]


__getattr__ = no_other("layer", [layer for layer in __all__ if layer != "Layer"])
