"""Models and interrupted runs as files: one `.npz`, never pickled, written whole or not at all."""

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from store.durable import replace_file
from training.errors import TrainingError
from training.keras.saving.serialization import describe, make

if TYPE_CHECKING:
    from training.keras.sequential import Sequential

ARRAY = "array:"  # what stands in the JSON for an array of the file


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write texts, numbers, lists, dicts and arrays."""
    arrays: dict[str, np.ndarray] = {}

    def without_arrays(value: Any) -> str:
        arrays[f"{len(arrays)}"] = np.asarray(value)
        return f"{ARRAY}{len(arrays) - 1}"

    text = json.dumps(state, default=without_arrays)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, state=np.frombuffer(text.encode(), np.uint8), **arrays)
    try:
        replace_file(path, buffer.getvalue())
    except OSError as error:
        raise TrainingError(f"{path} can't be written: {error.strerror or error}") from error


def read_state(path: Path) -> dict[str, Any]:
    """Read what `write_state` wrote. Raises TrainingError, whatever is wrong with the file."""
    try:
        # np.load would leave a damaged file open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            state = json.loads(file["state"].tobytes())
            result = _with_arrays(state, {name: file[name] for name in file.files})
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror or error}") from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path} is damaged, or was not written by this program: {error}") from error
    if not isinstance(result, dict):
        raise TrainingError(f"{path} was not written by this program")
    return result


def _with_arrays(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, dict):
        return {key: _with_arrays(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_arrays(item, arrays) for item in value]
    if isinstance(value, str) and value.startswith(ARRAY):
        return arrays[value.removeprefix(ARRAY)]
    return value


def save_weights(model: "Sequential", path: Path) -> None:
    """Write the weights alone."""
    write_state(_npz(path), {"weights": model.get_weights()})


def load_weights(model: "Sequential", path: Path) -> None:
    """Give a model of the same layers the weights of a file."""
    model.set_weights(_part(path, read_state(path), "weights"))


def save_model(model: "Sequential", path: Path) -> None:
    """Write layers, weights, and how the model was compiled and trained."""
    compiled = {"optimizer": model.optimizer, "loss": model.loss, "metrics": model.metrics} if model.compiled else None
    state = {
        "input_shape": model.input_shape,
        "layers": describe(model.layers),
        "compiled": describe(compiled),
        "weights": model.get_weights(),
        "training": training_state(model) if model.compiled else None,
    }
    write_state(_npz(path), state)


def load_into(model: "Sequential", path: Path) -> None:
    """Make an empty model what the file holds."""
    state = read_state(path)
    for layer in make(_part(path, state, "layers")):
        model.add(layer)
    model.build((None, *_part(path, state, "input_shape")))
    model.set_weights(_part(path, state, "weights"))
    if compiled := make(_part(path, state, "compiled")):
        model.compile(**compiled)
        restore_training(model, _part(path, state, "training"), path)


def training_state(model: "Sequential") -> dict[str, Any]:
    """Return weights, optimizer and random generators: what the next step depends on."""
    optimizer = model.optimizer
    return {
        "weights": model.get_weights(),
        "iterations": optimizer.iterations,
        "learning_rate": optimizer.learning_rate,
        "slots": [model.parameters.with_resting(slot) for slot in optimizer.slots],
        "generators": [generator.bit_generator.state for generator in model.generators],
    }


def restore_training(model: "Sequential", state: dict[str, Any], path: Path) -> None:
    """Make a compiled model what it was when `training_state` was read."""
    model.set_weights(state["weights"])
    optimizer = model.optimizer
    optimizer.build(model.parameters.values)
    whole = model.parameters.with_resting(model.parameters.values)
    if [slot.shape for slot in state["slots"]] not in ([], [whole.shape] * len(optimizer.slots)):
        raise TrainingError(f"{path} belongs to a model with another optimizer or other layers")
    for slot, kept in zip(optimizer.slots, state["slots"], strict=False):
        slot[:] = model.parameters.without_resting(kept)
    optimizer.iterations = state["iterations"]
    if not optimizer.scheduled:
        optimizer.learning_rate = state["learning_rate"]
    for generator, kept in zip(model.generators, state["generators"], strict=True):
        generator.bit_generator.state = kept


def _npz(path: Path) -> Path:
    if path.suffix != ".npz":
        raise TrainingError(f"{path}: models are saved as .npz files, such as {path.with_suffix('.npz').name}")
    return path


def _part(path: Path, state: dict[str, Any], name: str) -> Any:
    if name not in state:
        raise TrainingError(f"{path} holds no {name}")
    return state[name]
