"""input_type "syn_activity": synapses inside the network that fire at given times.

"replace" (the default, as BMTK's BioNet): every synapse between cells loses the drive of its own presynaptic cell, and
those that match fire at the times; "add": matching ones fire at the times too. Synapses of virtual nodes stay.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from glifjax.errors import InputError
from glifjax.io.regular import check_file
from glifjax.io.sonata.config import Section
from glifjax.io.sonata.edges import EdgeTable
from glifjax.io.sonata.node_sets import NodeSets
from glifjax.network.layout import Layout
from glifjax.network.network import Forced

#: The largest file of times that is read, bytes.
LARGEST = 2**28


def forced_synapses(
    sections: list[Section], edges: EdgeTable, sets: NodeSets, layout: Layout
) -> tuple[EdgeTable, Forced, Layout]:
    """The edges with one more source for each input, and when these fire.

    Raises:
        InputError: no precell_filter, filters that select nothing, times that are not above 0.
    """
    if not sections:
        return edges, Forced(np.zeros(0, np.int64), np.zeros(0)), layout
    recurrent = edges.sources < layout.n_cells
    matches, sources, times = [], [], []
    modes = {section.text("mode", "replace") for section in sections}
    if not modes <= {"replace", "add"} or len(modes) > 1:
        raise sections[0].error("mode", f'is {", ".join(sorted(modes))}; all such inputs are "replace", or all "add"')
    for number, section in enumerate(sections):
        if "precell_filter" not in section:
            raise section.error("precell_filter", "is missing; it says of which cells the synapses fire")
        match = (
            recurrent & _cells(section, "precell_filter", sets, layout)[np.minimum(edges.sources, layout.n_cells - 1)]
        )
        if "postcell_filter" in section:
            match &= _cells(section, "postcell_filter", sets, layout)[edges.targets]
        if not match.any():
            raise section.error("precell_filter", "and postcell_filter select no synapse between cells; loosen them")
        matches.append(np.flatnonzero(match))
        times.append(_times(section))
        sources.append(np.full(len(times[-1]), layout.n_sources + number))
    parts = [np.flatnonzero(~recurrent if modes == {"replace"} else np.ones(len(edges), bool)), *matches]
    chosen = np.concatenate(parts)
    names = [field.name for field in dataclasses.fields(EdgeTable)]
    columns = {name: getattr(edges, name)[chosen] for name in names}
    own = [edges.sources[parts[0]]] + [np.full(len(part), layout.n_sources + i) for i, part in enumerate(matches)]
    columns["sources"] = np.concatenate(own).astype(np.int32)
    forced = Forced(np.concatenate(sources), np.concatenate(times))
    return EdgeTable(**columns), forced, dataclasses.replace(layout, n_sources=layout.n_sources + len(sections))


def _cells(section: Section, key: str, sets: NodeSets, layout: Layout) -> Bool[np.ndarray, " n"]:
    """Which cells a filter means; without a population, those of every one."""
    mask = np.zeros(layout.n_cells, bool)
    wanted: Any = section.get(key)
    if isinstance(wanted, Mapping) and isinstance(wanted.get("node_id"), int):
        wanted = {**wanted, "node_id": [wanted["node_id"]]}
    for name, rows in sets.choose(wanted, f"{section.where}.{key}").items():
        own = layout.sources[name][rows]
        mask[own[own < layout.n_cells]] = True
    return mask


def _times(section: Section) -> Float[np.ndarray, " m"]:
    """`timestamps`: a list of ms, or a file with one a line."""
    value = section.get("timestamps")
    times = _lines(section.path("timestamps")) if isinstance(value, str) else section.numbers("timestamps")
    wrong = times[~(np.isfinite(times) & (times > 0))]
    if len(wrong):
        raise section.error("timestamps", f"hold {wrong[0]:g} ms; give times above 0")
    return np.sort(times)


def _lines(path: Path) -> Float[np.ndarray, " m"]:
    check_file(path)
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path}: has {path.stat().st_size} bytes, too many for a file of times")
    try:
        return np.array([float(line) for line in path.read_text(encoding="utf-8").split()])
    except ValueError as error:
        raise InputError(f"{path}: must hold one time in ms a line ({error})") from error
