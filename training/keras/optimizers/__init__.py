"""Optimizers, each a `step` over flat vectors that updates all parameters in place: `keras.optimizers`.

Names, defaults and formulas are those of Keras 3 (`keras/src/optimizers/`). Read schedules, base, sgd, rmsprop, adam.
"""

from typing import Any

from training.keras.lookup import get_object, module_getattr
from training.keras.optimizers import schedules
from training.keras.optimizers.adam import Adam, AdamW
from training.keras.optimizers.base import Optimizer
from training.keras.optimizers.rmsprop import RMSprop
from training.keras.optimizers.sgd import SGD

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "get", "schedules"]

OPTIMIZERS: dict[str, type[Any]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}


def get(identifier: Any) -> Optimizer:
    """Return the optimizer with this case-insensitive name; an optimizer instance is returned unchanged."""
    name = identifier.lower() if isinstance(identifier, str) else identifier
    return get_object("optimizer", name, OPTIMIZERS, Optimizer)


__getattr__ = module_getattr(__name__, [kind.__name__ for kind in OPTIMIZERS.values()])
