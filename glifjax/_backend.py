"""One compiler flag for scans on the CPU, set on import.

Before jax 0.12 the CPU backend splits a scan's loop into many small calls (900 instead of 20-40 ns a step)
unless this flag is in XLA_FLAGS when the backend starts.
"""

import os
import warnings

import jax

_FLAG = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1000000"


def _backend_has_started() -> bool:
    from jax._src import xla_bridge  # no public name says this

    return bool(getattr(xla_bridge, "_backends", {}))


if tuple(int(part) for part in jax.__version__.split(".")[:2]) < (0, 12):
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_small_while_loop_byte_threshold" not in flags:
        if _backend_has_started():
            warnings.warn(
                "JAX was used before glifjax was imported, so simulations on the CPU will be 20-40 times "
                f'slower. Import glifjax first, or set XLA_FLAGS="{_FLAG}" before Python starts.',
                stacklevel=2,
            )
        else:
            os.environ["XLA_FLAGS"] = f"{flags} {_FLAG}".strip()
