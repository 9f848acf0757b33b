"""A model as a file: its layers, its weights, and how it was compiled and trained."""

from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.keras.engine.model import TrainableModel
from training.keras.saving.serialization import deserialize, serialize
from training.keras.saving.state_file import read_state, write_state
from training.keras.saving.training_state import restore_training, training_state


def save_weights(model: TrainableModel, path: Path) -> None:
    """Write the weights alone."""
    write_state(_check_suffix(path), {"weights": model.get_weights()})


def load_weights(model: TrainableModel, path: Path) -> None:
    """Give a model of the same layers the weights of a file."""
    model.set_weights(_entry(path, read_state(path), "weights"))


def save_model(model: TrainableModel, path: Path) -> None:
    """Write layers, weights, and how the model was compiled and trained."""
    compiled = {"optimizer": model.optimizer, "loss": model.loss, "metrics": model.metrics} if model.compiled else None
    state = {
        "input_shape": model.input_shape,
        "layers": serialize(model.layers),
        "compiled": serialize(compiled),
        "weights": model.get_weights(),
        "training": training_state(model) if model.compiled else None,
    }
    write_state(_check_suffix(path), state)


def load_into(model: TrainableModel, path: Path) -> None:
    """Give an empty model the layers, weights and training state of a file."""
    state = read_state(path)
    for layer in deserialize(_entry(path, state, "layers")):
        model.add(layer)
    model.build((None, *_entry(path, state, "input_shape")))
    model.set_weights(_entry(path, state, "weights"))
    if compiled := deserialize(_entry(path, state, "compiled")):
        model.compile(**compiled)
        restore_training(model, _entry(path, state, "training"), path)


def _check_suffix(path: Path) -> Path:
    if path.suffix != ".npz":
        raise TrainingError(f"{path}: models are saved as .npz files, such as {path.with_suffix('.npz').name}")
    return path


def _entry(path: Path, state: dict[str, Any], name: str) -> Any:
    if name not in state:
        raise TrainingError(f"{path} holds no {name}")
    return state[name]
