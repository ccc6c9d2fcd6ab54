"""The convex stage: all neurons' parameters at once, each neuron a problem of its own.

    minimise_theta  sum_t counted[t, j] loss(excess[t, j]) + ridge / 2 sum theta[1:, j]^2

by L-BFGS in coordinates in which the curvature is about one: those of the Cholesky factor of the curvature of a sample
of bins, renewed on the way. A step needs one drive and one gather; along it the excess is a line, so that a shorter
step costs no more than a sum over bins. A neuron is done when its decrement, |gradient|^2 / 2 there, is below TOLERANCE
nats a spike. Source of the method: Nocedal & Wright 2006, Numerical Optimization, ch. 7; optax.scale_by_lbfgs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Float32

from .binned import Binned
from .likelihood import Likelihood
from .terms import Terms

#: Decrement at which a neuron is done, nats a spike.
TOLERANCE = 1e-5
#: Steps between two curvatures, the last number until done or given up.
STEPS = (3, 6, 60)
#: Bins of a curvature's sample, and of a piece of those that are looked at in turn.
SAMPLE = 40_000
PIECE = 4_000
#: Shares of a step that are tried, each this part of the one before.
SHORTER = 0.3
TRIES = 8
#: A step must gain this share of what its slope promises.
ARMIJO = 1e-4
#: Curvature that keeps a parameter without data in place.
LEAST_CURVATURE = 1e-8


@dataclass(frozen=True)
class Maximum:
    """Where the convex stage ended.

    Attributes:
        theta: (p, n).
        excess: (T, n).
        decrement: of each neuron, nats a spike.
        steps: how many there were.
    """

    theta: Float[Array, "p n"]
    excess: Float32[Array, "T n"]
    decrement: Float[np.ndarray, " n"]
    steps: int


def maximise(
    terms: Terms,
    data: Binned,
    likelihood: Likelihood,
    ridge: float,
    start: Float[Array, "p n"] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Maximum:
    """The maximum of the penalised likelihood.

    Args:
        terms: what theta multiplies.
        data: counts, and which bins count.
        likelihood: of a bin.
        ridge: precision of the normal prior on all but the constant.
        start: theta; by the mean rates if None.
        progress: is called with a few words at every step.
    """
    theta = at_mean_rates(terms, data, likelihood) if start is None else start
    problem = (terms, likelihood, jnp.asarray(data.counts), jnp.asarray(data.counted), jnp.asarray(ridge, float))
    excess = excess_at(terms, theta)
    loss = smooth_loss(theta, excess, problem)
    spikes = np.maximum(data.spikes, 1)
    total, decrement = 0, np.full(len(spikes), np.inf)
    for most in STEPS:
        factor = jnp.linalg.cholesky(curvature(terms, data, likelihood, excess, ridge, SAMPLE))
        memory = _optimiser.init(theta[:, 0])
        memory = jax.tree.map(lambda leaf: jnp.stack([jnp.asarray(leaf)] * len(spikes), axis=-1), memory)
        gradient = gradient_at(theta, excess, problem)
        for _ in range(most):
            decrement = np.asarray(jnp.sum(_whiten(factor, gradient) ** 2, axis=0) / 2) / spikes
            if decrement.max() <= TOLERANCE:
                break
            theta, excess, loss, gradient, memory = _step((theta, loss, gradient, factor, memory, problem), excess)
            total += 1
            if progress is not None:
                progress(f"step {total}, {decrement.max():.1e} nats a spike to go")
        if decrement.max() <= TOLERANCE:
            break
    return Maximum(theta, excess, decrement, total)


_optimiser = optax.scale_by_lbfgs(memory_size=8, scale_init_precond=False)


@eqx.filter_jit(donate="all-except-first")  # the new excess takes the old one's place
def _step(given, excess):
    theta, loss, gradient, factor, memory, problem = given
    terms, *_ = problem
    whiten, unwhiten = lambda g: _whiten(factor, g), lambda u: _unwhiten(factor, u)
    coordinates = jax.vmap(lambda f, x: f.T @ x, (0, 1), 1)(factor, theta)
    update = jax.vmap(_optimiser.update, (1, -1, 1), (1, -1))
    downhill, memory = update(whiten(gradient), memory, coordinates)
    direction = -unwhiten(downhill) * terms.connected
    slope = jnp.sum(direction * gradient, axis=0)
    along = terms.drive(direction)
    value = lambda share: smooth_loss(theta + share * direction, excess + share * along, problem)

    def shorter(carry):
        share, _, _, tries = carry
        reached = value(share)
        gained = reached <= loss + ARMIJO * share * slope
        return jnp.where(gained, share, SHORTER * share), reached, gained, tries + 1

    going = lambda carry: ~jnp.all(carry[2]) & (carry[3] < TRIES)
    start = (jnp.ones_like(slope, jnp.float32), loss, jnp.zeros(slope.shape, bool), 0)
    share, reached, gained, _ = jax.lax.while_loop(going, shorter, start)
    share, loss = jnp.where(gained, share, 0.0), jnp.where(gained, reached, loss)
    theta, excess = theta + share * direction, excess + share * along
    return theta, excess, loss, gradient_at(theta, excess, problem), memory


@eqx.filter_jit
def gradient_at(theta: Float[Array, "p n"], excess: Float[Array, "T n"], problem: tuple) -> Float[Array, "p n"]:
    """Of `smooth_loss`."""
    terms, *_, ridge = problem
    return terms.transpose(slopes_at(excess, problem)) + (ridge * theta).at[0].set(0.0) * terms.connected


@eqx.filter_jit
def slopes_at(excess: Float32[Array, "T n"], problem: tuple) -> Float32[Array, "T n"]:
    """The loss of each bin, derived by its excess."""
    _, likelihood, *bins, _ = problem

    def put(piece, slopes):
        (x, targets, weights), first, _ = _cut((excess, *bins), piece)
        here = jnp.where(weights > 0, weights * likelihood.slopes(x.astype(float), targets), 0.0)
        return jax.lax.dynamic_update_slice_in_dim(slopes, here.astype(slopes.dtype), first, 0)

    return jax.lax.fori_loop(0, -(-len(excess) // PIECE), put, jnp.zeros_like(excess))


@eqx.filter_jit
def excess_at(terms: Terms, theta: Float[Array, "p n"]) -> Float32[Array, "T n"]:
    """The excess of parameters."""
    return (terms.drive(theta) + terms.offset).astype(jnp.float32)


@eqx.filter_jit
def smooth_loss(theta: Float[Array, "p n"], excess: Float[Array, "T n"], problem: tuple) -> Float[Array, " n"]:
    """-log likelihood and the normal prior's part, nats, of each neuron."""
    _, likelihood, *bins, ridge = problem

    def add(piece, total):
        (x, targets, weights), _, new = _cut((excess, *bins), piece)
        counted = (weights > 0) & new[:, None]
        losses = weights * likelihood.losses(x.astype(float), targets)
        return total + jnp.sum(jnp.where(counted, losses, 0.0), axis=0)

    total = jax.lax.fori_loop(0, -(-len(excess) // PIECE), add, jnp.zeros(excess.shape[1]))
    return total + ridge / 2 * jnp.sum(theta[1:] ** 2, axis=0)


def _cut(arrays: tuple[Array, ...], piece: Array) -> tuple[tuple[Array, ...], Array, Array]:
    """PIECE rows of each array, so that nothing of double precision is as long as these; which row is the first, and
    which are new: the last piece begins earlier, or it would reach past the end."""
    length = min(PIECE, len(arrays[0]))
    first = jnp.minimum(piece * PIECE, len(arrays[0]) - length)
    rows = tuple(jax.lax.dynamic_slice_in_dim(array, first, length) for array in arrays)
    return rows, first, first + jnp.arange(length) >= piece * PIECE


def _whiten(factor, gradient):
    solve = lambda f, g: jax.scipy.linalg.solve_triangular(f, g, lower=True)
    return jax.vmap(solve, (0, 1), 1)(factor, gradient)


def _unwhiten(factor, coordinates):
    solve = lambda f, u: jax.scipy.linalg.solve_triangular(f, u, lower=True, trans=1)
    return jax.vmap(solve, (0, 1), 1)(factor, coordinates)


def at_mean_rates(terms: Terms, data: Binned, likelihood: Likelihood) -> Float[Array, "p n"]:
    """Only the constants: where a link gives the mean count, by bisection."""
    mean = jnp.asarray(np.maximum(data.rates * data.dt, 1e-9))
    low, high = jnp.full_like(mean, -40.0), jnp.full_like(mean, 40.0)
    for _ in range(60):
        middle = (low + high) / 2
        above = likelihood.link(middle, likelihood.dt) > mean
        low, high = jnp.where(above, low, middle), jnp.where(above, middle, high)
    return jnp.zeros((terms.count, len(mean))).at[0].set(low)


def curvature(
    terms: Terms, data: Binned, likelihood: Likelihood, excess: Float[Array, "T n"], ridge: float, sample: int | None
) -> Float[Array, "n p p"]:
    """The information of each neuron's parameters and the prior's precision; what is not fitted has a one.

    Args:
        terms, data, likelihood, ridge: as `maximise`.
        excess: at the parameters.
        sample: of about so many bins, in evenly spaced pieces, scaled up; of all if None.
    """
    total = len(data.counts)
    pieces = -(-total // PIECE)
    share = 1.0 if sample is None else min(1.0, sample / total)
    starts = np.unique((np.arange(max(1, round(pieces * share))) / max(1, round(pieces * share)) * pieces).astype(int))
    counts = jnp.asarray(data.counts)
    sums = jnp.zeros((excess.shape[1], terms.count, terms.count))
    for start in starts:
        bins = np.arange(start * PIECE, (start + 1) * PIECE)
        inside = bins < total
        bins = np.minimum(bins, total - 1)
        sums += _piece(
            terms, likelihood, counts, excess, jnp.asarray(data.counted[bins] * inside[:, None]), jnp.asarray(bins)
        )
    sums *= pieces / len(starts)
    fitted = terms.connected.T
    sums = jnp.where(fitted[:, :, None] & fitted[:, None, :], sums, 0.0)
    precision = jnp.where(fitted, ridge, 1.0).at[:, 0].set(0.0) + LEAST_CURVATURE
    return sums + jax.vmap(jnp.diag)(precision)


@eqx.filter_jit
def _piece(terms, likelihood, counts, excess, weights, bins):
    shared, own = terms.rows(bins, counts)
    information = jnp.where(weights > 0, weights * likelihood.information(excess[bins].astype(float)), 0.0)
    first = 1 + terms.stimulus.shape[1]

    def one(weight, own):
        columns = jax.lax.dynamic_update_slice(shared, own, (0, first)) if own.shape[1] else shared
        return (columns * weight[:, None]).T @ columns

    return jax.lax.map(lambda pair: one(*pair), (information.T, jnp.moveaxis(own, -1, 0)))
