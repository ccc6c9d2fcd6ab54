"""Predictive bands: how far a fit's predictions may be off, by runs of neurons drawn from its uncertainty."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from ..data.arrays import FitData
from ..data.masks import between_spikes, observed_steps
from ..model.patched import PatchedNeuron
from ..model.runs import predict
from .uncertainty import LEVEL

#: The bins that spikes are counted in, s.
BIN = 1e-3
#: The Gaussian that smooths their rate, s.
SMOOTHING = 10e-3
#: Standard deviations that hold LEVEL of a normal distribution on both sides of its mean.
SIDES = 1.645


@dataclass(frozen=True)
class Bands:
    """90 % bands of what a fit predicts for the repeats of one stimulus, and how much of the recording they hold.

    Attributes:
        time: centres of the bins of the rate, s, (n,).
        rate: ends of the band of the rate of as many runs as there are repeats, 1/s, (2, n); it holds what the
            parameters and the escape noise leave open.
        rate_holds: share of the bins whose recorded rate lies in it.
        parameters: ends of the band of one sweep's membrane voltage, its recorded spikes forced, mV, (2, T), that the
            parameters leave open; NaN while a spike is cut out.
        voltage: the same with the error that the neuron had on the training sweeps.
        voltage_holds: share of the time between spikes that the recorded voltage lies in it.
    """

    time: Float[np.ndarray, " n"]
    rate: Float[np.ndarray, "2 n"]
    rate_holds: float
    parameters: Float[np.ndarray, "2 T"]
    voltage: Float[np.ndarray, "2 T"]
    voltage_holds: float


def bands(
    model: PatchedNeuron, draws: PatchedNeuron, train: FitData, data: FitData, sweep: int, seed: int = 0
) -> Bands:
    """Run each drawn neuron on a stimulus, freely as often as it was repeated, and once with the spikes of one sweep.

    Args:
        model: the fitted neuron.
        draws: neurons as probable as the data leave them, as fitting.assess.uncertainty.Uncertainty holds them.
        train: what it was fitted to.
        data: repeats of one stimulus.
        sweep: the row of `data` whose voltage is predicted.
        seed: of the escape noise.
    """
    repeats, duration = len(data.numbers), data.current.shape[1] * data.dt
    count = len(draws.series_resistance)
    keys = jax.random.split(jax.random.key(seed), (count, repeats))
    bins = round(duration / BIN)
    smooth = lambda spikes: gaussian_filter1d(spikes / repeats / BIN, SMOOTHING / BIN, mode="constant")
    binned = lambda times: np.histogram(times, bins=bins, range=(0, duration))[0]
    spiked = np.asarray(
        _counts(draws, jnp.asarray(data.current[sweep]), jnp.asarray(data.voltage[:, 0]), data.dt, keys)
    )
    middles = (np.arange(spiked.shape[1]) + 0.5) * data.dt
    latency = float(model.neuron.spike_latency)
    rates = np.array([smooth(binned(np.repeat(middles, row) + latency)) for row in spiked])
    rate = _ends(rates)
    recorded = smooth(binned(np.concatenate(data.spike_times)))

    voltages = np.asarray(_forced(draws, data, sweep))
    middle, half = _ends(voltages).mean(axis=0), np.ptp(_ends(voltages), axis=0) / 2
    cut = float(model.neuron.spike_cut_duration)
    error = np.asarray(predict(model, train) - train.voltage)[observed_steps(train, cut)]
    reach = np.hypot(half, SIDES * np.sqrt(np.mean(error**2)))
    seen = observed_steps(data, cut)[sweep]
    inside = np.abs(data.voltage[sweep] - middle)[seen] <= reach[seen]
    shown = lambda voltage: 1e3 * np.asarray(model.membrane(voltage, data.current[sweep]) + model.neuron.El_reference)
    # the start of a sweep, which no score counts, is shown too
    apart = between_spikes(data, cut)[sweep]
    ends = lambda reach: np.where(apart, np.stack([shown(middle - reach), shown(middle + reach)]), np.nan)
    holds = lambda inside: float(np.mean(inside)) if len(inside) else float("nan")
    return Bands(
        time=(np.arange(bins) + 0.5) * BIN,
        rate=rate,
        rate_holds=holds((rate[0] <= recorded) & (recorded <= rate[1])),
        parameters=ends(half),
        voltage=ends(reach),
        voltage_holds=holds(inside),
    )


def _ends(sampled: Float[np.ndarray, "d n"]) -> Float[np.ndarray, "2 n"]:
    """The ends of the pointwise band that holds LEVEL of the samples."""
    return np.quantile(sampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)


@eqx.filter_jit
def _counts(draws, current, starts, dt, keys):
    """How many of each drawn neuron's runs spike in each step, (draws, T)."""

    def one(drawn):
        neuron, keys = drawn
        run = lambda key, start: neuron.simulate(current, dt, recorded_start=start, key=key).fired
        return jax.vmap(run)(keys, starts).sum(axis=0)

    return jax.lax.map(one, (draws, keys), batch_size=2)


@eqx.filter_jit
def _forced(draws, data, sweep):
    """Recorded-scale voltage of each drawn neuron with one sweep's spikes forced, V, (draws, T)."""
    one = jax.tree.map(lambda leaf: leaf[sweep : sweep + 1], (data.current, data.voltage, data.forced))
    alone = eqx.tree_at(lambda d: (d.current, d.voltage, d.forced), data, one)
    return jax.lax.map(lambda neuron: predict(neuron, alone)[0], draws, batch_size=10)
