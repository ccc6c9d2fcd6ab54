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
from ..model.compiled import compiled
from ..model.coordinates import AbstractCoordinate, Coordinate
from ..model.hazard import (
    HELD,
    JITTER,
    LAMBDA0,
    STEP,
    WIDEST,
    filled_up,
    in_place,
    jittered,
    maximise_hazard,
    start_hazard,
)
from ..model.patched import PatchedNeuron
from ..model.runs import at_own_steps
from .base import AbstractStage, Outcome

#: 1/delta_v per mV is no less.
LEAST_SHARP = 1e-3 / WIDEST

# Named here once, since a compiled function is found again by what it was made of.
_TH_INF = lambda model: model.neuron.th_inf
_DELTA_V = lambda model: model.neuron.escape_noise.delta_v
_JITTER = lambda model: model.neuron.escape_noise.jitter
_A_SPIKE = lambda model: model.neuron.threshold_reset.a_spike
_WEIGHTS = lambda model: model.neuron.threshold_dynamics.weights


class KernelThreshold(AbstractStage):
    """Escape noise and threshold kernels of a patched neuron, its membrane left as it is.

    The first time, the hinges are placed around the model's voltage at the onsets.

    Attributes:
        knots: where the hinges bend, from the model's voltage at the onsets, V.
        sharpness: normal prior on 1/delta_v, mean and sd, per mV.
        jump: sd of the normal prior on a_spike/delta_v.
        weight: sd of the normal prior on weight/delta_v, per mV.
    """

    knots: tuple[float, ...] = (-30e-3, -20e-3, -10e-3, 0.0)
    sharpness: tuple[float, float] = (0.5, 1.0)
    jump: float = 3.0
    weight: float = 1.0
    name: str = "threshold"

    def __call__(self, model: PatchedNeuron, data: FitData) -> Outcome:
        """The model whose hazard makes the recorded spikes most likely."""
        model, data = jittered(model, data), coarsen(data, STEP)
        start = hazard_weights(model)
        fitted = np.any(start[2:])
        columns, refractory = map(np.asarray, hazard_columns(model, data))
        if not fitted:
            onset = float(np.median(columns[data.forced, 0])) / 1e3
            model = self.around(model, onset)
            columns, refractory = map(np.asarray, hazard_columns(model, data))
            start[:2] = self.sharpness[0], np.log(LAMBDA0) - self.sharpness[0] * 1e3 * onset
        columns = np.moveaxis(columns, -1, 0)
        # all spikes, whether they count or not: their number, which compiled functions depend on, is the same in every
        # fold
        spiking = data.forced & data.valid
        silent, counts = in_place(columns, data.valid & ~refractory & ~spiking, data.counted * 1.0)
        spiking, counted = filled_up(columns[:, spiking], data.counted[spiking] * 1.0)
        problem = (silent, spiking, data.dt, counts, counted)
        mean, sd = self.prior(model)
        start = np.append(start, np.log(model.noise.jitter))
        if not fitted:
            start = start_hazard(_maximise, problem, mean, sd, start[:-1])
        loss, weights = _maximise(*problem, mean, sd, start, model.noise.lapse)
        if weights[0] < LEAST_SHARP:  # the voltage alone says nothing: hold it there, and let the rest make up for it
            weights[0] = LEAST_SHARP
            loss, weights = _maximise(*problem, *self.prior(model, held=True), weights, model.noise.lapse)
        unit = "negative log-likelihood and prior (nats)"
        return Outcome(with_weights(model, weights), self.name, unit, [loss])

    def around(self, model: PatchedNeuron, onset: float) -> PatchedNeuron:
        """The model with its hinges around a voltage, V."""
        return eqx.tree_at(
            lambda m: m.neuron.threshold_dynamics.knots, model, as_float(onset + jnp.asarray(self.knots))
        )

    def prior(self, model: PatchedNeuron, held: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of the weights in log e and of log(jitter / s); the sharpness may be held at its least."""
        jumps, hinges = model.neuron.threshold_reset.a_spike.size, model.neuron.threshold_dynamics.weights.size
        sharpness = (LEAST_SHARP, HELD) if held else self.sharpness
        mean = np.concatenate([[sharpness[0], 0.0], np.zeros(jumps + hinges), [np.log(JITTER[0])]])
        sd = np.concatenate(
            [[sharpness[1], np.inf], np.full(jumps, self.jump), np.full(hinges, self.weight), [JITTER[1]]]
        )
        return mean, sd

    def coordinates(self, model: PatchedNeuron) -> list[AbstractCoordinate]:
        """The parameters that it moves; their priors are those of the weights in log e, taken over to them."""
        width = model.noise.delta_v
        return [
            Coordinate(_TH_INF, _TH_INF(model), 10e-3),
            Coordinate(_DELTA_V, width, 1e3 * width * self.sharpness[1], log=True),
            Coordinate(_JITTER, *JITTER, log=True),
            Coordinate(_A_SPIKE, _A_SPIKE(model), self.jump * width),
            Coordinate(_WEIGHTS, _WEIGHTS(model), jnp.full_like(_WEIGHTS(model), 1e3 * width * self.weight)),
        ]


_maximise_compiled = compiled(maximise_hazard)


def _maximise(*problem) -> tuple[float, np.ndarray]:
    loss, weights = _maximise_compiled(*problem)
    return float(loss), np.array(weights)


def hazard_weights(model: PatchedNeuron) -> np.ndarray:
    """The weights in log e of a model's threshold, (w,)."""
    neuron, noise = model.neuron, model.noise
    slope = 1e-3 / float(noise.delta_v)
    offset = float(jnp.log(noise.lambda0) - neuron.th_inf / noise.delta_v)
    jumps = np.asarray(neuron.threshold_reset.a_spike) / float(noise.delta_v)
    return np.concatenate([[slope, offset], jumps, np.ravel(neuron.threshold_dynamics.weights) * slope])


def with_weights(model: PatchedNeuron, solution) -> PatchedNeuron:
    """The model with a threshold that has these weights in log e, and log(jitter / s) after them."""
    rule = model.neuron.threshold_dynamics
    n = len(rule.spike_tau)
    slope, offset, jumps, weights, log_jitter = np.split(np.asarray(solution), [1, 2, 2 + n, -1])
    slope, offset = slope[0], offset[0]
    delta_v = 1e-3 / slope
    th_inf = -(offset - np.log(LAMBDA0)) * delta_v
    values = (
        (lambda m: m.neuron.th_inf, th_inf),
        (lambda m: m.neuron.init_threshold, th_inf),
        (lambda m: m.neuron.escape_noise.lambda0, LAMBDA0),
        (lambda m: m.neuron.escape_noise.delta_v, delta_v),
        (lambda m: m.neuron.escape_noise.jitter, np.exp(log_jitter[0])),
        (lambda m: m.neuron.threshold_reset.a_spike, jumps * delta_v),
        (lambda m: m.neuron.threshold_dynamics.weights, (weights / slope).reshape(rule.weights.shape)),
    )
    return eqx.tree_at(lambda m: [where(m) for where, _ in values], model, [as_float(value) for _, value in values])


@compiled
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
        own = lambda ends: at_own_steps(model, data.dt, ends, trace.refractory)
        return own(trace.voltage_before_reset), own(slopes), trace.refractory

    voltage, slopes, refractory = jax.vmap(run)(*map(jnp.asarray, (data.current, data.voltage, data.forced)))
    n = len(where(model)[0])
    parts = (1e3 * voltage[..., None], jnp.ones_like(slopes[..., :1]), -slopes[..., :n], -1e3 * slopes[..., n:])
    return jnp.concatenate(parts, axis=-1), refractory
