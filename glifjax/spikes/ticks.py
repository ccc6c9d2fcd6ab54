"""Ticks of the electrode in a recorded voltage: up or down and back within a sample or two, narrower than any spike.

A switch, a drop of the bath, static electricity lift the voltage by as much as a spike does, and let it go at once.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

#: Half way up, a tick lasts less than this, s; the fastest spikes of mammals last .15 ms and more.
WIDTH = 0.13e-3
#: It stands out by this, V, as much as is looked at,
HEIGHT = 0.010
#: and by so many times the standard deviation of what is white noise from sample to sample.
NOISE = 12.0
#: What is around it, s.
WINDOW = 5e-3


def ticks(voltage: Float[np.ndarray, " T"], rate: float) -> Bool[np.ndarray, " T"]:
    """Where a voltage (V, sampled at `rate`, Hz) is in a tick; nowhere at rates whose samples are longer than one."""
    from scipy import signal
    from scipy.ndimage import minimum_filter1d

    inside = np.zeros(len(voltage), dtype=bool)
    reach, window = int(np.ceil(WIDTH * rate)), max(3, round(WINDOW * rate))
    if WIDTH * rate < 1 or len(voltage) <= window:
        return inside
    for upwards in (voltage, -voltage):
        at, _ = signal.find_peaks(upwards, plateau_size=(None, reach))
        at = at[upwards[at] - minimum_filter1d(upwards, 2 * reach + 1)[at] >= HEIGHT / 2]
        at = at[_falls(upwards, at, -reach, HEIGHT / 2) & _falls(upwards, at, reach, HEIGHT / 2)]
        if not at.size:  # as in most sweeps
            continue
        data = signal.peak_prominences(upwards, at, wlen=window)
        width = signal.peak_widths(upwards, at, rel_height=0.5, prominence_data=data)[0]
        # of white noise the median change from sample to sample is .954 standard deviations
        noise = float(np.median(np.abs(np.diff(voltage)))) / 0.954
        for peak in at[(data[0] >= max(HEIGHT, NOISE * noise)) & (width < WIDTH * rate)]:
            inside[max(peak - reach, 0) + 1 : peak + reach] = True
    return inside


def _falls(
    voltage: Float[np.ndarray, " T"], at: Int[np.ndarray, " k"], reach: int, by: float
) -> Bool[np.ndarray, " k"]:
    """Whether a voltage falls from each of its peaks by so much (V) within `reach` samples after it, or before it."""
    falls = np.zeros(len(at), dtype=bool)
    for away in range(1, abs(reach) + 1):
        there = (at + int(np.sign(reach)) * away).clip(0, len(voltage) - 1)
        falls |= voltage[at] - voltage[there] >= by
    return falls


def count_ticks(voltage: Float[np.ndarray, " T"], rate: float) -> int:
    """How many ticks a voltage (V, sampled at `rate`, Hz) holds."""
    inside = ticks(voltage, rate)
    return int(np.sum(inside[1:] & ~inside[:-1]))


def without_ticks(voltage: Float[np.ndarray, " T"], rate: float) -> Float[np.ndarray, " T"]:
    """The voltage (V, sampled at `rate`, Hz) with a straight line in place of each tick."""
    gone = ticks(voltage, rate)
    if not gone.any():
        return voltage
    at = np.arange(len(voltage))
    return np.where(gone, np.interp(at, at[~gone], voltage[~gone]), voltage)
