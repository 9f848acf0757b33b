"""A model as a file: its layers, its weights, and how it was compiled and trained.

Layers, optimizers, losses … are in it as the name of the class, and the arguments that make such an object: every class
here keeps its arguments in attributes of the same name.
"""

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras.engine.compiled_model import CompiledModel
from training.keras.engine.layer_stack import LayerStack
from training.keras.initializers import Constant, VarianceScaling
from training.keras.layers import LAYERS
from training.keras.losses import LOSSES
from training.keras.metrics import METRICS
from training.keras.optimizers import OPTIMIZERS
from training.keras.optimizers.schedules import SCHEDULES
from training.keras.regularizers import L1L2
from training.keras.saving.state_file import write_state

_OTHERS: tuple[type, ...] = (Constant, VarianceScaling, L1L2)
_KINDS: list[Iterable[type]] = [LAYERS, METRICS.values(), OPTIMIZERS.values(), SCHEDULES, LOSSES.values(), _OTHERS]
_METRIC_NAMES = {kind.__name__ for kind in METRICS.values()}
NAMES: dict[type, str] = {kind: kind.__name__ for kinds in _KINDS for kind in kinds}
# Some losses and metrics have the same name.
NAMES |= {kind: f"losses.{kind.__name__}" for kind in LOSSES.values() if kind.__name__ in _METRIC_NAMES}
CLASSES = {name: kind for kind, name in NAMES.items()}


def save_model(stack: LayerStack, model: CompiledModel | None, path: Path) -> None:
    """Write layers, weights, and how the model was compiled and trained, if it was."""
    stack.ensure_built()
    compiled = {"optimizer": model.optimizer, "loss": model.loss, "metrics": model.metrics} if model else None
    state = {
        "input_shape": stack.input_shape,
        "layers": serialize(stack.layers),
        "compiled": serialize(compiled),
        "weights": stack.get_weights(),
        "training": optimizer_state(model) if model else None,
    }
    write_state(path, state)


def optimizer_state(model: CompiledModel) -> dict[str, Any]:
    """Return weights, optimizer and random generators, on which the next step depends."""
    return {
        "weights": model.stack.get_weights(),
        "iterations": model.optimizer.iterations,
        "learning_rate": model.optimizer.learning_rate,
        "slots": model.optimizer.slots,
        "generators": [generator.bit_generator.state for generator in model.stack.generators],
    }


def restore_optimizer(model: CompiledModel, state: dict[str, Any], path: Path) -> None:
    """Bring a compiled model into a state that `optimizer_state` returned."""
    model.stack.set_weights(state["weights"])
    optimizer = model.optimizer
    optimizer.build(model.parameters.values)
    if [slot.shape for slot in state["slots"]] not in ([], [slot.shape for slot in optimizer.slots]):
        raise TrainingError(f"{path} belongs to a model with another optimizer or other layers")
    for slot, saved in zip(optimizer.slots, state["slots"], strict=False):
        slot[:] = saved
    optimizer.iterations = state["iterations"]
    if not optimizer.scheduled:
        optimizer.learning_rate = state["learning_rate"]
    for generator, saved in zip(model.stack.generators, state["generators"], strict=True):
        generator.bit_generator.state = saved


def serialize(value: Any) -> Any:
    """Return a value as JSON can represent it."""
    if type(value) in NAMES:
        names = [name for name, p in inspect.signature(type(value)).parameters.items() if p.kind != p.VAR_KEYWORD]
        names += ["name"] if hasattr(value, "name") else []  # every layer, loss and metric takes one
        # The argument itself has an underscore where the public name is a property or a method.
        arguments = {name: serialize(getattr(value, f"_{name}", getattr(value, name))) for name in names}
        return {"class": NAMES[type(value)], "arguments": arguments | serialize(getattr(value, "options", {}))}
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
