"""Random weights, W[i, j] from neuron i to neuron j, (n, n), without self-connections."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from glifjax.checks import require, require_key, require_not_negative
from glifjax.errors import InputError


def normal(
    n: int, mean: float = 0.0, std: float = 1.0, glorot: bool = False, sparsity: float = 0.5, *, key: PRNGKeyArray
) -> Float[Array, "n n"]:
    """Normal weights under Dale's law: the first half of the neurons excites, the second inhibits.

    n/2 rows are drawn; their positive part makes the first n/2 rows of W, their negative part the others, so that rows
    i and i + n/2 never share a target. Of the draws a share 2 (1 - sparsity) stays.

    Args:
        n: neurons, even.
        mean, std: of the draws.
        glorot: std / sqrt(n) in place of std.
        sparsity: the share of W that is zero, 0.5 to 1.
        key: draws them.

    Raises:
        InputError: an odd n, or a sparsity outside 0.5 ... 1.
    """
    require("mean", mean, np.isfinite, "give a finite number")
    require_not_negative(std=std)
    require_key(key)
    drawing, masking = jax.random.split(key)
    drawn = mean + (std / np.sqrt(n) if glorot else std) * jax.random.normal(drawing, (_half(n), n), float)
    return _dale(drawn, sparsity, masking)


def uniform(n: int, low: float, high: float, sparsity: float = 0.5, *, key: PRNGKeyArray) -> Float[Array, "n n"]:
    """Uniform weights: under Dale's law, as `normal`, if low = -high; else each stays with probability 1 - sparsity.

    Args:
        n: neurons; even under Dale's law.
        low, high: of the weights.
        sparsity: the share of W that is zero, 0.5 to 1 under Dale's law, else 0 to 1.
        key: draws them.

    Raises:
        InputError: an odd n under Dale's law, low >= high, or a sparsity out of its range.
    """
    if not low < high:
        raise InputError(f"uniform weights between {low:g} and {high:g} were asked for; give low < high")
    require_key(key)
    drawing, masking = jax.random.split(key)
    if low == -high:
        return _dale(jax.random.uniform(drawing, (_half(n), n), float, low, high), sparsity, masking)
    if not 0 <= sparsity <= 1:
        raise InputError(f"the sparsity is {sparsity:g}; give the share of weights that is zero, 0 to 1")
    weights = jax.random.uniform(drawing, (n, n), float, low, high)
    return jnp.where(jax.random.bernoulli(masking, 1 - sparsity, (n, n)) & ~_diagonal(n), weights, 0.0)


def ring(n: int, a: float = 1.0015, sigma_1: float = 6.98, sigma_2: float = 7.0) -> Float[Array, "n n"]:
    """A Mexican hat on a ring: exp(-d^2 / 2 sigma_1^2) - a exp(-d^2 / 2 sigma_2^2), d the distance in neurons."""
    apart = np.abs(np.arange(n)[:, None] - np.arange(n))
    distance = np.minimum(apart, n - apart)
    hat = np.exp(-(distance**2) / (2 * sigma_1**2)) - a * np.exp(-(distance**2) / (2 * sigma_2**2))
    return jnp.asarray(np.where(_diagonal(n), 0.0, hat), float)


def _half(n: int) -> int:
    if n < 2 or n % 2:
        raise InputError(f"a network under Dale's law has two halves, but n is {n}; give an even number of neurons")
    return n // 2


def _dale(drawn: Float[Array, "half n"], sparsity: float, key: PRNGKeyArray) -> Float[Array, "n n"]:
    if not 0.5 <= sparsity <= 1:
        raise InputError(f"the sparsity is {sparsity:g}; under Dale's law half of the weights are zero: give 0.5 to 1")
    drawn = jnp.where(jax.random.bernoulli(key, 2 * (1 - sparsity), drawn.shape), drawn, 0.0)
    weights = jnp.concatenate([jnp.maximum(drawn, 0.0), jnp.minimum(drawn, 0.0)])
    return jnp.where(_diagonal(drawn.shape[1]), 0.0, weights)


def _diagonal(n: int) -> Bool[np.ndarray, "n n"]:
    return np.eye(n, dtype=bool)
