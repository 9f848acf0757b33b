"""The layers of a Sequential model, as Keras describes them."""

from typing import Any

from training.keras.layers.base import Layer
from training.keras.layers.core import Activation, Dense, Dropout, Flatten, Input
from training.keras.layers.normalization import BatchNormalization, Normalization, Rescaling
from training.keras.lookup import unknown

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


def __getattr__(name: str) -> Any:
    raise AttributeError(str(unknown("layer", name, [layer for layer in __all__ if layer != "Layer"])))
