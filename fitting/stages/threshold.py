"""Stage B: the threshold and its hazard, given the membrane, by maximum likelihood of the recorded spikes.

The hazard's exponential part, log e = log lambda0 + (V - th_inf - s - w) / delta_v, is linear in 1/delta_v,
th_inf/delta_v, a_spike/delta_v and a_voltage/delta_v once the two decay rates are given, which fitting.model.hazard
makes use of: over a grid of rates, each pair starting from what the last one came to. The best pair is polished
together with the rest. V is the model's own voltage, never the recording.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..data.arrays import DataError, FitData, coarsen
from ..levels.names import PARTS
from ..model.coordinates import Coordinate, place, positions
from ..model.hazard import HELD, JITTER, LAMBDA0, STEP, WIDEST, gather, maximise_hazard, start_hazard
from ..model.likelihood import counted_score_and_information, forced_run, log_hazard, spike_log_likelihood
from ..model.patched import PatchedNeuron
from . import Stage
from .kernels import fit_kernels, jittered

#: Rates that are tried, 1/s: the published ones (Teeter et al. 2018: 5 to 95 %), and slower.
B_SPIKE = np.geomspace(4.0, 900.0, 7)
B_VOLTAGE = np.geomspace(2.0, 900.0, 8)
#: Weak normal prior on (1/delta_v, -, a_spike/delta_v, a_voltage/(b_voltage delta_v)) in the grid, per mV where not 1.
PRIOR_MEAN, PRIOR_SD = np.array([0.5, 0.0, 0.0, 0.0]), np.array([1.0, np.inf, 3.0, 1.0])
#: Silent steps are sampled every so often in the grid search, s; all steps that hold spikes are kept.
STRIDE = 1e-3


# Named here once, since a compiled function is found again by what it was made of.
_TH_INF = lambda model: model.neuron.th_inf
_LAMBDA0 = lambda model: model.neuron.escape_noise.lambda0
_DELTA_V = lambda model: model.neuron.escape_noise.delta_v
_JITTER = lambda model: model.neuron.escape_noise.jitter
_A_SPIKE = lambda model: model.neuron.threshold_reset.a_spike
_B_SPIKE = lambda model: (model.neuron.threshold_dynamics.b_spike, model.neuron.threshold_reset.b_spike)
_A_VOLTAGE = lambda model: model.neuron.threshold_dynamics.a_voltage
_B_VOLTAGE = lambda model: model.neuron.threshold_dynamics.b_voltage


def coordinates(model: PatchedNeuron, level: str) -> list[Coordinate]:
    """What the polish moves; priors are twice as wide as the published distributions (Teeter et al. 2018)."""
    neuron, parts = model.neuron, PARTS[level]
    held = lambda part, where, centre, sd: (centre, sd) if part else (where(model), 0.0)
    rate = lambda where: lambda model: where(model)[0]
    return [
        Coordinate(_TH_INF, neuron.th_inf, 10e-3),
        Coordinate(_DELTA_V, 2e-3, 1.0, log=True),
        Coordinate(_JITTER, *JITTER, log=True),
        Coordinate(_A_SPIKE, *held(parts.resets, _A_SPIKE, 2.6e-3, 6e-3)),
        Coordinate(_B_SPIKE, *held(parts.resets, rate(_B_SPIKE), 120.0, 1.5), log=True),
        Coordinate(_A_VOLTAGE, *held(parts.adapts, _A_VOLTAGE, 20.0, 40.0)),
        Coordinate(_B_VOLTAGE, *held(parts.adapts, _B_VOLTAGE, 66.0, 1.3), log=True),
    ]


def fit_threshold(model: PatchedNeuron, data: FitData, level: str, max_steps: int = 30) -> Stage:
    """Escape noise and threshold of a patched neuron, its membrane left as it is.

    Args:
        model: after stage A, as the fit works on its level (see fitting.levels).
        data: training sweeps.
        level: what is fitted.
        max_steps: iterations of the polish (Fisher scoring) at most.

    Raises:
        DataError: no spikes to learn from.
    """
    if not data.n_spikes:
        raise DataError(
            f"sweeps {', '.join(map(str, data.numbers))} hold no spikes, so no threshold can be fitted; train on others"
        )
    if PARTS[level].gates:
        return fit_kernels(model, data)
    model, data = jittered(model, data), coarsen(data, STEP)
    model = _search_rates(model, data, level)
    return refit_threshold(model, data, level, max_steps)


def refit_threshold(model: PatchedNeuron, data: FitData, level: str, max_steps: int = 30) -> Stage:
    """As fit_threshold, from the threshold that the model already has."""
    if PARTS[level].gates:
        return fit_kernels(model, data)
    model, data = jittered(model, data), coarsen(data, STEP)
    model, losses = maximise_likelihood(model, coordinates(model, level), data, max_steps)
    return Stage(model, "threshold", "negative log-likelihood and prior (nats)", losses)


# ------------------------------------------------------------------------------------------ grid over the rates


def _search_rates(model: PatchedNeuron, data: FitData, level: str) -> PatchedNeuron:
    """The model at the best pair of rates, with the maximum-likelihood threshold for it."""
    parts = PARTS[level]
    voltage, raised, dragged, refractory = (np.asarray(each) for each in _features(model, data))
    spiking = data.forced & data.counted
    silent = data.counted & ~refractory & ~spiking
    stride = max(1, round(STRIDE / data.dt))
    silent[:, np.arange(silent.shape[1]) % stride > 0] = False

    one, every = np.ones_like(voltage), np.full_like(voltage, stride)

    mean = np.append(PRIOR_MEAN, np.log(JITTER[0]))
    sd = np.append(np.where([True, True, parts.resets, parts.adapts], PRIOR_SD, HELD), JITTER[1])
    start, found = None, []
    for i in range(len(B_SPIKE) if parts.resets else 1):
        for j in range(len(B_VOLTAGE) if parts.adapts else 1):
            columns = np.stack([1e3 * voltage, np.ones_like(voltage), -raised[i], -1e3 * dragged[j]])
            steps = (*gather(columns, silent, every), *gather(columns, spiking, one))
            problem = (steps[0], steps[2], data.dt, steps[1], steps[3])
            if start is None:
                first = np.array([0.5, np.log(LAMBDA0) - 0.5e3 * voltage[spiking].mean(), 0.0, 0.0])
                start = start_hazard(_maximise, problem, mean, sd, first)
            # each pair of rates starts from what the last one ended with
            loss, start = _maximise(*problem, mean, sd, start, model.noise.lapse)
            found.append((float(loss), B_SPIKE[i], B_VOLTAGE[j], np.asarray(start)))
    _, b_spike, b_voltage, (slope, offset, jump, drag, jitter) = min(found, key=lambda each: each[0])
    delta_v = 1e-3 / max(slope, 1e-3 / WIDEST)
    th_inf = -(offset - np.log(LAMBDA0)) * delta_v
    a_spike, a_voltage = jump * delta_v * parts.resets, drag * 1e3 * delta_v * b_voltage * parts.adapts
    return _with_threshold(model, th_inf, delta_v, a_spike, b_spike, a_voltage, b_voltage, np.exp(jitter))


def _with_threshold(model, th_inf, delta_v, a_spike, b_spike, a_voltage, b_voltage, jitter) -> PatchedNeuron:
    """The model with these threshold parameters."""
    values = (th_inf, LAMBDA0, delta_v, jitter, a_spike, b_spike, b_spike, a_voltage, b_voltage)
    where = lambda m: (
        _TH_INF(m),
        _LAMBDA0(m),
        _DELTA_V(m),
        _JITTER(m),
        _A_SPIKE(m),
        *_B_SPIKE(m),
        _A_VOLTAGE(m),
        _B_VOLTAGE(m),
    )
    return eqx.tree_at(where, model, tuple(jnp.asarray(value, dtype=float) for value in values))


@eqx.filter_jit
def _features(model, data):
    """V, the components for a_spike = 1 V and a_voltage = b_voltage at each rate (rates, ...), refractory; (S, T)."""

    def run(b_spike, b_voltage, a_spike, a_voltage):
        return forced_run(_with_threshold(model, 0.0, 1e-3, a_spike, b_spike, a_voltage, b_voltage, 0.0), data)

    trace = run(1.0, 1.0, 0.0, 0.0)
    raised = jax.vmap(lambda b: run(b, 1.0, 1.0, 0.0).threshold_before_reset)(jnp.asarray(B_SPIKE))
    dragged = jax.vmap(lambda b: run(1.0, b, 0.0, b).threshold_before_reset)(jnp.asarray(B_VOLTAGE))
    return trace.voltage_before_reset, raised, dragged, trace.refractory


_maximise = eqx.filter_jit(maximise_hazard)


# ---------------------------------------------------------------------------------------------------- polish


#: The polish stops when a step changes the loss by less, nats.
POLISHED = 0.05
#: The damping that it starts with, and what multiplies it after a step that gained and after one that did not.
DAMPING, EASED, TIGHTENED = 1e-3, 0.1, 5.0


def maximise_likelihood(
    model: PatchedNeuron, moved: Sequence[Coordinate], data: FitData, max_steps: int = 30
) -> tuple[PatchedNeuron, list[float]]:
    """Damped Fisher scoring on the recorded spikes' likelihood and the prior, over every step of the recording.

    x <- x - (F + damping diag F)^-1 g, with g the gradient and F the Fisher information, the prior's share in both.
    Returns the model and the objective (nats) after each step that gained.
    """
    x, problem, damping = np.asarray(positions(model, moved)), (model, moved, data), DAMPING
    at = lambda x: tuple(np.asarray(each) for each in _expand(x, problem))
    loss, gradient, fisher = at(x)
    losses = [float(loss)]
    for _ in range(max_steps):
        step = -np.linalg.solve(fisher + damping * np.diag(np.diag(fisher)), gradient)
        found = at(x + step)
        gain = losses[-1] - float(found[0])
        if gain > 0:
            x, (loss, gradient, fisher) = x + step, found
            losses.append(float(loss))
        damping *= EASED if gain > 0 else TIGHTENED
        if abs(gain) < POLISHED:
            break
    return place(model, moved, x), losses


@eqx.filter_jit
def _expand(x, problem):
    """At coordinates x the loss, its gradient g and the Fisher information F."""
    model, moved, data = problem
    placed = place(model, moved, x)
    found, slopes, refractory = log_hazard(placed, data, moved)
    expected = jnp.exp(found)
    score, information = counted_score_and_information(expected, data, refractory)
    spiked = data.forced & data.counted
    loss = jnp.sum(x**2) / 2 - spike_log_likelihood(expected, spiked, data.counted & ~refractory)
    gradient = x + jnp.einsum("st,stx->x", score, slopes)
    fisher = jnp.eye(len(x)) + jnp.einsum("st,stx,sty->xy", information, slopes, slopes)
    return loss, gradient, fisher
