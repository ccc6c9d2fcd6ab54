"""A hazard whose logarithm is linear in its weights: maximum likelihood by Newton's method.

log lambda = weights . columns is concave in the weights, so there is one best answer and no step size to choose.
For that it is left uncapped here (but for LOG_CAP, against overflow); a running neuron spikes at most once a step.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

#: Hazard at the threshold, 1/s, until a deterministic threshold is chosen.
LAMBDA0 = 1e3
#: The widest hazard, V: where the voltage says nothing about the spikes.
WIDEST = 0.03
#: A threshold is fitted in steps of this, s.
STEP = 0.2e-3
#: Newton's method stops when it gains less, nats, or after so many steps.
TOLERANCE, MOST_STEPS = 0.05, 50
#: log lambda dt is capped so that nothing overflows, and moves no further than this in a step.
LOG_CAP, LONGEST = 6.0, 8.0
#: Shares of a Newton step that are tried.
SHARES = (0.0, 0.06, 0.25, 1.0)


def gather(
    columns: Float[np.ndarray, "n *steps"], steps: Bool[np.ndarray, "*steps"], weights: Float[np.ndarray, "*steps"]
) -> tuple[Float[Array, "n N"], Float[Array, " N"]]:
    """The columns of some steps, and these steps' weights, as `maximise_hazard` takes them.

    Both are filled up with zeros to a multiple of 64, or of a larger power of two that is an eighth of their number or
    less, so that compiled functions serve other cells with about as many.
    """
    found, weight = columns[:, steps], weights[steps]
    block = 2 ** max(6, int(np.log2(max(1, len(weight)))) - 3)
    room = -len(weight) % block
    return jnp.asarray(np.pad(found, ((0, 0), (0, room)))), jnp.asarray(np.pad(weight, (0, room)))


def maximise_hazard(
    silent: Float[Array, "n N"],
    spiking: Float[Array, "n K"],
    step: Float[ArrayLike, ""],
    stride: Float[ArrayLike, "..."],
    counted: Float[ArrayLike, "..."],
    prior_mean: Float[ArrayLike, " n"],
    prior_sd: Float[ArrayLike, " n"],
    start: Float[ArrayLike, " n"],
) -> tuple[Float[Array, ""], Float[Array, " n"]]:
    """Loss (nats: negative log-likelihood and normal prior) and weights at its minimum.

    -log L = sum_silent stride lambda step - sum_spiking counted log(1 - exp(-lambda step))

    Args:
        silent: what the weights multiply, in steps that could have held a spike and did not.
        spiking: the same in steps that hold one.
        step: a step's duration, s where lambda is in 1/s.
        stride: how many silent steps each of those given stands for, (N,) or one for all.
        counted: 1 for the spikes that count, 0 for others, (K,) or one for all.
        prior_mean, prior_sd: of the weights; an infinite sd leaves one free.
        start: weights to start from.
    """
    prior_mean, start = jnp.asarray(prior_mean), jnp.asarray(start)
    precision = 1 / jnp.asarray(prior_sd) ** 2

    def expected(log_hazard, factor):
        return jnp.exp(jnp.minimum(log_hazard + jnp.log(factor), LOG_CAP))

    def surprise(log_hazard):
        return -jnp.sum(counted * jnp.log(-jnp.expm1(-expected(log_hazard, step))))

    def loss(weights, log_silent, log_spiking):
        prior = jnp.sum((weights - prior_mean) ** 2 * precision) / 2
        return prior + jnp.sum(expected(log_silent, step * stride)) + surprise(log_spiking)

    def newton(carry):
        weights, before, _, count = carry
        log_silent, log_spiking = weights @ silent, weights @ spiking
        spikes = expected(log_silent, step * stride)
        slope, bend = jax.jvp(jax.grad(surprise), (log_spiking,), (jnp.ones_like(log_spiking),))
        gradient = silent @ spikes + spiking @ slope + (weights - prior_mean) * precision
        curvature = (silent * spikes) @ silent.T + (spiking * bend) @ spiking.T + jnp.diag(precision + 1e-6)
        direction = -jnp.linalg.solve(curvature, gradient)
        along, along_spiking = direction @ silent, direction @ spiking
        longest = jnp.maximum(jnp.max(along, initial=0.0), jnp.max(along_spiking, initial=0.0))
        share = jnp.array(SHARES) / jnp.maximum(1.0, longest / LONGEST)
        found = jax.lax.map(
            lambda s: loss(weights + s * direction, log_silent + s * along, log_spiking + s * along_spiking), share
        )
        best = jnp.nanargmin(found)
        return weights + share[best] * direction, found[best], before - found[best], count + 1

    going = lambda carry: (carry[2] > TOLERANCE) & (carry[3] < MOST_STEPS)
    first = loss(start, start @ silent, start @ spiking)
    weights, found, *_ = jax.lax.while_loop(going, newton, (start, first, jnp.inf, 0))
    return found, weights
