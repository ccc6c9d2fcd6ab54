"""Stage B: the threshold and its hazard, given the membrane, by maximum likelihood of the recorded spikes.

log lambda = log lambda0 + (V - th_inf - s - w) / delta_v is linear in 1/delta_v, th_inf/delta_v, a_spike/delta_v and
a_voltage/delta_v once the two decay rates are given, so that for each pair of rates the likelihood is concave: it
is maximised by Newton's method over a grid of rates, and the best pair is polished together with the rest.
V is the model's own voltage, never the recording.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from fitting.coordinates import Coordinate, place, values
from fitting.data import DataError, FitData
from fitting.electrode import PatchedNeuron
from fitting.hazard import maximise_hazard
from fitting.likelihood import log_likelihood
from fitting.stages import Stage
from glifjax.spike import EscapeNoise

#: Hazard at the threshold, 1/s, until a deterministic threshold is chosen.
LAMBDA0 = 1e3
#: Rates that are tried, 1/s: the published ones (Teeter et al. 2018: 5 to 95 %), and slower.
B_SPIKE = np.geomspace(4.0, 900.0, 7)
B_VOLTAGE = np.geomspace(2.0, 900.0, 8)
#: Weak normal prior on (1/delta_v, -, a_spike/delta_v, a_voltage/(b_voltage delta_v)) in the grid, per mV where not 1.
PRIOR_MEAN, PRIOR_SD = np.array([0.5, 0.0, 0.0, 0.0]), np.array([1.0, np.inf, 3.0, 1.0])
#: Silent steps are sampled every so often in the grid search, s; spikes never are.
STRIDE = 0.5e-3
#: The widest hazard, V: where the voltage says nothing about the spikes.
WIDEST = 0.03


# Named here once, since a compiled function is found again by what it was made of.
_TH_INF = lambda model: model.neuron.th_inf
_DELTA_V = lambda model: model.neuron.escape_noise.delta_v
_A_SPIKE = lambda model: model.neuron.threshold_reset.a_spike
_B_SPIKE = lambda model: (model.neuron.threshold_dynamics.b_spike, model.neuron.threshold_reset.b_spike)
_A_VOLTAGE = lambda model: model.neuron.threshold_dynamics.a_voltage
_B_VOLTAGE = lambda model: model.neuron.threshold_dynamics.b_voltage


def coordinates(model: PatchedNeuron) -> list[Coordinate]:
    """What the polish moves; priors are twice as wide as the published distributions (Teeter et al. 2018)."""
    neuron = model.neuron
    moved = [Coordinate(_TH_INF, neuron.th_inf, 10e-3), Coordinate(_DELTA_V, 2e-3, 1.0, log=True)]
    if neuron.has_reset_rules:
        moved += [Coordinate(_A_SPIKE, 2.6e-3, 6e-3), Coordinate(_B_SPIKE, 120.0, 1.5, log=True)]
    if neuron.has_adapting_threshold:
        moved += [Coordinate(_A_VOLTAGE, 20.0, 40.0), Coordinate(_B_VOLTAGE, 66.0, 1.3, log=True)]
    return moved


def fit_threshold(model: PatchedNeuron, data: FitData, max_steps: int = 30) -> Stage:
    """Escape noise and threshold of a patched neuron, its membrane left as it is.

    Args:
        model: after stage A.
        data: training sweeps.
        max_steps: iterations of the polish (optax L-BFGS) at most.

    Raises:
        DataError: no spikes to learn from.
    """
    if not data.n_spikes:
        raise DataError(f"sweeps {data.numbers} hold no spikes, so no threshold can be fitted; train on others")
    model = _search_rates(model, data)
    moved = coordinates(model)
    model, losses = maximise_likelihood(model, moved, data, max_steps)
    return Stage(model, "threshold", "negative log-likelihood and prior (nats)", losses)


# ------------------------------------------------------------------------------------------ grid over the rates


def _search_rates(model: PatchedNeuron, data: FitData) -> PatchedNeuron:
    """The model at the best pair of rates, with the maximum-likelihood threshold for it."""
    neuron = model.neuron
    spike_rates = B_SPIKE if neuron.has_reset_rules else B_SPIKE[:1]
    voltage_rates = B_VOLTAGE if neuron.has_adapting_threshold else B_VOLTAGE[:1]
    voltage, raised, dragged, spiked, free = _features(model, data, spike_rates, voltage_rates)
    stride = max(1, round(STRIDE / data.dt))
    sampled = np.zeros_like(free)
    sampled[..., ::stride] = free[..., ::stride]
    sampled |= spiked
    pick = lambda feature: jnp.asarray(np.asarray(feature)[..., sampled])
    voltage, raised, dragged, spiked = map(pick, (voltage, raised, dragged, spiked))

    pairs = jnp.stack(jnp.meshgrid(jnp.arange(len(raised)), jnp.arange(len(dragged))), axis=-1).reshape(-1, 2)
    losses, weights = _maximise(pairs, voltage * 1e3, raised, dragged * 1e3, spiked, jnp.log(stride), jnp.log(data.dt))
    best = int(jnp.nanargmin(losses))
    slope, offset, jump, drag = (float(weight) for weight in weights[best])
    delta_v = 1e-3 / max(slope, 1e-3 / WIDEST)
    b_spike, b_voltage = (rates[i] for rates, i in zip((spike_rates, voltage_rates), pairs[best], strict=True))
    th_inf = -(offset - np.log(LAMBDA0)) * delta_v
    return _with_threshold(model, th_inf, delta_v, jump * delta_v, b_spike, drag * 1e3 * delta_v * b_voltage, b_voltage)


def _with_threshold(model, th_inf, delta_v, a_spike, b_spike, a_voltage, b_voltage) -> PatchedNeuron:
    """The model with these threshold parameters, as far as its level has them."""
    neuron = model.neuron
    set_ = lambda where, value: eqx.tree_at(where, neuron, jnp.asarray(value, dtype=float))
    neuron = set_(lambda n: n.th_inf, th_inf)
    neuron = eqx.tree_at(
        lambda n: n.escape_noise, neuron, EscapeNoise(LAMBDA0, delta_v), is_leaf=lambda leaf: leaf is None
    )
    if neuron.has_reset_rules:
        neuron = set_(lambda n: n.threshold_reset.a_spike, a_spike)
        neuron = set_(lambda n: n.threshold_reset.b_spike, b_spike)
        neuron = set_(lambda n: n.threshold_dynamics.b_spike, b_spike)
    if neuron.has_adapting_threshold:
        neuron = set_(lambda n: n.threshold_dynamics.a_voltage, a_voltage)
        neuron = set_(lambda n: n.threshold_dynamics.b_voltage, b_voltage)
    return PatchedNeuron(neuron, model.series_resistance)


@eqx.filter_jit
def _features(model, data, spike_rates, voltage_rates):
    """V (S, T), the components for a_spike = 1 V and a_voltage = b_voltage at each rate (rates, S, T), and masks."""

    def run(b_spike, b_voltage, a_spike, a_voltage):
        changed = _with_threshold(model, 0.0, 1e-3, a_spike, b_spike, a_voltage, b_voltage)
        one = lambda current, voltage, forced: changed.simulate(
            current, data.dt, recorded_start=voltage[0], spikes=forced
        )
        return jax.vmap(one)(*map(jnp.asarray, (data.current, data.voltage, data.forced)))

    trace = run(1.0, 1.0, 0.0, 0.0)
    raised = jax.vmap(lambda b: run(b, 1.0, 1.0, 0.0).threshold_before_reset)(jnp.asarray(spike_rates))
    dragged = jax.vmap(lambda b: run(1.0, b, 0.0, b).threshold_before_reset)(jnp.asarray(voltage_rates))
    free = data.counted & ~trace.refractory
    return trace.voltage_before_reset, raised, dragged, data.forced & data.counted, free


@eqx.filter_jit
def _maximise(pairs, voltage, raised, dragged, spiked, log_stride, log_dt):
    """Loss and weights (1/delta_v, log-hazard at V = 0, jump, drag) for each pair of rates."""

    def solve(weights, pair):
        columns = jnp.stack([voltage, jnp.ones_like(voltage), -raised[pair[0]], -dragged[pair[1]]])
        found, weights = maximise_hazard(columns, spiked, log_dt, log_stride, PRIOR_MEAN, PRIOR_SD, weights)
        return weights, (found, weights)

    # each pair of rates starts from what the last one ended with
    start = jnp.array([0.5, jnp.log(LAMBDA0) - 0.5 * jnp.mean(voltage, where=spiked), 0.0, 0.0])
    return jax.lax.scan(solve, start, pairs)[1]


# ---------------------------------------------------------------------------------------------------- polish


#: The polish stops when an iteration gains less, nats.
POLISHED = 0.05
# Made once, as it is part of what a compiled step is found by.
_OPTIMISER = optax.lbfgs(linesearch=optax.scale_by_backtracking_linesearch(max_backtracking_steps=12))


def maximise_likelihood(
    model: PatchedNeuron, moved: Sequence[Coordinate], data: FitData, max_steps: int = 30
) -> tuple[PatchedNeuron, list[float]]:
    """L-BFGS on the recorded spikes' likelihood and the prior, over every step of the recording.

    It works in coordinates whitened by the Hessian at the start. Returns the model and the objective (nats) at each
    iteration.
    """
    start, unravel = ravel_pytree(
        [coordinate.position(value) for coordinate, value in zip(moved, values(model, moved), strict=True)]
    )
    problem = (model, moved, data, unravel)
    whitening = _whitening(start, problem)
    z = jnp.zeros_like(start)
    state, losses = _OPTIMISER.init(z), []
    for _ in range(max_steps):
        z, state, value = _polish_step(z, state, start, whitening, problem)
        losses.append(float(value))
        if len(losses) > 1 and losses[-2] - losses[-1] < POLISHED:
            break
    return place(model, moved, unravel(start + whitening @ z)), losses


def _loss(x, problem):
    model, moved, data, unravel = problem
    prior = jnp.sum(x**2) / 2
    return prior - log_likelihood(place(model, moved, unravel(x)), data)


@eqx.filter_jit
def _whitening(x, problem):
    """W with W W^T the inverse Hessian, its negative and vanishing eigenvalues replaced by the prior's, 1."""
    eigenvalues, vectors = jnp.linalg.eigh(jax.hessian(_loss)(x, problem))
    return vectors / jnp.sqrt(jnp.maximum(eigenvalues, 1.0))


@eqx.filter_jit
def _polish_step(z, state, start, whitening, problem):
    loss = lambda z: _loss(start + whitening @ z, problem)
    value, gradient = jax.value_and_grad(loss)(z)
    updates, state = _OPTIMISER.update(gradient, state, z, value=value, grad=gradient, value_fn=loss)
    return optax.apply_updates(z, updates), state, value
