"""Losses, each with its gradient: `keras.losses`.

Names, defaults and formulas are those of Keras 3 (`keras/src/losses/losses.py`). Read base, regression, crossentropy.
"""

from typing import Any

from training.keras.lookup import get_object, module_getattr, snake_case
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
    """Return the loss with this name; a loss instance is returned unchanged."""
    return get_object("loss", identifier, LOSSES, Loss)


__getattr__ = module_getattr(__name__, dict.fromkeys(kind.__name__ for kind in LOSSES.values()))
