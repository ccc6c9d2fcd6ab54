"""Spikes in a recorded voltage: when they happen, and what the model is to cut out of the trace around each.

A recorded spike is timed where its upstroke crosses `level`. The model's spike stands `latency` earlier, at the
onset, and its voltage is cut from there for `cut` seconds, after which it restarts at reset_slope V + reset_intercept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.signal import find_peaks

#: What makes a peak a spike: how far it stands out within WINDOW (V, s), and how steep its upstroke is (V/s).
PROMINENCE, WINDOW, UPSTROKE = 0.020, 0.020, 5.0
#: How far it rises above the sweep's median, V, and as a fraction of what the sweep's tallest peaks do.
HEIGHT, RELATIVE_HEIGHT = 0.035, 0.5
#: Delays after a spike's onset among which the end of the cut is sought, s (Allen's 1-10 ms).
CUT_DELAYS = np.arange(1e-3, 10.01e-3, 0.25e-3)


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


def find_spike_peaks(voltage: Float[np.ndarray, " T"], rate: float) -> Int[np.ndarray, " k"]:
    """Samples at which spikes peak; voltage in V, rate in Hz.

    A spike stands out by PROMINENCE within WINDOW, rises at UPSTROKE or faster, and reaches high above the median and
    half as high as the tallest (the median of the five tallest), whatever the cell's offset.
    """
    peaks, _ = find_peaks(
        voltage, prominence=PROMINENCE, wlen=max(3, int(WINDOW * rate)), distance=max(1, int(1.5e-3 * rate))
    )
    rise = max(1, round(0.3e-3 * rate))
    slope = np.zeros_like(voltage)
    slope[rise:] = (voltage[rise:] - voltage[:-rise]) * rate / rise
    before = max(1, int(3e-3 * rate))
    peaks = np.array([p for p in peaks if slope[max(p - before, 0) : p + 1].max() >= UPSTROKE], dtype=int)
    height = voltage[peaks] - np.median(voltage)
    tallest = np.median(np.sort(height)[-5:]) if len(peaks) else 0.0
    return peaks[height >= max(HEIGHT, RELATIVE_HEIGHT * tallest)]


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

    Args:
        voltage: V; rate: Hz; level: V, see `crossing_level`; what peaks below it is not a spike.
    """
    times = []
    peaks = find_spike_peaks(voltage, rate)
    for peak in peaks[voltage[peaks] > level]:
        above = peak
        while above > 0 and voltage[above - 1] > level:
            above -= 1
        if above > 0:  # else the sweep began within the spike
            low, high = voltage[above - 1], voltage[above]
            times.append((above - 1 + (level - low) / (high - low)) / rate)
    return np.unique(np.asarray(times, dtype=float))


def measure_shape(traces: Sequence[tuple[Float[np.ndarray, " T"], float]]) -> SpikeShape | None:
    """The common shape of a cell's spikes; None if it has none.

    The latency is three quarters of the median spike's width at half height. The end of the cut is the delay after
    which the voltage is best predicted from the voltage at the onset (Teeter et al. 2018), sought from where the
    median spike has come back to the onset's voltage, up to 10 ms; never longer than the shortest interval.

    Args:
        traces: voltage (V) and rate (Hz) of each sweep; compensated for the electrode where that is known.
    """
    level = crossing_level(traces)
    time = np.arange(-5e-3, 15e-3, 5e-5)
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
    peak = np.argmax(median)
    foot = median[np.searchsorted(time, -2e-3)]
    latency = 0.75 * _width(median, time, peak, (median[peak] + foot) / 2)
    onset = spikes[:, np.searchsorted(time, -latency)]

    below = np.flatnonzero(median[peak:] < np.median(onset))
    returned = time[peak + below[0]] if len(below) else 5e-3
    longest = min(CUT_DELAYS[-1], max(0.95 * shortest - latency, returned))
    delays = np.array([delay for delay in CUT_DELAYS if returned <= delay <= longest] or [returned])
    fits = [_regress(onset, spikes[:, np.searchsorted(time, delay)]) for delay in delays]
    best = int(np.argmin([residual for residual, *_ in fits]))
    _, slope, intercept = fits[best]
    return SpikeShape(level, float(latency), float(latency + delays[best]), slope, intercept, len(spikes))


def _width(wave, time, peak, height) -> float:
    """Time that the wave spends above a height around its peak."""
    rise = np.flatnonzero(wave[:peak] < height)
    fall = np.flatnonzero(wave[peak:] < height)
    return time[peak + (fall[0] if len(fall) else -1)] - time[rise[-1] if len(rise) else 0]


def _regress(x, y) -> tuple[float, float, float]:
    """Sum of squared residuals, slope and intercept of y on x; slope 0 where there are too few points for one."""
    if len(x) < 5 or np.ptp(x) < 1e-4:
        return float(np.sum((y - y.mean()) ** 2)), 0.0, float(y.mean())
    slope, intercept = np.polyfit(x, y, 1)
    return float(np.sum((y - slope * x - intercept) ** 2)), float(slope), float(intercept)
