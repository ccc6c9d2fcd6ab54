"""What few neurons of a batch need, done for these alone.

A search costs much more than a step, and few steps hold a spike. A condition skips it for one neuron, but under
vmap both its branches are computed for all. Here those that need it are therefore done one by one on a CPU, and all at
once, where any needs it, on a device that computes many at the price of one. Neurons that lie on several devices are
done where they lie.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jax.experimental.custom_partitioning import custom_partitioning

#: Neurons among which the next that needs it is searched at once.
GROUP = 1024


def one_by_one(alone: Callable[..., Any], nothing: Callable[..., Any]) -> Callable[..., Any]:
    """The function `alone` of (needed, *args), pytrees of scalars, as it is, but quick under vmap.

    Args:
        alone: what is done for one neuron; where it is not needed, what `nothing` gives for the same args.
        nothing: of args; cheap.

    Returns:
        the same function; not differentiable.
    """

    @custom_vmap
    def scalar(*args):
        return alone(*args)

    @scalar.def_vmap
    def batched(size, in_batched, *args):
        results = many(*_spread(size, in_batched, args))
        return results, jax.tree.map(lambda _: True, results)

    @custom_vmap
    def many(*args):
        return _where_they_lie(lambda *args: _group_by_group(alone, nothing, args), args)

    @many.def_vmap
    def many_of_many(size, in_batched, *args):
        args = _spread(size, in_batched, args)
        inner = args[0].shape[1]
        results = many(*jax.tree.map(lambda leaf: leaf.reshape(size * inner), args))
        results = jax.tree.map(lambda leaf: leaf.reshape(size, inner), results)
        return results, jax.tree.map(lambda _: True, results)

    return scalar


def _spread(size: int, in_batched, args):
    """Every array with an axis over neurons in front."""
    spread = lambda leaf, is_batched: leaf if is_batched else jnp.broadcast_to(leaf, (size, *leaf.shape))
    return jax.tree.map(spread, args, tuple(in_batched))


def _where_they_lie(function, args):
    """A function of arrays over neurons, computed on each device for the neurons that are there."""
    if jax.sharding.get_abstract_mesh().manual_axes:  # inside shard_map, no others are
        return function(*args)
    leaves, structure = jax.tree.flatten(args)
    flat = lambda *leaves: tuple(jax.tree.leaves(function(*structure.unflatten(leaves))))
    shape = jax.eval_shape(function, *args)
    apart = custom_partitioning(flat)

    def partition(mesh, arg_shapes, result_shapes):
        lies = arg_shapes[0].sharding
        return mesh, flat, (lies,) * len(result_shapes), (lies,) * len(arg_shapes)

    rule = ", ".join("n" * len(leaves)) + " -> " + ", ".join("n" * len(jax.tree.leaves(shape)))
    apart.def_partition(partition, sharding_rule=rule)
    return jax.tree.unflatten(jax.tree.structure(shape), apart(*leaves))


def _group_by_group(alone, nothing, args):
    """On a CPU those that need it, one by one; on another device all, where any does."""

    def in_groups(*args):
        whole = args[0].shape[0] // GROUP * GROUP
        first = jax.tree.map(lambda leaf: leaf[:whole].reshape(-1, GROUP), args)
        rest = jax.tree.map(lambda leaf: leaf[whole:], args)
        results = jax.lax.map(lambda group: _in_turn(alone, nothing, *group), first), _in_turn(alone, nothing, *rest)
        return jax.tree.map(lambda a, b: jnp.concatenate([a.ravel(), b]), *results)

    def together(needed, *rest):
        at_once = lambda *rest: jax.vmap(alone)(needed, *rest)
        return jax.lax.cond(jnp.any(needed), at_once, jax.vmap(nothing), *rest)

    return jax.lax.platform_dependent(*args, cpu=in_groups, default=together)


def _in_turn(alone, nothing, needed, *rest):
    results = jax.vmap(nothing)(*rest)
    if not needed.size:
        return results

    def next_one(search):
        left, results = search
        row = jnp.argmax(left)
        one = alone(left[row], *jax.tree.map(lambda leaf: leaf[row], rest))
        results = jax.tree.map(lambda leaf, value: leaf.at[row].set(value), results, one)
        return left.at[row].set(False), results

    return jax.lax.while_loop(lambda search: jnp.any(search[0]), next_one, (needed, results))[1]
