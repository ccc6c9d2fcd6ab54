"""How far parameters may be off: by the information, or by how the score scatters over seconds.

    information  H^-1          sandwich  H^-1 (sum over seconds g g^T) H^-1

H is the curvature of all, prior included, and g a second's score. The first holds if the model is right; the second
also where counts scatter otherwise than the model says, or depend on one another within a second. Source: White 1982,
Econometrica 50:1; blocks of time: Lahiri 2003, Resampling Methods for Dependent Data.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from glifjax.errors import InputError

from .binned import Binned
from .convex import curvature, slopes_at
from .likelihood import Likelihood
from .terms import Terms

#: A block of the score, s.
SECOND = 1.0
#: Bins that errors are taken from, evenly over the recording.
SAMPLE = 400_000
#: Blocks whose scores are held at once.
CHUNK = 50


def covariances(
    terms: Terms, data: Binned, likelihood: Likelihood, excess: Float[Array, "T n"], ridge: float, robust: bool
) -> Float[np.ndarray, "n p p"]:
    """Each neuron's parameters' covariance; what is not fitted has none.

    Args:
        terms, data, likelihood, ridge: as `maximise`.
        excess: at the maximum.
        robust: the sandwich.
    """
    inverse = jnp.linalg.inv(curvature(terms, data, likelihood, excess, ridge, SAMPLE))
    covariance = _sandwich(terms, data, likelihood, excess, inverse) if robust else inverse
    fitted = np.asarray(terms.connected.T)
    return np.where(fitted[:, :, None] & fitted[:, None, :], covariance, 0.0)


def _sandwich(terms, data, likelihood, excess, inverse) -> Float[Array, "n p p"]:
    bins = max(1, round(SECOND / data.dt))
    total = len(data.counts) // bins
    if total < 2:
        raise InputError(
            f'errors="sandwich" takes seconds as its blocks, and the recording has {len(data.counts) * data.dt:g} s; '
            "give more, or leave it out"
        )
    starts = bins * np.unique(np.linspace(0, total - 1, max(1, min(total, SAMPLE // bins))).astype(int))
    problem = (terms, likelihood, jnp.asarray(data.counts), jnp.asarray(data.counted), 0.0)
    slopes = slopes_at(excess, problem)
    counts, sums = jnp.asarray(data.counts), jnp.zeros_like(inverse)
    for first in range(0, len(starts), CHUNK):
        scores = _scores(terms, counts, slopes, jnp.asarray(starts[first : first + CHUNK]), bins)
        moves = jnp.einsum("npq,kqn->nkp", inverse, scores)
        sums += jnp.einsum("nkp,nkq->npq", moves, moves)
    return sums * (total / len(starts))


@eqx.filter_jit
def _scores(terms, counts, slopes, starts, bins: int) -> Float[Array, "k p n"]:
    """The gradient of each block."""
    first = 1 + terms.stimulus.shape[1]

    def score(start):
        rows = start + jnp.arange(bins)
        shared, own = terms.rows(rows, counts)
        sums = shared.T @ slopes[rows]
        behind = jnp.einsum("ron,rn->on", own, slopes[rows])
        return jax.lax.dynamic_update_slice(sums, behind, (first, 0)) * terms.connected

    return jax.lax.map(score, starts)
