"""A process of ours holds on to the memory that it frees."""

import ctypes

#: Options of glibc's mallopt (man 3 mallopt): freed memory above which it goes back, blocks mapped alone, arenas.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
M_ARENA_MAX = -8


def hold_memory() -> None:
    """Have the C library keep freed memory for the next array; nothing happens where that is not glibc.

    A fit frees arrays of many megabytes and asks for the same again, thousands of times. Given back to the system in
    between, every page of them is cleared anew: an eighth of a fit's CPU time (benchmarks/fit_memory.py), for no less
    memory at its peak. Call it before the process starts threads; a library must not, only a program.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_ARENA_MAX, 1)
