"""What a fit compiles: as equinox.filter_jit, with XLA's older generators of fused loops.

A fit compiles some eighty programs and runs most of them a few times. The newer generators take nearly twice the time,
for loops of many lanes that are no faster; only a single neuron's simulation is. jax takes such options for what is
called outside any other compiled function, and so for a stage's own programs alone.
"""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any, TypeVar, cast

import equinox as eqx

Function = TypeVar("Function", bound=Callable[..., Any])

#: The option of XLA, and the first version of jaxlib that is not known to have it.
OLDER = {"xla_cpu_use_fusion_emitters": False}
UNKNOWN = (0, 13)


def options(jaxlib: str) -> dict[str, Any]:
    """What jax.jit is told beside the function, for a version of jaxlib; nothing for one that may not know it."""
    return {"compiler_options": OLDER} if tuple(map(int, jaxlib.split(".")[:2])) < UNKNOWN else {}


def compiled(function: Function) -> Function:
    """The function, compiled so where it is called."""
    return cast(Function, eqx.filter_jit(function, **options(version("jaxlib"))))
