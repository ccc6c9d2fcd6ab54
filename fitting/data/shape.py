"""What all spikes of a cell have in common, and what the model is to cut out of the trace around each.

A recorded spike is timed where its upstroke crosses `level`. The model's spike stands `latency` earlier, at the
onset, and its voltage is cut from there for `cut` seconds, after which it restarts at reset_slope V + reset_intercept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from glifjax.spikes.detection import crossing_level, detect_spikes

#: The share of its steepest rise that makes a spike's onset.
ONSET = 0.01
#: Until when it has not begun to rise, s.
SETTLED = -2.5e-3
#: Delays after a spike's crossing among which the end of the cut is sought, s (Allen's 1-10 ms).
CUT_DELAYS = np.arange(1e-3, 10.01e-3, 0.1e-3)
#: The mean squared error of the voltage at the end may exceed the least by this share of it,
WORSE = 0.25
#: and by no more than this, V^2.
MOST_WORSE = 0.6e-3**2


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


def measure_shape(traces: Sequence[tuple[Float[np.ndarray, " T"], float]]) -> SpikeShape | None:
    """The common shape of a cell's spikes; None if it has none.

    The onset is where the median spike starts to rise: ONSET of its steepest upstroke, beyond how fast the voltage rose
    before; and a sample later, as straight lines between samples, which are means besides, rise that much before. The
    voltage after the cut is predicted from that at the onset by regression, worse and worse from where the membrane
    goes its own way (Teeter et al. 2018): the cut ends at the last delay that is predicted nearly as well as the best
    (WORSE), sought from where the median spike has come back to the onset's voltage, up to 10 ms after the crossing; it
    is never longer than the shortest interval.

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
        shapes.append(waves(voltage, at, times, time))
    if not any(map(len, shapes)):
        return None
    spikes = np.concatenate(shapes)
    median = np.median(spikes, axis=0)
    crossing = np.searchsorted(time, 0.0)
    back = np.flatnonzero(median[crossing + 1 :] < median[crossing])
    peak = crossing + np.argmax(median[crossing : crossing + 1 + (back[0] if len(back) else len(median))])
    latency = max(_rise(median[: peak + 1], time) - 1 / min(rate for _, rate in traces), step)
    onset = spikes[:, np.searchsorted(time, -latency - step / 2)]

    below = np.flatnonzero(median[peak:] < np.median(onset))
    returned = time[peak + below[0]] if len(below) else 5e-3
    longest = min(CUT_DELAYS[-1], max(0.95 * shortest - latency, returned))
    delays = np.array([delay for delay in CUT_DELAYS if returned <= delay <= longest] or [returned])
    fits = [_regress(onset, spikes[:, np.searchsorted(time, delay)]) for delay in delays]
    errors = np.array([residual for residual, *_ in fits]) / len(spikes)
    best = int(np.flatnonzero(errors <= errors.min() + min(WORSE * errors.min(), MOST_WORSE))[-1])
    _, slope, intercept = fits[best]
    return SpikeShape(level, float(latency), float(latency + delays[best]), slope, intercept, len(spikes))


def waves(
    voltage: Float[np.ndarray, " T"],
    at: Float[np.ndarray, " T"],
    spikes: Float[np.ndarray, " k"],
    around: Float[np.ndarray, " m"],
) -> Float[np.ndarray, "n m"]:
    """The voltage (V, sampled at the times `at`, s) around each spike that is whole; `around` counts from it, s."""
    whole = spikes[(spikes > at[0] - around[0]) & (spikes < at[-1] - around[-1])]
    return np.interp(whole[:, None] + around, at, voltage)


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
