"""Stages A and B together: the membrane moves to where voltage and spikes agree best, the threshold with it.

Stage A fits the voltage alone, though the spikes tell of the membrane too. With A(x) the misfit of the voltage and
B(x, w) that of the spikes, priors included, this minimises A(x) + min_w B(x, w), w being the weights in the hazard's
exponential part, log e = w . columns(x); jitter waits for stage B. Near where x is, the spikes tell of it as a normal
distribution would:

    min_w B(x + dx, w)  =  const + g . dx + dx . S dx / 2
    S = F_xx - F_xw (F_ww + P)^-1 F_wx,        g = B_x - F_xw (F_ww + P)^-1 B_w

where B_x and B_w are B's gradient, F = sum_t i_t u' u'^T with u' the derivatives of log e and i a step's Fisher
information of it, and P is the precision of w's prior. Stage A runs again with that added, then stage B; a second round
gains nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from ..data.arrays import FitData, coarsen
from ..model.coordinates import Coordinate, positions
from ..model.hazard import STEP, expected_spikes
from ..model.likelihood import counted_score_and_information, log_exponential
from ..model.patched import PatchedNeuron
from . import Stage
from .kernels import LEAST_SHARP, fit_kernels, hazard_columns, hazard_weights, prior
from .membrane import fit_voltage, misfit, residuals_at

#: The stage's name.
JOINT = "membrane and threshold"
#: Evaluations of the membrane at most.
EVALUATIONS = 8


def fit_jointly(
    model: PatchedNeuron,
    data: FitData,
    moved: Sequence[Coordinate],
    apart: float = np.inf,
    known: "HazardSlopes | None" = None,
) -> Stage:
    """Membrane and threshold by voltage and spikes together, of a neuron whose threshold is made of kernels.

    Args:
        model: after stages A and B.
        data: training sweeps.
        moved: what stage A moves, as `fitting.stages.membrane.coordinates` gives it.
        apart: what A + B came to, nats; a model that comes to no less is not taken.
        known: the slopes of this model on these sweeps; what of the data is counted makes no difference to them.
    """
    told = _told_by_spikes(model, data, known or HazardSlopes.of(model, data, moved))
    membrane = fit_voltage(model, data, moved, EVALUATIONS, told)
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
    errors = np.asarray(residuals_at(positions(model, moved), misfit(model, data, moved)))
    return float(errors @ errors) / 2


class HazardSlopes(NamedTuple):
    """Derivatives of log e in steps of STEP, by the coordinates x and the weights w.

    Attributes:
        slopes: (S, T, x + w).
        refractory: steps that could hold no spike, (S, T).
    """

    slopes: Float[np.ndarray, "S T d"]
    refractory: Bool[np.ndarray, "S T"]

    @classmethod
    def of(cls, model: PatchedNeuron, data: FitData, moved: Sequence[Coordinate]) -> "HazardSlopes":
        """Those of a model on some sweeps."""
        data = coarsen(data, STEP)
        columns, refractory = hazard_columns(model, data)
        return cls(np.concatenate([_along_membrane(model, data, moved), columns], axis=-1), np.asarray(refractory))


@eqx.filter_jit
def _along_membrane(model, data, moved):
    return log_exponential(model, data, moved)[1]


def _told_by_spikes(model, data, known: HazardSlopes) -> tuple[np.ndarray, np.ndarray]:
    """M and m, with |M dx + m|^2 / 2 = g . dx + dx . S dx / 2 but for a constant."""
    data = coarsen(data, STEP)
    weights, slopes = hazard_weights(model), known.slopes
    n = slopes.shape[-1] - len(weights)
    mean, sd = (each[:-1] for each in prior(model, held=weights[0] < LEAST_SHARP * (1 + 1e-6)))
    found = _of_exponential(slopes[..., n:] @ weights + np.log(data.dt), data, known.refractory, model.noise)
    score, information = map(np.asarray, found)
    gradient = np.einsum("st,stx->x", score, slopes)
    flat = slopes.reshape(-1, slopes.shape[-1])
    fisher = flat.T @ (flat * information.reshape(-1, 1))
    gradient[n:] += (weights - mean) / sd**2
    following = np.linalg.solve(fisher[n:, n:] + np.diag(1 / sd**2), fisher[n:, :n])
    told, gradient = fisher[:n, :n] - fisher[:n, n:] @ following, gradient[:n] - following.T @ gradient[n:]
    eigenvalues, vectors = np.linalg.eigh(told)
    roots, vectors = np.sqrt(eigenvalues[eigenvalues > 1e-6]), vectors[:, eigenvalues > 1e-6]
    return roots[:, None] * vectors.T, vectors.T @ gradient / roots


@eqx.filter_jit
def _of_exponential(log_e, data, refractory, noise):
    """Score and information of each step by log(e dt), e being the exponential part of its hazard."""
    found = lambda log_e: jnp.log(expected_spikes(log_e, noise.jitter, noise.lapse, data.dt))
    log_expected, share = jax.jvp(found, (log_e,), (jnp.ones_like(log_e),))
    score, information = counted_score_and_information(jnp.exp(log_expected), data, refractory)
    return score * share, information * share**2
