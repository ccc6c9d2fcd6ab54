"""The hazard of a neuron whose threshold is linear in its weights: maximum likelihood by Newton's method.

log e = weights . columns is the hazard's exponential part; alone it makes a concave problem, so there is one best
answer. The neuron's hazard has jitter and lapses beside (glifjax.EscapeNoise), so that a few spikes which are not
understood cannot spoil what is learnt of the others. Its maximum is sought from the other's.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

from glifjax.arrays import as_float

from ..data.arrays import FitData, padded_length
from .patched import PatchedNeuron

#: The hazard's exponential part at the threshold, 1/s, until a deterministic threshold is chosen.
LAMBDA0 = 1e3
#: The widest hazard, V: where the voltage says nothing about the spikes.
WIDEST = 0.03
#: Jitter: its prior's mean, s, and the sd of its logarithm.
JITTER = (0.5e-3, 1.5)
#: Jitter that is as good as none, s.
NO_JITTER = 1e-12
#: A rate of lapses that is as good as none, 1/s.
NO_LAPSE = 1e-30
#: An sd that holds a weight.
HELD = 1e-6
#: A threshold is fitted in steps of this, s.
STEP = 0.2e-3
#: Columns of a few steps are filled up to as many at least.
FEWEST = 1024
#: Newton's method stops when it gains less, nats.
TOLERANCE = 0.05
#: Or after so many steps.
MOST_STEPS = 50
#: Below this log(e dt) does not matter, so that nothing vanishes.
LOG_FLOOR = -300.0
#: Beyond this e grows linearly, so that nothing overflows.
LOG_CAP = 6.0
#: A step raises log(e dt) by no more than this.
LONGEST = 8.0
#: Steps whose products are taken at once.
BLOCK = 1024
#: Shares of a Newton step that are tried.
SHARES = (0.0, 0.06, 0.25, 1.0)


def filled_up(
    columns: Float[np.ndarray, "n k"], weights: Float[np.ndarray, " k"]
) -> tuple[Float[Array, "n N"], Float[Array, " N"]]:
    """The columns of a few steps, and these steps' weights, as `maximise_hazard` takes them.

    Both are filled up with zeros, so that compiled functions serve other cells with about as many.
    """
    room = padded_length(max(FEWEST, len(weights))) - len(weights)
    return jnp.asarray(np.pad(columns, ((0, 0), (0, room)))), jnp.asarray(np.pad(weights, (0, room)))


def in_place(
    columns: Float[np.ndarray, "n *steps"], steps: Bool[np.ndarray, "*steps"], weights: Float[np.ndarray, "*steps"]
) -> tuple[Float[Array, "n N"], Float[Array, " N"]]:
    """The same of most steps, with zeros for the others, whose number then makes no difference to what is compiled."""
    columns, weights = np.where(steps, columns, 0.0), np.where(steps, weights, 0.0)
    return jnp.asarray(columns.reshape(len(columns), -1)), jnp.asarray(weights.ravel())


def expected_spikes(
    log_e: Float[Array, "..."], jitter: Float[ArrayLike, ""], lapse: Float[ArrayLike, ""], dt: Float[ArrayLike, ""]
) -> Float[Array, "..."]:
    """lambda dt of a neuron's hazard (glifjax.EscapeNoise), not limited to one spike a step, which jitter does.

    Args:
        log_e: log(e dt), e being its exponential part.
        jitter: s; lapse: 1/s; dt: s.
    """
    beyond = jnp.maximum(log_e - LOG_CAP, 0.0)
    exponential = jnp.exp(jnp.clip(log_e, LOG_FLOOR, LOG_CAP)) * (1 + beyond)
    return exponential / (1 + exponential * jitter / dt) + lapse * dt


def surprise(expected: Float[Array, "..."], spiked: Bool[ArrayLike, "..."]) -> Float[Array, "..."]:
    """-log P of a step, nats, P being 1 - exp(-lambda dt) with a spike and exp(-lambda dt) without one."""
    # where nothing happens, the logarithm's argument is kept away from zero for the gradient's sake
    return jnp.where(spiked, -jnp.log(-jnp.expm1(-jnp.where(spiked, expected, 1.0))), expected)


def score_and_information(
    expected: Float[Array, "..."], spiked: Bool[ArrayLike, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """The derivative of `surprise` by log(lambda dt), and that derivative's variance."""
    return jnp.where(spiked, -expected / jnp.expm1(expected), expected), expected**2 / jnp.expm1(expected)


