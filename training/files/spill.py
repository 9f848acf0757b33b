"""Arrays larger than memory: rows are written block by block to an unnamed file, which is then memory-mapped.

The file is in the folder for temporary files (TMPDIR). Its space is freed when the array is no longer used.
"""

import tempfile
from collections.abc import Callable, Iterable
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow

from training.errors import TrainingError


def spill(blocks: Iterable[npt.NDArray[Any]], shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Write blocks of rows to a temporary file; return all rows (B, …) as a memory-mapped array."""

    def write(file: IO[bytes]) -> None:
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype).data)

    with tempfile.TemporaryFile() as file:
        _write(write, file)
        return np.memmap(file, dtype, "r", shape=shape) if np.prod(shape) else np.empty(shape, dtype)


def spill_table(blocks: Iterable[pyarrow.Table], schema: pyarrow.Schema) -> pyarrow.Table:
    """Write blocks of a table to a temporary file in Arrow's IPC format; return all rows as a memory-mapped table."""

    def write(file: IO[bytes]) -> None:
        with pyarrow.ipc.new_file(file, schema) as writer:
            for block in blocks:
                writer.write_table(block)

    with tempfile.TemporaryFile() as file:
        _write(write, file)
        return pyarrow.ipc.open_file(pyarrow.py_buffer(np.memmap(file, np.uint8, "r"))).read_all()


def _write(write: Callable[[IO[bytes]], None], file: IO[bytes]) -> None:
    """Write a file; on a full disk raise TrainingError."""
    try:
        # `write` raises OSError then; a store to mapped memory would kill the process.
        write(file)
        file.flush()
    except OSError as error:
        folder = tempfile.gettempdir()
        reason = f"cannot store the data in {folder}: {error.strerror}; set TMPDIR to a folder on a larger disk"
        raise TrainingError(reason) from error
