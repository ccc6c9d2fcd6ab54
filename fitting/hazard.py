"""A hazard whose logarithm is linear in its weights: maximum likelihood by Newton's method.

log lambda = weights . columns is concave in the weights, so there is one best answer and no step size to choose.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fitting.likelihood import spike_log_likelihood

#: Hazard at the threshold, 1/s, until a deterministic threshold is chosen.
LAMBDA0 = 1e3
#: The widest hazard, V: where the voltage says nothing about the spikes.
WIDEST = 0.03
#: Newton's method stops when it gains less, nats, or after so many steps.
TOLERANCE, MOST_STEPS = 0.05, 50
#: log lambda dt is capped so that nothing overflows, and moves no further than this in a step.
LOG_CAP, LONGEST = 6.0, 8.0
#: Shares of a Newton step that are tried.
SHARES = (0.0, 0.06, 0.25, 1.0)


def maximise_hazard(
    columns: Float[Array, "n N"],
    spiked: Bool[Array, " N"],
    log_step: Float[Array, ""],
    log_stride: Float[Array, ""],
    prior_mean: Float[Array, " n"],
    prior_sd: Float[Array, " n"],
    start: Float[Array, " n"],
) -> tuple[Float[Array, ""], Float[Array, " n"]]:
    """Loss (nats: negative log-likelihood and normal prior) and weights at its minimum.

    Args:
        columns: what the weights multiply, in each sampled step.
        spiked: the steps that hold a spike.
        log_step: logarithm of a step's duration, in s where lambda is in 1/s.
        log_stride: logarithm of how many silent steps a sampled one stands for; a spike stands for its own alone.
        prior_mean, prior_sd: of the weights; an infinite sd leaves one free.
        start: weights to start from.
    """
    offset = log_step + jnp.where(spiked, 0.0, log_stride)
    precision = 1 / prior_sd**2

    def log_loss(log_hazard, spiked, offset):
        return -spike_log_likelihood(jnp.exp(jnp.minimum(log_hazard + offset, LOG_CAP)), spiked, True)

    def loss(weights):
        return jnp.sum((weights - prior_mean) ** 2 * precision) / 2 + log_loss(weights @ columns, spiked, offset)

    def newton(carry):
        weights, before, _, count = carry
        at = weights @ columns
        slope = jax.vmap(jax.grad(log_loss))(at, spiked, offset)
        bend = jax.vmap(jax.grad(jax.grad(log_loss)))(at, spiked, offset)
        gradient = columns @ slope + (weights - prior_mean) * precision
        curvature = (columns * bend) @ columns.T + jnp.diag(precision + 1e-6)
        direction = -jnp.linalg.solve(curvature, gradient)
        direction = direction / jnp.maximum(1.0, jnp.max(direction @ columns) / LONGEST)
        tried = weights + jnp.array(SHARES)[:, None] * direction
        found = jax.lax.map(loss, tried)
        best = jnp.nanargmin(found)
        return tried[best], found[best], before - found[best], count + 1

    going = lambda carry: (carry[2] > TOLERANCE) & (carry[3] < MOST_STEPS)
    weights, found, *_ = jax.lax.while_loop(going, newton, (start, loss(start), jnp.inf, 0))
    return found, weights
