"""Sums over sweeps, a few sweeps at a time where they are many, so that memory does not grow with a recording."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..data.arrays import FitData

#: Steps that are held at once, of all sweeps together.
AT_ONCE = 400_000


def sum_over_sweeps(part: Callable[[FitData], Any], data: FitData, at_once: int = AT_ONCE) -> Any:
    """What `part` gives for all sweeps, a pytree of sums over them; to be called under jit.

    Args:
        part: from some of the sweeps to their share.
        data: S sweeps.
        at_once: steps that are held at once; one sweep is, however long.
    """
    sweeps, steps = data.current.shape
    several = max(1, at_once // steps)
    if sweeps <= several:
        return part(data)
    arrays = jax.tree.map(jnp.asarray, data)
    some = lambda first, count: part(jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, first, count), arrays))
    add = lambda block, total: jax.tree.map(jnp.add, total, some(block * several, several))
    nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(lambda: some(0, several)))
    total = jax.lax.fori_loop(0, sweeps // several, add, nothing)
    rest = sweeps % several
    return jax.tree.map(jnp.add, total, some(sweeps - rest, rest)) if rest else total
