"""Edges of SONATA: /edges/<population> of an HDF5 file, a table of edge types, and the JSON of their synapses.

The weight of an edge is nsyns * syn_weight (nsyns 1 where absent), its delay in ms 1 where absent; a column of the
file comes before that of the type. receptor_type of dynamics_params is the port of a glif_psc, counted from 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from jaxtyping import Float, Int

from glifjax.errors import InputError
from glifjax.io.nwb.fields import attribute, text
from glifjax.io.sonata.config import Section, read_json
from glifjax.io.sonata.hdf5 import group, integers, numbers, opened
from glifjax.io.sonata.nodes import Population
from glifjax.io.sonata.tables import read_types
from glifjax.network.cells.base import AbstractCells
from glifjax.network.cells.iaf_psc import IafPsc
from glifjax.network.layout import Layout

#: Ports that a cell may have; a receptor is one of them, counted from 1.
MOST_RECEPTORS = 1_000_000
#: Synapse models whose weight does not change.
STATIC = ("static_synapse", "nan", "None")
#: Weight functions that give nsyns * syn_weight.
PRODUCTS = ("wmax", "default_weight_fnc", "set_syn_weight", "nan", "None")
#: ms, of an edge that does not say.
DEFAULT_DELAY = 1.0
#: Steps; as many rows hold what is on its way.
LONGEST_DELAY = 1_000_000


@dataclass(frozen=True)
class EdgeTable:
    """Edges of one or more populations, in the circuit's counting.

    Attributes:
        sources: (E,), see Layout.
        targets: (E,), cells.
        ports: (E,), from 0.
        weights: (E,), pA (mV for delta synapses).
        delays: (E,), in steps.
    """

    sources: Int[np.ndarray, " E"]
    targets: Int[np.ndarray, " E"]
    ports: Int[np.ndarray, " E"]
    weights: Float[np.ndarray, " E"]
    delays: Int[np.ndarray, " E"]

    def __len__(self) -> int:
        """The number of edges."""
        return len(self.weights)


@dataclass(frozen=True)
class PortMap:
    """Of each cell: how many ports it has (negative where the weight's sign chooses), and the slot of its first one.

    Slots are those of a circuit: group after group, port after port, cell after cell.
    """

    ports: Int[np.ndarray, " n"]
    first: Int[np.ndarray, " n"]
    stride: Int[np.ndarray, " n"]

    @classmethod
    def of(cls, cells: tuple[AbstractCells, ...]) -> "PortMap":
        """The map of a circuit's groups."""
        ports, first, stride, slot = [], [], [], 0
        for group_of_cells in cells:
            size = group_of_cells.size
            by_sign = isinstance(group_of_cells, IafPsc)
            ports.append(np.full(size, -group_of_cells.ports if by_sign else group_of_cells.ports))
            first.append(slot + np.arange(size))
            stride.append(np.full(size, size))
            slot += size * group_of_cells.ports
        return cls(*(np.concatenate(parts).astype(np.int64) for parts in (ports, first, stride)))

    def slots(self, targets: Int[np.ndarray, " E"], ports: Int[np.ndarray, " E"]) -> Int[np.ndarray, " E"]:
        """The slot of each edge."""
        return self.first[targets] + ports * self.stride[targets]


def read_edges(
    sections: list[Section], components: Section, populations: Mapping[str, Population], layout: Layout,
    port_map: PortMap, dt: float,
) -> EdgeTable:  # fmt: skip
    """All edges that a config's networks.edges name and do not disable; delays in steps of dt ms.

    Raises:
        InputError: files that are missing or cut short, nodes that are none, edges without a weight, plastic
            synapses, receptors that a cell does not have, delays under half a step.
    """
    tables = []
    for section in sections:
        if not section.flag("enabled", True):
            continue
        path = section.path("edges_file")
        types_path = section.path("edge_types_file") if "edge_types_file" in section else None
        types = read_types(types_path, "edge_type_id") if types_path else pandas.DataFrame()
        receptors = _receptors(types, components, str(types_path or path))
        with opened(path) as file:
            edges = group(file, "edges", path)
            for name in edges:
                place = group(edges, name, path)
                tables.append(_table(place, name, types, receptors, populations, layout, port_map, dt, path))
    none = np.zeros(0, np.int64)
    if not tables:
        return EdgeTable(none, none, none, np.zeros(0), none)
    if len(tables) == 1:
        return tables[0]
    names = ("sources", "targets", "ports", "weights", "delays")
    return EdgeTable(*(np.concatenate([getattr(table, key) for table in tables]) for key in names))


def _receptors(types: pandas.DataFrame, components: Section, source: str) -> dict[int, int]:
    """The receptor of each edge type; 0 where it has none. Plastic synapses and other weights are refused here."""
    receptors: dict[int, int] = {}
    for type_id, row in types.iterrows():
        model = str(row.get("model_template", "static_synapse")).removeprefix("nest:")
        if model not in STATIC:
            raise InputError(
                f"{source}: edge type {type_id} has model_template {model}; only static_synapse is simulated, so give "
                "it that or leave the edges out"
            )
        function = str(row.get("weight_function"))
        if function not in PRODUCTS:
            raise InputError(
                f"{source}: edge type {type_id} has weight_function {function}; weights are nsyns * syn_weight, so "
                "write them as syn_weight"
            )
        file = row.get("dynamics_params")
        receptors[int(str(type_id))] = 0
        if isinstance(file, str):
            path = components.path("synaptic_models_dir") / file
            params = read_json(path)
            unknown = [key for key in params if key != "receptor_type"]
            if unknown:
                raise InputError(f"{path}: {unknown[0]} is no parameter of static_synapse; remove it")
            receptor = params.get("receptor_type", 0)
            if isinstance(receptor, bool) or not isinstance(receptor, int) or not 0 <= receptor <= MOST_RECEPTORS:
                raise InputError(f"{path}: receptor_type is {receptor!r}; it must be a whole number from 1")
            receptors[int(str(type_id))] = receptor
    return receptors


def _table(
    place: Any, name: str, types: pandas.DataFrame, receptors: dict[int, int], populations, layout: Layout,
    port_map: PortMap, dt: float, path: Path,
) -> EdgeTable:  # fmt: skip
    """One population of edges."""
    target_ids = integers(place, "target_node_id", path)
    n = len(target_ids)
    sources = _nodes(place, "source", integers(place, "source_node_id", path, n), populations, layout, path, name)
    targets = _nodes(place, "target", target_ids, populations, layout, path, name)
    if (targets >= layout.n_cells).any():
        at = int(np.flatnonzero(targets >= layout.n_cells)[0])
        raise InputError(f"{path}: edge {at} of {name} goes to node {target_ids[at]}, which is virtual; remove it")
    del target_ids
    type_ids = integers(place, "edge_type_id", path, n)
    used = np.unique(type_ids)
    missing = np.setdiff1d(used, types.index)
    if len(missing):
        raise InputError(f"{path}: edges of {name} have edge_type_id {missing[0]}, which the type table lacks")
    kinds = np.searchsorted(used, type_ids).astype(np.int32)
    del type_ids
    columns = _Columns(place, types, used, kinds, n, path)
    weights = columns.values("syn_weight") * columns.values("nsyns", 1.0)
    if not np.isfinite(weights).all():
        at = int(np.flatnonzero(~np.isfinite(weights))[0])
        raise InputError(
            f"{path}: edge {at} of {name} (edge_type_id {used[kinds[at]]}) has no finite syn_weight, or nsyns; give "
            "one to it or to its type"
        )
    delays = delay_steps(columns.values("delay", DEFAULT_DELAY), dt, f"{path}: edges of {name}")
    ports = np.array([receptors[int(type_id)] for type_id in used], np.int32)[kinds]
    return EdgeTable(sources, targets, _ports(ports, weights, targets, port_map, path, name), weights, delays)


def _ports(receptors, weights, targets, port_map: PortMap, path: Path, name: str) -> Int[np.ndarray, " E"]:
    """The port of each edge, from 0: of the receptor, or of the weight's sign (iaf_psc_*)."""
    counts = port_map.ports[targets]
    by_sign = counts < 0
    wrong = np.where(by_sign, receptors != 0, (receptors < 1) | (receptors > counts))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        allowed = "none (the sign chooses)" if by_sign[at] else f"1 ... {counts[at]}"
        raise InputError(
            f"{path}: edge {at} of {name} has receptor_type {receptors[at]}, its target's ports are {allowed}; mend "
            "its dynamics_params or the cell's tau_syn"
        )
    inhibitory = (weights <= 0) & (counts == -2)
    return np.where(by_sign, inhibitory, receptors - 1).astype(np.int32)


def _nodes(place: Any, end: str, ids, populations, layout: Layout, path: Path, name: str) -> Int[np.ndarray, " E"]:
    """The sources or targets of edges, in the circuit's counting."""
    population = text(attribute(place[f"{end}_node_id"], "node_population", ""))
    if population not in populations:
        raise InputError(
            f"{path}: {end}_node_id of {name} is of population {population!r}, which the config's nodes do not have; "
            f"there are {', '.join(populations)}"
        )
    node_ids = layout.node_ids[population]
    rows = ids.astype(np.int64)
    if len(node_ids) == 0 or node_ids[-1] != len(node_ids) - 1:  # ids that are not 0 ... n - 1
        rows = populations[population].rows(rows)
    wrong = (rows < 0) | (rows >= len(node_ids))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{path}: edge {at} of {name} has {end} node {ids[at]}, which {population} does not have")
    return layout.sources[population][rows].astype(np.int32)


class _Columns:
    """Attributes of edges: a group's column over the type's, or a default."""

    def __init__(self, place: Any, types: pandas.DataFrame, used, kinds, n: int, path: Path):
        self.place, self.types, self.used, self.kinds, self.path = place, types, used, kinds, path
        self.groups = integers(place, "edge_group_id", path, n, np.zeros(n, np.int8))
        self.within = integers(place, "edge_group_index", path, n, np.arange(n))

    def values(self, key: str, default: float = np.nan) -> Float[np.ndarray, " E"]:
        """A number for each edge; NaN where there is none and no default."""
        of_type = np.full(len(self.used), default)
        if key in self.types:
            column_of_types: Any = pandas.to_numeric(self.types[key], errors="coerce")
            given = column_of_types.reindex(self.used).to_numpy(float)
            of_type = np.where(np.isnan(given), default, given)
        values = of_type[self.kinds]
        for gid in np.unique(self.groups):
            own = self.place.get(f"{gid}/{key}")
            if own is None:
                continue
            members = self.groups == gid
            entries, places = numbers(self.place[str(gid)], key, self.path), self.within[members]
            if places.size and not 0 <= places.min() <= places.max() < len(entries):
                raise InputError(f"{self.path}: {own.name} has {len(entries)} entries, too few for its edges")
            values[members] = entries[places]
        return values


def delay_steps(delays: Float[np.ndarray, " E"], dt: float, where: str) -> Int[np.ndarray, " E"]:
    """Delays in ms as steps: the nearest, halves up; under half a step, or beyond LONGEST_DELAY, is refused."""
    steps = np.floor(np.round(delays / dt, 9) + 0.5)
    held = (steps >= 1) & (steps <= LONGEST_DELAY)
    if not held.all():
        at = int(np.flatnonzero(~held)[0])
        raise InputError(
            f"{where} have a delay of {delays[at]:g} ms; it must be at least half of dt ({dt:g} ms), and "
            f"{LONGEST_DELAY} steps at most"
        )
    return steps.astype(np.int32)
