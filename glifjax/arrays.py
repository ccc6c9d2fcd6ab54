"""Arrays: what parameters become when a module is made; and, inside jax.shard_map, over which devices they vary."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, DTypeLike

from glifjax.errors import InputError, shown

#: Steps at most, of what counts them in 32 bits and goes on counting.
MOST_STEPS = 2**30


def as_float(value: Any) -> Array:
    """A number, or a sequence or array of them, as an array of the default float dtype.

    Its type is strong, whatever it was made of: a function compiled for the weak type of a Python number would be
    compiled anew for an array. float64 stays so where the default is float32: a file's numbers keep their digits.

    Raises:
        InputError: no numbers.
    """
    if isinstance(value, jax.Array) and value.dtype == jnp.float64:
        return value
    try:
        if _is_no_real(value):
            raise TypeError("complex numbers, or text")
        return jnp.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"a parameter is {shown(value)}; give a number, or an array of them, in SI units") from error


def _is_no_real(value: Any) -> bool:
    """Whether complex numbers, or text such as "1e-10", which jax would read."""
    if isinstance(value, list | tuple):
        return any(map(_is_no_real, value))
    dtype = getattr(value, "dtype", None)
    return isinstance(value, complex | str | bytes) if dtype is None else np.dtype(dtype).kind in "cSU"


def as_steps(value: Any) -> Array:
    """A number of steps as an int32.

    Raises:
        InputError: no whole number, or one that 32 bits do not hold.
    """
    if not isinstance(value, jax.Array):
        steps = np.asarray(value)
        if steps.dtype.kind not in "fiub" or not np.all((steps % 1 == 0) & (abs(steps) < MOST_STEPS)):
            raise InputError(f"spike_cut_length is {shown(value)}; give a whole number of steps, below {MOST_STEPS}")
    return jnp.asarray(value).astype(jnp.int32)


def none_beyond(largest: float, *values: Array) -> Bool[Array, ""]:
    """Whether no number is finite and larger than this, whatever its sign."""
    beyond = [jnp.any((jnp.abs(value) > largest) & jnp.isfinite(value)) for value in values]
    return ~jnp.stack(beyond).any()


def in_default_type(tree: Any) -> Any:
    """A pytree whose every float array is of the default float dtype."""
    is_float = lambda leaf: isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.floating)
    return jax.tree.map(lambda leaf: leaf.astype(float) if is_float(leaf) else leaf, tree)


def on_host(tree: Any) -> Any:
    """A pytree whose arrays are numpy's: pickled, JAX's would come back in the float type of that moment."""
    is_array = lambda leaf: isinstance(leaf, jax.Array) and not isinstance(leaf, Tracer)
    return jax.tree.map(lambda leaf: np.asarray(leaf) if is_array(leaf) else leaf, tree)


def off_host(tree: Any) -> Any:
    """A pytree whose arrays are JAX's again, of the types that they have, whatever the default."""
    with jax.enable_x64(True):
        return jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, tree)


def axes(leaf: Any) -> frozenset[str]:
    """The axes of a shard_map that an array, or the shape of one, varies over; outside of one, none."""
    layout = (leaf if isinstance(leaf, jax.ShapeDtypeStruct) else jax.typeof(leaf)).manual_axis_type
    return frozenset() if layout is None else layout.varying


def varying_over(leaf: Any, names: frozenset[str]) -> Any:
    """An array that varies over these axes too."""
    missing = tuple(sorted(names - axes(leaf)))
    return jax.lax.pcast(leaf, missing, to="varying") if missing else leaf


def varying_alike(tree: Any) -> Any:
    """A pytree whose every array varies over all axes that any of them does."""
    names = frozenset().union(*(axes(leaf) for leaf in jax.tree.leaves(tree)))
    return jax.tree.map(lambda leaf: varying_over(leaf, names), tree)


def in_one_piece(value: Array) -> Array:
    """An array that lies whole on each device, where a mesh of jax's explicit axes has spread it."""
    layout = jax.typeof(value).sharding
    if all(axis is None for axis in layout.spec):
        return value
    return jax.sharding.reshard(value, NamedSharding(layout.mesh, PartitionSpec(*(None for _ in layout.spec))))


def filled_like(leaf: Array, value: float | bool, dtype: DTypeLike | None = None) -> Array:
    """An array of one value, as large as another and varying as it does."""
    return varying_over(jnp.full_like(leaf, value, dtype), axes(leaf))
