"""Spikes in SONATA's HDF5: /spikes/<population>/{timestamps, node_ids}, or the older /spikes/{timestamps, gids}.

Source: the SONATA developer guide, "Spike file". `timestamps` has an attribute `units` (ms where it is absent), the
population one `sorting`, text or an enumeration of 0: none, 1: by_id, 2: by_time.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from glifjax.errors import InputError
from glifjax.io.nwb.fields import attribute, text
from glifjax.io.sonata.hdf5 import group, integers, mark, numbers, opened
from glifjax.io.writing import whole_file
from glifjax.spikes.trains import MS, NO_POPULATION, SpikeTrains, join, milliseconds

#: A file's units of time, in ms.
UNITS = {"ms": 1.0, "milliseconds": 1.0, "s": MS, "sec": MS, "seconds": MS}
#: How spikes are sorted in a file: the values of SONATA's enumeration.
SORTING = {"none": 0, "by_id": 1, "by_time": 2}


def read_sonata_spikes(path: Path, population: str | None = None) -> SpikeTrains:
    """All spikes of a file; `population` names those of the older layout, which has no name for them.

    Raises:
        InputError: no SONATA spikes in it, units that are neither ms nor s, columns that do not fit.
    """
    with opened(path) as file:
        spikes = group(file, "spikes", path)
        if "timestamps" in spikes:
            return _population(spikes, "gids", population or NO_POPULATION, path)
        return join(_population(group(spikes, name, path), "node_ids", name, path) for name in spikes)


def _population(spikes: Any, ids: str, name: str, path: Path) -> SpikeTrains:
    times = numbers(spikes, "timestamps", path)
    node_ids = integers(spikes, ids, path, len(times))
    units = text(attribute(spikes["timestamps"], "units", "ms"))
    if units not in UNITS:
        raise InputError(f"{path}: timestamps of {name} are in {units!r}; the attribute `units` must be ms or s")
    try:
        return SpikeTrains(times * UNITS[units] / MS, node_ids, name)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def write_sonata_spikes(trains: SpikeTrains, path: Path, sort: str = "by_time") -> None:
    """Write /spikes/<population>/{timestamps (ms), node_ids}, gzip-compressed.

    Args:
        trains: the spikes.
        path: the file; it appears whole or not at all, in place of an older one.
        sort: "by_time", "by_id" (and by time for each id) or "none" (as by_time, but not claimed).

    Raises:
        InputError: an unknown sorting, or a population whose name no HDF5 group can have.
    """
    if sort not in SORTING:
        raise InputError(f"spikes_sort_order {sort!r} is unknown; use one of {', '.join(SORTING)}")
    for name in trains.population_names:
        if name in ("", ".") or "/" in name:
            raise InputError(f"{path}: a population is called {name!r}, which no HDF5 group can be; rename it")
    with whole_file(path) as part, h5py.File(part, "w") as file:
        mark(file)
        spikes = file.create_group("spikes")
        for name in trains.population_names:
            own = trains.of(name)
            order = np.lexsort((own.times, own.node_ids)) if sort == "by_id" else slice(None)
            place = spikes.create_group(name)
            place.attrs["sorting"] = sort
            place.create_dataset("timestamps", data=milliseconds(own.times)[order], compression="gzip")
            place["timestamps"].attrs["units"] = "ms"
            place.create_dataset("node_ids", data=own.node_ids[order].astype(np.uint64), compression="gzip")
