"""read_spikes and write_spikes: SpikeTrains in and out of files, by what the file is."""

from pathlib import Path

from glifjax.errors import InputError, shown
from glifjax.io.regular import check_file
from glifjax.io.writing import check_target
from glifjax.spikes.trains import SpikeTrains

#: The first bytes of every HDF5 file.
HDF5 = b"\x89HDF\r\n\x1a\n"
#: Endings of the formats that spikes are written in.
ENDINGS = (".csv", ".txt", ".h5", ".hdf5", ".sonata", ".nwb")


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as every HDF5 file does."""
    with path.open("rb") as file:
        return file.read(len(HDF5)) == HDF5


def read_spikes(path: str | Path, population: str | None = None) -> SpikeTrains:
    """The spikes of a file: CSV, SONATA (HDF5, both layouts) or the units of an NWB file; its content decides.

    Args:
        path: the file.
        population: names spikes that come without a population: those of two columns without header, of SONATA's
            older layout, of an NWB file. "default" if left out ("units" for NWB).

    Raises:
        InputError: a file that holds no spikes; the sentence names it and says what it must hold.
    """
    path = Path(path)
    check_file(path)
    if not is_hdf5(path):
        if path.suffix in (".h5", ".hdf5", ".nwb"):
            raise InputError(f"{path}: is no HDF5 file, whatever its name says; copy or write it again")
        from glifjax.io.csv import read_csv_spikes

        return read_csv_spikes(path, population)
    from glifjax.io.nwb.units import has_units, read_units

    if has_units(path):
        return read_units(path, population)
    from glifjax.io.sonata.hdf5 import opened
    from glifjax.io.sonata.spikes import read_sonata_spikes

    with opened(path) as file:
        if "spikes" not in file:
            raise InputError(
                f"{path}: holds no spikes, neither units of NWB nor a group /spikes of SONATA; give a file of sorted "
                "units, or their times as a CSV with columns timestamps (ms), population and node_ids"
            )
    return read_sonata_spikes(path, population)


def write_spikes(trains: SpikeTrains, path: str | Path, sort: str = "by_time", overwrite: bool = True) -> None:
    """Write spikes as CSV (.csv, .txt), SONATA (.h5, .hdf5, .sonata) or NWB units (.nwb): the name's ending decides.

    Times are written in ms (NWB: s). Every format gives back what was written: times of at most three decimals in ms
    to the bit, others to 1e-12 s.

    Args:
        trains: the spikes.
        path: the file; it appears whole or not at all.
        sort: SONATA alone: "by_time", "by_id" or "none".
        overwrite: whether it may take the place of another file.

    Raises:
        InputError: another ending, a folder that does not exist, a file that may not be replaced.
    """
    if not isinstance(trains, SpikeTrains):
        raise InputError(f"trains is {shown(trains)}; give glifjax.SpikeTrains")
    path = Path(path)
    check_target(path, overwrite)
    if path.suffix in (".csv", ".txt"):
        from glifjax.io.csv import write_csv_spikes

        write_csv_spikes(trains, path)
    elif path.suffix == ".nwb":
        from glifjax.io.nwb.units import write_units

        write_units(trains, path)
    elif path.suffix in ENDINGS:
        from glifjax.io.sonata.spikes import write_sonata_spikes

        write_sonata_spikes(trains, path, sort)
    else:
        raise InputError(f"{path}: spikes are written as {', '.join(ENDINGS)}; give it one of these endings")
