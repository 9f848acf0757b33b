"""How the parameters follow their gradient, by Keras's names."""

from training.keras.lookup import no_other
from training.keras.optimizers import schedules
from training.keras.optimizers.base import OPTIMIZERS, SGD, Adam, AdamW, Optimizer, RMSprop, get

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "get", "schedules"]

__getattr__ = no_other("optimizer", [kind.__name__ for kind in OPTIMIZERS.values()])
