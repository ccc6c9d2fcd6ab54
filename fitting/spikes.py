"""Spikes in a recorded voltage: when they happen, and what the model is to cut out of the trace around each.

A recorded spike is timed where its upstroke crosses `level`. The model's spike stands `latency` earlier, at the
onset, and its voltage is cut from there for `cut` seconds, after which it restarts at reset_slope V + reset_intercept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

#: What makes a peak a spike: how far it stands out within WINDOW (V, s), and how steep its upstroke is (V/s).
PROMINENCE, WINDOW, UPSTROKE = 0.020, 0.020, 5.0
#: How far it stands out as a fraction of what the sweep's tallest peaks do, and in units of the noise, or as this
#: larger fraction, where spikes are so many that they are the noise.
RELATIVE, NOISE, ENOUGH = 0.2, 8.0, 0.6
#: Peaks that stand out less are not even looked at, V.
LOOKED_AT = 0.010
#: The share of its steepest rise that makes a spike's onset, and until when it has not begun to rise, s.
ONSET, SETTLED = 0.01, -2.5e-3
#: Delays after a spike's crossing among which the end of the cut is sought, s (Allen's 1-10 ms), and by how much the
#: mean squared error of the voltage there may exceed the least: a share of that, and V^2.
CUT_DELAYS, WORSE = np.arange(1e-3, 10.01e-3, 0.1e-3), (0.25, 0.6e-3**2)


@dataclass(frozen=True)
class SpikeShape:
    """What all spikes of a cell have in common.

    Attributes:
        level: voltage whose upward crossing times a recorded spike, V.
        latency: from the onset to that crossing, s.
        cut: from the onset to where the model goes on, s.
        reset_slope, reset_intercept: regression of the voltage after the cut on the voltage at the onset, 1 and V.
        count: how many spikes this was measured on.
    """

    level: float
    latency: float
    cut: float
    reset_slope: float
    reset_intercept: float
    count: int


@dataclass(frozen=True)
class Peaks:
    """The peaks of one sweep, and which of them are spikes.

    Attributes:
        at: samples.
        prominence: how far each stands out within WINDOW, V.
        upstroke: its steepest rise over 0.3 ms in the 3 ms before it, V/s.
        least: the prominence that makes a spike in this sweep, V.
    """

    at: Int[np.ndarray, " k"]
    prominence: Float[np.ndarray, " k"]
    upstroke: Float[np.ndarray, " k"]
    least: float

    @property
    def spikes(self) -> Bool[np.ndarray, " k"]:
        """Which of them are spikes."""
        return (self.prominence >= self.least) & (self.upstroke >= UPSTROKE)


def find_peaks(voltage: Float[np.ndarray, " T"], rate: float) -> Peaks:
    """The peaks of a voltage (V) sampled at a rate (Hz).

    A spike rises fast and stands out from what is around it: by PROMINENCE, by RELATIVE of what the tallest do (the
    median of the five tallest), and by NOISE robust standard deviations of what is left of the voltage when its mean
    over WINDOW is taken away (ENOUGH of the tallest suffice). Steps, drift and the cell's offset do not matter.
    """
    from scipy import signal
    from scipy.ndimage import uniform_filter1d

    window = max(3, int(WINDOW * rate))
    at, found = signal.find_peaks(voltage, prominence=LOOKED_AT, wlen=window, distance=max(1, int(1.5e-3 * rate)))
    prominence = found["prominences"]
    rise, before = max(1, round(0.3e-3 * rate)), max(1, int(3e-3 * rate))
    slope = np.zeros_like(voltage)
    slope[rise:] = (voltage[rise:] - voltage[:-rise]) * rate / rise
    upstroke = np.array([slope[max(peak - before, 0) : peak + 1].max() for peak in at], dtype=float)
    steep = np.sort(prominence[upstroke >= UPSTROKE])
    tallest = float(np.median(steep[-5:])) if len(steep) else 0.0
    fast = voltage - uniform_filter1d(voltage, window)
    noise = 1.4826 * float(np.median(np.abs(fast - np.median(fast))))
    least = max(PROMINENCE, RELATIVE * tallest, min(NOISE * noise, ENOUGH * tallest))
    return Peaks(at, prominence, upstroke, least)


def find_spike_peaks(voltage: Float[np.ndarray, " T"], rate: float) -> Int[np.ndarray, " k"]:
    """Samples at which spikes peak; voltage in V, rate in Hz; see `find_peaks`."""
    peaks = find_peaks(voltage, rate)
    return peaks.at[peaks.spikes]


def crossing_level(traces: Sequence[tuple[Float[np.ndarray, " T"], float]]) -> float:
    """The level that times a cell's spikes, V: 0 mV, or lower where its smallest spikes would not reach it.

    Half way between the median voltage 2 ms before the peak and the 5th percentile of the peaks, 0 at most.

    Args:
        traces: voltage (V) and rate (Hz) of each sweep.
    """
    heights, feet = [], []
    for voltage, rate in traces:
        peaks = find_spike_peaks(voltage, rate)
        heights.append(voltage[peaks])
        feet.append(voltage[np.maximum(peaks - int(2e-3 * rate), 0)])
    if not sum(map(len, heights)):
        return 0.0
    return min(0.0, float(np.median(np.concatenate(feet)) + np.percentile(np.concatenate(heights), 5)) / 2)


def detect_spikes(voltage: Float[np.ndarray, " T"], rate: float, level: float = 0.0) -> Float[np.ndarray, " k"]:
    """Times at which spikes cross `level` upwards, between samples, s from the first sample.

    A spike that does not come from below the level (in the WINDOW/2 before its peak, and since the last spike) or does
    not reach it is timed half way up instead, as are spikes on a baseline that moves.

    Args:
        voltage: V; rate: Hz; level: V, see `crossing_level`.
    """
    times, reach, last = [], int(WINDOW / 2 * rate), 0
    for peak in find_spike_peaks(voltage, rate):
        first = max(peak - reach, last)
        rising = voltage[first : peak + 1]
        height = level if rising.min() < level < voltage[peak] else (rising.min() + voltage[peak]) / 2
        below = np.flatnonzero(rising <= height)[-1]
        low, high = rising[below], rising[below + 1]
        times.append((first + below + (height - low) / (high - low)) / rate)
        last = peak
    return np.asarray(times, dtype=float)


def measure_shape(traces: Sequence[tuple[Float[np.ndarray, " T"], float]]) -> SpikeShape | None:
    """The common shape of a cell's spikes; None if it has none.

    The onset is where the median spike starts to rise: ONSET of its steepest upstroke, beyond how fast the voltage rose
    before. The voltage after the cut is predicted from that at the onset by regression, worse and worse from where the
    membrane goes its own way (Teeter et al. 2018): the cut ends at the last delay that is predicted nearly as well as
    the best (WORSE), sought from where the median spike has come back to the onset's voltage, up to 10 ms after the
    crossing; it is never longer than the shortest interval.

    Args:
        traces: voltage (V) and rate (Hz) of each sweep; compensated for the electrode where that is known.
    """
    level = crossing_level(traces)
    step = 5e-5
    time = np.arange(-5e-3, 15e-3, step)
    shapes, shortest = [], np.inf
    for voltage, rate in traces:
        at = np.arange(len(voltage)) / rate
        times = detect_spikes(voltage, rate, level)
        shortest = min(shortest, np.diff(times).min(initial=np.inf))
        whole = times[(times > -time[0]) & (times < at[-1] - time[-1])]
        shapes += [np.interp(t + time, at, voltage) for t in whole]
    if not shapes:
        return None
    spikes = np.asarray(shapes)
    median = np.median(spikes, axis=0)
    crossing = np.searchsorted(time, 0.0)
    back = np.flatnonzero(median[crossing + 1 :] < median[crossing])
    peak = crossing + np.argmax(median[crossing : crossing + 1 + (back[0] if len(back) else len(median))])
    latency = _rise(median[: peak + 1], time)
    onset = spikes[:, np.searchsorted(time, -latency - step / 2)]

    below = np.flatnonzero(median[peak:] < np.median(onset))
    returned = time[peak + below[0]] if len(below) else 5e-3
    longest = min(CUT_DELAYS[-1], max(0.95 * shortest - latency, returned))
    delays = np.array([delay for delay in CUT_DELAYS if returned <= delay <= longest] or [returned])
    fits = [_regress(onset, spikes[:, np.searchsorted(time, delay)]) for delay in delays]
    errors = np.array([residual for residual, *_ in fits]) / len(spikes)
    best = int(np.flatnonzero(errors <= errors.min() + min(WORSE[0] * errors.min(), WORSE[1]))[-1])
    _, slope, intercept = fits[best]
    return SpikeShape(level, float(latency), float(latency + delays[best]), slope, intercept, len(spikes))


def _rise(wave, time) -> float:
    """How long before time 0 a spike starts to rise, s, from its wave (V) up to the peak."""
    trough = int(np.argmin(wave))
    time, slope = time[trough : len(wave)], np.gradient(wave, time[: len(wave)])[trough:]
    settled = slope[time < SETTLED]
    before = np.median(settled) if len(settled) else 0.0
    steepest = int(np.argmax(slope))
    slow = np.flatnonzero(slope[:steepest] < before + ONSET * (slope[steepest] - before))
    return max(-time[slow[-1] if len(slow) else 0], time[1] - time[0])


def _regress(x, y) -> tuple[float, float, float]:
    """Sum of squared residuals, slope and intercept of y on x; slope 0 where there are too few points for one."""
    if len(x) < 5 or np.ptp(x) < 1e-4:
        return float(np.sum((y - y.mean()) ** 2)), 0.0, float(y.mean())
    slope, intercept = np.polyfit(x, y, 1)
    return float(np.sum((y - slope * x - intercept) ** 2)), float(slope), float(intercept)
