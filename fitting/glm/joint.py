"""The joint stage: weights and the numbers that neurons share (decay rates, refractory shape, threshold), together.

Fisher scoring: with mu the response, v the variance of a count and J the response's derivatives,

    (J^T v^-1 J + ridge) step = J^T v^-1 (y - mu) - ridge weights

A neuron's weights meet the other neurons' through the shared numbers alone, so that H has the shape of an arrow.

Errors take the shared numbers' rows of H from the loss itself, with what the residuals y - mu add to it. What one
expects of these, J^T v^-1 J, counts weights that are mere noise as if they told of the kernel's shape: with 380
weights, a third of their variance noise, a decay rate's error came out a fifth too small.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from glifjax.errors import InputError
from glifjax.glm import GLM, Exponential, ExponentialRate, Refractory

from . import arrow, derivatives
from .binned import Binned
from .derivatives import Wheres, shifted, with_weights
from .errors import SECOND

#: Steps at most, and the gain in nats a spike at which they end.
MOST_STEPS = 40
TOLERANCE = 1e-8
#: Damping: first, and by what it falls after a step that gained and grows after one that did not.
DAMPING = 1e-3
EASED = 0.2
HARDENED = 5.0
#: Information on a number below which the data tell nothing of it.
NOTHING = 1e-10
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
        shared: name -> value and standard error, infinite where the data tell nothing of it.
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
    given = derivatives.given_of(model, data, stimulus, ridge)
    wheres: Wheres = tuple((number.where, number.log) for number in numbers)
    spikes = max(int(data.spikes.sum()), 1)
    parts = derivatives.expected(model, wheres, given)
    if not np.isfinite(parts[0]):
        raise InputError(
            "the spikes are impossible at the starting values; give `like` others, or a model with a basis"
        )
    damping, finished = DAMPING, False
    for _ in range(MOST_STEPS):
        step_weights, step_shared = _solve(parts, fitted, damping)
        trial = _moved(model, wheres, step_weights, step_shared)
        value = derivatives.loss(trial, given)
        gain = float(parts[0] - value)
        if not gain > -TOLERANCE * spikes:
            damping *= HARDENED
            if damping > STUCK:
                break
            continue
        model, damping = trial, damping * EASED
        parts = derivatives.expected(model, wheres, given)
        if finished := gain < TOLERANCE * spikes:
            break
    scatter = derivatives.seconds(model, wheres, given, max(1, round(SECOND / model.dt))) if robust else None
    covariances, shared_variances = _covariances(_observed(parts, model, wheres, given, fitted), fitted, scatter)
    errors = (
        np.where(fitted, np.sqrt(np.einsum("nqq->nq", covariances)), 0.0)
        .reshape(model.size, model.size, functions)
        .transpose(1, 0, 2)
    )
    errors = errors[:, :, 0] if model.weights.ndim == 2 else errors
    shared_variances = np.where(np.diag(parts[5]) < NOTHING, np.inf, shared_variances)
    values = [float(number.where(model)) for number in numbers]
    scales = [value if number.log else 1.0 for number, value in zip(numbers, values, strict=True)]
    shared = {
        number.name: (value, abs(scale) * float(np.sqrt(variance)))
        for number, value, scale, variance in zip(numbers, values, scales, shared_variances, strict=True)
    }
    return JointMaximum(model, errors, covariances, shared, finished)


def _held(parts, fitted):
    """The parts as arrays, with a one in H for what is not fitted, and a little for what the data tell nothing of."""
    _, gradients, shared_gradient, blocks, borders, corner = (np.array(part) for part in parts)
    gradients = gradients * fitted
    blocks = np.where(fitted[:, :, None] & fitted[:, None, :], blocks, 0.0)
    index = np.arange(blocks.shape[1])
    blocks[:, index, index] = np.where(fitted, np.maximum(blocks[:, index, index], NOTHING), 1.0)
    np.fill_diagonal(corner, np.maximum(np.diag(corner), NOTHING))
    return gradients, shared_gradient, blocks, borders * fitted[:, :, None], corner


def _solve(parts, fitted, damping) -> tuple[np.ndarray, np.ndarray]:
    gradients, shared_gradient, blocks, borders, corner = _held(parts, fitted)
    index = np.arange(blocks.shape[1])
    blocks[:, index, index] *= 1 + damping
    corner = corner + damping * np.diag(np.diag(corner))
    weights, shared = arrow.solved(blocks, borders, corner, gradients[:, :, None], shared_gradient[:, None])
    return weights[:, :, 0], shared[:, 0]


def _covariances(parts, fitted, scatter) -> tuple[np.ndarray, np.ndarray]:
    """Of each neuron's weights, (n, q, q), and the shared numbers' variances; `scatter` as derivatives.seconds."""
    _, _, blocks, borders, corner = _held(parts, fitted)
    if scatter is not None:
        of_weights, of_shared = (np.array(part) for part in scatter)
        weights, shared = arrow.solved(blocks, borders, corner, of_weights * fitted[:, :, None], of_shared)
        return np.einsum("nqk,nrk->nqr", weights, weights), np.sum(shared**2, axis=1)
    covariances, shared = arrow.inverse(blocks, borders, corner)
    return covariances, np.diag(shared)


def _observed(parts, model, wheres, given, fitted):
    """The parts with borders and corner of the loss itself; as they are where these are no minimum's."""
    if not wheres:
        return parts
    own = (*parts[:4], *derivatives.observed(model, wheres, given))
    _, _, blocks, borders, corner = _held(own, fitted)
    complement = arrow.complement(borders, np.linalg.solve(blocks, borders), corner)
    return own if np.linalg.eigvalsh(complement).min() > 0 else parts


def _moved(model, wheres: Wheres, step_weights, step_shared):
    functions = model.coupling.taps(model.dt).shape[1]
    change = jnp.moveaxis(jnp.asarray(step_weights).reshape(model.size, model.size, functions), 0, 1)
    change = change[:, :, 0] if model.weights.ndim == 2 else change
    return shifted(with_weights(model, model.weights + change), wheres, step_shared)
