"""Starting values in closed form: for speed only, every one of them is fitted afterwards."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import glifjax as gj

from ..data.arrays import FitData
from ..data.shape import SpikeShape
from ..levels.names import PARTS
from ..model.patched import PatchedNeuron
from .augment import augment

#: Membrane time constants that are tried, s.
TAUS = np.geomspace(3e-3, 150e-3, 25)
#: Time constants that afterspike currents start from, s: of two; and the first and last of any other number.
ASC_TAUS, ASC_RANGE = (20e-3, 100e-3), (5e-3, 300e-3)
#: How many a level has that has them, unless told otherwise.
CURRENTS, AUGMENTED_CURRENTS = 2, 4
#: The voltage at a spike's onset is a mean over this time before it, s.
ONSET = 0.4e-3
#: Series resistances that a start may have, ohm.
SERIES_RESISTANCE = (0.0, 40e6)


def initial(level: str, data: FitData, shape: SpikeShape, currents: int | None = None) -> PatchedNeuron:
    """A neuron to start from, by least squares on the voltage between spikes.

    V(t) = El + R (I low-passed with tau) + Rs I(t), for the tau that fits best; C = tau / R. The voltage reset is
    a regression on the onsets, the threshold the median voltage at the onsets, escape noise 2 mV wide.

    Args:
        level: one of fitting.LEVELS; an Allen level comes as the fit works on it, see there.
        data: training sweeps; shape: their spikes.
        currents: how many afterspike currents the level has, if any; CURRENTS or AUGMENTED_CURRENTS if None.
    """
    block = max(1, round(1e-3 / data.dt))
    means = lambda x: x[:, : x.shape[1] // block * block].reshape(len(x), -1, block).mean(axis=2)
    current, voltage = means(data.current), means(data.voltage)
    keep = means(between_spikes(data, shape.cut + 10e-3) * 1.0) == 1
    fits = [_regress(current, voltage, keep, tau, block * data.dt) for tau in TAUS]
    _, tau, (rest, resistance, _) = min(fits, key=lambda fit: fit[0])
    resistance = max(resistance, 5e6)
    series = float(np.clip(_series(current, voltage, keep, tau, block * data.dt), *SERIES_RESISTANCE))

    membrane = data.voltage - series * data.current - rest
    onset = float(np.median(membrane[data.forced]))
    parts = PARTS[level]
    slope, after = _reset(membrane, data, shape.cut, onset)
    if currents is None:
        currents = AUGMENTED_CURRENTS if parts.gates else CURRENTS
    neuron = gj.from_level(
        "LIF-R-ASC-A",
        C=tau / resistance,
        R_input=resistance,
        El_reference=rest,
        th_inf=onset,
        asc_tau_array=asc_taus(currents),
        asc_amp_array=[0.0] * currents,
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


def asc_taus(currents: int) -> tuple[float, ...]:
    """Time constants for a number of afterspike currents to start from, s."""
    if currents == len(ASC_TAUS):
        return ASC_TAUS
    between = np.sqrt(np.prod(ASC_RANGE)) if currents == 1 else ASC_RANGE[0]
    return tuple(np.geomspace(between, ASC_RANGE[1], currents).tolist())


def _reset(membrane: Float[np.ndarray, "S T"], data: FitData, cut: float, onset: float) -> tuple[float, float]:
    """Slope, 0 to 1, of the membrane voltage at the end of the cut on that at the onset, and its value for `onset`, V.

    The membrane's, not the recorded voltage's: what the electrode adds to both would raise the slope. The mean over
    ONSET, as measurement noise would lower it.
    """
    sweep, step = np.nonzero(data.forced)
    end = step + round(cut / data.dt)
    inside = end < data.valid.sum(axis=1)[sweep]
    steps = range(round(ONSET / data.dt))
    before = np.mean([membrane[sweep, np.maximum(step - i, 0)] for i in steps], axis=0)[inside]
    after = membrane[sweep[inside], end[inside]]
    if len(before) < 5 or np.ptp(before) < 1e-4:
        return 0.0, float(after.mean()) if len(after) else 0.0
    slope, intercept = np.polyfit(before, after, 1)
    return float(np.clip(slope, 0.0, 1.0)), float(slope * onset + intercept)


def between_spikes(data: FitData, after: float, before: float = 0.5e-3) -> np.ndarray:
    """(S, T): True in valid steps further than `before` s from the next onset and `after` s from the last."""
    keep = data.valid.copy()
    behind, ahead = round(before / data.dt), round(after / data.dt)
    for sweep, step in zip(*np.nonzero(data.forced), strict=True):
        keep[sweep, max(step - behind, 0) : step + ahead + 1] = False
    return keep


def _regress(current, voltage, keep, tau, dt):
    """Residual, tau, (El, R, Rs) of V = El + R lowpass(I) + Rs I."""
    columns = np.stack([np.ones_like(current), _low_pass(current, tau, dt), current], axis=-1)[keep]
    residual, solution = _least_squares(columns, voltage[keep])
    return residual, tau, solution


def _series(current, voltage, keep, tau, dt) -> float:
    """Rs of the same equation, between neighbouring steps: slow currents that it lacks do not matter there."""
    columns = np.diff(np.stack([_low_pass(current, tau, dt), current], axis=-1), axis=1)
    both = keep[:, 1:] & keep[:, :-1]
    return float(_least_squares(columns[both], np.diff(voltage, axis=1)[both])[1][1])


def _low_pass(current, tau, dt):
    """The mean over each step of the current low-passed with tau, as if its first value had been on for ever."""
    from scipy.signal import lfilter

    decay = np.exp(-dt / tau)
    first = current[:, :1]
    after, _ = lfilter([1 - decay], [1, -decay], current, axis=1, zi=decay * first)
    return (after + np.concatenate([first, after[:, :-1]], axis=1)) / 2


def _least_squares(columns, wanted):
    """Sum of squared residuals, and the solution."""
    scale = np.abs(columns).max(axis=0) + 1e-30
    solution, *_ = np.linalg.lstsq(columns / scale, wanted, rcond=None)
    return np.sum((columns / scale @ solution - wanted) ** 2), solution / scale
