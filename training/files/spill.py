"""An array larger than memory: rows written block by block to a file without a name, then mapped.

The file lies in the folder for temporary files (TMPDIR) and is gone when the process is.
"""

import tempfile
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from training.errors import TrainingError


def spill(blocks: Iterable[npt.NDArray[Any]], shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Write blocks of rows one after the other, and return the whole (B, …) as an array that is read from the file."""
    with tempfile.TemporaryFile() as file:
        try:
            # A write through the mapping would kill the process where the disk is full; this raises.
            for block in blocks:
                file.write(np.ascontiguousarray(block, dtype).data)
            file.flush()
        except OSError as error:
            place = tempfile.gettempdir()
            reason = f"no room for the data in {place}: {error.strerror}; set TMPDIR to a larger disk"
            raise TrainingError(reason) from error
        return np.memmap(file, dtype, "r", shape=shape) if np.prod(shape) else np.empty(shape, dtype)
