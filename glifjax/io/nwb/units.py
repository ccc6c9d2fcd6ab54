"""Sorted units of an NWB 2 file as spike trains, in and out."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glifjax.errors import InputError
from glifjax.io.sonata.hdf5 import opened
from glifjax.io.writing import whole_file
from glifjax.spikes.trains import SpikeTrains, join

#: The population of units that do not say theirs.
UNITS = "units"


def has_units(path: Path) -> bool:
    """Whether an HDF5 file is an NWB file with a table of units."""
    with opened(path) as file:
        return "units" in file and "nwb_version" in file.attrs


def read_units(path: Path, population: str | None = None) -> SpikeTrains:
    """The spikes of all units, s: their ids as node ids, unless the table has columns `node_id` and `population`.

    Raises:
        InputError: units without spike times.
    """
    tables = unit_tables(path)
    units = tables.units
    ids = units.get("node_id", units.index)
    names = units["population"] if "population" in units else [population or UNITS] * len(units)
    trains = zip(units["spike_times"], ids, names, strict=True)
    return join(SpikeTrains(times, np.full(len(times), node), str(name)) for times, node, name in trains)


def read_located_units(path: Path) -> tuple[SpikeTrains, list[float]]:
    """As `read_units`, with the units' regions as populations; and where the trials that the file lists start, s.

    A region is a unit's own `location`, or that of its electrodes or electrode group.
    """
    tables = unit_tables(path)
    units = tables.units
    names = [_region(unit) for _, unit in units.iterrows()]
    trains = zip(units["spike_times"], units.index, names, strict=True)
    spikes = join(SpikeTrains(times, np.full(len(times), node), name) for times, node, name in trains)
    trials = tables.intervals.get("trials")
    return spikes, [] if trials is None else [float(start) for start in trials["start_time"]]


def _region(unit: Any) -> str:
    """Where a unit is; UNITS where nothing says so."""
    electrodes = unit.get("electrodes")
    group = unit.get("electrode_group")
    said = unit.get("location")
    if said is None and electrodes is not None and len(electrodes) and "location" in electrodes:
        said = electrodes["location"].mode().iloc[0]
    if said is None and group is not None:
        said = group.location
    return str(said).strip() or UNITS if said is not None else UNITS


@dataclass(frozen=True)
class UnitTables:
    """The tables of an NWB file that spikes are chosen by.

    Attributes:
        units: a row a unit, its index the unit's id; `spike_times` (s) and whatever columns there are, joined with
            the electrode of `peak_channel_id` where both are there.
        intervals: tables of stretches of time by name, each with start_time and stop_time, s.
    """

    units: Any
    intervals: dict[str, Any]


def unit_tables(path: Path) -> UnitTables:
    """Read them through pynwb, which takes seconds to import.

    Raises:
        InputError: a file that is not there, that pynwb cannot read, or without units and their spikes.
    """
    import warnings

    import pynwb

    with opened(path), warnings.catch_warnings():  # looked at before pynwb follows what is in it
        warnings.simplefilter("ignore")
        try:
            with pynwb.NWBHDF5IO(path=str(path), mode="r", load_namespaces=True) as io:
                nwb: Any = io.read()
                units = None if nwb.units is None else nwb.units.to_dataframe()
                electrodes = None if nwb.electrodes is None else nwb.electrodes.to_dataframe()
                intervals = {name: table.to_dataframe() for name, table in (nwb.intervals or {}).items()}
                for table in (nwb.trials, nwb.epochs):
                    if table is not None:
                        intervals[table.name] = table.to_dataframe()
        except InputError:
            raise
        except Exception as error:  # hdmf raises many kinds
            raise InputError(f"{path}: cannot be read as an NWB file ({error}); copy or write it again") from error
    if units is None or "spike_times" not in units:
        raise InputError(f"{path}: has no units with spike times; give a file of sorted units")
    if electrodes is not None and "peak_channel_id" in units:
        others = [name for name in electrodes.columns if name not in units]
        units = units.join(electrodes[others], on="peak_channel_id")
    return UnitTables(units, intervals)


def write_units(trains: SpikeTrains, path: Path) -> None:
    """A table of units, one a cell that fired, with columns population and node_id.

    The session starts at the time zero of the spikes; as a date it is unknown, and 1970-01-01 is written.
    """
    import pynwb

    start = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    nwb: Any = pynwb.NWBFile(session_description="spike trains", identifier=path.stem, session_start_time=start)
    nwb.add_unit_column("population", "population of the cell")
    nwb.add_unit_column("node_id", "id of the cell within its population")
    for name in trains.population_names:
        own = trains.of(name)
        for node in np.unique(own.node_ids):
            nwb.add_unit(spike_times=own.times[own.node_ids == node], population=name, node_id=int(node))
    with whole_file(path) as part, pynwb.NWBHDF5IO(path=str(part), mode="w") as io:
        writer: Any = io
        writer.write(nwb)
