"""Layers, optimizers, losses … as JSON: the name of the class, and the arguments that make such an object.

Every class here keeps its arguments in attributes of the same name.
"""

import inspect
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras.initializers import Constant, VarianceScaling
from training.keras.layers import LAYERS
from training.keras.losses import LOSSES
from training.keras.metrics import METRICS
from training.keras.optimizers import OPTIMIZERS
from training.keras.optimizers.schedules import SCHEDULES
from training.keras.regularizers import L1L2

_OTHERS: tuple[type, ...] = (Constant, VarianceScaling, L1L2)
CLASSES: dict[str, type] = {
    kind.__name__: kind
    for kinds in (LAYERS, LOSSES.values(), METRICS.values(), OPTIMIZERS.values(), SCHEDULES, _OTHERS)
    for kind in kinds
}


def serialize(value: Any) -> Any:
    """Return a value as JSON can represent it."""
    if type(value) in CLASSES.values():
        names = [name for name, p in inspect.signature(type(value)).parameters.items() if p.kind != p.VAR_KEYWORD]
        names += ["name"] if hasattr(value, "name") else []  # every layer, loss and metric takes one
        # The argument itself has an underscore where the public name is a property or a method.
        arguments = {name: serialize(getattr(value, f"_{name}", getattr(value, name))) for name in names}
        return {"class": type(value).__name__, "arguments": arguments | serialize(getattr(value, "options", {}))}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [serialize(item) for item in value]
    if isinstance(value, dict):
        return {key: serialize(item) for key, item in value.items()}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TrainingError(f"{value!r} can't be saved: its class is none of this package's")


def deserialize(description: Any) -> Any:
    """Return the value that was serialized."""
    if isinstance(description, list):
        return [deserialize(item) for item in description]
    if not isinstance(description, dict):
        return description
    if "class" not in description:
        return {key: deserialize(item) for key, item in description.items()}
    name = description["class"]
    if name not in CLASSES:
        raise TrainingError(f"unknown class {name!r}; known are {', '.join(sorted(CLASSES))}")
    return CLASSES[name](**deserialize(description["arguments"]))
