"""Rules that all readers of numbers share: numbers are rounded to float32, and must be finite after rounding."""

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

# numpy would read true as 1 and "2.5" as 2.5, so the types of cells are checked first; comparing sets is fast.
NUMBERS = {int, float}
BLOCK = 2**16  # numbers that are converted at once, so that the float64 numbers of a large array take little memory


def read_numbers(values: npt.ArrayLike) -> Float32:
    """Round numbers to float32 by way of float64, as a JSON reader does; numbers out of range become infinite."""
    with np.errstate(over="ignore"):
        if not isinstance(values, np.ndarray):
            return np.asarray(np.asarray(values, np.float64), np.float32)
        if np.can_cast(values.dtype, np.float32):
            return np.asarray(values, np.float32)
        if values.size <= BLOCK:
            return values.astype(np.float64).astype(np.float32)
        numbers = np.empty(values.shape, np.float32)
        rows = max(BLOCK * len(values) // values.size, 1)
        for start in range(0, len(values), rows):
            numbers[start : start + rows] = values[start : start + rows].astype(np.float64)
        return numbers


def find_nonfinite(values: npt.NDArray[np.number], limit: int = 1, *, nan_allowed: bool = False) -> list[list[int]]:
    """Return the indices of the first values, at most `limit`, that are infinite or, unless allowed, NaN."""
    allowed = ~np.isinf(values) if nan_allowed else np.isfinite(values)
    return [] if allowed.all() else np.argwhere(~allowed)[:limit].tolist()
