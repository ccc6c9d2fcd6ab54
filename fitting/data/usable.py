"""Which sweeps of a recording can be used: those of one cell, whole, and driven; what cannot is left out and said."""

import copy

import numpy as np

import glifjax as gj
from glifjax.io.nwb.sweeps import RecordingError

from .arrays import LOWEST_RATE, DataError

#: A sweep is at least so long, s.
SHORTEST = 0.05
#: Zeros of both current and voltage at a sweep's end that are no data, s.
ZEROS = 10e-3
#: A current that changes less never changes, A.
STILL = 1e-13


def of_one_cell(recording: gj.Recording, cell: str | None) -> gj.Recording:
    """The recording's sweeps that are of one electrode: the one named, or the only one that there is.

    Raises:
        DataError: there are several and none is named, or none of that name.
    """
    electrodes = list(dict.fromkeys(sweep.electrode for sweep in recording.sweeps if sweep.clamp == "current"))
    if cell is None and len(electrodes) < 2:
        return recording
    if cell is None:
        names = ", ".join(electrodes)
        raise DataError(
            f"{recording.path}: its sweeps are from {len(electrodes)} electrodes ({names}), perhaps of several cells; "
            f'choose one with `cell="{electrodes[0]}"`'
        )
    if cell not in electrodes:
        raise DataError(f"{recording.path}: no sweep is from electrode {cell}; there are {', '.join(electrodes)}")
    one = copy.copy(recording)
    one.sweeps = tuple(sweep for sweep in recording.sweeps if sweep.electrode == cell)
    return one


def fault(sweep: gj.Sweep) -> str | None:
    """Why a sweep cannot be used, in words; None if it can."""
    try:
        rate, current, voltage = sweep.rate, sweep.current, sweep.voltage
    except RecordingError as error:
        return str(error).partition(": ")[2] or str(error)  # less the file and the sweep, which the caller names
    if rate < LOWEST_RATE:
        return (
            f"it was sampled at {rate:g} Hz, too slow to time its spikes; fitting needs {LOWEST_RATE / 1e3:g} kHz or "
            "more, so check the rate that the file states"
        )
    if len(voltage) < SHORTEST * rate:
        return f"it holds {len(voltage)} samples, less than {1e3 * SHORTEST:g} ms"
    nonzero = np.flatnonzero((current != 0) | (voltage != 0))
    ended = int(nonzero[-1]) + 1 if len(nonzero) else 0
    if len(voltage) - ended > ZEROS * rate:
        return f"from {ended / rate:.3g} s on both current and voltage are exactly zero: it was stopped there"
    return None


def usable_sweeps(recording: gj.Recording) -> tuple[list[gj.Sweep], list[str]]:
    """The current-clamp sweeps that can be used, and a line for each that is left out.

    Raises:
        RecordingError, DataError: none can; the message says why the first cannot.
    """
    sweeps, lines = [], []
    for sweep in recording.current_clamp:
        reason = fault(sweep)
        if reason is None:
            sweeps.append(sweep)
        else:
            lines.append(f"sweep {sweep.number} is left out: {reason.partition('; leave the sweep out')[0]}")
    if not sweeps:
        raise DataError(f"{recording.path}: none of its sweeps can be used: {lines[0]}")
    return sweeps, lines


def check_named(recording: gj.Recording, sweeps: list[gj.Sweep]) -> None:
    """Refuse a sweep that a user named and that cannot be used.

    Raises:
        DataError: with the reason.
    """
    for sweep in sweeps:
        if reason := fault(sweep):
            raise DataError(f"{recording.path}, sweep {sweep.number}: {reason}")


def is_driven(current: np.ndarray) -> bool:
    """Whether a stimulus changes at all."""
    return bool(np.ptp(current) > STILL)


def refuse_stillness(recording: gj.Recording, sweeps: list[gj.Sweep]) -> None:
    """Refuse a recording whose current never changes: it tells nothing of a membrane.

    Raises:
        DataError: with what to do.
    """
    if not any(is_driven(sweep.current) for sweep in sweeps):
        raise DataError(
            f"{recording.path}: the current is constant in all of its sweeps (it never changes), so nothing tells the "
            "membrane from the stimulus; give a recording with an injected current"
        )
