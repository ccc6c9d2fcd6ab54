"""Neurons as probable as the data leave them: a few Metropolis steps from the fit, in its own coordinates.

A normal distribution N of the coordinates' errors d (covariance.py) leaves the region in which the loss bends as it
does at the fit: its draws miss the recorded voltage by many millivolts where parameters make up for each other along a
curve. What the loss of stage A has there beyond its parabola,

    excess(d) = A(x + d) - A(x) - g . d - d . H d / 2,        g = J^T r + x,  H = J^T J + I,

says that the data exclude them. A chain starts at the fit and proposes, with a step b between 0 and 1,

    d' = sqrt(1 - b^2) d + b N,    taken with probability min(1, exp((excess(d) - excess(d')) / scale)),

which leaves N exp(-max(excess, 0) / scale) as it is (preconditioned Crank-Nicolson; Cotter et al. 2013, Stat Sci
28:424, eq. 4.8). With b = 1, where all chains begin, draws are those of N if the data allow them; a chain whose step is
not taken halves it. `scale` is by how much N is wider than the loss's own weights say, tr(H cov) / n, as the scatter of
the scores tells.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..stages.membrane import Misfit

#: Steps of a chain.
STEPS = 12
#: Runs of the neuron side by side.
BATCH = 5


def metropolis(
    excess: Callable[[np.ndarray], np.ndarray],
    covariance: Float[np.ndarray, "n n"],
    count: int,
    random: np.random.Generator,
    scale: float = 1.0,
) -> Float[np.ndarray, "c n"]:
    """Errors d, one of each chain.

    Args:
        excess: of errors (c, n), (c,), nats; not finite where there is no such neuron.
        covariance: of the normal distribution.
        count: of chains.
        random: the source of chance.
        scale: what the excess is divided by.
    """
    spreads, directions = np.linalg.eigh(covariance)
    root = directions * np.sqrt(np.maximum(spreads, 0))
    errors, cost, step = np.zeros((count, len(covariance))), np.zeros(count), np.ones((count, 1))
    for _ in range(STEPS):
        proposed = np.sqrt(1 - step**2) * errors + step * (random.normal(size=errors.shape) @ root.T)
        costs = np.nan_to_num(np.maximum(excess(proposed), 0.0) / scale, nan=np.inf)
        taken = np.log(random.uniform(size=count)) < cost - costs
        errors[taken], cost[taken] = proposed[taken], costs[taken]
        step[~taken] /= 2
    return errors


def voltage_excess(misfit: Misfit, x: Float[np.ndarray, " x"], free) -> tuple[Callable, Float[np.ndarray, "n n"]]:
    """What stage A's loss has beyond its parabola around x, of errors (c, n); and that parabola's curvature (n, n).

    Args:
        misfit: of the voltage.
        x: where the fit is.
        free: which of the coordinates are not held, (x,).
    """
    curvature, gradient, squares = misfit.normal_equations(x)
    curvature, gradient, here = curvature[np.ix_(free, free)], gradient[free], squares / 2

    def excess(errors: np.ndarray) -> np.ndarray:
        moved = np.tile(x, (len(errors), 1))
        moved[:, free] += errors
        parabola = here + errors @ gradient + np.einsum("ci,ij,cj->c", errors, curvature, errors) / 2
        return np.asarray(_losses(misfit, jnp.asarray(moved))) - parabola

    return excess, curvature


@eqx.filter_jit
def _losses(misfit: Misfit, x: Float[jax.Array, "c x"]) -> Float[jax.Array, " c"]:
    """Half the squares of the misfit at each of some coordinates."""
    return jax.lax.map(lambda one: jnp.sum(misfit.residuals(one) ** 2) / 2, x, batch_size=BATCH)
