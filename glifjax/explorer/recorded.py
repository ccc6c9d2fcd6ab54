"""Sweeps for a page: current and voltage as means over the page's steps, in 16 bits."""

from base64 import b64encode
from typing import Any

import numpy as np
from jaxtyping import Float

from glifjax.errors import InputError
from glifjax.io.nwb.recording_writer import SweepArrays
from glifjax.io.nwb.sweep import RecordingError, Sweep
from glifjax.io.nwb.sweeps import Recording

#: Of a page without a choice of sweeps, s: 2.7 bytes a step and channel.
MOST_SECONDS = 30.0
#: Levels of 16 bits, the extreme ones left out; that of a sample that is none.
LEVELS = 65000
NONE = -32768


def sweeps_to_show(recording: Recording, which: str | None = None) -> list[Sweep]:
    """The sweeps that are asked for, or the first in current clamp that can be read but tests, up to MOST_SECONDS.

    Args:
        recording: where they are.
        which: numbers, ranges or protocol names, "1,4-6"; None for the first.

    Raises:
        InputError: there is none, or one that is asked for has no current and voltage.
    """
    if which is not None:
        chosen = recording.select(which)
        if unfit := [sweep for sweep in chosen if sweep.clamp != "current" or not sweep.paired]:
            raise InputError(
                f"{recording.path}: sweep {unfit[0].number} has no stimulus in current clamp; leave it out of `sweeps`"
            )
        return chosen
    usable = [sweep for sweep in recording.current_clamp if not sweep.is_test]
    if not usable:
        raise InputError(f"{recording.path}: holds no sweep in current clamp but tests; select one with `sweeps`")
    first, seconds = [], 0.0
    for sweep in filter(_can_be_read, usable):
        seconds += sweep.duration
        if first and seconds > MOST_SECONDS:
            break
        first.append(sweep)
    return first or usable[:1]


def _can_be_read(sweep: Sweep) -> bool:
    """Whether it has samples that can be shown: none that is NaN, say."""
    try:
        return sweep.current.size == sweep.voltage.size
    except RecordingError:
        return False


def packed_sweep(sweep: Sweep | SweepArrays, dt: float) -> dict[str, Any]:
    """A sweep as a page holds it: its number, protocol and file, its samples as means over steps of dt (s)."""
    return {
        "number": sweep.number,
        "protocol": sweep.protocol,
        "file": sweep.file if isinstance(sweep, Sweep) else None,
        "current": packed(stepwise(sweep.current, sweep.rate, dt)),
        "voltage": packed(stepwise(sweep.voltage, sweep.rate, dt)),
    }


def stepwise(samples: Float[np.ndarray, " n"], rate: float, dt: float) -> Float[np.ndarray, " T"]:
    """Means over steps of dt, s, of samples at a rate, Hz; where a step holds no sample, one beside it.

    A sample that is NaN makes the mean of its own step NaN, and no other.
    """
    edges = np.round(np.arange(int(len(samples) / rate / dt + 1e-6) + 1) * dt * rate).astype(int)
    starts = np.minimum(edges[:-1], edges[-1] - 1)
    return np.add.reduceat(samples[: edges[-1]], starts) / np.maximum(np.diff(edges), 1)


def packed(values: Float[np.ndarray, " T"]) -> dict[str, Any]:
    """Values as levels of 16 bits, in base64: offset + scale * level; what is not finite becomes NaN."""
    seen = values[np.isfinite(values)]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
    scale = (high - low) / LEVELS or 1.0
    offset = (low + high) / 2
    levels = np.where(np.isfinite(values), np.round((values - offset) / scale), NONE).astype("<i2")
    return {"data": b64encode(levels.tobytes()).decode(), "scale": scale, "offset": offset}
