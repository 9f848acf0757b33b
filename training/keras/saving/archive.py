"""Reads and writes nested dicts, lists, strings, numbers and arrays as one `.npz`; without pickle, atomically."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from store.durable import replace_file
from training.errors import TrainingError

HDF5 = b"\x89HDF\r\n\x1a\n"  # the first bytes of a file
ARRAY_PREFIX = "array:"  # marks a string in the JSON that refers to an array of the file


def check_suffix(path: Path) -> None:
    """Raise TrainingError for a path of another kind of file."""
    if path.suffix != ".npz":
        raise TrainingError(
            f"Invalid `filepath` extension for saving. Expected a `.npz` file, such as {path.with_suffix('.npz').name}."
            f" Received: filepath={path}"
        )


def write_archive(path: Path, content: dict[str, Any]) -> None:
    """Write nested dicts, lists, strings, numbers and arrays."""
    check_suffix(path)
    arrays: dict[str, np.ndarray] = {}

    def array_reference(value: Any) -> str:
        arrays[f"{len(arrays)}"] = np.asarray(value)
        return f"{ARRAY_PREFIX}{len(arrays) - 1}"

    text = json.dumps(content, default=array_reference)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, state=np.frombuffer(text.encode(), np.uint8), **arrays)
    try:
        replace_file(path, buffer.getvalue())
    except OSError as error:
        raise TrainingError(f"{path} can't be written: {error.strerror or error}") from error


def read_archive(path: Path, *names: str) -> dict[str, Any]:
    """Read the content that `write_archive` wrote.

    Raises TrainingError if the file cannot be read or lacks one of the entries `names`.
    """
    try:
        # Given a path, np.load would leave a damaged file open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            content = _resolve_arrays(json.loads(file["state"].tobytes()), {name: file[name] for name in file.files})
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror or error}") from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        if kind := _kind_of_keras(path):
            advice = "write its weights with np.savez, and give them to set_weights of the same layers"
            raise TrainingError(f"{path} is {kind} of Keras, which npserve can't read: {advice}") from error
        raise TrainingError(f"{path} is damaged or was not written by npserve: {error}") from error
    if not isinstance(content, dict):
        raise TrainingError(f"{path} was not written by npserve")
    for name in names:
        if name not in content:
            raise TrainingError(f"{path} does not contain {name}")
    return content


def _kind_of_keras(path: Path) -> str | None:
    """Return what a file is that Keras has written; None for any other file."""
    with path.open("rb") as file:
        if file.read(len(HDF5)) == HDF5:
            return "an HDF5 file (.h5)"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if {"config.json", "model.weights.h5"} <= {*archive.namelist()}:
                return "a model file (.keras)"
    return None


def _resolve_arrays(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, dict):
        return {key: _resolve_arrays(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve_arrays(item, arrays) for item in value]
    if isinstance(value, str) and value.startswith(ARRAY_PREFIX):
        return arrays[value.removeprefix(ARRAY_PREFIX)]
    return value
