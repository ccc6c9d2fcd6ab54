"""The covariance of a fit's errors, in the coordinates that it moves.

A fit solves two sets of equations, g_A(x_A) = 0 for the membrane (stage A) and g_B(x_A, x_B) = 0 for the threshold
(stage B), in coordinates whose prior is standard normal. To first order its errors have the covariance

    M^-1 (S + I) M^-T,    M = [[J^T J + I, 0], [F_BA, F_BB + I]],    S = cov (g_A, g_B)

J are the weighed voltage errors' derivatives (Gauss-Newton), F = sum_t i_t (du_t/dx_B) (du_t/dx)^T the Fisher
information of the spikes, u = log lambda dt, membrane included. Where the spikes have their say in the membrane (stage
joint), g_A holds their score by x_A, and M all of F. S is taken from the data: the scores' sums over blocks
of time, so that neither the weights of stage A nor the errors' independence need be right (Newey & McFadden 1994,
Handbook of Econometrics 4, 2111, eq. 6.6 for two steps; Cameron & Miller 2015, J Hum Resour 50:317 for blocks). The
prior is a part of the equations, and I the covariance of its score. Where the data say nothing, M and S vanish, and
what remains is the prior. What is measured on the spikes (their onset, the end of their cut, the slope of the reset)
has errors s of its own, of sizes known from simulated cells, and adds (dg/ds)^2 s^2.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..data.arrays import coarsen
from ..model.coordinates import positions, widths
from ..model.hazard import STEP
from ..model.likelihood import counted_score_and_information, hazard_slopes
from ..stages.membrane import Membrane

#: Scores are summed over blocks of this, s, which are taken for independent.
WINDOW = 1.0
#: The changes in what is measured on the spikes (uncertainty.SPIKE_ERRORS) that derivatives are taken over.
SPIKE_STEPS = (0.5e-3, 0.5e-3, 0.1)


def covariances(model, data, membrane, rest, spike_errors, first) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The covariance of the free coordinates, that with what is measured on the spikes given, and which are free.

    first: the first of the coordinates that the spikes have a say in.
    """
    errors, slopes, dt = membrane_errors(model, data, membrane)
    scores, bread = map(np.array, spike_scores(model, data, membrane, rest))
    scores[..., :first], bread[:first] = 0.0, 0.0
    n, own = slopes.shape[-1], _by_block(errors[..., None] * slopes, dt)
    # stages leave out different remains of a step at a sweep's end, so that the last block may be of one alone
    blocks = max(scores.shape[1], own.shape[1])
    scores, own = (np.pad(part, ((0, 0), (0, blocks - part.shape[1]), (0, 0))) for part in (scores, own))
    scores[..., :n] += own
    scores = scores.reshape(-1, scores.shape[-1])
    bread[:n, :n] += np.einsum("sti,stj->ij", slopes, slopes)
    scores = scores[(scores != 0).any(axis=1)]
    meat = np.cov(scores.T) * len(scores)
    shifts = list(_spike_shifts(model, data, membrane, rest, spike_errors, first))

    moved = [*membrane, *rest]
    free = widths(moved) > 0
    one = np.eye(free.sum())
    within = np.ix_(free, free)
    inverse = np.linalg.inv(bread[within] + one)
    given = inverse @ (meat[within] + one) @ inverse.T
    return given + sum(np.outer(part, part) for part in (inverse @ shift[free] for shift in shifts)), given, free


def _spike_shifts(model, data, membrane, rest, spike_errors, first) -> Iterator[np.ndarray]:
    """What an error of one sd in each thing measured on the spikes adds to the sum of all scores (x,)."""
    neuron = model.neuron
    length, dt = neuron.spike_cut_length, float(neuron.dt)

    def total(onset: float, end: float, slope: float) -> np.ndarray:
        cut = jnp.maximum(length + round((onset + end) / dt), 1).astype(length.dtype)
        where = lambda m: (m.neuron.spike_cut_length, m.neuron.voltage_reset.a)
        changed = eqx.tree_at(where, model, (cut, neuron.voltage_reset.a + slope))
        moved = replace(data, forced=np.roll(data.forced, -round(onset / data.dt), axis=1) & data.valid)
        errors, slopes, _ = membrane_errors(changed, moved, membrane)
        scores = np.array(spike_scores(changed, moved, membrane, rest)[0].sum(axis=(0, 1)))
        scores[:first] = 0.0
        scores[: slopes.shape[-1]] += np.einsum("st,stx->x", errors, slopes)
        return scores

    for sd, step, one in zip(spike_errors, SPIKE_STEPS, np.eye(len(spike_errors)), strict=True):
        if sd:
            yield sd * (total(*step * one) - total(*-step * one)) / (2 * step)


def membrane_errors(model, data, moved) -> tuple[np.ndarray, np.ndarray, float]:
    """Stage A's weighed errors (S, T), their derivatives (S, T, x), and its time step."""
    x = positions(model, moved)
    misfit = Membrane(moved=tuple(moved)).misfit(model, data).corrected(x, data)
    shape, n = misfit.data.voltage.shape, misfit.data.voltage.size
    errors, slopes = (np.asarray(array)[:n] for array in misfit.residuals_and_slopes(x))
    return errors.reshape(shape), slopes.reshape(*shape, -1), misfit.data.dt


def _by_block(scores, dt: float) -> Any:
    """Sums over blocks of WINDOW, (S, b, x), of scores (S, T, x); the rest of a sweep is a block too."""
    block = round(WINDOW / dt)
    pad = -scores.shape[1] % block
    padded = (jnp if isinstance(scores, jax.Array) else np).pad(scores, ((0, 0), (0, pad), (0, 0)))
    return padded.reshape(len(scores), -1, block, scores.shape[2]).sum(axis=2)


def spike_scores(model, data, membrane, rest) -> tuple[np.ndarray, np.ndarray]:
    """The spikes' scores by sweep and block (S, b, x), and their Fisher information, (x, x)."""
    data = coarsen(data, STEP)
    scores, fisher = _spikes(model, data, (membrane, rest))
    return np.asarray(scores), np.asarray(fisher)


@eqx.filter_jit
def _spikes(model, data, groups):
    moved = [*groups[0], *groups[1]]
    expected, slopes, refractory = hazard_slopes(model, data, moved)
    score, information = counted_score_and_information(expected, data, refractory)
    fisher = jnp.einsum("st,stx,sty->xy", information, slopes, slopes)
    return _by_block(score[..., None] * slopes, data.dt), fisher
