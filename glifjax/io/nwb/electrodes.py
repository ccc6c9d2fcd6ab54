"""Sweeps of several electrodes, perhaps of several cells: never one neuron from both, so one is to be chosen."""

from collections.abc import Iterable, Sequence

import numpy as np

from glifjax.io.nwb.samples import SMALLEST_SPAN
from glifjax.io.nwb.sweep import RecordingError, Sweep


def check_electrode(file: str, names: Sequence[str], electrode: str) -> None:
    """Refuse an electrode that no sweep of a file is from.

    Raises:
        RecordingError: lists those that there are.
    """
    if electrode not in names:
        raise RecordingError(f"{file}: no sweep is from electrode '{electrode}'; choose from {list(names)}")


def choice(sweeps: Iterable[Sweep], argument: str) -> str:
    """What to choose, in words: the first electrode that holds a cell's voltage, and which of them hold none.

    An amplifier's monitor of the current, typed as a voltage, is none: it spans nanovolts.

    Args:
        sweeps: in the order of their electrodes.
        argument: that names the electrode.
    """
    holds: dict[str, bool] = {}
    for sweep in sweeps:
        if sweep.electrode:
            holds[sweep.electrode] = holds.get(sweep.electrode, False) or _spans_as_a_cell(sweep)
    names = sorted(holds, key=lambda name: not holds[name])
    words = f'choose one with `{argument}="{names[0]}"`'
    empty = [name for name in names if not holds[name]]
    if not empty or len(empty) == len(names):
        return words
    return f"{words} ({', '.join(empty)} holds no voltage of a cell: less than {1e3 * SMALLEST_SPAN:g} mV)"


def _spans_as_a_cell(sweep: Sweep) -> bool:
    try:
        return float(np.ptp(sweep.voltage)) >= SMALLEST_SPAN
    except RecordingError:
        return False
