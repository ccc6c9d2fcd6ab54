"""From sweeps to the arrays a fit works on: one time step, spikes located, lengths padded to one of a few."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from glifjax.spikes.detection import detect_spikes
from glifjax.spikes.drop import without_drop

from .choices import DataError
from .rails import at_rails
from .shape import SpikeShape

#: The time step of a fit, s, as nearly as a recording's rate divides into it; slower recordings are refused.
FIT_DT = 1e-4
LOWEST_RATE = 5e3
#: Before a recording is averaged down, frequencies above this are filtered out, Hz (Allen's preprocessing).
LOW_PASS = 10e3


class FitData(eqx.Module):
    """Sweeps of a recording at one time step, padded at their ends to one length (`padded_length`); numpy, float64.

    Attributes:
        numbers: the sweeps' numbers, (S,). An array like the rest, so that compiled functions serve many cells.
        current: injected current, (S, T), A; zero in the padding.
        voltage: as recorded, the electrode's drop included, (S, T), V.
        valid: False in the padding, (S, T).
        seen: True where the voltage is what the cell's was: valid, and not cut off at a rail (`rails`), (S, T).
        counted: True where a fit is held to the data, (S, T): all that is valid, unless a part is kept aside.
        forced: True in the step that holds a spike's onset, (S, T).
        crossings: when that spike crosses the cell's level, s from the sweep's first sample; NaN elsewhere, (S, T).
        dt: s.
    """

    numbers: Int[np.ndarray, " S"]
    current: Float[np.ndarray, "S T"]
    voltage: Float[np.ndarray, "S T"]
    valid: Bool[np.ndarray, "S T"]
    seen: Bool[np.ndarray, "S T"]
    counted: Bool[np.ndarray, "S T"]
    forced: Bool[np.ndarray, "S T"]
    crossings: Float[np.ndarray, "S T"]
    dt: float = eqx.field(static=True)

    @property
    def spike_times(self) -> list[Float[np.ndarray, " k"]]:
        """When each sweep's spikes cross the cell's level, s from its first sample; S arrays."""
        return [row[~np.isnan(row)] for row in self.crossings]

    @property
    def duration(self) -> float:
        """Of all sweeps together, s."""
        return float(self.valid.sum()) * self.dt

    @property
    def steps(self) -> int:
        """Of the longest sweep; what follows is padding in all of them."""
        return int(self.valid.sum(axis=1).max())

    @property
    def n_spikes(self) -> int:
        """Spikes in all sweeps together."""
        return int(self.forced.sum())


def time_step(rate: float) -> float:
    """The time step of a fit, s, to a recording at `rate` (Hz)."""
    return steps_per_sample(rate) / rate


def same_step(one: float, other: float) -> bool:
    """Whether two time steps, s, are one."""
    return abs(one - other) <= 1e-3 * other


def steps_per_sample(rate: float) -> int:
    """How many samples of a recording at `rate` (Hz) are averaged into one step of the fit."""
    return max(1, round(rate * FIT_DT))


def resample(trace: Float[np.ndarray, " T"], rate: float) -> Float[np.ndarray, " n"]:
    """A trace at the fitting time step: low-passed (Bessel, forwards and backwards), then averaged in blocks."""
    from scipy.signal import bessel, sosfiltfilt

    block = steps_per_sample(rate)
    if block == 1:
        return np.asarray(trace, dtype=float)
    if rate > 4 * LOW_PASS:
        # about the mean, so that the filter does not ring at the ends
        mean = trace.mean()
        trace = sosfiltfilt(bessel(4, LOW_PASS, fs=rate, output="sos"), trace - mean) + mean
    n = len(trace) // block
    return trace[: n * block].reshape(n, block).mean(axis=1)


def resampled_mask(mask: Bool[np.ndarray, " T"], rate: float) -> Bool[np.ndarray, " n"]:
    """The steps of which any sample is in the mask."""
    return in_blocks(mask[None], steps_per_sample(rate))[0].any(axis=1)


def padded_length(steps: int) -> int:
    """The next of the lengths 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ..., four an octave.

    Compiled functions serve every recording that is padded to the same, at the cost of a ninth more steps on average.
    """
    spacing = 2 ** max(0, (steps - 1).bit_length() - 3)
    return -(-steps // spacing) * spacing


def in_blocks(array: Shaped[np.ndarray, "S T"], block: int) -> Shaped[np.ndarray, "S n k"]:
    """Sweeps in blocks of so many steps; what is left at their ends does not count."""
    n = array.shape[1] // block
    return array[:, : n * block].reshape(len(array), n, block)


def coarsen(data: FitData, step: float) -> FitData:
    """The same sweeps in steps of about `step` s: means of current and voltage; a spike stays in its step."""
    block = max(1, round(step / data.dt))

    def over(ufunc: np.ufunc, array: Shaped[np.ndarray, "S T"]) -> Shaped[np.ndarray, "S n"]:
        # step by step of all blocks: a tenth of the time of numpy's own reduction over a few numbers each
        return reduce(ufunc, np.moveaxis(in_blocks(array, block), 2, 0))

    return replace(
        data,
        current=over(np.add, data.current) / block,
        voltage=over(np.add, data.voltage) / block,
        valid=over(np.logical_and, data.valid),
        seen=over(np.logical_and, data.seen),
        counted=over(np.logical_and, data.counted),
        forced=over(np.logical_or, data.forced),
        crossings=over(np.fmin, data.crossings),
        dt=block * data.dt,
    )


def prepare(sweeps: Sequence, shape: SpikeShape | None) -> FitData:
    """Load sweeps, find their spikes, and bring them to one time step and length.

    Args:
        sweeps: with number, rate (Hz), current (A) and voltage (V), as in glifjax.read_recording.
        shape: the cell's spikes; None for sweeps that hold none.

    Raises:
        DataError: no sweeps, a rate too low to fit, or rates that lead to different time steps.
    """
    if not sweeps:
        raise DataError("no sweeps to prepare; select at least one")
    for sweep in sweeps:
        if sweep.rate < LOWEST_RATE:
            raise DataError(
                f"sweep {sweep.number} was sampled at {sweep.rate:g} Hz, too slow to time its spikes; "
                f"fitting needs {LOWEST_RATE / 1e3:g} kHz or more"
            )
    steps = {sweep.number: time_step(sweep.rate) for sweep in sweeps}
    dt = steps[sweeps[0].number]
    odd = [f"{number} ({step * 1e3:g} ms)" for number, step in steps.items() if not same_step(step, dt)]
    if odd:
        raise DataError(
            f"sweeps {', '.join(odd)} come to another time step than sweep {sweeps[0].number} ({dt * 1e3:g} ms); "
            "select sweeps of one sampling rate"
        )
    currents, voltages, times, cut_off = [], [], [], []
    for sweep in sweeps:
        current, voltage = sweep.current, sweep.voltage
        straight = without_drop(voltage, current, sweep.rate)
        times.append(detect_spikes(straight, sweep.rate, shape.level) if shape else np.zeros(0))
        currents.append(resample(current, sweep.rate))
        voltages.append(resample(voltage, sweep.rate))
        cut_off.append(resampled_mask(at_rails(voltage, sweep.rate), sweep.rate))
    length = padded_length(max(map(len, currents)))
    pad = lambda traces, mode: np.stack([np.pad(x, (0, length - len(x)), mode=mode) for x in traces])
    forced = np.zeros((len(sweeps), length), dtype=bool)
    crossings = np.full(forced.shape, np.nan)
    for row, crossing, spikes, samples in zip(forced, crossings, times, currents, strict=True):
        onset = np.floor((spikes - (shape.latency if shape else 0.0)) / dt).astype(int)
        onset = np.clip(onset, 0, len(samples) - 1)
        row[onset], crossing[onset] = True, spikes
    valid = np.stack([np.arange(length) < len(x) for x in currents])
    seen = valid & ~pad(cut_off, "constant")
    return FitData(
        numbers=np.array([int(sweep.number) for sweep in sweeps]),
        current=pad(currents, "constant"),
        voltage=pad(voltages, "edge"),
        valid=valid,
        seen=seen,
        counted=valid,
        forced=forced,
        crossings=crossings,
        dt=dt,
    )
