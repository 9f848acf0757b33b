"""Texts, numbers, lists, dicts and arrays as one `.npz`: never pickled, written whole or not at all."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from store.durable import replace_file
from training.errors import TrainingError

ARRAY_PREFIX = "array:"  # of the text that refers, in the JSON, to an array of the file


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write texts, numbers, lists, dicts and arrays."""
    if path.suffix != ".npz":
        raise TrainingError(f"{path}: models are saved as .npz files, such as {path.with_suffix('.npz').name}")
    arrays: dict[str, np.ndarray] = {}

    def without_arrays(value: Any) -> str:
        arrays[f"{len(arrays)}"] = np.asarray(value)
        return f"{ARRAY_PREFIX}{len(arrays) - 1}"

    text = json.dumps(state, default=without_arrays)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, state=np.frombuffer(text.encode(), np.uint8), **arrays)
    try:
        replace_file(path, buffer.getvalue())
    except OSError as error:
        raise TrainingError(f"{path} can't be written: {error.strerror or error}") from error


def read_state(path: Path, *names: str) -> dict[str, Any]:
    """Read what `write_state` wrote. Raises TrainingError where that fails, or where an entry of these is missing."""
    try:
        # np.load would leave a damaged file open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            result = _with_arrays(json.loads(file["state"].tobytes()), {name: file[name] for name in file.files})
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror or error}") from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path} is damaged, or was not written by this program: {error}") from error
    if not isinstance(result, dict):
        raise TrainingError(f"{path} was not written by this program")
    for name in names:
        if name not in result:
            raise TrainingError(f"{path} holds no {name}")
    return result


def _with_arrays(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, dict):
        return {key: _with_arrays(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_arrays(item, arrays) for item in value]
    if isinstance(value, str) and value.startswith(ARRAY_PREFIX):
        return arrays[value.removeprefix(ARRAY_PREFIX)]
    return value
