"""The mains' hum in a measured current, taken out of it."""

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


def running_median(envelope: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The course of 1 ms means of a current, A: their running median over AROUND."""
    return median_filter(envelope, AROUND)


def without_hum(envelope: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """1 ms means (A) less the mains' waves, by least squares on what is left of them without their running median.

    Edges of steps are in the median, and steps without hum stay as they are.
    """
    phase = 2 * np.pi * MEAN * np.arange(len(envelope))
    turns = [multiple * mains * phase for mains in MAINS for multiple in (1, 2, 3)]
    waves = np.stack([wave(turn) for turn in turns for wave in (np.cos, np.sin)], axis=1)
    off = envelope - running_median(envelope)
    parts = np.array_split(np.arange(len(envelope)), max(1, len(envelope) // STEADY))
    hum = [waves[part] @ np.linalg.lstsq(waves[part], off[part], rcond=None)[0] for part in parts]
    return envelope - np.concatenate(hum)
