"""What training makes small, by Keras's names."""

from training.keras.lookup import no_other
from training.keras.losses.base import (
    LOSSES,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Crossentropy,
    Distance,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
    get,
)

__all__ = [
    "LOSSES",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Crossentropy",
    "Distance",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "get",
]

__getattr__ = no_other("loss", dict.fromkeys(kind.__name__ for kind in LOSSES.values()))
