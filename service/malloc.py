"""Keeps freed memory in the process for the next request.

By default glibc returns large blocks to the system at once, and each request causes page faults again.
"""

import ctypes

# <malloc.h>, mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
# Bytes. Larger blocks are rare and are returned to the system; so is free memory beyond twice this size.
KEPT = 2**23


def keep_freed_memory() -> None:
    """Configure malloc for this process and its children. Without glibc (macOS, musl) this does nothing."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(M_MMAP_THRESHOLD, KEPT)
    mallopt(M_TRIM_THRESHOLD, 2 * KEPT)
