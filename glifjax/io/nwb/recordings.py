"""Recordings in: a file of whichever format and version, by the reader for it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from glifjax.io.formats.endings import AMPLIFIERS
from glifjax.io.nwb.fields import attribute, dataset, text
from glifjax.io.nwb.hdf5_file import readable_hdf5
from glifjax.io.nwb.nwb1 import read_nwb1
from glifjax.io.nwb.nwb2 import read_nwb2
from glifjax.io.nwb.sweep import RecordingError, first_line
from glifjax.io.nwb.sweeps import Recording
from glifjax.io.regular import check_file

#: Endings of HDF5 files, and of none.
HDF5 = (".nwb", ".h5", ".hdf5", ".hdf", "")


def read_recording(
    path: str | Path, *, electrode: str | None = None, trim: bool = True, stimulus: str | Path | None = None
) -> Recording:
    """Open a recording without reading its samples: NWB 2, NWB 1 of the Allen Cell Types database, or an amplifier's.

    Those are ABF, WinWCP, Spike2, HEKA PatchMaster (.dat) and Igor (.pxp, .ibw), read through neo, myokit and igor2
    (``pip install "glifjax[formats]"``). ``electrode`` names the one to take where a file holds several electrodes or
    cells. Allen's files say where the recording of a sweep
    broke off, as it may within a ramp: with ``trim`` the sweep ends there, else with its stimulus. An amplifier's file
    holds the current as a channel or, ABF 2, as its protocol; where it does not, ``stimulus`` is a .csv or .atf file of
    it: time in s, then pA, a column for all sweeps or one each. Raises RecordingError if the file is missing or not
    whole, or if such a choice is needed.

    Example:
        >>> with gj.read_recording("cell.nwb") as recording:
        ...     [(sweep.number, sweep.protocol, sweep.current.shape) for sweep in recording.select("noise")]
        [(1, 'noise', (500,))]
    """
    recording = _read(Path(path), electrode, trim, stimulus)
    recording.opened = partial(read_recording, Path(path).resolve(), electrode=electrode, trim=trim, stimulus=stimulus)
    return recording


def _read(path: Path, electrode: str | None, trim: bool, stimulus: str | Path | None) -> Recording:
    check_file(path, RecordingError)
    if path.suffix.lower() in AMPLIFIERS:
        return _amplifier_reader(path.suffix.lower())(path, electrode, stimulus)
    if stimulus is not None:
        raise RecordingError(f"{path.name}: an NWB file holds its currents itself; leave out `stimulus={stimulus}`")
    version = nwb_version(path).removeprefix("NWB-")
    if version.startswith("2"):
        return read_nwb2(path, electrode)
    if version.startswith("1"):
        return read_nwb1(path, electrode, trim=trim)
    raise RecordingError(f"{path.name}: this is NWB {version}, and NWB 1 and 2 are read; convert it to NWB 2")


def _amplifier_reader(ending: str) -> Callable[[Path, str | None, str | Path | None], Recording]:
    if ending == ".dat":
        from glifjax.io.formats.heka import read_heka

        return read_heka
    if ending in (".ibw", ".pxp"):
        from glifjax.io.formats.igor import read_igor

        return read_igor
    from glifjax.io.formats.amplifier_files import read_amplifier_file

    return read_amplifier_file


def nwb_version(path: Path) -> str:
    """Version as the root attribute ``nwb_version`` (NWB 2) or the dataset of that name (NWB 1) states it."""
    check_file(path, RecordingError)
    try:
        with readable_hdf5(path) as file:
            version = text(attribute(file, "nwb_version", dataset(file, "nwb_version")))
    except (OSError, KeyError, RuntimeError) as error:  # what h5py raises where a file is damaged
        words = f"not a whole HDF5 file, as NWB files are ({first_line(error)}); fetch or export it again"
        if path.suffix.lower() not in HDF5:
            read = f"no recording of a kind that is read (NWB, {', '.join(AMPLIFIERS)})"
            words = f"{read}; export it as one of these, or give its arrays to gj.Recording.from_arrays"
        raise RecordingError(f"{path.name}: {words}") from error
    if not version:
        raise RecordingError(f"{path.name}: an HDF5 file without nwb_version, so not NWB; give an NWB file")
    return version
