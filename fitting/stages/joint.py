"""Stages A and B together: the membrane moves to where voltage and spikes agree best, the threshold with it.

Stage A fits the voltage alone, though the spikes tell of the membrane too. With A(x) the misfit of the voltage and
B(x, w) that of the spikes, priors included, this minimises A(x) + min_w B(x, w), w being the weights in the log-hazard
u = w . columns(x). Near where x is, the spikes tell of it as a normal distribution would:

    min_w B(x + dx, w)  =  const + g . dx + dx . S dx / 2
    S = F_xx - F_xw (F_ww + P)^-1 F_wx,        g = B_x - F_xw (F_ww + P)^-1 B_w

where B_x and B_w are B's gradient, F = sum_t i_t u' u'^T with u' the derivatives of u and i the Fisher information of a
step, and P is the precision of w's prior. Stage A runs again with that added, then stage B; a second round gains
nothing.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from fitting.coordinates import Coordinate, place, positions
from fitting.data import FitData, coarsen
from fitting.electrode import PatchedNeuron
from fitting.hazard import LOG_CAP, STEP
from fitting.stages import Stage
from fitting.stages.kernels import fit_kernels, hazard_columns, hazard_weights, prior
from fitting.stages.voltage import fit_voltage, misfit, residuals_at

#: The stage's name.
JOINT = "membrane and threshold"
#: Evaluations of the membrane at most.
EVALUATIONS = 8


def fit_jointly(model: PatchedNeuron, data: FitData, moved: Sequence[Coordinate], apart: float = np.inf) -> Stage:
    """Membrane and threshold by voltage and spikes together, of a neuron whose threshold is made of kernels.

    Args:
        model: after stages A and B.
        data: training sweeps.
        moved: what stage A moves, as `fitting.stages.voltage.coordinates` gives it.
        apart: what A + B came to, nats; a model that comes to no less is not taken.
    """
    membrane = fit_voltage(model, data, moved, EVALUATIONS, _told_by_spikes(model, data, moved))
    found = fit_kernels(membrane.model, data)
    loss = found.losses[-1] + _voltage_loss(found.model, data, moved)
    return Stage(
        found.model if loss < apart else model,
        JOINT,
        "misfit, log-likelihood and priors (nats)",
        [apart, loss] if np.isfinite(apart) else [loss],
        kept=bool(loss < apart),
    )


def _voltage_loss(model: PatchedNeuron, data: FitData, moved: Sequence[Coordinate]) -> float:
    """A: the voltage's misfit and its prior, nats."""
    errors = np.asarray(residuals_at(ravel_pytree(positions(model, moved))[0], misfit(model, data, moved)))
    return float(errors @ errors) / 2


def _told_by_spikes(model, data, moved) -> tuple[np.ndarray, np.ndarray]:
    """M and m, with |M dx + m|^2 / 2 = g . dx + dx . S dx / 2 but for a constant."""
    weights, (mean, sd) = hazard_weights(model), prior(model)
    gradient, fisher = (np.array(each) for each in _spikes(model, coarsen(data, STEP), moved, weights))
    n = len(gradient) - len(weights)
    gradient[n:] += (weights - mean) / sd**2
    following = np.linalg.solve(fisher[n:, n:] + np.diag(1 / sd**2), fisher[n:, :n])
    told, gradient = fisher[:n, :n] - fisher[:n, n:] @ following, gradient[:n] - following.T @ gradient[n:]
    eigenvalues, vectors = np.linalg.eigh(told)
    roots, vectors = np.sqrt(eigenvalues[eigenvalues > 1e-6]), vectors[:, eigenvalues > 1e-6]
    return roots[:, None] * vectors.T, vectors.T @ gradient / roots


@eqx.filter_jit
def _spikes(model, data, moved, weights):
    """B's gradient but for its prior, (x + w,), and the Fisher information, (x + w, x + w)."""
    x, unravel = ravel_pytree(positions(model, moved))
    columns, refractory = hazard_columns(model, data)

    def along_membrane(current, start, forced):
        def log_hazard(x):
            placed = place(model, moved, unravel(x))
            trace = placed.simulate(current, data.dt, recorded_start=start, spikes=forced)
            return (trace.voltage_before_reset - trace.threshold_before_reset) / placed.noise.delta_v

        return jax.jacfwd(log_hazard)(x)

    slopes = jax.vmap(along_membrane)(*map(jnp.asarray, (data.current, data.voltage[:, 0], data.forced)))
    expected = jnp.exp(jnp.minimum(columns @ weights + jnp.log(data.dt), LOG_CAP))
    spiked = data.forced & data.counted
    free = data.counted & (spiked | ~refractory)
    slope = jnp.where(spiked, -expected / jnp.expm1(expected), expected) * free
    information = expected**2 / jnp.expm1(expected) * free
    every = jnp.concatenate([slopes, columns], axis=-1)
    return jnp.einsum("st,stx->x", slope, every), jnp.einsum("st,stx,sty->xy", information, every, every)
