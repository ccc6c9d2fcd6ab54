"""Starting values in closed form: for speed only, every one of them is fitted afterwards."""

import equinox as eqx
import numpy as np
from jaxtyping import Float

import glifjax as gj

from ..data.arrays import FitData
from ..data.capacitance import first_capacitance
from ..data.masks import between_spikes
from ..data.shape import SpikeShape
from ..model.patched import PatchedNeuron, strong_types


class ClosedForm(eqx.Module):
    """A LIF-R-ASC-A neuron to start from, by least squares on the voltage between spikes.

    V(t) = El + R (I low-passed with tau) + Rs I(t), for the tau that fits best; C is the one with which the voltage
    first follows the current, or else tau / R. The voltage reset is a regression on the onsets, the threshold the
    median voltage at the onsets, escape noise 2 mV wide.

    Attributes:
        first: take that C where it is known.
        shortest, longest: membrane time constants between which some are tried, s.
        count: how many.
        two_taus: time constants that afterspike currents start from, of two, s.
        first_tau, last_tau: the first and the last of any other number, s.
        onset: the voltage at a spike's onset is a mean over this time before it, s.
        most_series_resistance: that a start may have, ohm.
    """

    first: bool = True
    shortest: float = 3e-3
    longest: float = 150e-3
    count: int = 25
    two_taus: tuple[float, float] = (20e-3, 100e-3)
    first_tau: float = 5e-3
    last_tau: float = 300e-3
    onset: float = 0.4e-3
    most_series_resistance: float = 40e6

    def __call__(self, data: FitData, shape: SpikeShape, currents: int = 2, resets: bool = True) -> PatchedNeuron:
        """The neuron.

        Args:
            data: training sweeps.
            shape: their spikes.
            currents: how many afterspike currents it has; their amplitudes are zero.
            resets: whether the voltage after a spike depends on that before it; else it is zero.
        """
        block = max(1, round(1e-3 / data.dt))
        means = lambda x: x[:, : x.shape[1] // block * block].reshape(len(x), -1, block).mean(axis=2)
        current, voltage = means(data.current), means(data.voltage)
        keep = means(between_spikes(data, shape.cut + 10e-3) * 1.0) == 1
        taus = np.geomspace(self.shortest, self.longest, self.count)
        fits = [_regress(current, voltage, keep, tau, block * data.dt) for tau in taus]
        _, tau, (rest, resistance, _) = min(fits, key=lambda fit: fit[0])
        resistance = max(resistance, 5e6)
        capacitance = first_capacitance(data, shape.cut) if self.first else None
        series = _series(current, voltage, keep, tau, block * data.dt)
        series = float(np.clip(series, 0.0, self.most_series_resistance))

        membrane = data.voltage - series * data.current - rest
        onset = float(np.median(membrane[data.forced]))
        slope, after = self._reset(membrane, data, shape.cut, onset)
        neuron = gj.from_level(
            "LIF-R-ASC-A",
            C=tau / resistance if capacitance is None else capacitance,
            R_input=resistance,
            El_reference=rest,
            th_inf=onset,
            asc_tau_array=self.asc_taus(currents),
            asc_amp_array=[0.0] * currents,
            reset_slope=slope if resets else 0.0,
            reset_intercept=after - slope * onset if resets else 0.0,
            b_spike=20.0,
            b_voltage=20.0,
            spike_cut_length=round(shape.cut / data.dt),
            dt=data.dt,
            spike_latency=shape.latency,
            escape_noise=gj.EscapeNoise(1e3, 2e-3),
        )
        return strong_types(PatchedNeuron(neuron, series))

    def asc_taus(self, currents: int) -> tuple[float, ...]:
        """Time constants for a number of afterspike currents to start from, s."""
        if currents == len(self.two_taus):
            return self.two_taus
        first = np.sqrt(np.prod((self.first_tau, self.last_tau))) if currents == 1 else self.first_tau
        return tuple(np.geomspace(first, self.last_tau, currents).tolist())

    def _reset(
        self, membrane: Float[np.ndarray, "S T"], data: FitData, cut: float, onset: float
    ) -> tuple[float, float]:
        """Slope, 0 to 1, of the membrane voltage after the cut on that at the onset, and its value for `onset`, V.

        After the cut is the first sample that stage A compares: in the one before, the spike may not be over.
        The membrane's, not the recorded voltage's: what the electrode adds to both would raise the slope. The voltage
        at an onset is a mean over a short time, as measurement noise would lower it.
        """
        sweep, step = np.nonzero(data.forced)
        end = step + round(cut / data.dt) + 1
        inside = end < data.valid.sum(axis=1)[sweep]
        steps = range(round(self.onset / data.dt))
        before = np.mean([membrane[sweep, np.maximum(step - i, 0)] for i in steps], axis=0)[inside]
        after = membrane[sweep[inside], end[inside]]
        if len(before) < 5 or np.ptp(before) < 1e-4:
            return 0.0, float(after.mean()) if len(after) else 0.0
        slope, intercept = np.polyfit(before, after, 1)
        return float(np.clip(slope, 0.0, 1.0)), float(slope * onset + intercept)


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
