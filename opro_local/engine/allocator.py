"""How the C library hands out memory, on Linux.

By default glibc gives large buffers back to the system as soon as they are freed and asks for them again a
moment later, and every page of them is cleared each time. A forward frees and asks for the same few buffers
hundreds of times: without that, the work between the matrix products takes half the time.
"""

import ctypes
import sys

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
"""The parameters' numbers in malloc.h."""

LARGEST_BUFFER = 2**30


def keep_freed_buffers() -> None:
    """Let this process keep freed buffers for its next ones. Only glibc is changed."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_BUFFER)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
