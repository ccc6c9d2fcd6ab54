"""The simulations that the figures draw from: a fitted neuron beside a recorded sweep."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import glifjax as gj

from ..assess.predictive import Bands
from ..data.arrays import FitData
from ..data.masks import between_spikes, observed_steps
from ..fitted import FittedNeuron
from ..model.patched import PatchedNeuron, without_electrode
from ..model.runs import predict

#: Length of the voltage shown running freely, s.
STRETCH = 2.0


@dataclass(frozen=True)
class Runs:
    """The neuron beside one recorded sweep: recorded membrane voltage, free runs, and one with forced spikes.

    Attributes:
        data: the sweeps that repeat this stimulus; sweep: which of them is shown.
        membrane: recorded voltage less the electrode's drop, (T,), mV.
        noiseless, noisy: runs without and with escape noise.
        forced: membrane voltage with the recorded spikes forced, (T,), mV; NaN while a spike is cut out.
        rest: El_reference, mV.
        window: the stretch worth showing, s.
        residuals: recorded - predicted voltage between spikes in all groups, mV.
        bands: of these sweeps; None where there are none.
    """

    data: FitData
    sweep: int
    membrane: Float[np.ndarray, " T"]
    noiseless: gj.Trace
    noisy: gj.Trace
    forced: Float[np.ndarray, " T"]
    rest: float
    window: tuple[float, float]
    residuals: Float[np.ndarray, " n"]
    bands: Bands | None

    def voltage(self, trace: gj.Trace) -> Float[np.ndarray, " T"]:
        """A run's membrane voltage, mV; NaN while a spike is cut out."""
        return 1e3 * np.asarray(trace.voltage) + self.rest


def run(fit: FittedNeuron) -> Runs:
    """Run a fit's neuron on the held-out sweep with most spikes, or else on a training sweep."""
    groups = fit.test or (fit.train,)
    data = busiest(fit)
    place = next(i for i, group in enumerate(groups) if group is data)
    sweep = int(np.argmax(data.forced.sum(axis=1)))
    current, voltage = data.current[sweep], data.voltage[sweep]
    with jax.enable_x64(True):
        model = _wide(fit.model)
        start = jnp.asarray(voltage[0])
        rest, cut = 1e3 * float(model.neuron.El_reference), float(model.neuron.spike_cut_duration)
        predicted = [np.asarray(_predict(model, group)) for group in groups]
        errors = [
            (group.voltage - model_voltage)[observed_steps(group, cut)]
            for group, model_voltage in zip(groups, predicted, strict=True)
        ]
        forced = 1e3 * without_electrode(model, predicted[place][sweep], current)
        return Runs(
            data=data,
            sweep=sweep,
            membrane=1e3 * without_electrode(model, voltage, current),
            noiseless=model.simulate(current, data.dt, recorded_start=start),
            noisy=model.simulate(current, data.dt, recorded_start=start, key=jax.random.key(fit.seed)),
            forced=np.where(between_spikes(data, cut, before=0.0)[sweep], forced, np.nan),
            rest=rest,
            window=_stretch(data.spike_times[sweep], data.valid[sweep].sum() * data.dt),
            residuals=1e3 * np.concatenate(errors),
            bands=fit.bands[place] if fit.bands else None,
        )


def busiest(fit: FittedNeuron) -> FitData:
    """The held-out sweeps of the stimulus with most spikes, or the training sweeps where nothing is held out."""
    return max(fit.test or (fit.train,), key=lambda group: group.n_spikes / len(group.numbers))


_predict = eqx.filter_jit(predict)


def _wide(model: PatchedNeuron) -> PatchedNeuron:
    """The model in float64; inside jax.enable_x64."""
    return jax.tree.map(lambda x: jnp.asarray(np.asarray(x, float)) if eqx.is_inexact_array(x) else x, model)


def _stretch(spikes: Float[np.ndarray, " k"], duration: float) -> tuple[float, float]:
    """A stretch that is busier than most of those with spikes, but not the busiest, s."""
    starts = np.arange(0.0, max(duration - STRETCH, 0.0) + 1e-9, 0.25)
    counts = np.array([np.sum((spikes >= start) & (spikes < start + STRETCH)) for start in starts])
    busy = np.percentile(counts[counts > 0], 75) if counts.any() else 0.0
    start = float(starts[np.argmin(np.abs(counts - busy))])
    return start, min(start + STRETCH, duration)
