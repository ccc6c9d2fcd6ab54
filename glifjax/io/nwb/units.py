"""Sorted units of an NWB 2 file as spike trains, in and out."""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from glifjax.errors import InputError
from glifjax.io.nwb.fields import attribute, group, members, target, text
from glifjax.io.nwb.tables import read_table
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
    units = unit_tables(path).units
    ids = units.get("node_id", units.index)
    names = units["population"] if "population" in units else [population or UNITS] * len(units)
    return _trains(units, ids, map(str, names), path)


def read_located_units(path: Path) -> tuple[SpikeTrains, list[float]]:
    """As `read_units`, with the units' regions as populations; and where the trials that the file lists start, s.

    A region is a unit's own `location`, or that of its electrodes or electrode group.
    """
    tables = unit_tables(path)
    regions = [_region(unit, tables.electrodes) for _, unit in tables.units.iterrows()]
    trials = tables.intervals.get("trials")
    starts = [] if trials is None else trials["start_time"].tolist()
    return _trains(tables.units, tables.units.index, regions, path), starts


def _trains(units: Any, ids: Iterable[Any], names: Iterable[str], path: Path) -> SpikeTrains:
    trains = zip(units["spike_times"], ids, names, strict=True)
    try:
        return join(SpikeTrains(times, np.full(len(times), node), name) for times, node, name in trains)
    except ValueError as error:
        raise InputError(f"{path}: its units are no spike trains ({error}); write them anew") from error


def _region(unit: Any, electrodes: Any) -> str:
    """Where a unit is; UNITS where nothing says so."""
    own = unit.get("electrodes", ())
    stated = unit.get("location")
    if stated is None and "location" in electrodes and np.size(own):
        stated = electrodes["location"].iloc[np.ravel(own)].astype(str).mode().iloc[0]
    if stated is None:
        stated = unit.get("electrode_group", "")
    return str(stated).strip() or UNITS


@dataclass(frozen=True)
class UnitTables:
    """The tables of an NWB file that spikes are chosen by.

    Attributes:
        units: a row a unit, its index the unit's id; `spike_times` (s) and whatever columns there are, joined with
            the electrode of `peak_channel_id` where both are there. `electrodes` are places in the table of these,
            `electrode_group` is the group's location.
        electrodes: a row each; empty where there are none.
        intervals: tables of stretches of time by name, each with start_time and stop_time, s.
    """

    units: Any
    electrodes: Any
    intervals: dict[str, Any]


def unit_tables(path: Path) -> UnitTables:
    """Read them.

    Raises:
        InputError: a file that is not there, that HDF5 cannot read, or without units and their spikes; a table whose
            columns do not fit.
    """
    import pandas

    with opened(path) as file:
        table, electrodes = group(file, "units"), group(file, "general/extracellular_ephys/electrodes")
        units = pandas.DataFrame() if table is None else read_table(table, path)
        if "electrode_group" in units:
            units["electrode_group"] = [_location(target(file, one)) for one in units["electrode_group"]]
        electrodes = pandas.DataFrame() if electrodes is None else read_table(electrodes, path)
        intervals = {name: read_table(table, path) for name, table in members(file, "intervals", [])}
    if "spike_times" not in units:
        raise InputError(f"{path}: has no units with spike times; give a file of sorted units")
    _check(units, electrodes, intervals, path)
    if len(electrodes) and "peak_channel_id" in units:
        others = electrodes[[name for name in electrodes if name not in units]]
        units = units.join(others, on="peak_channel_id")
    return UnitTables(units, electrodes, intervals)


def _location(electrode_group: h5py.Group | None) -> str:
    return text(attribute(electrode_group, "location"))


def _check(units: Any, electrodes: Any, intervals: Mapping[str, Any], path: Path) -> None:
    """Refuse tables whose rows do not refer to one another, or hold no times."""
    if any(np.ndim(times) != 1 or times.dtype.kind not in "iuf" for times in units["spike_times"]):
        raise InputError(f"{path}: spike_times of its units are not several numbers of each; write the file anew")
    places = np.concatenate([np.ravel(own) for own in units.get("electrodes", ())] or [np.zeros(0, int)])
    if places.size and not (places.dtype.kind in "iu" and (places >= 0).all() and (places < len(electrodes)).all()):
        raise InputError(f"{path}: a unit is of an electrode that the file does not list; write the file anew")
    if "peak_channel_id" in units and not (units["peak_channel_id"].dtype.kind in "iuf" and electrodes.index.is_unique):
        raise InputError(f"{path}: peak_channel_id of its units does not name one electrode; write the file anew")
    for name, table in intervals.items():
        if any(column not in table or table[column].dtype.kind not in "iuf" for column in ("start_time", "stop_time")):
            raise InputError(f"{path}: its intervals {name} have no start_time and stop_time in s; write the file anew")


def write_units(trains: SpikeTrains, path: Path) -> None:
    """A table of units, one a cell that fired, with columns population and node_id.

    The session starts at the time zero of the spikes; as a date it is unknown, and 1970-01-01 is written.
    """
    import pynwb

    if not len(trains):
        raise InputError(f"{path}: an NWB file's units hold spikes, and there are none; write .h5 or .csv")
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
