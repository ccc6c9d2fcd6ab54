"""The joint stage: weights and the numbers that neurons share (decay rates, refractory shape, threshold), together.

Fisher scoring: with mu the response, v the variance of a count and J the response's derivatives,

    (J^T v^-1 J + ridge) step = J^T v^-1 (y - mu) - ridge weights

A neuron's weights meet the other neurons' through the shared numbers s alone, so that H is a block W_j for each neuron,
a corner C and borders B_j: the step of s solves (C - sum_j B_j^T W_j^-1 B_j) s = g_s - sum_j B_j^T W_j^-1 g_j.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from glifjax.errors import InputError
from glifjax.glm import GLM, Exponential, ExponentialRate, Refractory

from .binned import Binned
from .errors import SECOND

#: Steps at most, and the gain in nats a spike at which they end.
MOST_STEPS = 40
TOLERANCE = 1e-8
#: Damping: first, and by what it falls after a step that gained and grows after one that did not.
DAMPING = 1e-3
EASED = 0.2
HARDENED = 5.0
#: Damping at which there is no way on.
STUCK = 1e8


@dataclass(frozen=True)
class Shared:
    """A number that all neurons share.

    Attributes:
        name: where it is in the model.
        where: the leaf.
        log: whether its logarithm moves, for what is positive.
    """

    name: str
    where: Callable[[Any], Array]
    log: bool


def shared_numbers(model: GLM) -> list[Shared]:
    """What the joint stage moves of a model: its parameters of one number that the likelihood determines."""
    numbers = [RATE if isinstance(model.link, ExponentialRate) else THRESHOLD]
    if isinstance(model.coupling, Exponential) and model.size > 1:
        numbers.append(COUPLING_DECAY)
    if isinstance(model.own, Refractory) and model.own.relative > 0:
        numbers += [OWN_STRENGTH, OWN_DECAY]
    return [number for number in numbers if number.where(model).ndim == 0]


# Made once: compiled functions are looked up by them.
RATE = Shared("link.rate", lambda model: model.link.rate, True)
THRESHOLD = Shared("threshold", lambda model: model.threshold, False)
COUPLING_DECAY = Shared("coupling.decay", lambda model: model.coupling.decay, True)
OWN_STRENGTH = Shared("own.strength", lambda model: model.own.strength, False)
OWN_DECAY = Shared("own.decay", lambda model: model.own.decay, True)


@dataclass(frozen=True)
class JointMaximum:
    """Where the joint stage ended.

    Attributes:
        model: with its weights and shared numbers.
        errors: of the weights, shaped as these.
        covariances: of each neuron's incoming weights, by sender and function, (n, n b, n b).
        shared: name -> value and standard error.
        finished: whether the last step gained next to nothing.
    """

    model: GLM
    errors: Float[np.ndarray, "n n *b"]
    covariances: Float[np.ndarray, "n q q"]
    shared: dict[str, tuple[float, float]]
    finished: bool


def refine(
    model: GLM,
    data: Binned,
    stimulus: Float[Array, "n T"] | None,
    ridge: float,
    connectivity: Bool[np.ndarray, "n n"],
    robust: bool = False,
) -> JointMaximum:
    """The maximum over weights and shared numbers, from a model near it.

    Args:
        model: where to start.
        data: counts, and which bins count.
        stimulus: its part of the drive, or None.
        ridge: precision of the weights' normal prior.
        connectivity: the pairs that are fitted.
        robust: errors by the scatter of the score over seconds (see errors.py), not by the information alone.

    Raises:
        InputError: a likelihood that is not finite at the start.
    """
    numbers = shared_numbers(model)
    functions = model.coupling.taps(model.dt).shape[1]
    pairs = connectivity & ~np.eye(model.size, dtype=bool)
    fitted = np.repeat(pairs.T, functions, axis=1)
    padded = jnp.asarray(np.pad(data.counts.T, ((0, 0), (model.history_steps, 0))), float)
    given = (
        padded,
        jnp.asarray(data.targets.T),
        jnp.asarray(data.weights.T),
        0.0 if stimulus is None else stimulus,
        float(ridge),
    )
    wheres = tuple((number.where, number.log) for number in numbers)
    spikes = max(int(data.spikes.sum()), 1)
    parts = _parts(model, wheres, given)
    if not np.isfinite(parts[0]):
        raise InputError(
            "the spikes are impossible at the starting values; give `like` others, or a model with a basis"
        )
    damping, finished = DAMPING, False
    for _ in range(MOST_STEPS):
        step_weights, step_shared = _solve(parts, fitted, damping)
        trial = _moved(model, numbers, step_weights, step_shared)
        value = _loss(trial, given)
        gain = float(parts[0] - value)
        if not gain > -TOLERANCE * spikes:
            damping *= HARDENED
            if damping > STUCK:
                break
            continue
        model, damping = trial, damping * EASED
        parts = _parts(model, wheres, given)
        if finished := gain < TOLERANCE * spikes:
            break
    scatter = _seconds(model, wheres, given, max(1, round(SECOND / model.dt))) if robust else None
    covariances, shared_variances = _covariances(parts, fitted, scatter)
    errors = (
        np.where(fitted, np.sqrt(np.einsum("nqq->nq", covariances)), 0.0)
        .reshape(model.size, model.size, functions)
        .transpose(1, 0, 2)
    )
    errors = errors[:, :, 0] if model.weights.ndim == 2 else errors
    values = [float(number.where(model)) for number in numbers]
    scales = [value if number.log else 1.0 for number, value in zip(numbers, values, strict=True)]
    shared = {
        number.name: (value, abs(scale) * float(np.sqrt(variance)))
        for number, value, scale, variance in zip(numbers, values, scales, shared_variances, strict=True)
    }
    return JointMaximum(model, errors, covariances, shared, finished)


def _responses(model, padded, stimulus):
    drive, free = model.forced_drive(padded)
    return model.respond(drive + stimulus), free


@eqx.filter_jit
def _loss(model, given):
    padded, targets, weights, stimulus, ridge = given
    response, _ = _responses(model, padded, stimulus)
    losses = -model.observation.log_likelihood(response, targets)
    return jnp.sum(jnp.where(weights > 0, weights * losses, 0.0)) + ridge / 2 * jnp.sum(model.weights**2)


def _derivatives(model, wheres, given):
    """Features (q, T); slope of the response, inverse variance and residual, (n, T); by shared numbers, (s, n, T)."""
    padded, targets, importance, stimulus, _ = given
    response, _ = _responses(model, padded, stimulus)
    drive, _ = model.forced_drive(padded)
    slope = jax.jvp(model.respond, (drive + stimulus,), (jnp.ones_like(drive),))[1] * _column(model.strength)
    features = model.coupling_features(padded)  # (b, n, T)
    features = jnp.moveaxis(features, 0, 1).reshape(-1, features.shape[-1])

    def along(where, log):
        placed = lambda value: _responses(eqx.tree_at(where, model, value), padded, stimulus)[0]
        leaf = where(model)
        return jax.jvp(placed, (leaf,), (leaf if log else jnp.ones_like(leaf),))[1]

    by_shared = jnp.stack([along(*number) for number in wheres]) if wheres else jnp.zeros((0, *response.shape))
    variance = model.observation.variance(response)
    tiny = jnp.finfo(variance.dtype).tiny
    inverse = jnp.where((importance > 0) & (variance > tiny), importance / jnp.maximum(variance, tiny), 0.0)
    return features, slope * jnp.ones_like(response), inverse, (targets - response) * inverse, by_shared


@eqx.filter_jit
def _parts(model, wheres, given):
    """Loss, gradients (n, q) and (s,), and the blocks of H: (n, q, q), (n, q, s), (s, s); q = n functions."""
    features, slope, inverse, residual, by_shared = _derivatives(model, wheres, given)
    weights, ridge = _flat(model.weights), given[-1]

    def one(slope, inverse, residual, by_shared, weights):
        gradient = features @ (residual * slope) - ridge * weights
        block = (features * (inverse * slope**2)) @ features.T
        return gradient, block, features @ (inverse * slope * by_shared).T

    rows = (slope, inverse, residual, jnp.moveaxis(by_shared, 1, 0), weights)
    gradients, blocks, borders = jax.lax.map(lambda row: one(*row), rows)
    blocks += ridge * jnp.eye(blocks.shape[1])
    shared_gradient = jnp.einsum("snt,nt->s", by_shared, residual)
    corner = jnp.einsum("snt,nt,unt->su", by_shared, inverse, by_shared)
    return _loss(model, given), gradients, shared_gradient, blocks, borders, corner


@eqx.filter_jit
def _seconds(model, wheres, given, bins: int):
    """The score of each second, the prior left out: (n, q, B) and (s, B)."""
    features, slope, _, residual, by_shared = _derivatives(model, wheres, given)
    blocks = -(-features.shape[1] // bins)
    ends = ((0, 0), (0, blocks * bins - features.shape[1]))
    sums = lambda rows: jnp.pad(rows, ends).reshape(len(rows), blocks, bins).sum(axis=2)
    of_weights = jax.lax.map(lambda row: sums(features * row), residual * slope)
    return of_weights, sums(jnp.einsum("snt,nt->st", by_shared, residual))


def _column(parameter):
    return parameter[:, None] if parameter.ndim else parameter


def _flat(weights):
    """(n, n[, b]) from i to j as (j, i b)."""
    weights = weights[:, :, None] if weights.ndim == 2 else weights
    return jnp.moveaxis(weights, 1, 0).reshape(weights.shape[1], -1)


def _held(parts, fitted):
    """The parts as arrays, with a one in H for what is not fitted."""
    _, gradients, shared_gradient, blocks, borders, corner = (np.array(part) for part in parts)
    gradients = gradients * fitted
    blocks = np.where(fitted[:, :, None] & fitted[:, None, :], blocks, 0.0)
    index = np.arange(blocks.shape[1])
    blocks[:, index, index] = np.where(fitted, np.maximum(blocks[:, index, index], 1e-10), 1.0)
    return gradients, shared_gradient, blocks, borders * fitted[:, :, None], corner


def _solve(parts, fitted, damping) -> tuple[np.ndarray, np.ndarray]:
    gradients, shared_gradient, blocks, borders, corner = _held(parts, fitted)
    index = np.arange(blocks.shape[1])
    blocks[:, index, index] *= 1 + damping
    corner = corner + damping * np.diag(np.diag(corner))
    weights, shared = _arrow(blocks, borders, corner, gradients[:, :, None], shared_gradient[:, None])
    return weights[:, :, 0], shared[:, 0]


def _arrow(blocks, borders, corner, right, shared_right) -> tuple[np.ndarray, np.ndarray]:
    """H^-1 of several right sides: (n, q, k) and (s, k)."""
    solved = np.linalg.solve(blocks, np.concatenate([right, borders], axis=2))
    inner, left = solved[:, :, : right.shape[2]], solved[:, :, right.shape[2] :]
    schur = corner - np.einsum("nqs,nqu->su", borders, left)
    shared = np.linalg.solve(schur, shared_right - np.einsum("nqs,nqk->sk", borders, inner))
    return inner - left @ shared, shared


def _covariances(parts, fitted, scatter) -> tuple[np.ndarray, np.ndarray]:
    """Of each neuron's weights, (n, q, q), and the shared numbers' variances; `scatter` as `_seconds` gives it."""
    _, _, blocks, borders, corner = _held(parts, fitted)
    if scatter is not None:
        of_weights, of_shared = (np.array(part) for part in scatter)
        weights, shared = _arrow(blocks, borders, corner, of_weights * fitted[:, :, None], of_shared)
        return np.einsum("nqk,nrk->nqr", weights, weights), np.sum(shared**2, axis=1)
    inverse = np.linalg.inv(blocks)
    left = inverse @ borders
    covariance = np.linalg.inv(corner - np.einsum("nqs,nqu->su", borders, left))
    return inverse + np.einsum("nqs,su,nru->nqr", left, covariance, left), np.diag(covariance)


def _moved(model, numbers: Sequence[Shared], step_weights, step_shared):
    functions = model.coupling.taps(model.dt).shape[1]
    change = jnp.moveaxis(jnp.asarray(step_weights).reshape(model.size, model.size, functions), 0, 1)
    change = change[:, :, 0] if model.weights.ndim == 2 else change
    model = eqx.tree_at(lambda m: m.weights, model, model.weights + change)
    for number, step in zip(numbers, step_shared, strict=True):
        leaf = number.where(model)
        value = leaf * jnp.exp(step) if number.log else leaf + step
        model = eqx.tree_at(number.where, model, value)
    return model
