"""Arrays larger than memory: rows are written block by block to an unnamed file, which is then memory-mapped.

The file is in the folder for temporary files (TMPDIR). Its space is freed when the array is no longer used.
"""

import tempfile
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from training.errors import TrainingError


def spill(blocks: Iterable[npt.NDArray[Any]], shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Write blocks of rows to a temporary file; return all rows (B, …) as a memory-mapped array."""
    with tempfile.TemporaryFile() as file:
        try:
            # On a full disk, `write` raises OSError; a store to mapped memory would kill the process.
            for block in blocks:
                file.write(np.ascontiguousarray(block, dtype).data)
            file.flush()
        except OSError as error:
            folder = tempfile.gettempdir()
            reason = f"cannot store the data in {folder}: {error.strerror}; set TMPDIR to a folder on a larger disk"
            raise TrainingError(reason) from error
        return np.memmap(file, dtype, "r", shape=shape) if np.prod(shape) else np.empty(shape, dtype)
