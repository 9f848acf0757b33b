"""Numbers as every reader takes them: rounded to float32, and finite there."""

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

NUMBERS = {int, float}  # numpy takes true for 1 and "2.5" for 2.5: the types of cells tell, at the speed of a set


def read_numbers(values: npt.ArrayLike) -> Float32:
    """Round numbers to float32 by way of float64, as a reader of JSON does; too large is infinite."""
    exact = isinstance(values, np.ndarray) and np.can_cast(values.dtype, np.float32)
    with np.errstate(over="ignore"):
        return np.asarray(values if exact else np.asarray(values, np.float64), np.float32)


def find_nonfinite(values: npt.NDArray[np.number], limit: int = 1, *, nan_allowed: bool = False) -> list[list[int]]:
    """Return the indices of the first values that are infinite or, unless it is allowed, NaN; `limit` at most."""
    allowed = ~np.isinf(values) if nan_allowed else np.isfinite(values)
    return [] if allowed.all() else np.argwhere(~allowed)[:limit].tolist()
