"""Stage A: the membrane. Spikes are forced where they were recorded, and the voltage between them is fitted.

Between forced spikes the neuron is linear, so nothing explodes; and as the model's voltage is simulated (output
error), not regressed on the recording, measurement noise does not bias it.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

import glifjax as gj
from glifjax.rules.membrane import GatedCurrent
from glifjax.rules.voltage import LinearExact

from ..data.arrays import FitData, coarsen
from ..levels.names import PARTS
from ..model.coordinates import Bounded, Coordinate, place, positions
from ..model.likelihood import forced_run
from ..model.patched import PatchedNeuron
from . import Stage
from .initial import between_spikes

#: Expected misfit of a good model, V, and the time over which its errors are alike, s: they weigh data and prior.
SIGMA, CORRELATION = 2e-3, 20e-3
#: The voltage is averaged over this time, s.
BLOCK = 0.5e-3
#: A relative gain in loss, or a relative step, that ends the search.
FLAT = 1e-4
#: The slowest a gate may be, as a share of the training data: slower ones are drift.
SLOWEST = 0.1
#: Left out at the start of each sweep, s: what happened before it is not known. At most a tenth of the sweep.
SETTLE = 1.0


# Named here once, since a compiled function is found again by what it was made of.
_C = lambda model: model.neuron.C
_R = lambda model: model.neuron.R_input
_EL = lambda model: model.neuron.El_reference
_RS = lambda model: model.series_resistance
_RESET = lambda model: model.neuron.voltage_reset.b
_AMPLITUDES = lambda model: model.neuron.asc_amp_array
_TAUS = lambda model: model.neuron.asc_tau_array
_LEAK = lambda model: model.neuron.El


@cache
def _conductance(i: int) -> Callable:
    return lambda model: model.neuron.membrane_currents[i].conductance


@cache
def _half(i: int, j: int) -> Callable:
    return lambda model: model.neuron.membrane_currents[i].gates[j].V_half


@cache
def _tau(i: int, j: int) -> Callable:
    return lambda model: model.neuron.membrane_currents[i].gates[j].tau


def coordinates(model: PatchedNeuron, level: str, duration: float) -> list[Coordinate]:
    """What stage A moves, around where the model is; what the level lacks is held.

    The slope of the reset stays what it is on the recording: fitted here it follows the model's own error at the
    onsets, and predicts fewer of the training spikes (docs/results.md).

    Args:
        model: where to start.
        level: one of fitting.LEVELS.
        duration: of the training sweeps, s. A gate is no slower than SLOWEST of it, or than a tenth more than it is.
    """
    neuron, parts = model.neuron, PARTS[level]
    around = lambda where, sd, log=False: Coordinate(where, where(model), sd, log)
    moved = [around(_C, 0.7, True), around(_R, 0.7, True), around(_RS, 10e6)]
    moved.append(around(_RESET, 10e-3 * parts.resets))
    moved.append(around(_AMPLITUDES, 60e-3 / neuron.R_input * parts.currents))
    moved.append(around(_TAUS, 0.7 * parts.currents, True))
    if not parts.gates:
        return [*moved, around(_EL, 15e-3)]
    # gates are placed relative to El_reference, so beside them the leak's own reversal moves
    moved.append(around(_LEAK, 15e-3))
    for i, each in enumerate(neuron.membrane_currents):
        if not isinstance(each, GatedCurrent):
            continue
        moved.append(around(_conductance(i), 1.5, True))
        for j in range(len(each.gates)):
            moved += [around(_half(i, j), 12e-3 if j == 0 else 20e-3), _below(_tau(i, j), model, duration)]
    return moved


def _below(where: Callable, model: PatchedNeuron, duration: float) -> Coordinate:
    """A gate's time constant, between 0 and its bound."""
    tau = where(model)
    high = jnp.maximum(SLOWEST * duration, 1.1 * tau)
    return Bounded(where, tau, 0.9, log=True, low=jnp.zeros_like(high), high=high)


