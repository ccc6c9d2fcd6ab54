"""What the process is asked for: compiler flags for scans on the CPU, when glifjax is imported; freed memory.

Before jax 0.12 the CPU backend splits a scan's loop into many small calls (900 instead of 20-40 ns a step)
unless FLAG is in XLA_FLAGS when the backend starts. With it goes the width of vectors, which makes nothing else slower.
"""

import ctypes
import os
import warnings
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from sys import modules as loaded
from sys import platform

#: Of loops whose step touches at most so many bytes: a network of a thousand cells touches more than 1 MB.
FLAG = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=10000000"

#: Vectors as wide as the processor has them, where XLA takes half of it: many neurons run in a fifth less time.
WIDTH = "--xla_cpu_prefer_vector_width=512"

#: What jax tells its listeners once a program is compiled, and from how many seconds of it on much is left.
COMPILED = "/jax/core/compile/backend_compile_duration"
LONG = 0.2


def set_flag() -> None:
    """Append FLAG and WIDTH to XLA_FLAGS where the installed jax needs the first; warn where it comes too late.

    Imports no jax.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if _needs_flag(version("jax")) and "xla_cpu_small_while_loop_byte_threshold" not in flags:
        if _backend_has_started():
            warnings.warn(
                "JAX was used before glifjax was imported, so simulations on the CPU will be 20-40 times "
                f'slower. Import glifjax first, or set XLA_FLAGS="{FLAG}" before Python starts.',
                stacklevel=3,
            )
        else:
            width = "" if "xla_cpu_prefer_vector_width" in flags else WIDTH
            os.environ["XLA_FLAGS"] = " ".join(f"{flags} {FLAG} {width}".split())


@cache
def warn_once_without_flag() -> None:
    """Warn, at the first simulation, where XLA_FLAGS was replaced since glifjax was imported."""
    if _needs_flag(version("jax")) and "xla_cpu_small_while_loop_byte_threshold" not in os.environ.get("XLA_FLAGS", ""):
        warnings.warn(
            "XLA_FLAGS was replaced after glifjax was imported, so simulations on the CPU may be 20-40 times slower. "
            f'Set it before the import, or with the flag: XLA_FLAGS="{FLAG} ..."',
            stacklevel=3,
        )


def give_back() -> None:
    """Ask the C library for what it holds of freed memory: hundreds of megabytes, in pieces between what is in use.

    glibc's malloc_trim; nothing happens where there is none.
    """
    if platform == "linux":
        with suppress(AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


@cache
def give_back_after_compiling() -> None:
    """From now on, give back what the compiler of a program leaves: before it runs, and not at every run."""
    import jax.monitoring  # here, for set_flag is to be called before jax is imported

    def compiled(event: str, duration_secs: float, **kwargs: object) -> None:
        if event == COMPILED and duration_secs > LONG:
            give_back()

    jax.monitoring.register_event_duration_secs_listener(compiled)


def _needs_flag(jax_version: str) -> bool:
    return tuple(int(part) for part in jax_version.split(".")[:2]) < (0, 12)


def _backend_has_started() -> bool:
    bridge = loaded.get("jax._src.xla_bridge")  # no public name says this, and asking jax would load it
    return bool(getattr(bridge, "_backends", {}))
