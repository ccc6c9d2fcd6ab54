"""Where an amplifier or a converter cut a trace off: it stays at its largest or least value, to the digit.

A top of a spike may hold some samples of one value too, and a membrane comes to rest: but slowly. What is cut off runs
into the rail, and leaves it, at full speed.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

#: So many samples of one value are a rail's, or so many times as many as samples are held for elsewhere,
SAMPLES = 3
#: where the sample before or after is this many digits away,
DIGITS = 8.0
#: or where it lasts so many times as long as any other value does;
LONGER = 3
#: and all of them together last this long, s.
LASTS = 1e-3
#: What holds a trace for longer at a time than this cuts off more than peaks of spikes, s.
PEAKS = 5e-3
#: A trace that was measured turns, for its noise, at more than this share of its samples; a command does in few.
TURNS = 0.3


class Rail(NamedTuple):
    """A value that a trace does not pass, in its unit, and whether it cuts off peaks alone."""

    value: float
    at_peaks: bool


def rails(trace: Float[np.ndarray, " T"], rate: float) -> tuple[Rail, ...]:
    """The rails, below and above, at which a trace (sampled at `rate`, Hz) was cut off."""
    if not trace.size or all(np.sum(trace == extreme) / rate < LASTS for extreme in (trace.min(), trace.max())):
        return ()
    starts = np.flatnonzero(np.diff(trace, prepend=np.nan))  # of stretches of one value
    values, lengths = trace[starts], np.diff(starts, append=len(trace))
    if len(starts) < 2:
        return ()
    digit = float(np.diff(np.unique(values)).min())
    jumps = np.abs(np.diff(values))
    sharp = np.fmax(np.append(np.nan, jumps), np.append(jumps, np.nan)) > DIGITS * digit
    held = max(1, int(np.percentile(lengths, 5)))
    at_once = np.append(False, lengths[:-1] <= SAMPLES * held)  # and not slower and slower, as a membrane without noise
    limits = []
    for value, above in ((values.min(), False), (values.max(), True)):
        elsewhere = lengths[values != value].max()
        still = at_once & (lengths > max(PEAKS * rate, LONGER * elsewhere))
        stays = lengths[(values == value) & (sharp | still) & (lengths >= SAMPLES * held)] / rate
        if stays.sum() >= LASTS:
            limits.append(Rail(float(value), above and bool(stays.max() <= PEAKS)))
    return tuple(limits)


def at_rails(trace: Float[np.ndarray, " T"], rate: float) -> Bool[np.ndarray, " T"]:
    """Where a trace (sampled at `rate`, Hz) is at a rail."""
    return np.isin(trace, [rail.value for rail in rails(trace, rate)])


def rails_of_current(current: Float[np.ndarray, " T"], rate: float) -> tuple[float, ...]:
    """The values, A, at which a current that fluctuates was cut off; zero, as before and after a stimulus, is none."""
    changes = np.sign(np.diff(current[~at_rails(current, rate)]))
    if np.sum(changes[1:] * changes[:-1] < 0) <= TURNS * len(changes):
        return ()
    return tuple(rail.value for rail in rails(current, rate) if rail.value)
