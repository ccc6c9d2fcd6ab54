"""Spikes in a recorded voltage: when they happen.

A spike is a peak that is prominent, fast and tall; it is timed where its upstroke crosses a level.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from .ticks import without_ticks

#: How far a spike stands out within WINDOW, V.
PROMINENCE = 0.020
#: What is around a peak, s.
WINDOW = 0.020
#: How steep a spike's upstroke is, V/s.
UPSTROKE = 5.0
#: Spikes that shrink stand out by less (V), and rise faster than anything else does (V/s; Allen's dv/dt of a spike).
SMALL = 0.015
FAST = 20.0
#: How far it stands out as a fraction of what the sweep's tallest peaks do.
RELATIVE = 0.2
#: The same in robust standard deviations of the noise.
NOISE = 8.0
#: The fraction of the tallest that suffices where spikes are so many that they are the noise.
ENOUGH = 0.6
#: Peaks that stand out less are not even looked at, V.
LOOKED_AT = 0.010
#: Of steep peaks so large a share is smaller than a spike where it is noise that makes them.
NOISY = 0.1


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
        tall = (self.prominence >= self.least) & (self.upstroke >= UPSTROKE)
        return tall | _is_small_spike(self.prominence, self.upstroke) if self.least <= PROMINENCE else tall


def _is_small_spike(prominence: Float[np.ndarray, " k"], upstroke: Float[np.ndarray, " k"]) -> Bool[np.ndarray, " k"]:
    return (prominence >= SMALL) & (upstroke >= FAST)


def find_peaks(voltage: Float[np.ndarray, " T"], rate: float) -> Peaks:
    """The peaks of a voltage (V) sampled at a rate (Hz).

    A spike rises fast and stands out from what is around it: by PROMINENCE (or by SMALL, if it rises FAST and nothing
    here asks for more), by RELATIVE of what the tallest do (the median of the five tallest), and, where more than NOISY
    of the steep peaks do not come to that, by NOISE robust standard deviations of what is left of the voltage when its
    mean over WINDOW is taken away (ENOUGH of the tallest suffice). Steps, drift and the cell's offset do not matter;
    ticks of the electrode, narrower than any spike, are taken out first.
    """
    from scipy import signal
    from scipy.ndimage import uniform_filter1d

    voltage = without_ticks(voltage, rate)
    window = max(3, int(WINDOW * rate))
    at, properties = signal.find_peaks(
        voltage,
        plateau_size=(None, window - 2),  # flat for longer it stands out from nothing within the window
        prominence=LOOKED_AT,
        wlen=window,
        distance=max(1, int(1.5e-3 * rate)),
    )
    prominence = properties["prominences"]
    rise, before = max(1, round(0.3e-3 * rate)), max(1, int(3e-3 * rate))
    slope = np.zeros_like(voltage)
    slope[rise:] = (voltage[rise:] - voltage[:-rise]) * rate / rise
    upstroke = np.array([slope[max(peak - before, 0) : peak + 1].max() for peak in at], dtype=float)
    is_steep = upstroke >= UPSTROKE
    steep = np.sort(prominence[is_steep])
    tallest = float(np.median(steep[-5:])) if len(steep) else 0.0
    fast = voltage - uniform_filter1d(voltage, window)
    noise = 1.4826 * float(np.median(np.abs(fast - np.median(fast))))
    stand_out = (prominence >= PROMINENCE) | _is_small_spike(prominence, upstroke)
    noisy = bool(len(steep)) and np.mean(~stand_out[is_steep]) > NOISY
    least = max(PROMINENCE, RELATIVE * tallest, min(NOISE * noise, ENOUGH * tallest) if noisy else 0.0)
    return Peaks(at, prominence, upstroke, least)


def find_spike_peaks(voltage: Float[np.ndarray, " T"], rate: float) -> Int[np.ndarray, " k"]:
    """Samples at which spikes peak; voltage in V, rate in Hz; see `find_peaks`."""
    peaks = find_peaks(voltage, rate)
    return peaks.at[peaks.spikes]


def crossing_level(traces: Sequence[tuple[Float[np.ndarray, " _"], float]]) -> float:
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
