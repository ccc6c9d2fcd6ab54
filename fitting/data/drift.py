"""Slow drift of the recorded baseline: how far the voltage between spikes wanders from a cell that stays as it is.

V(t) = drift(t) + R (I low-passed with tau) + Rs I(t) + sum_spikes sum_k w_k e^(-(t - t_spike)/tau_k) by least squares
between spikes, drift(t) being piecewise linear; then the running median of what all but the drift leaves.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from .arrays import FitData, in_blocks
from .masks import between_spikes

#: Knots of the piecewise linear drift are this far apart, s; as wide is the running median.
SLOW = 15.0
#: The blocks that it runs over, s.
BLOCK = 1.0
#: Time constants of the membrane that are tried, s.
TAUS = np.geomspace(5e-3, 150e-3, 10)
#: Time constants of what spikes leave in the voltage, s.
SPIKE_TAUS = (20e-3, 100e-3, 500e-3)


@dataclass(frozen=True)
class Drift:
    """The drift of some sweeps.

    Attributes:
        time: centres of the blocks, s from each sweep's first sample; S arrays.
        median: what the cell's model leaves of the voltage, its median in each block, V; NaN where it says nothing.
        offset: the drift there, V; its median over all blocks is 0.
    """

    time: tuple[Float[np.ndarray, " b"], ...]
    median: tuple[Float[np.ndarray, " b"], ...]
    offset: tuple[Float[np.ndarray, " b"], ...]

    @property
    def span(self) -> float:
        """From the lowest to the highest, V."""
        return float(np.ptp(np.concatenate(self.offset)))

    @property
    def alone(self) -> int | None:
        """The place of the one sweep, of three or more, without which it is less than half, if there is one."""
        if len(self.offset) < 3:
            return None
        without = [np.ptp(np.concatenate([*self.offset[:k], *self.offset[k + 1 :]])) for k in range(len(self.offset))]
        if min(without) >= self.span / 2:
            return None
        return int(np.argmin(without))

    def removed(self, data: FitData) -> FitData:
        """The same sweeps without it."""
        return replace(data, voltage=data.voltage - self._within(data))

    def restored(self, data: FitData) -> FitData:
        """Sweeps that it was removed from, with it."""
        return replace(data, voltage=data.voltage + self._within(data))

    def _within(self, data: FitData) -> Float[np.ndarray, "S T"]:
        """The drift at each step, V."""
        at = (np.arange(data.voltage.shape[1]) + 0.5) * data.dt
        return np.stack([np.interp(at, time, offset) for time, offset in zip(self.time, self.offset, strict=True)])


def measure_drift(data: FitData, cut: float) -> Drift:
    """The drift within and between sweeps.

    Args:
        data: sweeps with their spikes.
        cut: of the spikes, s.
    """
    from scipy.signal import lfilter

    step = max(1, round(1e-3 / data.dt))
    means = lambda array: in_blocks(array, step).mean(axis=2)
    current, voltage = means(data.current), means(data.voltage)
    keep = means(between_spikes(data, cut + 5e-3) * 1.0) == 1
    dt = step * data.dt
    keep[:, : round(min(1.0, 0.1 * (data.steps // step) * dt) / dt)] = False
    spikes = means(data.forced * float(step))
    hats = [_hats(samples, dt) for samples in data.valid.sum(axis=1) // step]
    after = [lfilter([1.0], [1.0, -np.exp(-dt / tau)], spikes, axis=1) for tau in SPIKE_TAUS]
    fits = [_regress([_low_pass(current, tau, dt), current, *after], hats, voltage, keep) for tau in TAUS]
    left = min(fits, key=lambda fit: fit[0])[1]

    block = max(1, round(BLOCK / dt))
    times, medians, offsets = [], [], []
    for row, used, valid in zip(left, keep, data.valid, strict=True):
        n = max(1, int(valid.sum() // step // block))
        median = np.array([_median(part) for part in np.array_split(np.where(used, row, np.nan)[: n * block], n)])
        times.append((np.arange(n) + 0.5) * block * dt)
        medians.append(median)
        offsets.append(_smooth(median))
    if not np.isfinite(centre := _median(np.concatenate(offsets))):
        centre = 0.0
    flat = lambda values: np.where(np.isfinite(values), values - centre, 0.0)
    return Drift(tuple(times), tuple(row - centre for row in medians), tuple(map(flat, offsets)))


def _median(values) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else np.nan


def _smooth(median: np.ndarray) -> np.ndarray:
    """The running median over SLOW; one value for a sweep that is shorter."""
    finite = np.isfinite(median)
    if len(median) * BLOCK < 2 * SLOW or finite.sum() < 3:
        return np.full(len(median), _median(median))
    half = round(SLOW / BLOCK) // 2
    around = [slice(max(i - half, 0), i + half + 1) for i in range(len(median))]
    running = np.array([_median(median[part]) for part in around])
    return np.array([np.nanmean(running[max(i - half // 2, 0) : i + half // 2 + 1]) for i in range(len(running))])


def _hats(samples: int, dt: float) -> Float[np.ndarray, "T n"]:
    """Hat functions of time over a sweep, SLOW s apart; one column of ones where it is short."""
    if samples * dt < 2 * SLOW:
        return np.ones((samples, 1))
    knots = np.linspace(0, samples, round(samples * dt / SLOW) + 1)
    return np.stack([np.interp(np.arange(samples), knots, hat) for hat in np.eye(len(knots))], axis=1)


def _low_pass(current, tau, dt) -> np.ndarray:
    from scipy.signal import lfilter

    decay = np.exp(-dt / tau)
    slow, _ = lfilter([1 - decay], [1, -decay], current, axis=1, zi=decay * current[:, :1])
    return slow


def _regress(effects, hats, voltage, keep) -> tuple[float, np.ndarray]:
    """Sum of squares, and the voltage less all effects but the drift.

    Each sweep has a drift of its own, so effects and voltage are regressed on its hat functions first; what is left of
    them gives the same weights and the same misfit (Frisch and Waugh 1933).
    """
    left = []
    for sweep, (hat, used) in enumerate(zip(hats, keep, strict=True)):
        own, used = hat[used[: len(hat)]], np.flatnonzero(used[: len(hat)])
        columns = np.stack([x[sweep, used] for x in (*effects, voltage)], axis=1)
        left.append(columns - own @ np.linalg.lstsq(own, columns, rcond=None)[0])
    columns, observed = np.split(np.concatenate(left), [len(effects)], axis=1)
    scale = np.array([np.abs(x[keep]).max(initial=0.0) for x in effects]) + 1e-30
    solution, *_ = np.linalg.lstsq(columns / scale, observed[:, 0], rcond=None)
    misfit = float(np.sum((columns / scale @ solution - observed[:, 0]) ** 2))
    return misfit, voltage - sum(weight * x for weight, x in zip(solution / scale, effects, strict=True))
