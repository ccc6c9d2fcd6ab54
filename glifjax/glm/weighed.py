"""What spikes are worth to those that they reach: sum_i W[i] features[i], of which few features are not zero.

Of a thousand neurons some thirty have spiked within a kernel's window. Their rows of W alone are read, ROWS at a time;
of a small network, all of it is the quicker way.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

#: From so many neurons on, rows are picked.
LARGE = 256
#: Rows that are added at once.
ROWS = 8


def whole(weights: Float[Array, "n m *b"], features: Float[Array, "b n *S"]) -> Float[Array, "m *S"]:
    """sum_{i, b} weights[i, j, b] features[b, i], be it for many steps at once.

    Args:
        weights: from i to j; of one function without its axis.
        features: of each function and neuron that spikes.
    """
    if weights.ndim == 2:
        return jnp.tensordot(weights, features[0], ((0,), (0,)))
    return jnp.einsum("ijb,bi...->j...", weights, features)


@jax.custom_jvp
def weighed(weights: Float[Array, "n m *b"], features: Float[Array, "b n"]) -> Float[Array, " m"]:
    """`whole` of one step, in which few neurons are active."""
    if weights.shape[0] < LARGE:
        return whole(weights, features)
    active = jnp.any(features != 0, axis=0)
    (places,) = jnp.nonzero(active, size=len(active) + ROWS, fill_value=0)
    values = jnp.where(jnp.arange(len(places)) < jnp.sum(active), features[:, places], 0.0)

    def add(chunk, total):
        for place in range(ROWS):
            i = chunk * ROWS + place
            row = lax.dynamic_index_in_dim(weights, places[i], keepdims=False)
            total += values[0, i] * row if row.ndim == 1 else row @ values[:, i]
        return total

    zero = jnp.zeros(weights.shape[1], weights.dtype)
    return lax.fori_loop(0, -(-jnp.sum(active) // ROWS), add, zero)


@weighed.defjvp
def _(primals, tangents):
    (weights, features), (weights_dot, features_dot) = primals, tangents
    return weighed(weights, features), whole(weights_dot, features) + whole(weights, features_dot)
