"""`once`: the identity, by which many neurons' numbers are computed once a step."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array


def once(values: Any) -> Any:
    """The same booleans and numbers, bit by bit, with the same derivatives; computed once for all that hangs on them.

    Of many neurons, each array of the next state is written by a loop of its own, into which the CPU's compiler takes
    along all that its numbers follow from: a decision, or the voltage it hangs on, is computed anew for each. It does
    not do so with what it takes for dear, such as an integer's division. Here the bits are divided by a one, which
    only its code generator, later, knows to be one. One neuron's step is one loop, and needs none.

    Args:
        values: a pytree of arrays; integers are handed on.
    """
    return jax.tree.map(
        lambda leaf: leaf if jnp.issubdtype(leaf.dtype, jnp.integer) else _once.bind(leaf, batched=False), values
    )


def _divided_by_one(value: Array) -> Array:
    number = value.astype(jnp.float32) if value.dtype == bool else value
    bits = jax.lax.bitcast_convert_type(number, f"int{8 * number.dtype.itemsize}")
    same = jax.lax.div(bits, (bits | 1) & 1)
    return jax.lax.bitcast_convert_type(same, number.dtype).astype(value.dtype)


# An operation of its own, and not a custom_jvp around a custom_vmap: it is to be differentiated and batched any number
# of times, in any order, also by those who have traced it before (hoisting.py).
_once = Primitive("once")
_once.def_impl(lambda value, batched: value)
_once.def_abstract_eval(lambda value, batched: value)
ad.deflinear2(_once, lambda cotangent, value, batched: [cotangent])
batching.primitive_batchers[_once] = lambda values, axes, batched: (_once.bind(*values, batched=True), *axes)
mlir.register_lowering(
    _once,
    mlir.lower_fun(lambda value, batched: _divided_by_one(value) if batched else value, multiple_results=False),
)
