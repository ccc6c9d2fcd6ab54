"""Stage A: the membrane. Spikes are forced where they were recorded, and the voltage between them is fitted.

Between forced spikes the neuron is linear, so nothing explodes; and as the model's voltage is simulated (output
error), not regressed on the recording, measurement noise does not bias it.
"""

from collections.abc import Callable, Sequence
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from jaxtyping import Array, Float

from fitting.coordinates import Coordinate, origin, place
from fitting.data import FitData, coarsen
from fitting.electrode import PatchedNeuron
from fitting.stages import Stage
from fitting.stages.initial import between_spikes

#: Expected misfit of a good model, V, and the time over which its errors are alike, s: they weigh data and prior.
SIGMA, CORRELATION = 2e-3, 20e-3
#: Residuals are means over this time, s.
BLOCK = 0.5e-3
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


def coordinates(model: PatchedNeuron) -> list[Coordinate]:
    """What stage A moves: C, R, El, Rs; the voltage reset and the afterspike currents where the level has them.

    The slope of the reset stays what it is on the recording: fitted here it follows the model's own error at the
    onsets, and predicts fewer of the training spikes (docs/results.md).
    """
    neuron = model.neuron
    around = lambda where, sd, log=False: Coordinate(where, where(model), sd, log)
    moved = [around(_C, 0.7, True), around(_R, 0.7, True), around(_RS, 10e6)]
    # gates are placed relative to El_reference, so beside them the leak's own reversal moves
    moved.append(around(_LEAK if neuron.membrane_currents else _EL, 15e-3))
    if neuron.has_reset_rules:
        moved.append(around(_RESET, 10e-3))
    if neuron.has_afterspike_currents:
        moved.append(around(_AMPLITUDES, 60e-3 / neuron.R_input))
    if neuron.has_afterspike_currents and not neuron.membrane_currents:
        moved.append(around(_TAUS, 0.7, True))
    for i, each in enumerate(neuron.membrane_currents):
        moved.append(around(_conductance(i), 1.5, True))
        for j, gate in enumerate(each.gates):
            moved += [around(_half(i, j), 12e-3 if j == 0 else 20e-3), around(_tau(i, j), 0.9, True)]
    return moved


def fit_voltage(
    model: PatchedNeuron, data: FitData, max_steps: int = 40, moved: Sequence[Coordinate] | None = None
) -> Stage:
    """Levenberg-Marquardt on the voltage between spikes, with a weak prior around the start.

    Minimises N / (2 SIGMA^2) mean (V_model - V_recorded)^2 + |x|^2 / 2 over the coordinates x, N being the observed
    time over CORRELATION.

    Args:
        model: where to start; the prior is centred there.
        data: training sweeps.
        max_steps: iterations at most.
        moved: what to move; `coordinates(model)` if None.
    """
    moved = coordinates(model) if moved is None else moved
    if model.neuron.membrane_currents:
        data = coarsen(data, BLOCK)
    problem = (model, moved, data, observed_steps(data, float(model.neuron.spike_cut_duration)))
    solver = optx.LevenbergMarquardt(rtol=1e-3, atol=1e-3)
    x, losses = origin(moved), []
    state, loss = _start(solver, x, problem)
    for _ in range(max_steps):
        losses.append(float(loss))
        x, state, done, loss = _step(solver, x, state, problem)
        if done:
            break
    losses.append(float(loss))
    return Stage(place(model, moved, x), "membrane", "misfit and prior (nats)", losses)


def observed_steps(data: FitData, cut: float) -> np.ndarray:
    """(S, T): True where the voltage is compared: outside spikes and their cut (s), after the start of a sweep."""
    keep = between_spikes(data, cut) & data.counted
    for row, valid in zip(keep, data.valid, strict=True):
        row[: int(min(SETTLE / data.dt, 0.1 * valid.sum()))] = False
    return keep


def predict(model: PatchedNeuron, data: FitData) -> Float[Array, "S T"]:
    """The voltage the amplifier would show, V, with spikes forced where they were recorded."""

    def one(current, voltage, forced):
        trace = model.simulate(current, data.dt, recorded_start=voltage[0], spikes=forced)
        return model.recorded(trace.voltage_before_reset, current)

    return jax.vmap(one)(jnp.asarray(data.current), jnp.asarray(data.voltage), jnp.asarray(data.forced))


def _residuals(x, problem):
    model, moved, data, observed = problem
    error = jnp.where(observed, predict(place(model, moved, x), data) - data.voltage, 0.0)
    block = max(1, round(BLOCK / data.dt))
    whole = error.shape[1] // block * block
    blocks = lambda array: array[:, :whole].reshape(len(array), -1, block).sum(axis=2)
    count = blocks(jnp.asarray(observed))
    weight = jnp.sqrt(data.dt / CORRELATION) / SIGMA / jnp.sqrt(jnp.maximum(count, 1))
    return blocks(error) * weight, x


def _loss(residuals):
    return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(residuals)) / 2


_function = lambda x, problem: (_residuals(x, problem), None)


@eqx.filter_jit
def _start(solver, x, problem):
    shapes = eqx.filter_eval_shape(_function, x, problem)
    state = solver.init(_function, x, problem, {"jac": "fwd"}, *shapes, frozenset())
    return state, _loss(_residuals(x, problem))


@eqx.filter_jit
def _step(solver, x, state, problem):
    x, state, _ = solver.step(_function, x, problem, {"jac": "fwd"}, state, frozenset())
    done, _ = solver.terminate(_function, x, problem, {"jac": "fwd"}, state, frozenset())
    return x, state, done, _loss(_residuals(x, problem))
