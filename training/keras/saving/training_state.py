"""The state of a compiled model between two steps."""

from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.keras.engine.model import TrainableModel


def training_state(model: TrainableModel) -> dict[str, Any]:
    """Return weights, optimizer and random generators, on which the next step depends."""
    optimizer = model.optimizer
    return {
        "weights": model.get_weights(),
        "iterations": optimizer.iterations,
        "learning_rate": optimizer.learning_rate,
        "slots": [model.parameters.expand(slot) for slot in optimizer.slots],
        "generators": [generator.bit_generator.state for generator in model.generators],
    }


def restore_training(model: TrainableModel, state: dict[str, Any], path: Path) -> None:
    """Bring a compiled model into a state that `training_state` returned."""
    model.set_weights(state["weights"])
    optimizer = model.optimizer
    optimizer.build(model.parameters.values)
    full = model.parameters.expand(model.parameters.values)
    if [slot.shape for slot in state["slots"]] not in ([], [full.shape] * len(optimizer.slots)):
        raise TrainingError(f"{path} belongs to a model with another optimizer or other layers")
    for slot, saved in zip(optimizer.slots, state["slots"], strict=False):
        slot[:] = model.parameters.compress(saved)
    optimizer.iterations = state["iterations"]
    if not optimizer.scheduled:
        optimizer.learning_rate = state["learning_rate"]
    for generator, saved in zip(model.generators, state["generators"], strict=True):
        generator.bit_generator.state = saved
