"""Rules that all readers of numbers share: numbers are rounded to float32, and must be finite after rounding."""

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

# numpy would read true as 1 and "2.5" as 2.5, so the types of cells are checked first; comparing sets is fast.
NUMBERS = {int, float}


def read_numbers(values: npt.ArrayLike) -> Float32:
    """Round numbers to float32 by way of float64, as a JSON reader does; numbers out of range become infinite."""
    exact = isinstance(values, np.ndarray) and np.can_cast(values.dtype, np.float32)
    with np.errstate(over="ignore"):
        return np.asarray(values if exact else np.asarray(values, np.float64), np.float32)


def find_nonfinite(values: npt.NDArray[np.number], limit: int = 1, *, nan_allowed: bool = False) -> list[list[int]]:
    """Return the indices of the first values, at most `limit`, that are infinite or, unless allowed, NaN."""
    allowed = ~np.isinf(values) if nan_allowed else np.isfinite(values)
    return [] if allowed.all() else np.argwhere(~allowed)[:limit].tolist()
