"""How the C library hands out memory, on Linux.

By default glibc gives large buffers back to the system as soon as they are freed and asks for them again a
moment later, and every page of them is cleared each time. A forward frees and asks for the same few buffers
hundreds of times: without that, the work between the matrix products takes half the time.

While weights are read it is the other way round: each buffer is needed once, and a heap that keeps them grows
by up to their sum, because glibc seldom finds an aligned buffer's place again.
"""

import ctypes
import sys

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
"""The parameters' numbers in malloc.h."""

LARGEST_BUFFER = 2**30
USUAL_MMAP_THRESHOLD = 128 * 2**10
"""glibc's own, from which a buffer goes back when it is freed; set by hand, it does not grow by itself."""


def keep_freed_buffers() -> None:
    """Let this process keep freed buffers for its next ones. Only glibc is changed."""
    _set(M_MMAP_THRESHOLD, LARGEST_BUFFER)
    _set(M_TRIM_THRESHOLD, 2**31 - 1)


def return_freed_buffers() -> None:
    """Let large buffers go back to the system as soon as they are freed."""
    _set(M_MMAP_THRESHOLD, USUAL_MMAP_THRESHOLD)


def _set(parameter: int, value: int) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    if mallopt is not None:
        mallopt(parameter, value)
