"""Reads `.npz` files; unpacks each array into a memory-mapped file."""

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
    if not zipfile.is_zipfile(path):
        raise TrainingError(f"{path} is not a .npz file or is damaged")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            for x, y in (("x_train", "y_train"), ("X", "y"), ("x", "y")):
                if x in names and y in names:
                    train = _read_pair(path, archive, x, y)
                    has_test = {"x_test", "y_test"} <= set(names)
                    return Arrays(*train, _read_pair(path, archive, "x_test", "y_test") if has_test else None)
    except TrainingError:
        raise
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise TrainingError(f"{path} is damaged: {error}") from error
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
    with archive.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read_header(member)
        if dtype.hasobject:
            raise TrainingError(f"{path} contains pickled objects, which are never loaded: save plain arrays")
        chunks = iter(partial(member.read, CHUNK_BYTES // max(dtype.itemsize, 1) * dtype.itemsize), b"")
        array = spill((np.frombuffer(chunk, dtype) for chunk in chunks), (int(np.prod(shape)),), dtype)
        return array.reshape(shape, order="F" if fortran_order else "C")
