"""Reads `.npz` files; unpacks each array into a memory-mapped file."""

import math
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError
from training.files.spill import spill
from training.files.table import ReadOptions

CHUNK_BYTES = 2**24
NPY_VERSIONS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,  # which differs in the names of fields only
}


@dataclass(frozen=True)
class Arrays:
    """The arrays of a data set: values x (B, …), targets y (B,), and the test set (x, y) if the file has one."""

    x: NDArray[Any]
    y: NDArray[Any]
    test: tuple[NDArray[Any], NDArray[Any]] | None = None

    @property
    def parts(self) -> "list[Arrays]":
        """The training and the test set as two, or all rows as one."""
        return [self] if self.test is None else [Arrays(self.x, self.y), Arrays(*self.test)]


def read_npz(path: Path, options: ReadOptions) -> Arrays:
    """Read x_train and y_train (with x_test and y_test if present), or X and y. Raises TrainingError."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_arrays(path, archive)
    except (TrainingError, OSError, MemoryError):
        raise
    # A damaged file may raise a dozen exceptions of zipfile, zlib and numpy.
    except Exception as error:
        raise TrainingError(f"{path} is not a .npz file or is damaged: {error or type(error).__name__}") from error


def _read_arrays(path: Path, archive: zipfile.ZipFile) -> Arrays:
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    for x, y in (("x_train", "y_train"), ("X", "y"), ("x", "y")):
        if x in names and y in names:
            train = _read_pair(path, archive, x, y)
            has_test = {"x_test", "y_test"} <= set(names)
            return Arrays(*train, _read_pair(path, archive, "x_test", "y_test") if has_test else None)
    found = ", ".join(names) or "nothing"
    raise TrainingError(f"{path}: expected arrays x_train and y_train, or X and y; found {found}")


def _read_pair(path: Path, archive: zipfile.ZipFile, x_name: str, y_name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    x, y = _read_member(path, archive, x_name), _read_member(path, archive, y_name)
    if x.ndim < 2:
        raise TrainingError(f"{path}: {x_name} has the shape {x.shape}; expected one row per example")
    if y.shape not in ((len(x),), (len(x), 1)):
        raise TrainingError(f"{path}: {y_name} has the shape {y.shape}, but {x_name} has {len(x)} rows")
    return x, y.ravel()


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Unpack one array, which may be larger than memory, into a memory-mapped file."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in NPY_VERSIONS:
            raise ValueError(f"{name} has the unknown version {version} of .npy")
        shape, fortran_order, dtype = NPY_VERSIONS[version](member)
        if dtype.hasobject:
            raise TrainingError(f"{path} contains pickled objects, which are never loaded: save plain arrays")
        if dtype.kind not in "biufcUS" or not dtype.itemsize:
            raise TrainingError(f"{path}: {name} contains {dtype} values; expected numbers, booleans or text")
        held = info.file_size - member.tell()
        if not all(type(size) is int and size >= 0 for size in shape) or math.prod(shape) * dtype.itemsize != held:
            raise ValueError(f"{name} has the shape {shape} of {dtype} values, but {held} bytes")
        chunks = iter(partial(member.read, CHUNK_BYTES // dtype.itemsize * dtype.itemsize), b"")
        array = spill((np.frombuffer(chunk, dtype) for chunk in chunks), (math.prod(shape),), dtype)
        return array.reshape(shape, order="F" if fortran_order else "C")
