"""Stage B for a threshold made of kernels: all of it is linear in the logarithm of the hazard's exponential part, e.

log e = log lambda0 + (V - th_inf - sum_i a_i f_i - sum_jk weight_jk q_jk) / delta_v, where f_i and q_jk are what a unit
of each parameter does to the threshold: its derivatives, taken through the neuron itself, whose V is its own.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

from glifjax.arrays import as_float

from ..data.arrays import FitData, coarsen
from ..model.hazard import HELD, JITTER, LAMBDA0, STEP, WIDEST, gather, maximise_hazard, start_hazard
from ..model.patched import PatchedNeuron
from . import Stage
from .augment import with_knots

#: 1/delta_v per mV is no less.
LEAST_SHARP = 1e-3 / WIDEST
#: Normal priors: 1/delta_v per mV (mean and sd), a_spike/delta_v, weight/delta_v per mV.
SHARPNESS, JUMP, WEIGHT = (0.5, 1.0), 3.0, 1.0


def fit_kernels(model: PatchedNeuron, data: FitData) -> Stage:
    """Escape noise and threshold kernels of a patched neuron, its membrane left as it is.

    The first time, the hinges are placed around the model's voltage at the onsets.

    Args:
        model: after stage A.
        data: training sweeps.
    """
    model, data = jittered(model, data), coarsen(data, STEP)
    start = hazard_weights(model)
    fitted = np.any(start[2:])
    columns, refractory = (np.asarray(each) for each in hazard_columns(model, data))
    if not fitted:
        onset = float(np.median(columns[data.forced, 0])) / 1e3
        rule = with_knots(model.neuron.threshold_dynamics.weights, onset)
        model = eqx.tree_at(lambda m: m.neuron.threshold_dynamics, model, rule)
        columns, refractory = (np.asarray(each) for each in hazard_columns(model, data))
        start[:2] = SHARPNESS[0], np.log(LAMBDA0) - SHARPNESS[0] * 1e3 * onset
    columns = np.moveaxis(columns, -1, 0)
    # all steps, whether they count or not: their number, which compiled functions depend on, is the same in every fold
    spiking = data.forced & data.valid
    silent, counts = gather(columns, data.valid & ~refractory & ~spiking, data.counted * 1.0)
    spiking, counted = gather(columns, spiking, data.counted * 1.0)
    problem = (silent, spiking, data.dt, counts, counted)
    mean, sd = prior(model)
    start = np.append(start, np.log(model.noise.jitter))
    if not fitted:
        start = start_hazard(_maximise, problem, mean, sd, start[:-1])
    loss, found = _maximise(*problem, mean, sd, start, model.noise.lapse)
    if found[0] < LEAST_SHARP:  # the voltage alone says nothing: hold it there, and let the rest make up for it
        found[0] = LEAST_SHARP
        loss, found = _maximise(*problem, *prior(model, held=True), found, model.noise.lapse)
    return Stage(with_weights(model, found), "threshold", "negative log-likelihood and prior (nats)", [loss])


def jittered(model: PatchedNeuron, data: FitData) -> PatchedNeuron:
    """The model; if its hazard has no jitter or no lapses, with those that a fit starts from."""
    noise, where = model.noise, lambda m: (m.neuron.escape_noise.jitter, m.neuron.escape_noise.lapse)
    found = float(noise.jitter) or JITTER[0], float(noise.lapse) or 1 / data.duration
    return eqx.tree_at(where, model, tuple(map(as_float, found)))


def prior(model: PatchedNeuron, held: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of the weights in log e and of log(jitter / s); the sharpness may be held at its least."""
    jumps, hinges = model.neuron.threshold_reset.a_spike.size, model.neuron.threshold_dynamics.weights.size
    sharpness = (LEAST_SHARP, HELD) if held else SHARPNESS
    mean = np.concatenate([[sharpness[0], 0.0], np.zeros(jumps + hinges), [np.log(JITTER[0])]])
    sd = np.concatenate([[sharpness[1], np.inf], np.full(jumps, JUMP), np.full(hinges, WEIGHT), [JITTER[1]]])
    return mean, sd


_maximise_compiled = eqx.filter_jit(maximise_hazard)


def _maximise(*problem) -> tuple[float, np.ndarray]:
    loss, found = _maximise_compiled(*problem)
    return float(loss), np.array(found)


def hazard_weights(model: PatchedNeuron) -> np.ndarray:
    """The weights in log e of a model's threshold, (w,)."""
    neuron, noise = model.neuron, model.noise
    slope = 1e-3 / float(noise.delta_v)
    offset = float(jnp.log(noise.lambda0) - neuron.th_inf / noise.delta_v)
    jumps = np.asarray(neuron.threshold_reset.a_spike) / float(noise.delta_v)
    return np.concatenate([[slope, offset], jumps, np.ravel(neuron.threshold_dynamics.weights) * slope])


def with_weights(model: PatchedNeuron, found) -> PatchedNeuron:
    """The model with a threshold that has these weights in log e, and log(jitter / s) after them."""
    rule = model.neuron.threshold_dynamics
    n = len(rule.spike_tau)
    found = np.asarray(found)
    delta_v, weights = 1e-3 / found[0], found[2 + n : -1]
    th_inf = -(found[1] - np.log(LAMBDA0)) * delta_v
    return eqx.tree_at(
        lambda m: (
            m.neuron.th_inf,
            m.neuron.init_threshold,
            m.neuron.escape_noise.lambda0,
            m.neuron.escape_noise.delta_v,
            m.neuron.escape_noise.jitter,
            m.neuron.threshold_reset.a_spike,
            m.neuron.threshold_dynamics.weights,
        ),
        model,
        tuple(
            as_float(value)
            for value in (
                th_inf, th_inf, LAMBDA0, delta_v, np.exp(found[-1]), found[2 : 2 + n] * delta_v,
                (weights / found[0]).reshape(rule.weights.shape),
            )
        ),
    )  # fmt: skip


@eqx.filter_jit
def hazard_columns(model: PatchedNeuron, data: FitData) -> tuple[Float[Array, "S T w"], Bool[Array, "S T"]]:
    """What the weights multiply in log e of each step, and which steps are refractory.

    V in mV; 1; the threshold's derivatives by -a_spike; and by the weights of its hinges, in mV.
    """
    where = lambda m: (m.neuron.threshold_reset.a_spike, m.neuron.threshold_dynamics.weights)
    zero, unravel = ravel_pytree(jax.tree.map(jnp.zeros_like, where(model)))

    def run(current, voltage, forced):
        def threshold(flat):
            changed = eqx.tree_at(where, model, unravel(flat))
            trace = changed.simulate(current, data.dt, recorded_start=voltage[0], spikes=forced)
            return trace.threshold_before_reset, trace

        slopes, trace = jax.jacfwd(threshold, has_aux=True)(zero)
        return trace.voltage_before_reset, slopes, trace.refractory

    voltage, slopes, refractory = jax.vmap(run)(*map(jnp.asarray, (data.current, data.voltage, data.forced)))
    n = len(where(model)[0])
    parts = (1e3 * voltage[..., None], jnp.ones_like(slopes[..., :1]), -slopes[..., :n], -1e3 * slopes[..., n:])
    return jnp.concatenate(parts, axis=-1), refractory
