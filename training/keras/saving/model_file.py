"""Saves a model to a file: its layers and weights, the arguments of `compile`, and a checkpoint of its training.

Layers, optimizers, losses and so on are saved as the name of the class and its constructor arguments. Every class
therefore keeps its arguments in attributes of the same name.
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
from training.keras.saving.archive import write_archive

_OTHERS: tuple[type, ...] = (Constant, VarianceScaling, L1L2)
_KINDS: list[Iterable[type]] = [LAYERS, METRICS.values(), OPTIMIZERS.values(), SCHEDULES, LOSSES.values(), _OTHERS]
_METRIC_NAMES = {kind.__name__ for kind in METRICS.values()}
NAMES: dict[type, str] = {kind: kind.__name__ for kinds in _KINDS for kind in kinds}
# Some losses and metrics share a class name.
NAMES |= {kind: f"losses.{kind.__name__}" for kind in LOSSES.values() if kind.__name__ in _METRIC_NAMES}
CLASSES = {name: kind for kind, name in NAMES.items()}


def save_model(stack: LayerStack, compiled_model: CompiledModel | None, path: Path) -> None:
    """Write layers and weights and, for a compiled model, the arguments of `compile` and a checkpoint."""
    stack.ensure_built()
    compile_arguments = None
    if model := compiled_model:
        compile_arguments = {"optimizer": model.optimizer, "loss": model.loss, "metrics": model.metrics}
    content = {
        "input_shape": stack.input_shape,
        "layers": serialize(stack.layers),
        "compiled": serialize(compile_arguments),
        "weights": stack.get_weights(),
        "training": get_checkpoint(compiled_model) if compiled_model else None,
    }
    write_archive(path, content)


def get_checkpoint(model: CompiledModel) -> dict[str, Any]:
    """Return the state that determines the next step: weights, optimizer variables and random generators."""
    return {
        "weights": model.stack.get_weights(),
        "iterations": model.optimizer.iterations,
        "learning_rate": model.optimizer.learning_rate,
        "slots": model.optimizer.slots,
        "generators": [generator.bit_generator.state for generator in model.stack.generators],
    }


def restore_checkpoint(model: CompiledModel, checkpoint: dict[str, Any], path: Path) -> None:
    """Restore a checkpoint that `get_checkpoint` returned; an error names `path`, its file."""
    model.stack.set_weights(checkpoint["weights"])
    optimizer = model.optimizer
    optimizer.build(model.parameters.values)
    if [slot.shape for slot in checkpoint["slots"]] not in ([], [slot.shape for slot in optimizer.slots]):
        raise TrainingError(f"{path} belongs to a model with a different optimizer or different layers")
    for slot, saved in zip(optimizer.slots, checkpoint["slots"], strict=False):
        slot[:] = saved
    optimizer.iterations = checkpoint["iterations"]
    if not optimizer.scheduled:
        optimizer.learning_rate = checkpoint["learning_rate"]
    for generator, saved in zip(model.stack.generators, checkpoint["generators"], strict=True):
        generator.bit_generator.state = saved


def serialize(value: Any) -> Any:
    """Return a value in a form that JSON can represent."""
    if type(value) in NAMES:
        names = [name for name, p in inspect.signature(type(value)).parameters.items() if p.kind != p.VAR_KEYWORD]
        names += ["name"] if hasattr(value, "name") else []  # an argument of every layer, loss and metric
        # Where the public name is a property or a method, the argument is kept with a leading underscore.
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
    raise TrainingError(f"Cannot serialize {value!r}: only objects of the classes in `training.keras` can be saved")


def deserialize(description: Any) -> Any:
    """Return the value from which `serialize` made this description."""
    if isinstance(description, list):
        return [deserialize(item) for item in description]
    if not isinstance(description, dict):
        return description
    if "class" not in description:
        return {key: deserialize(item) for key, item in description.items()}
    name = description["class"]
    if name not in CLASSES:
        raise TrainingError(
            f"The saved model contains an unknown class: {name!r}. Expected one of: {', '.join(sorted(CLASSES))}"
        )
    return CLASSES[name](**deserialize(description["arguments"]))
