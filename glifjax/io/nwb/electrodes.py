"""Sweeps of several electrodes, perhaps of several cells: never one neuron from both, so one is to be chosen."""

from collections.abc import Iterable, Sequence

import numpy as np

from glifjax.io.nwb.samples import SMALLEST_SPAN
from glifjax.io.nwb.sweep import RecordingError, Sweep
from glifjax.spikes.detection import find_spike_peaks
from glifjax.spikes.drop import without_drop

#: What an electrode may lack, the worst first.
_LACKS = (
    f"holds no voltage of a cell: less than {1e3 * SMALLEST_SPAN:g} mV",
    "has no current-clamp sweep with a stimulus",
    "holds no spike",
)
_MOST = len(_LACKS)


def check_electrode(file: str, names: Sequence[str], electrode: str) -> None:
    """Refuse an electrode that no sweep of a file is from.

    Raises:
        RecordingError: lists those that there are.
    """
    if electrode not in names:
        raise RecordingError(f"{file}: no sweep is from electrode '{electrode}'; choose from {list(names)}")


def choice(sweeps: Iterable[Sweep], argument: str) -> str:
    """What to choose, in words: the first electrode of those that tell most of a cell, and which of them tell less.

    An amplifier's monitor of the current, typed as a voltage, is none: it spans nanovolts. A pipette that only
    looks on, as one on a dendrite does, has no current of its own.

    Args:
        sweeps: in the order of their electrodes.
        argument: that names the electrode.
    """
    most: dict[str, int] = {}
    for sweep in sweeps:
        if sweep.electrode and most.get(sweep.electrode, 0) < _MOST:
            most[sweep.electrode] = max(most.get(sweep.electrode, 0), _tells(sweep))
    first = max(most, key=lambda name: most[name])
    lacking = [[name for name in most if most[name] == n < most[first]] for n in range(_MOST)]
    lines = [f"{', '.join(names)} {lacks}" for names, lacks in zip(lacking, _LACKS, strict=True) if names]
    return f'choose one with `{argument}="{first}"`' + (f" ({'; '.join(lines)})" if lines else "")


def _tells(sweep: Sweep) -> int:
    """How much of _LACKS a sweep does not lack."""
    try:
        voltage = sweep.voltage
        if np.ptp(voltage) < SMALLEST_SPAN:
            return 0
        if sweep.clamp != "current" or not sweep.paired:
            return 1
        return _MOST if len(find_spike_peaks(without_drop(voltage, sweep.current, sweep.rate), sweep.rate)) else 2
    except RecordingError:
        return 0
