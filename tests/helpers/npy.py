"""Arrays in the .npy format, as clients send them."""

import io
from typing import Any

import numpy as np

NPY = "application/x-npy"


def write_npy(values: Any, version: tuple[int, int] | None = None) -> bytes:
    """Return an array as .npy, in the given or the lowest possible format version; objects are pickled."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(values), version)
    return stream.getvalue()
