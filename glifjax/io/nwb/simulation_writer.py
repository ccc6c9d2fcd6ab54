"""A model's answers to the stimuli of a recording, written as a file of the recording's own kind."""

import os
import shutil
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from glifjax.io.nwb.recordings import nwb_version
from glifjax.io.nwb.sweep import RecordingError, Sweep
from glifjax.io.nwb.sweeps import Recording
from glifjax.io.nwb.written import Written
from glifjax.io.writing import check_target, whole_file
from glifjax.trace import Trace


def write_simulation(
    path: str | Path,
    recording: Recording,
    sweeps: Sequence[Sweep],
    runs: Iterable[tuple[Sweep, Trace]],
    written: Written,
    *,
    overwrite: bool = False,
) -> None:
    """Write the traces of `sweeps` of a recording: to a new file or, if `path` is the recording's own, in its place.

    From NWB 2 comes NWB 2: a new file holds the recording's session, the stimuli as played and the model's voltage as
    their response; in place, the voltage goes into a processing module of its own, and nothing is taken away.
    Thresholds, afterspike currents and tables of spikes are in the processing module either way, as float64. From
    NWB 1 comes a copy in which the voltage replaces the response and the interpolated spike times
    /analysis/spike_times, as AllenSDK's simulate_neuron leaves it; the rest goes into a processing module.

    The file appears, or the recording's changes, only when all is written. In place the recording is closed.

    Args:
        path: where to write.
        recording: the open recording that the sweeps are of.
        sweeps: its current-clamp sweeps, all that `runs` will bring.
        runs: each sweep with its trace, such as `simulate_sweeps` yields; taken one by one.
        written: how they are written.
        overwrite: replace a file at `path`.

    Raises:
        WritingError: `path` exists (unless `overwrite`), its folder does not, or there is no room.
        RecordingError: the recording cannot be read, or may not be changed.
    """
    path = Path(path)
    in_place = path.exists() and path.samefile(recording.path)
    if in_place:
        path = path.resolve()  # a link stays a link
    check_target(path, overwrite or in_place)
    if in_place and not os.access(path, os.W_OK):
        raise RecordingError(f"{path}: may not be changed, it is read-only; write a new file")
    oldest = nwb_version(recording.path).removeprefix("NWB-").startswith("1")
    with whole_file(path) as part:
        if in_place or oldest:
            shutil.copy2(recording.path, part)
            part.chmod(part.stat().st_mode | stat.S_IWUSR)
        if oldest:
            from glifjax.io.nwb.simulated_nwb1 import change_nwb1

            change_nwb1(part, runs, written)
        else:
            from glifjax.io.nwb.simulated_nwb2 import add_to_nwb2, new_nwb2

            add_to_nwb2(part, sweeps, runs, written) if in_place else new_nwb2(part, recording, sweeps, runs, written)
        if in_place:
            recording.close()