def maximise_hazard(
    silent: Float[Array, "n N"],
    spiking: Float[Array, "n K"],
    step: Float[ArrayLike, ""],
    stride: Float[ArrayLike, "..."],
    counted: Float[ArrayLike, "..."],
    prior_mean: Float[ArrayLike, " x"],
    prior_sd: Float[ArrayLike, " x"],
    start: Float[ArrayLike, " x"],
    lapse: Float[ArrayLike, ""],
) -> tuple[Float[Array, ""], Float[Array, " x"]]:
    """Loss (nats: negative log-likelihood and normal prior) and x = (weights, log(jitter / s)) at its minimum.

    -log L = sum_silent stride lambda step - sum_spiking counted log(1 - exp(-lambda step)), by Newton's method:
    x <- x - V |D|^-1 V^T g, with g the gradient and V D V^T the curvature. Where jitter and lapses bend the loss the
    wrong way, D is negative, and |D| goes down the slope all the same.

    Args:
        silent: what the weights multiply, in steps that could have held a spike and did not.
        spiking: the same in steps that hold one.
        step: a step's duration, s where lambda is in 1/s.
        stride: how many silent steps each of those given stands for, (N,) or one for all.
        counted: 1 for the spikes that count, 0 for others, (K,) or one for all.
        prior_mean, prior_sd: of x; an infinite sd leaves a weight free.
        start: x to start from.
        lapse: 1/s.
    """
    prior_mean, start = jnp.asarray(prior_mean), jnp.asarray(start)
    precision = 1 / jnp.asarray(prior_sd) ** 2
    parts = ((silent, stride, False), (spiking, counted, True))

    def of_steps(spiked: bool) -> Callable:
        return lambda log_e, jitter: surprise(expected_spikes(log_e, jnp.exp(jitter), lapse, step), spiked)

    def loss(x, drives):
        total = jnp.sum((x - prior_mean) ** 2 * precision) / 2
        for (_, factor, spiked), log_e in zip(parts, drives, strict=True):
            total += jnp.sum(factor * of_steps(spiked)(log_e, x[-1]))
        return total

    along = lambda x: [x[:-1] @ columns for columns, _, _ in parts]

    def newton(carry):
        x, here, before, _, count = carry
        gradient, curvature = (x - prior_mean) * precision, jnp.diag(precision + 1e-6)
        for (columns, factor, spiked), drive in zip(parts, here, strict=True):
            g, h = _derivatives(of_steps(spiked), drive, x[-1])
            slope, bend, mixed = _products(columns, h[0] * factor, g[0] * factor, h[1] * factor)
            gradient += jnp.append(slope, jnp.sum(g[1] * factor))
            mixed = jnp.append(mixed, jnp.sum(h[2] * factor))
            curvature = curvature.at[:-1, :-1].add(bend).at[-1].add(mixed).at[:-1, -1].add(mixed[:-1])
        bends, directions = jnp.linalg.eigh(curvature)
        direction = -directions @ (directions.T @ gradient / jnp.maximum(jnp.abs(bends), 1e-6))
        moved = along(direction)
        longest = jnp.maximum(jnp.abs(direction[-1]), jnp.max(jnp.concatenate(moved), initial=0.0))
        share = jnp.array(SHARES) / jnp.maximum(1.0, longest / LONGEST)
        at = lambda s: (x + s * direction, [a + s * b for a, b in zip(here, moved, strict=True)])
        tried = jax.lax.map(lambda s: loss(*at(s)), share)
        best = jnp.nanargmin(tried)
        return *at(share[best]), tried[best], before - tried[best], count + 1

    going = lambda carry: (carry[-2] > TOLERANCE) & (carry[-1] < MOST_STEPS)
    first = [drive + jnp.log(step) for drive in along(start)]
    x, _, least, *_ = jax.lax.while_loop(going, newton, (start, first, loss(start, first), jnp.inf, 0))
    return least, x


def _products(
    columns: Float[Array, "n N"], weights: Float[Array, " N"], a: Float[Array, " N"], b: Float[Array, " N"]
) -> tuple[Float[Array, " n"], Float[Array, "n n"], Float[Array, " n"]]:
    """columns a, columns diag(weights) columns^T and columns b, summed over blocks of steps that stay in cache."""
    block = max(1, min(BLOCK, columns.shape[1]))  # a loop's body is traced even where it never runs
    whole = columns.shape[1] // block * block
    part = lambda first, size: [
        jax.lax.dynamic_slice_in_dim(array, first, size, axis=-1) for array in (columns, weights, a, b)
    ]

    def product(columns, weights, a, b):
        return jnp.concatenate([columns * weights, a[None], b[None]]) @ columns.T

    total = product(*part(whole, columns.shape[1] - whole))
    add = lambda i, total: total + product(*part(i * block, block))
    total = jax.lax.fori_loop(0, whole // block, add, total)
    return total[-2], total[:-2], total[-1]


def start_hazard(maximise: Callable, problem: tuple, prior_mean, prior_sd, weights) -> np.ndarray:
    """Where `maximise_hazard` may start: the weights at the maximum of the exponential part alone, and the mean jitter.

    Args:
        maximise: maximise_hazard, compiled.
        problem: its arguments from `silent` to `counted`.
        prior_mean, prior_sd: of x.
        weights: to start from.
    """
    none = np.log(NO_JITTER)
    alone = np.append(prior_mean[:-1], none), np.append(prior_sd[:-1], HELD), np.append(weights, none)
    _, x = maximise(*problem, *alone, as_float(NO_LAPSE))
    return np.append(x[:-1], prior_mean[-1])


def _derivatives(f: Callable, a: Float[Array, " N"], b: Float[Array, ""]) -> tuple[tuple, tuple]:
    """First derivatives of f(a, b), elementwise, by a and b; and second ones by aa, ab, bb."""
    b = jnp.broadcast_to(b, a.shape)
    one, none = jnp.ones_like(a), jnp.zeros_like(a)
    by = lambda f, tangent: lambda a, b: jax.jvp(f, (a, b), tangent)[1]
    by_a, by_b = by(f, (one, none)), by(f, (none, one))
    aa, ab, bb = by(by_a, (one, none)), by(by_a, (none, one)), by(by_b, (none, one))
    return (by_a(a, b), by_b(a, b)), (aa(a, b), ab(a, b), bb(a, b))


def jittered(model: PatchedNeuron, data: FitData) -> PatchedNeuron:
    """The model; if its hazard has no jitter or no lapses, with those that a fit starts from."""
    noise, where = model.noise, lambda m: (m.neuron.escape_noise.jitter, m.neuron.escape_noise.lapse)
    values = float(noise.jitter) or JITTER[0], float(noise.lapse) or 1 / data.duration
    return eqx.tree_at(where, model, tuple(map(as_float, values)))
