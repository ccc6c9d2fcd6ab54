"""The convex stage with a prior that has corners: a proximal Newton method.

With g the gradient and H the curvature of all that has derivatives, each neuron's next point is near

    argmin_x  g (x - theta) + (x - theta) H (x - theta) / 2 + corners(x)

which accelerated proximal steps find without another look at the data; the way there is shortened until it gains. A
neuron is done where what is promised is below TOLERANCE nats a spike. Sources: Lee, Sun & Saunders 2014, SIAM J Optim
24:1420; Beck & Teboulle 2009, SIAM J Imaging Sci 2:183 (FISTA).
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .binned import Binned
from .convex import SAMPLE, TOLERANCE, Maximum, at_mean_rates, curvature, excess_at, gradient_at, smooth_loss
from .likelihood import Likelihood
from .prior import Prior
from .terms import Terms

#: Points at most, and how many of the first have a curvature of their own.
MOST_POINTS = 40
RENEWED = 8
#: Proximal steps for one point.
PROXIMAL_STEPS = 400
#: Shares of the way that are tried, each this part of the one before; a share must gain this much of its promise.
SHORTER = 0.4
TRIES = 8
ARMIJO = 1e-4


def maximise_with_corners(
    terms: Terms,
    data: Binned,
    likelihood: Likelihood,
    prior: Prior,
    start: Float[Array, "p n"] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Maximum:
    """The maximum of the posterior; arguments as `maximise`."""
    theta = at_mean_rates(terms, data, likelihood) if start is None else start
    problem = (terms, likelihood, jnp.asarray(data.counts), jnp.asarray(data.counted), jnp.asarray(prior.ridge, float))
    spikes = np.maximum(data.spikes, 1)
    excess, decrement, points = excess_at(terms, theta), np.full(len(spikes), np.inf), 0
    information = None
    for points in range(MOST_POINTS):
        if information is None or points < RENEWED:
            information = curvature(terms, data, likelihood, excess, prior.ridge, SAMPLE)
        gradient = gradient_at(theta, excess, problem)
        way = (_nearest(terms, information, gradient, theta, prior) - theta) * terms.connected
        promised = -(jnp.sum(gradient * way, axis=0) + _corners(theta + way, problem, prior))
        promised += _corners(theta, problem, prior)
        decrement = np.maximum(np.asarray(promised), 0.0) / spikes
        if progress is not None:
            progress(f"point {points + 1}, {decrement.max():.1e} nats a spike to go")
        if decrement.max() <= TOLERANCE:
            break
        along = terms.drive(way)
        share = _share((theta, excess), (way, along), promised, problem, prior)
        theta, excess = theta + share * way, excess + share * along
    return Maximum(theta, excess, decrement, points)


def _corners(theta, problem, prior: Prior) -> Float[Array, " n"]:
    terms, *_ = problem
    return prior.value(terms.parts(theta)[3])


def _share(at, way, promised, problem, prior: Prior) -> Float[Array, " n"]:
    """How much of its way each neuron goes; `at` and `way` are of theta and the excess."""

    def loss(share):
        theta, excess = (start + share * step for start, step in zip(at, way, strict=True))
        return smooth_loss(theta, excess, problem) + _corners(theta, problem, prior)

    before, share = loss(jnp.zeros_like(promised, jnp.float32)), jnp.ones_like(promised, jnp.float32)
    gained = jnp.zeros(share.shape, bool)
    for _ in range(TRIES):
        gained = loss(share) <= before - ARMIJO * share * promised
        if bool(jnp.all(gained)):
            break
        share = jnp.where(gained, share, SHORTER * share)
    return jnp.where(gained, share, 0.0)


def _nearest(terms: Terms, information, gradient, theta, prior: Prior) -> Float[Array, "p n"]:
    """The subproblem's answer for all neurons."""
    scales = _scales(terms, information)
    scaled = information / (scales.T[:, :, None] * scales.T[:, None, :])
    largest = jnp.linalg.eigvalsh(scaled)[:, -1]
    steps = 1 / (largest * scales**2)
    first = terms.count - terms.operator.size * terms.coupling.shape[1]
    widths = terms.parts(steps)[3][:, :1]
    return _proximal_steps(information, gradient, theta, steps, widths, prior.proximal, first)


def _scales(terms: Terms, information: Float[Array, "n p p"]) -> Float[Array, "p n"]:
    """The root of each parameter's curvature; one for all functions of a pair, so that a pair shrinks as a whole."""
    own = jnp.sqrt(jnp.diagonal(information, axis1=1, axis2=2)).T
    coupling = terms.parts(own)[3]
    level = jnp.broadcast_to(jnp.max(coupling, axis=1, keepdims=True), coupling.shape)
    rows = coupling.shape[0] * coupling.shape[1]
    return jnp.concatenate([own[: terms.count - rows], level.reshape(rows, -1)])


@eqx.filter_jit
def _proximal_steps(information, gradient, theta, steps, widths, proximal, first):
    apply = lambda way: jnp.einsum("npq,qn->pn", information, way)
    shape = (widths.shape[0], -1, theta.shape[1])

    def mapped(point):
        moved = point - steps * (gradient + apply(point - theta))
        coupling = proximal(moved[first:].reshape(shape), widths)
        return jnp.concatenate([moved[:first], coupling.reshape(-1, theta.shape[1])])

    def step(_, carry):
        point, ahead, momentum = carry
        after = mapped(ahead)
        next_momentum = (1 + jnp.sqrt(1 + 4 * momentum**2)) / 2
        # a neuron whose momentum points uphill starts anew
        uphill = jnp.sum((ahead - after) * (after - point), axis=0) > 0
        share = jnp.where(uphill, 0.0, (momentum - 1) / next_momentum)
        return after, after + share * (after - point), jnp.where(uphill, 1.0, next_momentum)

    start = (theta, theta, jnp.ones(theta.shape[1]))
    return jax.lax.fori_loop(0, PROXIMAL_STEPS, step, start)[0]
