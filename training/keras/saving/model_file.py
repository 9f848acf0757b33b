"""A model as a file: its layers, its weights, and how it was compiled and trained."""

from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.keras.engine.compiled_model import CompiledModel
from training.keras.engine.layer_stack import LayerStack
from training.keras.saving.serialization import serialize
from training.keras.saving.state_file import write_state


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


def entry(path: Path, state: dict[str, Any], name: str) -> Any:
    """Return an entry of a file that was read. Raises TrainingError where it has none of that name."""
    if name not in state:
        raise TrainingError(f"{path} holds no {name}")
    return state[name]
