"""How well the data determine a fit: standard errors, correlations, and what they leave to the prior.

A fit solves two sets of equations, g_A(x_A) = 0 for the membrane (stage A) and g_B(x_A, x_B) = 0 for the threshold
(stage B), in coordinates whose prior is standard normal. To first order its errors have the covariance

    M^-1 (S + I) M^-T,    M = [[J^T J + I, 0], [F_BA, F_BB + I]],    S = cov (g_A, g_B)

J are the weighed voltage errors' derivatives (Gauss-Newton), F = sum_t i_t (du_t/dx_B) (du_t/dx)^T the Fisher
information of the spikes, u = log lambda dt, membrane included. Where the spikes have their say in the membrane (stage
joint), g_A holds their score by x_A, and M all of F. S is taken from the data: the scores' sums over blocks
of time, so that neither the weights of stage A nor the errors' independence need be right (Newey & McFadden 1994,
Handbook of Econometrics 4, 2111, eq. 6.6 for two steps; Cameron & Miller 2015, J Hum Resour 50:317 for blocks). The
prior is a part of the equations, and I the covariance of its score. Where the data say nothing, M and S vanish, and
what remains is the prior. Stage A works in coarse steps; what these add to its score is an error of known size, and
its square a part of S. What is measured on the spikes (their onset, the end of their cut, the slope of the reset) has
errors s of its own, of sizes known from simulated cells, and adds (dg/ds)^2 s^2.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..data.arrays import FitData, coarsen
from ..levels.base import AbstractLevel
from ..model.coordinates import AbstractCoordinate, origin, place, positions, widths
from ..model.hazard import STEP
from ..model.likelihood import counted_score_and_information, log_hazard
from ..model.parameters import quantities
from ..model.patched import PatchedNeuron, strong_types
from ..stages.membrane import Membrane

#: Scores are summed over blocks of this, s, which are taken for independent.
WINDOW = 1.0
#: The probability that an interval holds.
LEVEL = 0.9
#: The samples that it is found from.
SAMPLES = 4000
#: How many of the samples are kept as neurons.
DRAWS = 50
#: A direction is undetermined where its sd is more than this share of the prior's.
UNDETERMINED = 0.5
#: A parameter takes part in a direction from this share of its square on.
PART = 0.1
#: How far off the measured onset of the spikes, the end of their cut (s) and the reset's slope are (sd): the onset as
#: measured on eight simulated cells (1 to 8 of benchmarks/interval_coverage.py), the others chosen so that intervals
#: held the truth of these.
SPIKE_ERRORS = (0.1e-3, 0.15e-3, 0.05)
#: The changes in them that derivatives are taken over.
SPIKE_STEPS = (0.5e-3, 0.5e-3, 0.1)
#: Parameters with a correlation beyond this are known only together.
TIED = 0.95


@dataclass(frozen=True)
class Uncertainty:
    """Standard errors of a fitted neuron's parameters, and what the data do not determine.

    Attributes:
        names: the parameters that the fit moves, as fitting.model.parameters names them.
        errors: their standard errors, (p,), in the same units.
        intervals: lower and upper ends of their 90 % intervals, (p, 2).
        correlations: (p, p).
        undetermined: directions that the data leave to the prior: the parameters in each, and its sd, the prior's
            being 1; the least determined first.
        draws: neurons as probable as the data leave them, with the spikes' shape as measured: one PatchedNeuron whose
            arrays have DRAWS first.
    """

    names: tuple[str, ...]
    errors: Float[np.ndarray, " p"]
    intervals: Float[np.ndarray, "p 2"]
    correlations: Float[np.ndarray, "p p"]
    undetermined: tuple[tuple[tuple[str, ...], float], ...]
    draws: PatchedNeuron

    @property
    def tied(self) -> list[tuple[str, ...]]:
        """Groups of parameters that are known better together than one by one: linked by correlations beyond TIED."""
        return self._groups(np.abs(self.correlations) > TIED)

    @property
    def loose(self) -> list[tuple[str, ...]]:
        """The parameters of the undetermined directions; those that share one are grouped."""
        linked = np.zeros(self.correlations.shape, dtype=bool)
        for names, _ in self.undetermined:
            at = [self.names.index(name) for name in names]
            linked[np.ix_(at, at)] = True
        return self._groups(linked, single=True)

    def _groups(self, linked: np.ndarray, single: bool = False) -> list[tuple[str, ...]]:
        from scipy.sparse.csgraph import connected_components

        _, group = connected_components(linked)
        groups = [tuple(self.names[i] for i in np.flatnonzero(group == number)) for number in np.unique(group)]
        of_one = {name for name, alone in zip(self.names, linked.diagonal(), strict=True) if alone and single}
        return [names for names in groups if len(names) > 1 or of_one.issuperset(names)]

    def as_dict(self) -> dict[str, Any]:
        """What fit.json holds."""
        return {
            "standard_errors": dict(zip(self.names, self.errors.tolist(), strict=True)),
            "intervals_90": dict(zip(self.names, self.intervals.tolist(), strict=True)),
            "correlations": {"parameters": self.names, "matrix": np.round(self.correlations, 4).tolist()},
            "undetermined": [{"parameters": names, "sd_of_prior": sd} for names, sd in self.undetermined],
        }


def laplace(
    model: PatchedNeuron,
    data: FitData,
    level: AbstractLevel,
    seed: int = 0,
    membrane: Sequence[AbstractCoordinate] | None = None,
    spike_errors: tuple[float, float, float] = SPIKE_ERRORS,
    joint: bool = False,
) -> Uncertainty:
    """The uncertainty of a fitted neuron, lambda0 and the lapses taken as known.

    Args:
        model: as the fit works on its level (see fitting.levels), fitted.
        data: its training sweeps.
        level: what was fitted.
        seed: of the samples that intervals are found from.
        membrane: what stage A moved; all that it can if None.
        spike_errors: how well the spikes' onset (s), the end of their cut (s) and the slope of the voltage's reset are
            known that were measured on them: standard errors, 0 for what is given.
        joint: whether the spikes had their say in the membrane (fitting.stages.joint).
    """
    model = strong_types(model)
    every, rest = level.coordinates(model, data.duration)
    membrane = every if membrane is None else list(membrane)
    moved = [*membrane, *rest]
    if not level.finish(model).neuron.has_reset_rules:
        spike_errors = (*spike_errors[:2], 0.0)
    first = 0 if joint else len(origin(membrane))
    covariance, given, free = _covariances(model, data, membrane, rest, spike_errors, first)
    x = np.asarray(positions(model, moved))

    # compiled around the model: parameters are named by the values of those that are not moved
    problem = (model, moved, level)
    written, placed = (lambda x: _written(x, problem)), (lambda x: _placed(x, problem))
    slopes = np.asarray(jax.jit(jax.jacfwd(written))(jnp.asarray(x)))[:, free]
    described = (slopes != 0).any(axis=1)
    slopes = slopes[described]
    names = [name for name, moves in zip(quantities(level.finish(model)), described, strict=True) if moves]
    parameters_covariance = slopes @ covariance @ slopes.T
    errors = np.sqrt(np.diag(parameters_covariance))

    random = np.random.default_rng(seed)

    def drawn(covariance: np.ndarray, count: int) -> Float[Array, "n x"]:
        spreads, directions = np.linalg.eigh(covariance)
        draws = np.tile(x, (count, 1))
        draws[:, free] += random.normal(size=(count, len(spreads))) * np.sqrt(np.maximum(spreads, 0)) @ directions.T
        return jnp.asarray(draws)

    sampled = np.asarray(jax.jit(jax.vmap(written))(drawn(covariance, SAMPLES)))[:, described]
    return Uncertainty(
        names=tuple(names),
        errors=errors,
        intervals=np.quantile(sampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0).T,
        correlations=parameters_covariance / np.outer(errors, errors),
        undetermined=_undetermined(*np.linalg.eigh(given), names, slopes),
        draws=jax.jit(jax.vmap(placed))(drawn(given, DRAWS)),
    )


def _undetermined(spreads, directions, names, slopes) -> tuple:
    """Directions that are nearly as wide as the prior, in the names of the parameters that they move."""
    share = (slopes / np.linalg.norm(slopes, axis=1, keepdims=True)) ** 2
    called = [names[i] for i in np.argmax(share.round(6), axis=0)]
    loose = []
    for spread, direction in zip(spreads[::-1], directions.T[::-1], strict=True):
        if np.sqrt(spread) > UNDETERMINED:
            parts = [called[i] for i in np.argsort(-(direction**2)) if direction[i] ** 2 > PART]
            loose.append((tuple(dict.fromkeys(parts)), float(np.sqrt(spread))))
    return tuple(loose)


# ------------------------------------------------------------------------------------------------ covariance


def _covariances(model, data, membrane, rest, spike_errors, first) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The covariance of the free coordinates, that with what is measured on the spikes given, and which are free.

    first: the first of the coordinates that the spikes have a say in.
    """
    errors, slopes, dt = membrane_errors(model, data, membrane)
    coarse = np.einsum("st,stx->x", errors - fine_errors(model, data, membrane, errors.shape), slopes)
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
    meat[:n, :n] += np.outer(coarse, coarse)
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
    misfit = Membrane(moved=tuple(moved)).misfit(model, data)
    shape, n = misfit.data.voltage.shape, misfit.data.voltage.size
    errors, slopes = (np.asarray(array)[:n] for array in misfit.residuals_and_slopes(positions(model, moved)))
    return errors.reshape(shape), slopes.reshape(*shape, -1), misfit.data.dt


