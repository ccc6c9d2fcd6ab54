"""Starting values in closed form: for speed only, every one of them is fitted afterwards."""

import jax
import jax.numpy as jnp
import numpy as np

import glifjax as gj
from fitting.data import FitData
from fitting.electrode import PatchedNeuron
from fitting.levels import PARTS
from fitting.spikes import SpikeShape
from fitting.stages.augment import augment

#: Membrane time constants that are tried, s.
TAUS = np.geomspace(3e-3, 150e-3, 25)
#: Time constants that the afterspike currents start from, s.
ASC_TAUS = (0.02, 0.1)
#: Series resistances that a start may have, ohm.
SERIES_RESISTANCE = (0.0, 40e6)


def initial(level: str, data: FitData, shape: SpikeShape) -> PatchedNeuron:
    """A neuron to start from, by least squares on the voltage between spikes.

    V(t) = El + R (I low-passed with tau) + Rs I(t), for the tau that fits best; C = tau / R. The voltage reset is
    the regression in `shape`, the threshold the median voltage at the onsets, escape noise 2 mV wide.

    Args:
        level: one of fitting.levels.LEVELS; an Allen level comes as the fit works on it, see there.
        data: training sweeps; shape: their spikes.
    """
    block = max(1, round(1e-3 / data.dt))
    means = lambda x: x[:, : x.shape[1] // block * block].reshape(len(x), -1, block).mean(axis=2)
    current, voltage = means(data.current), means(data.voltage)
    keep = means(between_spikes(data, shape.cut + 10e-3) * 1.0) == 1
    fits = [_regress(current, voltage, keep, tau, block * data.dt) for tau in TAUS]
    _, tau, (rest, resistance, series) = min(fits, key=lambda fit: fit[0])
    resistance = max(resistance, 5e6)
    series = float(np.clip(series, *SERIES_RESISTANCE))

    membrane = data.voltage - series * data.current - rest
    onset = float(np.median(membrane[data.forced]))
    parts = PARTS[level]
    slope = float(np.clip(shape.reset_slope, 0.0, 1.0))
    after = shape.reset_intercept + shape.reset_slope * (onset + rest) - rest
    neuron = gj.from_level(
        "LIF-R-ASC-A",
        C=tau / resistance,
        R_input=resistance,
        El_reference=rest,
        th_inf=onset,
        asc_tau_array=ASC_TAUS,
        reset_slope=slope if parts.resets else 0.0,
        reset_intercept=after - slope * onset if parts.resets else 0.0,
        b_spike=20.0,
        b_voltage=20.0,
        spike_cut_length=round(shape.cut / data.dt),
        dt=data.dt,
        spike_latency=shape.latency,
        escape_noise=gj.EscapeNoise(1e3, 2e-3),
    )
    model = PatchedNeuron(neuron, series)
    model = augment(model, data, shape) if parts.gates else model
    # through numpy, which has no weak types: compiled functions tell them apart
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), model)


def between_spikes(data: FitData, after: float, before: float = 0.5e-3) -> np.ndarray:
    """(S, T): True in valid steps further than `before` s from the next onset and `after` s from the last."""
    keep = data.valid.copy()
    behind, ahead = round(before / data.dt), round(after / data.dt)
    for sweep, step in zip(*np.nonzero(data.forced), strict=True):
        keep[sweep, max(step - behind, 0) : step + ahead + 1] = False
    return keep


def _regress(current, voltage, keep, tau, dt):
    """Residual, tau, (El, R, Rs) of V = El + R lowpass(I) + Rs I."""
    from scipy.signal import lfilter

    decay = np.exp(-dt / tau)
    start = decay * current[:, :1]  # the filter as if the first current had been on for ever
    slow, _ = lfilter([1 - decay], [1, -decay], current, axis=1, zi=start)
    columns = np.stack([np.ones(keep.sum()), slow[keep], current[keep]], axis=1)
    scale = np.abs(columns).max(axis=0) + 1e-30
    solution, *_ = np.linalg.lstsq(columns / scale, voltage[keep], rcond=None)
    residual = np.sum((columns / scale @ solution - voltage[keep]) ** 2)
    return residual, tau, solution / scale
