"""Layers, optimizers, losses … as JSON: the name of the class, and the arguments that make such an object.

Every class here keeps its arguments in attributes of the same name.
"""

import inspect
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras import initializers, layers, losses, metrics, optimizers, regularizers

CLASSES: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *(getattr(layers, name) for name in layers.__all__ if name != "Layer"),
        *losses.LOSSES.values(),
        *metrics.METRICS.values(),
        *optimizers.OPTIMIZERS.values(),
        initializers.Constant,
        initializers.VarianceScaling,
        regularizers.L1L2,
        optimizers.schedules.CosineDecay,
        optimizers.schedules.ExponentialDecay,
        optimizers.schedules.PiecewiseConstantDecay,
    )
}


def describe(value: Any) -> Any:
    """Return a value as JSON can say it."""
    if type(value) in CLASSES.values():
        names = [name for name, p in inspect.signature(type(value)).parameters.items() if p.kind != p.VAR_KEYWORD]
        # What has an underscore is the argument itself, where the public name is a property or a method.
        arguments = {name: describe(getattr(value, f"_{name}", getattr(value, name))) for name in names}
        return {"class": type(value).__name__, "arguments": arguments | describe(getattr(value, "options", {}))}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if isinstance(value, dict):
        return {key: describe(item) for key, item in value.items()}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TrainingError(f"{value!r} can't be saved: its class is none of this package's")


def make(description: Any) -> Any:
    """Return what was described."""
    if isinstance(description, list):
        return [make(item) for item in description]
    if not isinstance(description, dict):
        return description
    if "class" not in description:
        return {key: make(item) for key, item in description.items()}
    name = description["class"]
    if name not in CLASSES:
        raise TrainingError(f"unknown class {name!r}; known are {', '.join(sorted(CLASSES))}")
    return CLASSES[name](**make(description["arguments"]))