def fit_voltage(
    model: PatchedNeuron,
    data: FitData,
    moved: Sequence[Coordinate],
    most: int = 40,
    known: tuple[Float[np.ndarray, "k x"], Float[np.ndarray, " k"]] | None = None,
) -> Stage:
    """Levenberg-Marquardt on the voltage between spikes, with a weak prior: that of the coordinates.

    Minimises N / (2 SIGMA^2) mean (V_model - V_recorded)^2 + |x|^2 / 2 over the coordinates x, N being the observed
    time over CORRELATION. The voltage is compared, and simulated by its exact rule, in steps of BLOCK.

    Args:
        model: where to start.
        data: training sweeps.
        moved: what to move, as `coordinates` gives it.
        most: evaluations of the model at most.
        known: what else is known of the coordinates: a matrix M and a vector m add |M (x - start) + m|^2 / 2.
    """
    from scipy.optimize import least_squares

    problem = misfit(model, data, moved)
    start = np.asarray(positions(model, moved))
    matrix, offset = (np.zeros((0, start.size)), np.zeros(0)) if known is None else known
    losses: list[float] = []

    @lru_cache(1)
    def at(x: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
        residuals, slopes = _condensed(*map(np.asarray, residuals_and_slopes(np.array(x), problem)))
        return np.concatenate([residuals, matrix @ (x - start) + offset]), np.concatenate([slopes, matrix])

    def residuals(x: np.ndarray) -> np.ndarray:
        found, _ = at(tuple(x))
        losses.append(min([float(found @ found) / 2, *losses[-1:]]))
        return found

    jacobian: Any = lambda x: at(tuple(x))[1]
    found = least_squares(residuals, start, jacobian, method="lm", ftol=FLAT, xtol=FLAT, x_scale=1.0, max_nfev=most)
    return Stage(place(model, moved, found.x), "membrane", "misfit and prior (nats)", losses)


def _exact(model: PatchedNeuron) -> PatchedNeuron:
    """The model with the exact voltage rule, which coarse steps call for."""
    return eqx.tree_at(lambda m: m.neuron.voltage_dynamics, model, LinearExact())


def observed_steps(data: FitData, cut: float) -> np.ndarray:
    """(S, T): True where the voltage is compared: outside spikes and their cut (s), after the start of a sweep."""
    keep = between_spikes(data, cut) & data.counted
    for row, valid in zip(keep, data.valid, strict=True):
        row[: int(min(SETTLE / data.dt, 0.1 * valid.sum()))] = False
    return keep


def predict(model: PatchedNeuron, data: FitData, run: gj.Trace | None = None) -> Float[Array, "S T"]:
    """The voltage the amplifier would show, V, on the mean over each step; `run` is the model's `forced_run`."""
    run = forced_run(model, data) if run is None else run
    after = run.voltage_before_reset
    before = jnp.concatenate([run.initial_voltage[:, None], after[:, :-1]], axis=1)
    return model.recorded((before + after) / 2, jnp.asarray(data.current))


def misfit(model: PatchedNeuron, data: FitData, moved: Sequence[Coordinate], step: float = BLOCK) -> tuple:
    """The problem that `residuals_at` takes: the voltage compared, and simulated exactly, in steps."""
    data = coarsen(data, step)
    return _exact(model), moved, data, observed_steps(data, float(model.neuron.spike_cut_duration))


@eqx.filter_jit
def residuals_at(x: Float[ArrayLike, " x"], problem: tuple) -> Float[Array, " r"]:
    """Errors of the voltage, weighed, and the prior's: their squares sum to twice the loss."""
    model, moved, data, observed = problem
    placed = place(model, moved, x)
    error = jnp.where(observed, predict(placed, data) - data.voltage, 0.0)
    weight = jnp.sqrt(data.dt / CORRELATION) / SIGMA
    return jnp.concatenate([jnp.ravel(error * weight), x])


@eqx.filter_jit
def residuals_and_slopes(x: Float[ArrayLike, " x"], problem: tuple) -> tuple[Float[Array, " r"], Float[Array, "r x"]]:
    """The same, and their derivatives by x."""
    slopes, residuals = jax.jacfwd(lambda x: (residuals_at(x, problem),) * 2, has_aux=True)(x)
    return residuals, slopes


def _condensed(r: Float[np.ndarray, " r"], J: Float[np.ndarray, "r x"]) -> tuple[np.ndarray, np.ndarray]:
    """Residuals f and derivatives F, of which there are only x + 1, and which least squares cannot tell from r and J.

    Where these are not finite, which ends a step there, f is infinite.

    F^T F = J^T J, F^T f = J^T r and |f| = |r|: F = [L^T; 0] with L L^T = J^T J, and f = [L^-1 J^T r; the rest of |r|].
    """
    n, normal, gradient = J.shape[1], J.T @ J, J.T @ r
    if not np.isfinite(normal).all() or not np.isfinite(gradient).all():
        return np.full(n + 1, np.inf), np.zeros((n + 1, n))
    L = np.linalg.cholesky(normal)
    f = np.linalg.solve(L, gradient)
    rest = np.sqrt(max(r @ r - f @ f, 0.0))
    return np.append(f, rest), np.concatenate([L.T, np.zeros((1, n))])
