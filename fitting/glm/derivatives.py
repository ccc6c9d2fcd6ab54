"""The loss of a model's weights and shared numbers together, and its derivatives.

A shared number moves by itself, or by its logarithm (see `Wheres`). A neuron has q = n b incoming weights, by sender
and function. `given` holds counts (n, T) with their history before, the bins' targets and weights, the stimulus' drive
and the ridge.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from glifjax.glm.network import column

from .binned import Binned

#: Of each shared number: the leaf, and whether its logarithm moves.
Wheres = tuple[tuple[Callable[[Any], Array], bool], ...]


def given_of(model, data: Binned, stimulus, ridge: float) -> tuple:
    """What the functions here take of data."""
    padded = np.pad(data.counts.T, ((0, 0), (model.history_steps, 0)))
    bins = (jnp.asarray(padded, float), jnp.asarray(data.counts.T), jnp.asarray(data.counted.T))
    return *bins, 0.0 if stimulus is None else stimulus, float(ridge)


def _responses(model, padded, stimulus):
    drive, free = model.forced_drive(padded)
    return model.respond(drive + stimulus), free


@eqx.filter_jit
def loss(model, given):
    """-log likelihood and the normal prior's part, nats, of all neurons."""
    padded, targets, weights, stimulus, ridge = given
    response, _ = _responses(model, padded, stimulus)
    losses = -model.observation.log_likelihood(response, targets)
    return jnp.sum(jnp.where(weights > 0, weights * losses, 0.0)) + ridge / 2 * jnp.sum(model.weights**2)


def _derivatives(model, wheres, given):
    """Features (q, T); slope of the response, inverse variance and residual, (n, T); by shared numbers, (s, n, T)."""
    padded, targets, importance, stimulus, _ = given
    response, _ = _responses(model, padded, stimulus)
    drive, _ = model.forced_drive(padded)
    slope = jax.jvp(model.respond, (drive + stimulus,), (jnp.ones_like(drive),))[1] * column(model.strength)
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
def expected(model, wheres, given):
    """Loss; its gradients, (n, q) and (s,), downhill; and H as expected: (n, q, q), (n, q, s) and (s, s)."""
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
    return loss(model, given), gradients, shared_gradient, blocks, borders, corner


@eqx.filter_jit
def seconds(model, wheres, given, bins: int):
    """The score of each second, the prior left out: (n, q, B) and (s, B)."""
    features, slope, _, residual, by_shared = _derivatives(model, wheres, given)
    blocks = -(-features.shape[1] // bins)
    ends = ((0, 0), (0, blocks * bins - features.shape[1]))
    sums = lambda rows: jnp.pad(rows, ends).reshape(len(rows), blocks, bins).sum(axis=2)
    of_weights = jax.lax.map(lambda row: sums(features * row), residual * slope)
    return of_weights, sums(jnp.einsum("snt,nt->st", by_shared, residual))


@eqx.filter_jit
def observed(model, wheres, given):
    """H itself where shared numbers take part: borders (n, q, s), corner (s, s)."""

    def gradients(moves):
        moved = lambda weights, moves: loss(shifted(with_weights(model, weights), wheres, moves), given)
        return jax.grad(moved, (0, 1))(model.weights, moves)

    still = jnp.zeros(len(wheres))
    along = lambda direction: jax.jvp(gradients, (still,), (direction,))[1]
    borders, corner = jax.lax.map(along, jnp.eye(len(wheres)))
    return jnp.moveaxis(jax.vmap(_flat)(borders), 0, -1), corner


def with_weights(model, weights):
    """The model with other weights."""
    return eqx.tree_at(lambda m: m.weights, model, weights)


def shifted(model, wheres: Wheres, moves):
    """The model with its shared numbers, or their logarithms, moved."""
    for (where, log), move in zip(wheres, moves, strict=True):
        leaf = where(model)
        model = eqx.tree_at(where, model, leaf * jnp.exp(move) if log else leaf + move)
    return model


def _flat(weights):
    """(n, n[, b]) from i to j as (j, i b)."""
    weights = weights[:, :, None] if weights.ndim == 2 else weights
    return jnp.moveaxis(weights, 1, 0).reshape(weights.shape[1], -1)