def fine_errors(model, data, moved, shape) -> np.ndarray:
    """The same errors (S, T) where the recording's own steps are simulated, averaged over stage A's."""
    misfit = Membrane(moved=tuple(moved)).misfit(model, data, step=data.dt)
    errors = np.asarray(misfit.residuals(positions(model, moved)))
    errors, steps = errors[: data.voltage.size].reshape(data.voltage.shape), data.voltage.shape[1] // shape[1]
    # weights go with the root of a step
    return errors[:, : shape[1] * steps].reshape(*shape, steps).sum(axis=2) / np.sqrt(steps)


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
    log_expected, slopes, refractory = log_hazard(model, data, moved)
    score, information = counted_score_and_information(jnp.exp(log_expected), data, refractory)
    fisher = jnp.einsum("st,stx,sty->xy", information, slopes, slopes)
    return _by_block(score[..., None] * slopes, data.dt), fisher


# ------------------------------------------------------------------------------------------------ parameters


def _placed(x, problem) -> PatchedNeuron:
    """The model at coordinates x, made of the rules of its level."""
    model, moved, level = problem
    return level.finish(place(model, moved, x))


def _written(x, problem) -> Float[Array, " p"]:
    """The parameters as a person writes them, at coordinates x."""
    return jnp.stack([value * scale for value, scale, _ in quantities(_placed(x, problem)).values()])
