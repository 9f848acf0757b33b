"""Arrays in NumPy's own format, as clients send them."""

import io
from typing import Any

import numpy as np

NPY = "application/x-npy"


def write_npy(values: Any, version: tuple[int, int] | None = None) -> bytes:
    """Write an array, in the version of the format that it needs or a given one; objects are pickled."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(values), version)
    return stream.getvalue()
