"""Reads `.npz` files; each array is unpacked into a memory-mapped file."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from training.errors import TrainingError
from training.files.spill import spill

CHUNK_BYTES = 2**24


@dataclass(frozen=True)
class Arrays:
    """The arrays of a data set: values x (B, …), targets y (B,), and a test split if there is one."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    test: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None = None


def read_npz(path: Path) -> Arrays:
    """Read x_train and y_train (with x_test and y_test if present), or X and y. Raises TrainingError."""
    if not zipfile.is_zipfile(path):
        raise TrainingError(f"{path} is not a .npz file, or damaged")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            for x, y in (("x_train", "y_train"), ("X", "y"), ("x", "y")):
                if x in names and y in names:
                    pairs = [(x, y), *([("x_test", "y_test")] if {"x_test", "y_test"} <= set(names) else [])]
                    arrays = [_read_pair(path, archive, *pair) for pair in pairs]
                    return Arrays(*arrays[0], arrays[1] if len(arrays) == 2 else None)
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        if isinstance(error, TrainingError):
            raise
        raise TrainingError(f"{path} is damaged: {error}") from error
    found = ", ".join(names) or "nothing"
    raise TrainingError(f"{path}: expected arrays x_train and y_train, or X and y; found {found}")


def _read_pair(
    path: Path, archive: zipfile.ZipFile, x_name: str, y_name: str
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    x, y = _read_member(path, archive, x_name), _read_member(path, archive, y_name)
    if x.ndim < 2:
        raise TrainingError(f"{path}: {x_name} has the shape {x.shape}; expected one row for each example")
    if y.shape not in ((len(x),), (len(x), 1)):
        raise TrainingError(f"{path}: {y_name} has the shape {y.shape}, but {x_name} has {len(x)} rows")
    return x, y.ravel()


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """Unpack one array into a memory-mapped file: it may be larger than memory."""
    with archive.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read_header(member)
        if dtype.hasobject:
            raise TrainingError(f"{path} holds pickled objects, which are never loaded: save plain arrays")
        stored_shape = shape[::-1] if fortran_order else shape
        array = spill(_chunks(member, dtype), (int(np.prod(shape)),), dtype)
        return array.reshape(stored_shape).T if fortran_order else array.reshape(stored_shape)


def _chunks(member: IO[bytes], dtype: np.dtype[Any]) -> Iterator[npt.NDArray[Any]]:
    size = max(dtype.itemsize, 1)
    while chunk := member.read(CHUNK_BYTES // size * size):
        yield np.frombuffer(chunk, dtype)
