"""Predictive bands: how far a fit's predictions may be off.

The voltage between spikes, the recorded spikes forced, lies with probability LEVEL within

    V(t) -+ sqrt(p(t)^2 + n^2 + (2 m)^2)

of the fitted neuron's, p being what the parameters leave open (the band of drawn neurons, draws.py), n noise and m the
neuron's own error. What its error on the training sweeps stays below, e, is both of them together, e^2 = n^2 + m^2;
noise is what is over within LASTING, so that m^2 = rho e^2, rho being the autocorrelation of that error over LASTING.
The neuron's own error, drift of the baseline included, is counted twice (TRANSFER): where it was fitted it is least.
"""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from glifjax.rules.voltage import LinearExact

from ..data.arrays import FitData, coarsen
from ..data.masks import between_spikes, observed_steps
from ..model.confidence import LEVEL
from ..model.patched import PatchedNeuron
from ..model.runs import predict

#: The bins that spikes are counted in, s.
BIN = 1e-3
#: The Gaussian that smooths their rate, s.
SMOOTHING = 10e-3
#: Drawn neurons are run in steps of about this, s.
STEP = 0.5e-3
#: An error that is the same after this, s, is no noise:
LASTING = 1e-3
#: it is taken to be so many times as large on another stimulus as on those of the fit.
TRANSFER = 2.0


@dataclass(frozen=True)
class Bands:
    """90 % bands of what a fit predicts for the repeats of one stimulus, and how much of the recording they hold.

    Attributes:
        sweep: the row of the repeats whose voltage is given.
        time: centres of the bins of the rate, s, (n,).
        rate: ends of the band of the rate of as many runs as there are repeats, 1/s, (2, n); it holds what the
            parameters and the escape noise leave open.
        rate_holds: share of the bins whose recorded rate lies in it.
        parameters: ends of the band of that sweep's membrane voltage, its recorded spikes forced, mV, (2, T), that the
            parameters leave open; NaN while a spike is cut out.
        voltage: the same with noise and the neuron's own error.
        coverage: share of the samples between spikes, of all repeats, that the recorded voltage lies in it.
        width: its mean full width there, mV.
        samples: how many these are.
    """

    sweep: int
    time: Float[np.ndarray, " n"]
    rate: Float[np.ndarray, "2 n"]
    rate_holds: float
    parameters: Float[np.ndarray, "2 T"]
    voltage: Float[np.ndarray, "2 T"]
    coverage: float
    width: float
    samples: int


def bands(model: PatchedNeuron, draws: PatchedNeuron, train: FitData, data: FitData, seed: int = 0) -> Bands:
    """Run each drawn neuron on a stimulus, freely as often as it was repeated, and with the spikes of every sweep.

    Args:
        model: the fitted neuron.
        draws: neurons as probable as the data leave them, as fitting.assess.uncertainty.Uncertainty holds them.
        train: what it was fitted to, with its drift.
        data: repeats of one stimulus; the voltage of the one with most spikes is given.
        seed: of the escape noise.
    """
    sweep = int(np.argmax(data.forced.sum(axis=1)))
    duration = data.steps * data.dt
    time, recorded = smoothed_rate(np.concatenate(data.spike_times), len(data.numbers), duration)
    rate = _rate_band(model, draws, data, sweep, seed)

    cut = float(model.neuron.spike_cut_duration)
    predicted = np.asarray(predict(model, data))
    open_ = _spread(draws, data)
    reach = np.hypot(open_, expected_error(model, train, cut))
    seen = observed_steps(data, cut)
    inside = (np.abs(data.voltage - predicted) <= reach)[seen]

    membrane = 1e3 * np.asarray(model.membrane(predicted[sweep], data.current[sweep]) + model.neuron.El_reference)
    # the start of a sweep, which no score counts, is shown too
    apart = between_spikes(data, cut)[sweep]
    around = lambda half: np.where(apart, membrane + 1e3 * np.stack([-half[sweep], half[sweep]]), np.nan)
    mean = lambda values: float(np.mean(values)) if len(values) else float("nan")
    return Bands(
        sweep=sweep,
        time=time,
        rate=rate,
        rate_holds=mean((rate[0] <= recorded) & (recorded <= rate[1])),
        parameters=around(open_),
        voltage=around(reach),
        coverage=mean(inside),
        width=2e3 * mean(reach[seen]),
        samples=int(seen.sum()),
    )


