"""What an amplifier adds to a current that it measures: the mains' hum, and noise that is white over milliseconds.

Both are seen in means over 1 ms (`stimulus.MEAN`), which the amplifier's filter does not reach.
"""

import numpy as np
from jaxtyping import Float
from scipy.ndimage import median_filter

from .stimulus import MEAN

#: A current's course, but for noise and hum, is its running median over so many ms; edges of steps stay in it.
AROUND = 21
#: The mains hum at these, Hz, and at multiples of them up to the third;
MAINS = (50.0, 60.0)
#: how strongly, and at what phase, stays the same for so many ms.
STEADY = 1000
#: What is further from its course than so many times as much as half of all is a pulse, and tells nothing of the hum.
PULSE = 6.0
#: A current wanders where it changes over so many ms
FAR = 5
#: by more than so many times what it changes from one ms to the next; white noise changes by as much.
WANDERS = 1.4
#: Of changes the largest are left out, as the edges of steps are: this share counts,
COUNTED = 0.9
#: whose root mean square is so much of the standard deviation of normal ones.
TRIMMED = 0.79


def running_median(means: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The course of 1 ms means of a current, A: their running median over AROUND."""
    return median_filter(means, AROUND)


def without_hum(means: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """1 ms means (A) less the mains' waves, by least squares on what is left of them without their running median.

    Edges of steps are in the median, and pulses do not count: what has no hum stays as it is.
    """
    phase = 2 * np.pi * MEAN * np.arange(len(means))
    turns = [multiple * mains * phase for mains in MAINS for multiple in (1, 2, 3)]
    waves = np.stack([wave(turn) for turn in turns for wave in (np.cos, np.sin)], axis=1)
    off = means - running_median(means)
    parts = np.array_split(np.arange(len(means)), max(1, len(means) // STEADY))
    return means - np.concatenate([_hum(waves[part], off[part]) for part in parts])


def hum(means: Float[np.ndarray, " n"]) -> float:
    """The amplitude of the mains' waves in 1 ms means, of a current or a voltage, in their unit."""
    return float(np.sqrt(2) * np.std(means - without_hum(means)))


def _hum(waves: Float[np.ndarray, "n k"], off: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """What the waves make of a stretch, A."""
    counted = np.abs(off) <= PULSE * np.median(np.abs(off))
    return waves @ np.linalg.lstsq(waves[counted], off[counted], rcond=None)[0]


def wanders(means: Float[np.ndarray, " n"]) -> bool:
    """Whether what 1 ms means (A) are off their course by is more than an amplifier's noise, which is white."""
    off = means - running_median(means)
    return _change(off, FAR) > WANDERS * _change(off, 1)


def white_noise(means: Float[np.ndarray, " n"]) -> float:
    """The standard deviation of an amplifier's noise in 1 ms means, A; 0 where they wander."""
    return 0.0 if wanders(means) else _change(means - running_median(means), 1) / np.sqrt(2) / TRIMMED


def _change(off: Float[np.ndarray, " n"], lag: int) -> float:
    """How much values change over a lag: the root mean square of the smaller changes, COUNTED of all."""
    squares = np.sort((off[lag:] - off[:-lag]) ** 2)
    counted = squares[: round(COUNTED * len(squares))]
    return float(np.sqrt(counted.mean())) if len(counted) else 0.0
