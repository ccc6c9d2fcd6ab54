"""Arrays: what parameters become when a module is made; and, inside jax.shard_map, over which devices they vary."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike


def as_float(value: Any) -> Array:
    """A number, or a sequence or array of them, as an array of the default float dtype.

    Its type is strong, whatever it was made of: a function compiled for the weak type of a Python number would be
    compiled anew for an array. float64 stays so where the default is float32: a file's numbers keep their digits.
    """
    if isinstance(value, jax.Array) and value.dtype == jnp.float64:
        return value
    return jnp.asarray(value, dtype=float)


def in_default_type(tree: Any) -> Any:
    """A pytree whose every float array is of the default float dtype."""
    is_float = lambda leaf: isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.floating)
    return jax.tree.map(lambda leaf: leaf.astype(float) if is_float(leaf) else leaf, tree)


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


def filled_like(leaf: Array, value: float | bool, dtype: DTypeLike | None = None) -> Array:
    """An array of one value, as large as another and varying as it does."""
    return varying_over(jnp.full_like(leaf, value, dtype), axes(leaf))
