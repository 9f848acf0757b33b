"""The losses that training minimizes, by Keras's names: the loss of each row, and its gradient.

Names, defaults and formulas are those of Keras 3 (`keras/src/losses/losses.py`). Read base, regression, crossentropy.
"""

from typing import Any

from training.keras.lookup import get_object, no_other, snake_case
from training.keras.losses.base import Loss
from training.keras.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Crossentropy,
    SparseCategoricalCrossentropy,
)
from training.keras.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError, RegressionLoss

__all__ = [
    "LOSSES",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Crossentropy",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "RegressionLoss",
    "SparseCategoricalCrossentropy",
    "get",
]

LOSSES: dict[str, type[Any]] = {
    snake_case(kind.__name__): kind
    for kind in (
        SparseCategoricalCrossentropy,
        CategoricalCrossentropy,
        BinaryCrossentropy,
        MeanSquaredError,
        MeanAbsoluteError,
        Huber,
    )
} | {"mse": MeanSquaredError, "mae": MeanAbsoluteError}


def get(identifier: Any) -> Loss:
    """Look up a loss by name, or take one as it is."""
    return get_object("loss", identifier, LOSSES, Loss)


__getattr__ = no_other("loss", dict.fromkeys(kind.__name__ for kind in LOSSES.values()))
