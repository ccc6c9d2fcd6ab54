"""Does the voltage answer the current as a neuron's does? If not, the file's scale or sign is wrong."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from glifjax.io.nwb.selection import list_sweeps

from .arrays import DataError, FitData, in_blocks
from .masks import between_spikes

#: Slopes of voltage on current that no neuron has: below and above these, ohm.
LOWEST = 5e6
HIGHEST = 10e9
#: The means that are compared are over so long, s, as long as a membrane takes to follow;
BLOCK = 0.1
#: or, in a short sweep, such a part of it.
TENTH = 10
#: A slope is only believed where the current explains so much of the voltage (r squared),
EXPLAINED = 0.25
#: where it is so many times its standard error,
CERTAIN = 4.0
#: and where between spikes it moves by so much of all that it moves: less is the noise of a current that is held.
MOVES = 0.05
#: A first answer is looked for over blocks of so many ms, of which so many are left out after a spike,
FIRST = 2
RECOVERY = 5
#: in sweeps whose current jumps, from one block to the next, by this part of its range;
JUMP = 0.05
#: and is believed where its standard error is at most this part of it.
SURE = 0.1
#: So few blocks tell nothing.
FEWEST = 20


def check_slope(data: FitData, cut: float) -> None:
    """Refuse sweeps whose voltage no neuron would show under their current.

    The slope of the voltage on the current within sweeps, means over BLOCK between spikes, is the input resistance, the
    electrode's included. A negative one is a current of the wrong sign; one far off, a wrong scale.

    Args:
        data: training sweeps.
        cut: how long a spike is cut out, s.

    Raises:
        DataError: what is wrong, and what to do.
    """
    slope = _slope(data, cut)
    if slope is None or LOWEST <= slope <= HIGHEST:
        return
    what = f"{list_sweeps(data.numbers.tolist())}: the input resistance comes to {megaohm(slope)}"
    if slope < 0:
        raise DataError(f"{what}, so a positive current hyperpolarises: turn the sign of the current's conversion")
    far = "low" if slope < LOWEST else "high"
    raise DataError(
        f"{what}, too {far} for a neuron ({LOWEST / 1e6:g} MΩ to {HIGHEST / 1e9:g} GΩ): correct the scale (conversion) "
        "of the current or the voltage in the file"
    )


def _slope(data: FitData, cut: float) -> float | None:
    """The slope of voltage on current within all sweeps, ohm; None where it is not believed."""
    block = max(1, round(BLOCK / data.dt))
    keep = in_blocks(between_spikes(data, cut + 20e-3), block).all(axis=2)
    currents, voltages = (in_blocks(array, block).mean(axis=2) for array in (data.current, data.voltage))
    if not keep.any():
        return None
    # less each sweep's mean: a held current that follows the rest's drift is no slope
    own = lambda means: means - (means * keep).sum(axis=1, keepdims=True) / np.maximum(keep.sum(axis=1), 1)[:, None]
    return _believed(own(currents)[keep], own(voltages)[keep], MOVES * np.ptp(currents))


def megaohm(slope: float) -> str:
    """A resistance (ohm) in words, all digits before the point."""
    return f"{float(f'{slope / 1e6:.3g}'):,.12g} MΩ"


def sweep_slope(current: Float[np.ndarray, " T"], voltage: Float[np.ndarray, " T"], rate: float) -> float | None:
    """The slope of voltage (V) on current (A) within one sweep, ohm; None where it is not believed.

    Medians over BLOCK, or a tenth of a short sweep, pass over spikes, so that no sweep spikes too much to tell.

    Args:
        current: A.
        voltage: V.
        rate: Hz.
    """
    return _believed(_medians(current, rate), _medians(voltage, rate), 0.0)


class Answer(NamedTuple):
    """How much voltage follows a current at once, ohm, its standard error, and the largest jump that tells, A."""

    size: float
    error: float
    jump: float

    @property
    def sure(self) -> bool:
        """Whether it is believed."""
        return self.error < SURE * abs(self.size)


def first_answer(
    current: Float[np.ndarray, " n"], voltage: Float[np.ndarray, " n"], spikes: Int[np.ndarray, " k"]
) -> float | None:
    """How much voltage follows a current at once, ohm: about the length of a block / C; None where it does not tell.

    dV[b] = g0 dI[b] + g1 dI[b-1] + a dV[b-1] + c V[b-1] + d by least squares, V and I being means over blocks of FIRST
    between spikes; g0 + g1. Unlike the slope at rest it is the same in every sweep of a cell, within a third on real
    ones: whatever opens or spikes in a sweep comes later, and an electrode's drop is in V[b-1] too.

    Args:
        current: its means over 1 ms, less hum, A.
        voltage: likewise, V.
        spikes: when they peak, and when else the voltage tells nothing, ms.
    """
    (answer,) = answers(current, voltage, spikes, len(current) or 1)
    return answer.size if answer and answer.sure else None


def answers(
    current: Float[np.ndarray, " n"], voltage: Float[np.ndarray, " n"], spikes: Int[np.ndarray, " k"], window: int
) -> list[Answer | None]:
    """The first answer in each window of so many ms; None where no current jumps or spikes leave too little of it."""
    i, v = (in_blocks(samples[None], FIRST)[0].mean(axis=1) for samples in (current, voltage))
    quiet = np.ones(len(v), dtype=bool)
    for peak in spikes // FIRST:
        quiet[max(peak - 1, 0) : peak + 1 + RECOVERY] = False
    jumps, changes = np.diff(i), np.diff(v)
    used = quiet[3:] & quiet[2:-1] & quiet[1:-2]
    # g0 dI[b] + g1 dI[b-1] = (g0 + g1) dI[b-1] + g0 (dI[b] - dI[b-1])
    columns = [jumps[1:-1], changes[2:], jumps[2:] - jumps[1:-1], changes[1:-1], v[2:-1], np.ones(len(used))]
    columns = np.stack(columns, axis=1)
    windows = range(0, max(len(i), 1), max(1, window // FIRST))
    parts = (slice(start, start + windows.step) for start in windows)
    return [_answer(columns[part][used[part]], JUMP * np.ptp(i)) for part in parts]


def _answer(columns: Float[np.ndarray, "n 6"], least: float) -> Answer | None:
    """The answer that rows of cause, effect and what else they depend on tell, if a cause is more than the least."""
    if len(columns) < FEWEST or np.abs(columns[:, 0]).max() <= least:
        return None
    scale = np.abs(columns).max(axis=0) + np.finfo(float).tiny
    both, others = np.split(columns / scale, [2], axis=1)
    cause, effect = (both - others @ np.linalg.lstsq(others, both)[0]).T  # Frisch and Waugh 1933
    if not (size := cause @ cause) > np.finfo(float).eps:
        return None
    answer = cause @ effect / size
    error = np.linalg.norm(effect - answer * cause) / np.sqrt(size * (len(columns) - columns.shape[1] + 1))
    ohm = scale[1] / scale[0]
    return Answer(float(answer * ohm), float(error * ohm), float(scale[0]))


def follows(voltage: Float[np.ndarray, " T"], current: Float[np.ndarray, " T"], rate: float) -> bool:
    """Whether a voltage (V) changes from block to block as its current (A, at `rate`, Hz) does, whatever both drift."""
    return _believed(np.diff(_medians(current, rate)), np.diff(_medians(voltage, rate)), 0.0) is not None


def _medians(samples: Float[np.ndarray, " T"], rate: float) -> Float[np.ndarray, " n"]:
    return np.median(in_blocks(samples[None], max(1, min(round(BLOCK * rate), len(samples) // TENTH)))[0], axis=1)


def _believed(current: Float[np.ndarray, " n"], voltage: Float[np.ndarray, " n"], least: float) -> float | None:
    """The slope of means of voltage (V) on means of current (A), ohm; None where it is not believed.

    `least` is how far the current must move, A.
    """
    if len(current) < 3 or np.ptp(current) <= least or np.ptp(voltage) == 0:
        return None
    slope = float(np.polyfit((current - current.mean()) / np.ptp(current), voltage, 1)[0] / np.ptp(current))
    explained = np.corrcoef(current, voltage)[0, 1] ** 2
    certain = explained * (len(current) - 2) >= CERTAIN**2 * (1 - explained)
    return slope if explained >= EXPLAINED and certain else None
