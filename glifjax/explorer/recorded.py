"""Sweeps for a page: current and voltage as means over the page's steps, in levels, written as differences.

A difference takes as many bytes as it needs: zigzag (0, -1, 1, -2 ... are 0, 1, 2, 3 ...) and in base 128, the lowest
digit first, as in protocol buffers; then all is deflated. A recorded voltage so takes about a byte a step.
"""

import zlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from glifjax.errors import InputError
from glifjax.io.nwb.recording_writer import SweepArrays
from glifjax.io.nwb.sweep import RecordingError, Sweep
from glifjax.io.nwb.sweeps import Recording

#: Of a page without a choice of sweeps, s: a voltage takes 1.1 bytes a step, a current up to 2.6.
MOST_SECONDS = 30.0
#: How finely a voltage is drawn at most, V: below the noise of any recording.
FINEST = 1e-5
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


def packed_sweeps(sweeps: Sequence[Sweep | SweepArrays], dt: float) -> dict[str, Any]:
    """Sweeps as a page holds them: their samples as means over steps of dt (s), each stimulus once."""
    stimuli: list[dict[str, Any]] = []
    rows = []
    for sweep in sweeps:
        current = packed(stepwise(sweep.current, sweep.rate, dt))
        if current not in stimuli:
            stimuli.append(current)
        rows.append(
            {
                "number": sweep.number,
                "protocol": sweep.protocol,
                "file": sweep.file,
                "stimulus": stimuli.index(current),
                "voltage": drawn_voltage(stepwise(sweep.voltage, sweep.rate, dt)),
            }
        )
    return {"stimuli": stimuli, "sweeps": rows}


def stepwise(samples: Float[np.ndarray, " n"], rate: float, dt: float) -> Float[np.ndarray, " T"]:
    """Means over steps of dt, s, of samples at a rate, Hz; where a step holds no sample, one beside it.

    A sample that is NaN makes the mean of its own step NaN, and no other.
    """
    edges = np.round(np.arange(int(len(samples) / rate / dt + 1e-6) + 1) * dt * rate).astype(int)
    starts = np.minimum(edges[:-1], edges[-1] - 1)
    return np.add.reduceat(samples[: edges[-1]], starts) / np.maximum(np.diff(edges), 1)


def packed(values: Float[np.ndarray, " T"], finest: float = 0.0) -> dict[str, Any]:
    """Values as levels of 16 bits, offset + scale * level, and those as differences; what is not finite becomes NaN.

    Levels are as far apart as `finest`, or as 16 bits ask for.
    """
    seen = values[np.isfinite(values)]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
    scale = max((high - low) / LEVELS, finest) or 1.0
    offset = (low + high) / 2
    levels = np.full(len(values), NONE)
    levels[np.isfinite(values)] = np.round((seen - offset) / scale)
    text = b64encode(zlib.compress(_digits(levels))).decode()
    return {"steps": len(values), "data": text, "scale": scale, "offset": offset}


def drawn_finely(values: Float[np.ndarray, " T"]) -> float:
    """How far apart the levels of a trace may be that is drawn alone: a sixteenth of what it changes by in a step.

    Of such a change the median counts; noise hides what the levels add, 0.4 % of its size where it is white.
    """
    changes = np.abs(np.diff(values))
    changes = changes[np.isfinite(changes)]
    return float(np.median(changes)) / 16 if changes.size else 0.0


def drawn_voltage(values: Float[np.ndarray, " T"]) -> dict[str, Any]:
    """A voltage that is drawn alone, V: packed, levels as far apart as is not seen."""
    return packed(values, max(FINEST, drawn_finely(values)))


def _digits(levels: Int[np.ndarray, " T"]) -> bytes:
    """The differences of levels, in base 128; all but a number's last digit have the highest bit of their byte."""
    differences = np.diff(levels, prepend=0)
    zigzag = np.where(differences < 0, -2 * differences - 1, 2 * differences)
    digits = zigzag[:, None] >> np.array([0, 7, 14])  # of 17 bits
    more = np.pad(digits[:, 1:] > 0, ((0, 0), (0, 1)))
    stands = np.pad(digits[:, 1:] > 0, ((0, 0), (1, 0)), constant_values=True)
    return (digits % 128 + 128 * more)[stands].astype(np.uint8).tobytes()
