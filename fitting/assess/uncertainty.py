"""How well the data determine a fit: standard errors, correlations, and what they leave to the prior.

What the errors are is told by their covariance (covariance.py); the neurons that are as probable as the data leave them
are drawn by a few Metropolis steps, as the data exclude what a normal distribution would allow (draws.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..data.arrays import FitData
from ..levels.base import AbstractLevel
from ..model.confidence import LEVEL
from ..model.coordinates import AbstractCoordinate, origin, place, positions
from ..model.parameters import quantities
from ..model.patched import PatchedNeuron, strong_types
from ..stages.membrane import Membrane
from .covariance import covariances
from .draws import metropolis, voltage_excess

#: The samples that it is found from.
SAMPLES = 4000
#: How many of the samples are kept as neurons.
DRAWS = 50
#: A direction is undetermined where its sd is more than this share of the prior's.
UNDETERMINED = 0.5
#: A parameter takes part in a direction from this share of its square on.
PART = 0.1
#: How far off the measured onset of the spikes, the end of their cut (s) and the reset's slope are (sd): the onset a
#: step of the fit (0.03 ms on simulated cells; amplifiers blur more), the cut by what it is off on cells 41 to 60 of
#: benchmarks/interval_coverage.py (0.18 ms), the slope as chosen so that intervals held the truth of cells 1 to 8.
SPIKE_ERRORS = (0.1e-3, 0.2e-3, 0.05)
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
    covariance, given, free = covariances(model, data, membrane, rest, spike_errors, first)
    x = np.asarray(positions(model, moved))

    # compiled around the model: parameters are named by the values of those that are not moved
    placed = lambda x: level.finish(place(model, moved, x))
    written = lambda x: jnp.stack([value * scale for value, scale, _ in quantities(placed(x)).values()])
    slopes = np.asarray(jax.jit(jax.jacfwd(written))(jnp.asarray(x)))[:, free]
    described = (slopes != 0).any(axis=1)
    slopes = slopes[described]
    names = [name for name, moves in zip(quantities(level.finish(model)), described, strict=True) if moves]
    parameters_covariance = slopes @ covariance @ slopes.T
    errors = np.sqrt(np.diag(parameters_covariance))

    random = np.random.default_rng(seed)

    def around(errors: np.ndarray) -> Float[Array, "n x"]:
        draws = np.tile(x, (len(errors), 1))
        draws[:, free] += errors
        return jnp.asarray(draws)

    normal = random.multivariate_normal(np.zeros(len(covariance)), covariance, SAMPLES, method="eigh")
    sampled = np.asarray(jax.jit(jax.vmap(written))(around(normal)))[:, described]
    n = len(origin(membrane))
    misfit = Membrane(moved=tuple(membrane)).misfit(model, data).corrected(x[:n], data)
    excess, curvature = voltage_excess(misfit, x[:n], free[:n])
    n = len(curvature)
    scale = max(1.0, float(np.trace(curvature @ given[:n, :n])) / n)
    draws = metropolis(lambda errors: excess(errors[:, :n]), given, DRAWS, random, scale)
    return Uncertainty(
        names=tuple(names),
        errors=errors,
        intervals=np.quantile(sampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0).T,
        correlations=parameters_covariance / np.outer(errors, errors),
        undetermined=_undetermined(*np.linalg.eigh(given), names, slopes),
        draws=jax.jit(jax.vmap(placed))(around(draws)),
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
