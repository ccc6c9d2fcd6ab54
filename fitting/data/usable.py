"""Which sweeps of a recording can be used: those of one cell, whole, and driven; what cannot is left out and said."""

import copy

import numpy as np
from jaxtyping import Float

import glifjax as gj
from glifjax.io.nwb.electrodes import choice
from glifjax.io.nwb.selection import said_left_out
from glifjax.io.nwb.sweep import RecordingError

from .amplifier import running_median, white_noise, without_hum
from .arrays import LOWEST_RATE, DataError
from .padding import find_padding
from .plausible import follows
from .stimulus import envelope

#: A sweep is at least so long, s.
SHORTEST = 0.05
#: A voltage that is exactly zero for longer, s,
ZEROS = 10e-3
#: and comes to it or leaves it by more than this from one sample to the next, V, is no cell's.
JUMP = 5e-3
#: A current whose means over 1 ms differ by less never changes, A;
STILL = 1e-15
#: nor does one in which white noise, of an amplifier that adds no more than this, A,
SCATTER = 5e-12
#: makes them differ by less than so many times its standard deviation;
WHITE = 12.0
#: nor one that was measured, varies by less than this, standard deviation, A, and that no voltage follows, unless
WANDERING = 10e-12
#: it jumps, from one ms to the next, by so many times what it mostly changes by.
JUMPS = 12.0
#: A current that is mostly no further from its course than this part of its range was not measured.
NOISELESS = 0.01


def of_one_cell(recording: gj.Recording, cell: str | None) -> gj.Recording:
    """The recording's sweeps that are of one electrode: the one named, or the only one that any sweep names.

    Raises:
        DataError: there are several and none is named, or none of that name.
    """
    electrodes = list(dict.fromkeys(s.electrode for s in recording.sweeps if s.clamp == "current" and s.electrode))
    if cell is None and len(electrodes) < 2:
        return recording
    if cell is None:
        names = ", ".join(electrodes)
        raise DataError(
            f"{recording.path}: its sweeps are from {len(electrodes)} electrodes ({names}), perhaps of several cells; "
            f"{choice([sweep for sweep in recording.sweeps if sweep.clamp == 'current'], 'cell')}"
        )
    if cell not in electrodes:
        raise DataError(f"{recording.path}: no sweep is from electrode {cell}; there are {', '.join(electrodes)}")
    one = copy.copy(recording)
    one.sweeps = tuple(sweep for sweep in recording.sweeps if sweep.electrode == cell)
    return one


def fault(sweep: gj.Sweep) -> str | None:
    """Why a sweep cannot be used, in words; None if it can."""
    try:
        rate, voltage, _ = sweep.rate, sweep.voltage, sweep.current
    except RecordingError as error:
        return str(error).partition(": ")[2] or str(error)  # less the file and the sweep, which the caller names
    if rate < LOWEST_RATE:
        return (
            f"sampled at {rate:g} Hz, too slow to time spikes; fitting needs {LOWEST_RATE / 1e3:g} kHz or "
            "more, so check the rate that the file states"
        )
    if len(voltage) < SHORTEST * rate:
        samples = f"{len(voltage)} sample{'s' * (len(voltage) != 1)}"
        return f"{samples}, at {rate:g} Hz less than {1e3 * SHORTEST:g} ms"
    if not np.ptp(voltage):
        return (
            f"the voltage is {1e3 * voltage[0]:.3g} mV throughout: nothing was recorded, or its scale (conversion) is 0"
        )
    if stretch := blank(voltage, sweep.response.offset, rate):
        start, stop = stretch
        end = "on" if stop == len(voltage) else f"to {stop / rate:.3g} s"
        return f"from {start / rate:.3g} s {end} the voltage is exactly zero: nothing was recorded there"
    if padding := find_padding(voltage, rate):
        return f"from {padding.start / rate:.3g} s on the voltage never changes: nothing was recorded there"
    return None


def blank(voltage: Float[np.ndarray, " T"], zero: float, rate: float) -> tuple[int, int] | None:
    """The first stretch, samples, in which nothing was recorded; None where there is none.

    A file is filled with zeros there, longer than ZEROS; a cell whose voltage is zero comes to it without a JUMP.

    Args:
        voltage: V.
        zero: what a zero of the file stands for, V: its offset.
        rate: Hz.
    """
    edges = np.flatnonzero(np.diff(voltage == zero, prepend=False, append=False))
    for start, stop in edges.reshape(-1, 2):
        around = [*voltage[:start][-1:], *voltage[stop:][:1]]
        if stop - start > ZEROS * rate and max((abs(v - zero) for v in around), default=np.inf) > JUMP:
            return int(start), int(stop)
    return None


def usable_sweeps(recording: gj.Recording) -> tuple[list[gj.Sweep], list[str]]:
    """The current-clamp sweeps that can be used, and a line for each reason why others are left out.

    Raises:
        RecordingError, DataError: none can; the message says why the first cannot, and what to do.
    """
    faults = {sweep.number: fault(sweep) for sweep in recording.current_clamp}
    sweeps = [sweep for sweep in recording.current_clamp if faults[sweep.number] is None]
    reasons = {number: reason for number, reason in faults.items() if reason}
    if not sweeps:
        number, reason = next(iter(reasons.items()))
        reason = reason.replace("leave the sweep out, or ", "").removesuffix("; leave the sweep out")
        raise DataError(f"{recording.path}: none of its sweeps can be used: sweep {number}: {reason}")
    without = lambda reason: reason.partition("; leave the sweep out")[0]
    return sweeps, said_left_out({number: without(reason) for number, reason in reasons.items()})


def check_named(recording: gj.Recording, sweeps: list[gj.Sweep]) -> None:
    """Refuse a sweep that a user named and that cannot be used.

    Raises:
        DataError: with the reason.
    """
    for sweep in sweeps:
        if reason := fault(sweep):
            raise DataError(f"{recording.path}, sweep {sweep.number}: {reason}")


def is_driven(sweep: gj.Sweep) -> bool:
    """Whether a sweep's stimulus changes at all, but for what an amplifier that measures it adds: noise, hum, drift."""
    current, rate = sweep.current, sweep.rate
    means = without_hum(envelope(current, rate))
    noise, span = white_noise(means), np.ptp(means)
    if span <= max(STILL, WHITE * noise if noise < SCATTER else 0.0):
        return False
    scatter, changes = np.median(np.abs(means - running_median(means))), np.abs(np.diff(means))
    if scatter <= NOISELESS * span or changes.max() > JUMPS * np.median(changes) or np.std(means) >= WANDERING:
        return True
    return follows(sweep.voltage, current, rate)


def refuse_stillness(recording: gj.Recording, sweeps: list[gj.Sweep]) -> None:
    """Refuse a recording whose current never changes: it tells nothing of a membrane.

    Raises:
        DataError: with what to do.
    """
    if not any(is_driven(sweep) for sweep in sweeps):
        raise DataError(
            f"{recording.path}: the current is constant in all of its sweeps (it never changes, but for noise), so "
            "nothing tells the membrane from the stimulus; give a recording with an injected current, or correct the "
            "scale (conversion) of this one"
        )
