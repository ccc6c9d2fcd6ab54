"""Stage B: the threshold and its hazard, given the membrane, by maximum likelihood of the recorded spikes.

The hazard's exponential part, log e = log lambda0 + (V - th_inf - s - w) / delta_v, is linear in 1/delta_v,
th_inf/delta_v, a_spike/delta_v and a_voltage/delta_v once the two decay rates are given, which fitting.model.hazard
makes use of: over a grid of rates, each pair starting from what the last one came to. The best pair is polished
together with the rest. V is the model's own voltage, never the recording.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from glifjax.arrays import as_float

from ..data.arrays import DataError, FitData, coarsen
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
from ..model.runs import at_own_steps, forced_run
from .base import AbstractStage, Outcome
from .fisher_scoring import FisherScoring

# Named here once, since a compiled function is found again by what it was made of.
_TH_INF = lambda model: model.neuron.th_inf
_LAMBDA0 = lambda model: model.neuron.escape_noise.lambda0
_DELTA_V = lambda model: model.neuron.escape_noise.delta_v
_JITTER = lambda model: model.neuron.escape_noise.jitter
_A_SPIKE = lambda model: model.neuron.threshold_reset.a_spike
_B_SPIKE = lambda model: (model.neuron.threshold_dynamics.b_spike, model.neuron.threshold_reset.b_spike)
_A_VOLTAGE = lambda model: model.neuron.threshold_dynamics.a_voltage
_B_VOLTAGE = lambda model: model.neuron.threshold_dynamics.b_voltage


def _rates(lowest: float, highest: float, count: int) -> tuple[float, ...]:
    return tuple(np.geomspace(lowest, highest, count).tolist())


class Threshold(AbstractStage):
    """Escape noise and threshold of a patched neuron, its membrane left as it is.

    Attributes:
        resets: spikes raise the threshold; else nothing is moved that says how.
        adapts: the voltage drags the threshold along.
        search: look for the rates over a grid first; else start from the threshold that the model has.
        b_spike, b_voltage: rates that are tried, 1/s: the published ones (Teeter et al. 2018: 5 to 95 %), and slower.
        sharpness: normal prior on 1/delta_v in the grid, mean and sd, per mV.
        jump, drag: sd of the normal priors on a_spike/delta_v, and on a_voltage/(b_voltage delta_v), in the grid.
        stride: silent steps are sampled every so often in the grid, s; all steps that hold spikes are used.
        polish: what brings the best pair to its maximum, together with the rest.
    """

    resets: bool = True
    adapts: bool = True
    search: bool = True
    b_spike: tuple[float, ...] = _rates(4.0, 900.0, 7)
    b_voltage: tuple[float, ...] = _rates(2.0, 900.0, 8)
    sharpness: tuple[float, float] = (0.5, 1.0)
    jump: float = 3.0
    drag: float = 1.0
    stride: float = 1e-3
    polish: FisherScoring = FisherScoring()
    name: str = "threshold"

    def __call__(self, model: PatchedNeuron, data: FitData) -> Outcome:
        """The model whose hazard makes the recorded spikes most likely.

        Raises:
            DataError: no spikes to learn from.
        """
        if not data.n_spikes:
            numbers = ", ".join(map(str, data.numbers))
            raise DataError(f"sweeps {numbers} hold no spikes, so no threshold can be fitted; train on others")
        model, data = jittered(model, data), coarsen(data, STEP)
        if self.search:
            model = self._search_rates(model, data)
        model, losses = self.polish(model, self.coordinates(model), data)
        return Outcome(model, self.name, "negative log-likelihood and prior (nats)", losses)

    def coordinates(self, model: PatchedNeuron) -> list[AbstractCoordinate]:
        """What the polish moves; priors are twice as wide as the published distributions (Teeter et al. 2018)."""
        held = lambda moves, where, centre, sd: (centre, sd) if moves else (where(model), 0.0)
        rate = lambda where: lambda model: where(model)[0]
        return [
            Coordinate(_TH_INF, model.neuron.th_inf, 10e-3),
            Coordinate(_DELTA_V, 2e-3, 1.0, log=True),
            Coordinate(_JITTER, *JITTER, log=True),
            Coordinate(_A_SPIKE, *held(self.resets, _A_SPIKE, 2.6e-3, 6e-3)),
            Coordinate(_B_SPIKE, *held(self.resets, rate(_B_SPIKE), 120.0, 1.5), log=True),
            Coordinate(_A_VOLTAGE, *held(self.adapts, _A_VOLTAGE, 20.0, 40.0)),
            Coordinate(_B_VOLTAGE, *held(self.adapts, _B_VOLTAGE, 66.0, 1.3), log=True),
        ]

    def _search_rates(self, model: PatchedNeuron, data: FitData) -> PatchedNeuron:
        """The model at the best pair of rates, with the maximum-likelihood threshold for it."""
        b_spike, b_voltage = self.b_spike[: None if self.resets else 1], self.b_voltage[: None if self.adapts else 1]
        voltage, _, refractory = map(np.asarray, _run(model, data, *as_float((1.0, 1.0, 0.0, 0.0))))
        spiking = data.forced & data.counted
        stride = max(1, round(self.stride / data.dt))
        silent = (data.counted & ~refractory & ~spiking)[:, ::stride]
        at = lambda array: (array[:, ::stride], array[spiking])  # of most steps every so many, of few each
        component = lambda *parts: at(np.asarray(_run(model, data, *as_float(parts))[1]))
        raised = [component(rate, 1.0, 1.0, 0.0) for rate in b_spike]  # by a_spike = 1 V
        dragged = [component(1.0, rate, 0.0, rate) for rate in b_voltage]  # with a_voltage = b_voltage
        most, few = zip(at(voltage), zip(*raised, strict=True), zip(*dragged, strict=True), strict=True)
        every, one = np.full(silent.shape, float(stride)), np.ones_like(few[0])

        sharpness, sd_sharpness = self.sharpness
        mean = np.append(np.array([sharpness, 0.0, 0.0, 0.0]), np.log(JITTER[0]))
        prior_sd = np.array([sd_sharpness, np.inf, self.jump, self.drag])
        sd = np.append(np.where([True, True, self.resets, self.adapts], prior_sd, HELD), JITTER[1])
        start, maxima = None, []
        for i in range(len(b_spike)):
            for j in range(len(b_voltage)):
                silent_columns, counts = in_place(_columns(most, i, j), silent, every)
                spiking_columns, ones = filled_up(_columns(few, i, j), one)
                problem = (silent_columns, spiking_columns, data.dt, counts, ones)
                if start is None:
                    first = np.array([0.5, np.log(LAMBDA0) - 0.5e3 * few[0].mean(), 0.0, 0.0])
                    start = start_hazard(_maximise, problem, mean, sd, first)
                # each pair of rates starts from what the last one ended with
                loss, start = _maximise(*problem, mean, sd, start, model.noise.lapse)
                maxima.append((float(loss), b_spike[i], b_voltage[j], np.asarray(start)))
        _, b_spike, b_voltage, (slope, offset, jump, drag, jitter) = min(maxima, key=lambda maximum: maximum[0])
        delta_v = 1e-3 / max(slope, 1e-3 / WIDEST)
        th_inf = -(offset - np.log(LAMBDA0)) * delta_v
        a_spike, a_voltage = jump * delta_v * self.resets, drag * 1e3 * delta_v * b_voltage * self.adapts
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


def _columns(moving: tuple[Any, ...], i: int, j: int) -> Float[np.ndarray, "4 *steps"]:
    """What the weights multiply in log e of some steps, with one of the rates of b_spike and one of b_voltage."""
    voltage, raised, dragged = moving
    return np.stack([1e3 * voltage, np.ones_like(voltage), -raised[i], -1e3 * dragged[j]])


@compiled
def _run(model, data, b_spike, b_voltage, a_spike, a_voltage):
    """V, a threshold of these components alone, and which steps are refractory, with spikes forced; (S, T) each."""
    trace = forced_run(_with_threshold(model, 0.0, 1e-3, a_spike, b_spike, a_voltage, b_voltage, 0.0), data)
    own = jax.vmap(lambda *sweep: at_own_steps(model, data.dt, *sweep))
    voltage, threshold = (
        own(ends, trace.refractory) for ends in (trace.voltage_before_reset, trace.threshold_before_reset)
    )
    return voltage, threshold, trace.refractory


_maximise = compiled(maximise_hazard)
