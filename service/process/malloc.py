"""Keeps freed memory in the process for the next request.

By default glibc returns large blocks to the system at once, and each request causes page faults again.
"""

import ctypes

# <malloc.h>, mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
# Bytes. Larger blocks are returned to the system at once: a large body that grows within the heap would leave holes of
# its earlier sizes. So is free memory beyond KEPT.
LARGE_BLOCK, KEPT = 2**21, 2**24


def keep_freed_memory() -> None:
    """Configure malloc for this process and its children. Without glibc (macOS, musl) this does nothing."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
    mallopt(M_TRIM_THRESHOLD, KEPT)
    mallopt(M_ARENA_MAX, 1)  # threads would keep freed memory for themselves
