"""Sweeps that a program padded at their ends to one length, as rows of one table: cut where the padding begins."""

import copy
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

import glifjax as gj
from glifjax.io.nwb.selection import list_sweeps
from glifjax.io.nwb.sweep import RecordingError

#: Padding that is no NaN lasts longer than this, s,
SHORTEST = 10e-3
#: and so many times as long as anything before it stays the same.
LONGER = 10
#: Where fewer of a recording's sweeps than this share end so, these were stopped, not padded.
MOST = 0.5


class Padding(NamedTuple):
    """From which sample on a sweep is padded, and with what, in words."""

    start: int
    filling: str


def find_padding(samples: Float[np.ndarray, " T"], rate: float) -> Padding | None:
    """The padding at the end of a sweep: NaN, zeros, or its last value, held; None where there is none.

    Args:
        samples: of the voltage, as they stand in the file.
        rate: Hz.
    """
    if not len(samples):
        return None
    is_last = np.isnan(samples) if np.isnan(samples[-1]) else samples == samples[-1]
    other = np.flatnonzero(~is_last)
    start = int(other[-1]) + 1 if len(other) else 0
    if np.isnan(samples[-1]):
        return Padding(start, "NaN") if start else None
    length = len(samples) - start
    before = samples[:start]
    changes = np.flatnonzero(before[1:] != before[:-1])
    stays = int(np.diff(changes, prepend=-1, append=start - 1).max(initial=0))
    if not start or length <= max(SHORTEST * rate, LONGER * stays):
        return None
    return Padding(start, "zeros") if samples[-1] == 0 else Padding(start + 1, "its last value")


def without_padding(recording: gj.Recording) -> tuple[gj.Recording, list[str]]:
    """The recording with its sweeps cut where padding begins, if most end in some; and lines that say so.

    A few that end so were stopped, as when a cell was lost: they are left as they are, and out (see `usable`).
    """
    sweeps = [sweep for sweep in recording.sweeps if sweep.clamp == "current" and sweep.paired]
    padded = {sweep.number: padding for sweep in sweeps if (padding := _padding(sweep))}
    if len(padded) <= MOST * len(sweeps):
        return recording, []
    cut = copy.copy(recording)
    ends = {number: padding.start for number, padding in padded.items()}
    cut.sweeps = tuple(until(s, ends[s.number]) if s.number in ends else s for s in recording.sweeps)
    lines = []
    for filling in sorted({padding.filling for padding in padded.values()}):
        these = [s for s in sweeps if s.number in padded and padded[s.number].filling == filling]
        at = [ends[s.number] / s.rate for s in these]
        first, last = f"{min(at):.3g}", f"{max(at):.3g}"
        when = first if first == last else f"{first} to {last}"
        is_ = "is cut where its" if len(at) == 1 else "are cut where their"
        numbers = list_sweeps(s.number for s in these)
        lines.append(f"{numbers} {is_} voltage ends and padding ({filling}) begins, at {when} s")
    return cut, lines


def _padding(sweep: gj.Sweep) -> Padding | None:
    """Where its voltage is padded, or, with NaN, its current; None too where it cannot be read, as others will say."""
    response, stimulus = sweep.response, sweep.stimulus
    if stimulus is None or stimulus.n_samples != response.n_samples:
        return None
    try:
        voltage, current = (find_padding(sweep.stored(channel), sweep.rate) for channel in (response, stimulus))
    except RecordingError:
        return None
    if current and current.filling != "NaN":
        current = None  # held at its last value, as currents are
    return min((padding for padding in (voltage, current) if padding), default=None)


def until(sweep: gj.Sweep, stop: int) -> gj.Sweep:
    """The sweep up to a sample."""
    short = lambda channel: channel and replace(channel, n_samples=stop)
    return replace(sweep, response=short(sweep.response), stimulus=short(sweep.stimulus))
