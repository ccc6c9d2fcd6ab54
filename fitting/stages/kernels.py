"""Stage B for a threshold made of kernels: all of it is linear in the log-hazard, so one concave problem.

log lambda = log lambda0 + (V - th_inf - sum_i a_i f_i - sum_jk weight_jk q_jk) / delta_v, where f_i and q_jk are what a
unit of each parameter does to the threshold: its derivatives, taken through the neuron itself, whose V is its own.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from fitting.data import FitData
from fitting.electrode import PatchedNeuron
from fitting.hazard import LAMBDA0, WIDEST, maximise_hazard
from fitting.stages import Stage
from fitting.stages.augment import with_knots
from glifjax.spike import EscapeNoise

#: Silent steps are sampled every so often, s; spikes never are.
STRIDE = 0.2e-3
#: Normal priors: 1/delta_v per mV (mean and sd), a_spike/delta_v, weight/delta_v per mV.
SHARPNESS, JUMP, WEIGHT = (0.5, 1.0), 3.0, 1.0


def fit_kernels(model: PatchedNeuron, data: FitData) -> Stage:
    """Escape noise and threshold kernels of a patched neuron, its membrane left as it is."""
    voltage, *_ = _features(model, data)
    onset = float(np.median(np.asarray(voltage)[data.forced & data.valid]))
    weights = jnp.zeros_like(model.neuron.threshold_dynamics.weights)
    model = eqx.tree_at(lambda m: m.neuron.threshold_dynamics, model, with_knots(weights, onset))
    voltage, jumps, hinges, refractory = (np.asarray(each) for each in _features(model, data))

    stride = max(1, round(STRIDE / data.dt))
    spiked = data.forced & data.valid
    sampled = np.zeros_like(spiked)
    sampled[:, ::stride] = (data.counted & ~refractory)[:, ::stride]
    sampled |= spiked & data.counted
    pick = lambda feature: jnp.asarray(feature[sampled].T)
    columns = jnp.concatenate(
        [pick(voltage)[None] * 1e3, jnp.ones((1, sampled.sum())), -pick(jumps), -pick(hinges) * 1e3]
    )
    n_jumps, n_hinges = jumps.shape[-1], hinges.shape[-1]
    mean = jnp.concatenate([jnp.array([SHARPNESS[0], 0.0]), jnp.zeros(n_jumps + n_hinges)])
    sd = jnp.array([SHARPNESS[1], jnp.inf] + [JUMP] * n_jumps + [WEIGHT] * n_hinges)
    start = mean.at[1].set(jnp.log(LAMBDA0) - SHARPNESS[0] * 1e3 * onset)
    loss, found = _maximise(columns, jnp.asarray(spiked[sampled]), np.log(data.dt), np.log(stride), mean, sd, start)
    if found[0] < 1e-3 / WIDEST:  # the voltage alone says nothing: hold it there, and let the rest make up for it
        mean, sd = mean.at[0].set(1e-3 / WIDEST), sd.at[0].set(1e-6)
        start = start.at[0].set(1e-3 / WIDEST)
        loss, found = _maximise(columns, jnp.asarray(spiked[sampled]), np.log(data.dt), np.log(stride), mean, sd, start)
    return Stage(_with_weights(model, found), "threshold", "negative log-likelihood and prior (nats)", [float(loss)])


_maximise = eqx.filter_jit(maximise_hazard)


def _with_weights(model: PatchedNeuron, found) -> PatchedNeuron:
    """The model with a threshold that has these weights in its log-hazard."""
    rule = model.neuron.threshold_dynamics
    n = len(rule.spike_tau)
    delta_v = 1e-3 / found[0]
    th_inf = -(found[1] - np.log(LAMBDA0)) * delta_v
    return eqx.tree_at(
        lambda m: (
            m.neuron.th_inf,
            m.neuron.init_threshold,
            m.neuron.escape_noise,
            m.neuron.threshold_reset.a_spike,
            m.neuron.threshold_dynamics.weights,
        ),
        model,
        (
            th_inf,
            th_inf,
            EscapeNoise(LAMBDA0, delta_v),
            found[2 : 2 + n] * delta_v,
            (found[2 + n :] / found[0]).reshape(rule.weights.shape),
        ),
    )


@eqx.filter_jit
def _features(model, data):
    """V (S, T); its threshold's derivatives by a_spike (S, T, n) and by the weights (S, T, jk); refractory (S, T)."""
    where = lambda m: (m.neuron.threshold_reset.a_spike, m.neuron.threshold_dynamics.weights)
    zero, unravel = ravel_pytree(jax.tree.map(jnp.zeros_like, where(model)))

    def run(current, voltage, forced):
        def threshold(flat):
            changed = eqx.tree_at(where, model, unravel(flat))
            trace = changed.simulate(current, data.dt, recorded_start=voltage[0], spikes=forced)
            return trace.threshold_before_reset, trace

        tangents, trace = jax.jacfwd(threshold, has_aux=True)(zero)
        return trace.voltage_before_reset, tangents, trace.refractory

    voltage, tangents, refractory = jax.vmap(run)(*map(jnp.asarray, (data.current, data.voltage, data.forced)))
    n = len(where(model)[0])
    return voltage, tangents[..., :n], tangents[..., n:], refractory