def expected_error(model: PatchedNeuron, train: FitData, cut: float) -> float:
    """sqrt(n^2 + (2 m)^2), V: what the neuron's error stays below on another stimulus, by that on its own."""
    error = train.voltage - np.asarray(predict(model, train))
    seen = observed_steps(train, cut)
    lag = max(1, round(LASTING / train.dt))
    both = seen[:, lag:] & seen[:, :-lag]
    lasting = np.mean((error[:, lag:] * error[:, :-lag])[both]) / np.mean(error[seen] ** 2)
    return float(np.quantile(np.abs(error[seen]), LEVEL)) * np.sqrt(1 + (TRANSFER**2 - 1) * max(lasting, 0.0))


def as_dict(groups: tuple[Bands, ...]) -> dict[str, Any]:
    """What fit.json holds: the bands' width and how much they hold, over all held-out stimuli."""
    samples = [group.samples for group in groups]
    mean = lambda values: float(np.average(values, weights=samples)) if sum(samples) else None
    return {
        "voltage": {
            "width_mv": mean([group.width if group.samples else 0.0 for group in groups]),
            "coverage": mean([group.coverage if group.samples else 0.0 for group in groups]),
        },
        "rate": {"coverage": float(np.average([g.rate_holds for g in groups], weights=[len(g.time) for g in groups]))},
    }


def smoothed_rate(
    times: Float[np.ndarray, " k"], runs: int, duration: float
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The rate of several runs, smoothed with a Gaussian of SMOOTHING, 1/s, and before it the centres of its bins, s.

    Args:
        times: of the spikes of all runs, s.
        runs: how many there are.
        duration: of each, s.
    """
    counts, edges = np.histogram(times, bins=round(duration / BIN), range=(0, duration))
    return edges[:-1] + BIN / 2, gaussian_filter1d(counts / runs / BIN, SMOOTHING / BIN, mode="constant")


def _rate_band(model, draws, data, sweep, seed) -> Float[np.ndarray, "2 n"]:
    """The ends of the band of the rate of as many runs as there are repeats, 1/s."""
    repeats, duration = len(data.numbers), data.steps * data.dt
    keys = jax.random.split(jax.random.key(seed), (len(draws.series_resistance), repeats))
    spiked = np.asarray(
        _counts(draws, jnp.asarray(data.current[sweep]), jnp.asarray(data.voltage[:, 0]), data.dt, keys)
    )
    middles = (np.arange(spiked.shape[1]) + 0.5) * data.dt
    latency = float(model.neuron.spike_latency)
    return _ends(np.array([smoothed_rate(np.repeat(middles, row) + latency, repeats, duration)[1] for row in spiked]))


def _spread(draws: PatchedNeuron, data: FitData) -> Float[np.ndarray, "S T"]:
    """Half the width of the band of the drawn neurons' voltage, V."""
    coarse = coarsen(data, STEP)
    exact = eqx.tree_at(lambda m: m.neuron.voltage_dynamics, draws, LinearExact())
    half = np.ptp(_ends(np.asarray(_forced(exact, coarse))), axis=0) / 2
    steps = data.current.shape[1]
    fine = np.repeat(half, round(coarse.dt / data.dt), axis=1)[:, :steps]
    return np.pad(fine, ((0, 0), (0, steps - fine.shape[1])), mode="edge")


def _ends(sampled: Float[np.ndarray, "d *n"]) -> Float[np.ndarray, "2 *n"]:
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
def _forced(draws, data):
    """Recorded-scale voltage of each drawn neuron with the recorded spikes forced, V, (draws, S, T)."""
    return jax.lax.map(lambda neuron: predict(neuron, data), draws, batch_size=2)
