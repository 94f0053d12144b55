"""Memory that is free goes back to the machine. glibc keeps what threads freed, which looks like a leak of gigabytes.

Elsewhere than on Linux with glibc nothing is done.
"""

import ctypes
from functools import cache
from typing import Any

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # of mallopt(3)
LARGE = 1 << 20  # bytes; from there on a block is the system's own, and returns to it when it is freed
ARENAS = 4


def settle() -> None:
    """Give large arrays blocks of their own, and threads few arenas; before anything large is loaded."""
    if libc := _libc():
        libc.mallopt(_MMAP_THRESHOLD, LARGE)
        libc.mallopt(_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return what is free."""
    if libc := _libc():
        libc.malloc_trim(0)


@cache
def _libc() -> Any:
    try:
        libc = ctypes.CDLL("libc.so.6")
        return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
    except OSError:
        return None
