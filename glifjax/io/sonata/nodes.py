"""Populations of nodes: /nodes/<population> of an HDF5 file, and a table of node types.

Attributes stand in a node's group of the file or in its type; the file's come first.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from jaxtyping import Bool, Int

from glifjax.errors import InputError
from glifjax.io.sonata.config import Section
from glifjax.io.sonata.hdf5 import column, group, integers, opened
from glifjax.io.sonata.tables import read_types

#: model_type of nodes that are simulated, and of those that only send spikes.
SIMULATED = ("point_neuron", "point_process", "point_soma")
VIRTUAL = "virtual"
#: Before the names of columns with nodes' own parameters: a group of a node group, and SONATA's name for it.
OWN_PARAMETERS = "dynamics_params/"


@dataclass(frozen=True)
class Population:
    """Nodes of one population.

    Attributes:
        name: its name.
        nodes: a row a node under its node_id, a column an attribute; ids are in order.
        source: the file.
    """

    name: str
    nodes: pandas.DataFrame
    source: str

    @property
    def virtual(self) -> Bool[np.ndarray, " n"]:
        """Which nodes only send spikes."""
        return (self.nodes["model_type"] == VIRTUAL).to_numpy(bool)

    @property
    def node_ids(self) -> Int[np.ndarray, " n"]:
        """The ids, ascending."""
        return self.nodes.index.to_numpy(np.int64)

    def rows(self, node_ids: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """Where nodes stand; -1 for ids that are none."""
        return self.nodes.index.get_indexer(pandas.Index(node_ids)).astype(np.int64)


def read_nodes(sections: list[Section]) -> dict[str, Population]:
    """All populations that a config's networks.nodes name.

    Raises:
        InputError: files that are missing or cut short, types that are not in the table, an unknown model_type.
    """
    populations: dict[str, Population] = {}
    for section in sections:
        path = section.path("nodes_file")
        types = read_types(section.path("node_types_file"), "node_type_id") if "node_types_file" in section else None
        with opened(path) as file:
            nodes = group(file, "nodes", path)
            for name in nodes:
                if name in populations:
                    raise InputError(f"{path}: population {name} is also in {populations[name].source}; rename one")
                populations[name] = _population(group(nodes, name, path), name, types, path)
    return populations


def _population(place: Any, name: str, types: pandas.DataFrame | None, path: Path) -> Population:
    type_ids = integers(place, "node_type_id", path).astype(np.int64)
    n = len(type_ids)
    ids = integers(place, "node_id", path, n, np.arange(n)).astype(np.int64)
    if len(np.unique(ids)) != n or (ids < 0).any():
        raise InputError(f"{path}: node ids of {name} must be whole numbers from 0, each once")
    attributes: dict[str, Any] = {"node_type_id": type_ids}
    if types is not None:
        missing = np.setdiff1d(type_ids, types.index)
        if len(missing):
            raise InputError(f"{path}: nodes of {name} have node_type_id {missing[0]}, which the type table lacks")
        attributes |= {str(key): types[key].reindex(type_ids).to_numpy() for key in types}
    groups = integers(place, "node_group_id", path, n, np.zeros(n, int)).astype(np.int64)
    within = integers(place, "node_group_index", path, n, np.arange(n)).astype(np.int64)
    for gid in np.unique(groups):
        if str(gid) not in place:
            continue
        own, members = group(place, str(gid), path), groups == gid
        keys = [key for key in own if key != "dynamics_params"]
        params = group(own, "dynamics_params", path) if "dynamics_params" in own else ()
        for key in [*keys, *(OWN_PARAMETERS + key for key in params)]:
            values = column(own, key, path)
            if not _inside(within[members], len(values)):
                raise InputError(f"{path}: {name}/{gid}/{key} has {len(values)} entries, too few for its nodes")
            attributes[key] = _over(attributes.get(key), members, values[within[members]], n)
    frame = pandas.DataFrame(attributes, index=pandas.Index(ids, name="node_id")).sort_index()
    if "model_type" not in frame:
        raise InputError(f"{path}: nodes of {name} have no model_type; give one in their table of types")
    for kind in frame["model_type"].unique():
        if kind not in (*SIMULATED, VIRTUAL):
            raise InputError(
                f"{path}: {name} has nodes of model_type {kind}; point neurons and virtual nodes are simulated here, "
                "so leave the others out"
            )
    return Population(name, frame, str(path))


def _inside(places: Int[np.ndarray, " m"], n: int) -> bool:
    """Whether all of them are places in a column of n entries."""
    return bool(((places >= 0) & (places < n)).all())


def _over(old: np.ndarray | None, members: Bool[np.ndarray, " n"], values: np.ndarray, n: int) -> np.ndarray:
    """A column with the values of some nodes replaced."""
    if members.all():
        return values
    base = np.full(n, np.nan, object if values.dtype.kind in "OSU" else float) if old is None else old
    base = base.astype(object) if values.dtype.kind in "OSU" else base.copy()
    base[members] = values
    return base
