"""An array larger than memory: rows written block by block to an unnamed file, then memory-mapped.

The file lies in the folder for temporary files (TMPDIR) and is removed when the process ends.
"""

import tempfile
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from training.errors import TrainingError


def spill(blocks: Iterable[npt.NDArray[Any]], shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Write blocks of rows one after the other, and return all (B, …) as an array mapped from the file."""
    with tempfile.TemporaryFile() as file:
        try:
            # A write through the mapping would kill the process where the disk is full; this raises.
            for block in blocks:
                file.write(np.ascontiguousarray(block, dtype).data)
            file.flush()
        except OSError as error:
            folder = tempfile.gettempdir()
            reason = f"no room for the data in {folder}: {error.strerror}; set TMPDIR to a larger disk"
            raise TrainingError(reason) from error
        return np.memmap(file, dtype, "r", shape=shape) if np.prod(shape) else np.empty(shape, dtype)
