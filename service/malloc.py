"""Keeping memory that was freed, for the next request.

By default glibc gives large blocks back to the system at once, and each request faults its pages in again.
"""

import ctypes

# <malloc.h>, mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
# Blocks of more bytes than this are few and far between, and go back; so does what is free beyond twice as much.
KEPT = 2**23


def keep_freed_memory() -> None:
    """Set this process and its children so; where the C library is another (macOS, musl), leave it as it is."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(M_MMAP_THRESHOLD, KEPT)
    mallopt(M_TRIM_THRESHOLD, 2 * KEPT)
