"""Reports of membrane variables: asked for in a config, written as /report/<population> of an HDF5 file.

Source: the SONATA developer guide, "Report file"; BMTK's multimeter_report.
"""

from pathlib import Path

import h5py
import numpy as np

from glifjax.io.sonata.config import Section
from glifjax.io.sonata.hdf5 import mark
from glifjax.io.sonata.node_sets import NodeSets
from glifjax.io.writing import whole_file
from glifjax.network.cells.base import AbstractCells
from glifjax.network.layout import Layout
from glifjax.network.network import Report
from glifjax.network.simulate import ReportData
from glifjax.spikes.generators import Simulation

#: Modules of reports, which mean the same.
MODULES = ("multimeter_report", "membrane_report", "multimeter")


def report(
    name: str, section: Section, sets: NodeSets, layout: Layout, cells: tuple[AbstractCells, ...], sim: Simulation
) -> Report:
    """One report of a config.

    Raises:
        InputError: an unknown module, a variable that the cells do not have, an interval off the grid.
    """
    module = section.text("module", MODULES[0])
    if module not in MODULES:
        raise section.error("module", f"is {module!r}; use {' or '.join(MODULES)}")
    variables = section.get("variable_name", "V_m")
    variable = variables[0] if isinstance(variables, list) and len(variables) == 1 else variables
    if not isinstance(variable, str):
        raise section.error("variable_name", f"is {variables!r}; name one variable, and give others their own reports")
    chosen = sets.of(section, "cells")
    members = {}
    for population, rows in chosen.items():
        sources, ids = layout.sources[population][rows], layout.node_ids[population][rows]
        if (sources < layout.n_cells).any():
            members[population] = (sources[sources < layout.n_cells], ids[sources < layout.n_cells])
    if not members:
        raise section.error("cells", "selects virtual nodes only; cells are reported")
    asked = np.concatenate([own for own, _ in members.values()])
    start = 0
    for group in cells:
        inside = ((asked >= start) & (asked < start + group.size)).any()
        if inside and variable not in group.variables:
            raise section.error(
                "variable_name", f"is {variable!r}; the variables of these cells are {', '.join(group.variables)}"
            )
        start += group.size
    interval = section.number("interval", section.number("dt", sim.dt))
    if round(interval / sim.dt) < 1 or abs(round(interval / sim.dt) * sim.dt - interval) > 1e-6:
        raise section.error("interval", f"is {interval:g} ms; it must be a multiple of dt ({sim.dt:g} ms)")
    first = section.number("tstart", section.number("start_time", 0.0))
    last = section.number("tstop", section.number("end_time", sim.tstop))
    if not first < last:
        raise section.error("tstop", f"is {last:g} ms, not after the report's start, {first:g} ms")
    file = section.file("file_name", f"{name}.h5")
    return Report(name, variable, members, interval, first, last, file if file.endswith(".h5") else f"{file}.h5")


def write_report(data: ReportData, path: Path) -> None:
    """Write a report: data [steps, cells] and what its columns and rows are."""
    with whole_file(path) as part, h5py.File(part, "w") as file:
        mark(file)
        for population in dict.fromkeys(data.populations.tolist()):
            own = data.populations == population
            n = int(own.sum())
            place = file.create_group(f"report/{population}")
            place.create_dataset("data", data=data.data[:, own])
            place["data"].attrs["variable"], place["data"].attrs["variable_name"] = data.variable, data.variable
            place["data"].attrs["units"] = data.units
            mapping = place.create_group("mapping")
            mapping["node_ids"] = data.node_ids[own].astype(np.uint64)
            mapping["element_ids"], mapping["element_pos"] = np.zeros(n, np.uint64), np.zeros(n)
            mapping["index_pointer"] = np.arange(n + 1, dtype=np.uint64)
            mapping["time"] = np.array([*data.span, data.interval])
            mapping["time"].attrs["units"] = "ms"
