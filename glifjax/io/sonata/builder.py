"""NetworkBuilder: networks made in Python and written as SONATA, which PointNet and `glifjax run` read alike.

    network = NetworkBuilder()
    v1 = network.add_nodes("v1", 80, ei="e", model_template="nest:glif_psc", dynamics_params={"E_L": -75.0, ...})
    lgn = network.add_nodes("lgn", 20, model_type="virtual")
    network.add_edges(lgn, v1, probability(0.2), syn_weight=20.0, delay=2.0, receptor_type=1)
    config = network.write("folder", duration=1000.0, inputs={...})

An attribute of one value stands in the table of types, one of a value a node or edge in a column.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas

from glifjax.checks import count_of
from glifjax.errors import InputError
from glifjax.io.sonata.components import LISTS
from glifjax.io.sonata.connections import Nodes, Rule
from glifjax.io.sonata.hdf5 import mark
from glifjax.io.sonata.nodes import OWN_PARAMETERS, VIRTUAL
from glifjax.io.writing import whole_file

#: The first id of node and edge types.
FIRST_TYPE = 100


class NetworkBuilder:
    """Populations of nodes and the edges between them, to be written.

    Example:
        >>> network = gj.NetworkBuilder()
        >>> lgn = network.add_nodes("lgn", 20, model_type="virtual")
        >>> v1 = network.add_nodes("v1", 4, model_template="nest:glif_psc", dynamics_params={"E_L": -75.0})
        >>> network.add_edges(lgn, v1, gj.all_to_all(), syn_weight=20.0, delay=2.0, receptor_type=1)
        80
    """

    def __init__(self, seed: int = 0):
        """`seed`: of all rules that draw."""
        self.rng = np.random.default_rng(seed)
        self.nodes: dict[str, list[tuple[Nodes, dict[str, Any], dict[str, Any]]]] = {}
        self.edges: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray, dict[str, Any], dict[str, Any]]]] = {}

    def add_nodes(self, population: str, n: int, **attributes: Any) -> Nodes:
        """n more nodes of a population; one call is one node type.

        Args:
            population: its name, part of the names of files; ids go on from the nodes it has.
            n: how many.
            **attributes: model_type ("point_neuron", the default, or "virtual"), model_template and dynamics_params (a
                dict of parameters, which is written beside the network, or the name of a file) for cells, any others;
                an array or list of n values is one a node. So is an array (not a list) of n values among the
                parameters, but for those that are lists of a cell, as tau_syn.

        Raises:
            InputError: an attribute of another length, a cell without a model, or a name that no file can have.
        """
        n = count_of("n", n)
        if not population or set(population) & set("/\\\0"):
            raise InputError(f"a population's name is {population!r}; give one without / and \\, for files have it")
        attributes = {"model_type": "point_neuron", **attributes}
        if attributes["model_type"] == "point_neuron":
            for key in ("model_template", "dynamics_params"):
                if key not in attributes:
                    raise InputError(f"nodes of {population} lack {key}; give it, or model_type='virtual'")
        of_type, columns = _split(attributes, n, population)
        if isinstance(of_type.get("dynamics_params"), Mapping):
            shared, own = _parameters_of_nodes(of_type["dynamics_params"], n)
            of_type["dynamics_params"], columns = shared, columns | own
        first = sum(len(nodes) for nodes, _, _ in self.nodes.get(population, []))
        shown = {key: value for key, value in of_type.items() if key != "dynamics_params"}
        table = pandas.DataFrame({**shown, **columns}, index=pandas.RangeIndex(first, first + n, name="node_id"))
        nodes = Nodes(population, table)
        self.nodes.setdefault(population, []).append((nodes, of_type, columns))
        return nodes

    def add_edges(self, source: Nodes, target: Nodes, rule: Rule, **attributes: Any) -> int:
        """Edges by a rule; one call is one edge type, or one for each port.

        Args:
            source, target: nodes of any population; targets must be cells.
            rule: all_to_all, one_to_one, probability, number_of_inputs, by_function, or one's own.
            **attributes: syn_weight (pA, with its sign; needed), delay (ms), receptor_type (the port, from 1), others;
                an array or list of one value an edge is a column, in the order of sources, then targets.

        Returns:
            the number of edges.
        """
        if "syn_weight" not in attributes:
            raise InputError(f"edges from {source.population} to {target.population} lack syn_weight; give it in pA")
        ends, name = (source.population, target.population), f"{source.population}_{target.population}"
        if any("_".join(others) == name and others != ends for others in self.edges):
            raise InputError(
                f"edges of other populations are written to {name}_edges.h5; rename {ends[0]} or {ends[1]}"
            )
        receptors = np.asarray(attributes.get("receptor_type", 1))
        if receptors.dtype.kind not in "iuf" or (receptors < 1).any() or (receptors % 1 != 0).any():
            raise InputError(f"receptor_type is {attributes['receptor_type']!r}; give a port, a whole number from 1")
        nsyns = np.asarray(rule(source, target, self.rng))
        if nsyns.shape != (len(source), len(target)) or (nsyns < 0).any():
            raise InputError(
                f"the rule gave numbers of shape {nsyns.shape}; it must give one from 0 for each of {len(source)} "
                f"sources and {len(target)} targets"
            )
        if VIRTUAL in target.table["model_type"].to_numpy():
            raise InputError(f"nodes of {target.population} are virtual, and take no spikes; give cells as target")
        rows, columns_ = np.nonzero(nsyns)
        ids = source.table.index.to_numpy()[rows], target.table.index.to_numpy()[columns_]
        of_type, columns = _split({"model_template": "static_synapse", **attributes}, len(rows), source.population)
        columns = {"nsyns": nsyns[rows, columns_], **columns}
        parts = self.edges.setdefault(ends, [])
        ports = columns.pop("receptor_type", None)
        if ports is None:
            parts.append((*ids, of_type, columns))
            return len(rows)
        for port in np.unique(ports):  # SONATA has it of types alone
            own = ports == port
            values = {key: column[own] for key, column in columns.items()}
            parts.append((ids[0][own], ids[1][own], {**of_type, "receptor_type": port}, values))
        return len(rows)

    def write(
        self,
        folder: str | Path,
        *,
        duration: float = 1000.0,
        dt: float = 0.1,
        inputs: Mapping[str, Any] | None = None,
        reports: Mapping[str, Any] | None = None,
        node_sets: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write nodes, edges, types, parameters and a config.json into a folder.

        Args:
            folder: made if it is not there; files of the same names are replaced.
            duration, dt: of the run, ms.
            inputs, reports, node_sets: of the config, as they stand there.

        Returns:
            the config.
        """
        folder = Path(folder)
        for part in ("network", "components/cell_models", "components/synaptic_models"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        networks: dict[str, list[dict[str, str]]] = {"nodes": [], "edges": []}
        for name, parts in self.nodes.items():
            networks["nodes"].append(_write_nodes(folder, name, parts))
        for (source, target), parts in self.edges.items():
            networks["edges"].append(_write_edges(folder, source, target, parts))
        config = {
            "manifest": {"$BASE_DIR": "${configdir}"},
            "target_simulator": "NEST",
            "run": {"tstop": duration, "dt": dt},
            "inputs": dict(inputs or {}),
            "reports": dict(reports or {}),
            "node_sets": dict(node_sets or {}),
            "output": {
                "log_file": "log.txt",
                "output_dir": "$BASE_DIR/output",
                "spikes_file": "spikes.h5",
                "spikes_file_csv": "spikes.csv",
                "overwrite_output_dir": True,
            },
            "components": {
                "point_neuron_models_dir": "$BASE_DIR/components/cell_models",
                "synaptic_models_dir": "$BASE_DIR/components/synaptic_models",
            },
            "networks": networks,
        }
        return _write_json(folder / "config.json", config)


def _split(attributes: Mapping[str, Any], n: int, population: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attributes of the type, and columns."""
    of_type, columns = {}, {}
    for key, value in attributes.items():
        if isinstance(value, str | Mapping) or np.ndim(value) == 0:
            of_type[key] = value
        elif len(value) == n:
            columns[key] = np.asarray(value)
        else:
            raise InputError(f"{key} of {population} has {len(value)} values for {n}; give one, or one for each")
    return of_type, columns


def _parameters_of_nodes(params: Mapping[str, Any], n: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters that all nodes share, and columns of those that are arrays of one value a node."""
    one_a_node = lambda key, value: isinstance(value, np.ndarray) and value.shape == (n,) and key not in LISTS
    own = {key: value for key, value in params.items() if one_a_node(key, value)}
    shared = {key: value for key, value in params.items() if key not in own}
    return shared, {OWN_PARAMETERS + key: value for key, value in own.items()}


def _write_nodes(folder: Path, name: str, parts) -> dict[str, str]:
    rows, type_ids, groups, within = [], [], [], []
    with whole_file(folder / "network" / f"{name}_nodes.h5") as part, h5py.File(part, "w") as file:
        mark(file)
        place = file.create_group(f"nodes/{name}")
        for number, (nodes, of_type, columns) in enumerate(parts):
            type_id = FIRST_TYPE + number
            row = {"node_type_id": type_id, **of_type}
            if isinstance(of_type.get("dynamics_params"), Mapping):
                row["dynamics_params"] = f"{name}_{type_id}.json"
                _write_json(folder / "components/cell_models" / row["dynamics_params"], of_type["dynamics_params"])
            rows.append(row)
            _add_columns(place.create_group(str(number)), columns)
            type_ids.append(np.full(len(nodes), type_id))
            groups.append(np.full(len(nodes), number))
            within.append(np.arange(len(nodes)))
        place["node_type_id"] = np.concatenate(type_ids).astype(np.uint64)
        place["node_id"] = np.arange(sum(map(len, within)), dtype=np.uint64)
        place["node_group_id"] = np.concatenate(groups).astype(np.uint32)
        place["node_group_index"] = np.concatenate(within).astype(np.uint64)
    _write_types(folder / "network" / f"{name}_node_types.csv", rows)
    return {
        "nodes_file": f"$BASE_DIR/network/{name}_nodes.h5",
        "node_types_file": f"$BASE_DIR/network/{name}_node_types.csv",
    }


def _write_edges(folder: Path, source: str, target: str, parts) -> dict[str, str]:
    name, rows = f"{source}_{target}", []
    columns_of: dict[str, list[np.ndarray]] = {}
    with whole_file(folder / "network" / f"{name}_edges.h5") as part, h5py.File(part, "w") as file:
        mark(file)
        place = file.create_group(f"edges/{source}_to_{target}")
        for number, (sources, targets, of_type, columns) in enumerate(parts):
            type_id, n = FIRST_TYPE + number, len(sources)
            shown = {key: value for key, value in of_type.items() if key != "receptor_type"}
            row = {"edge_type_id": type_id, "target_query": "*", "source_query": "*", **shown}
            receptor = of_type.get("receptor_type")
            params = {} if receptor is None else {"receptor_type": int(receptor)}
            row["dynamics_params"] = "static.json" if receptor is None else f"receptor_{int(receptor)}.json"
            _write_json(folder / "components/synaptic_models" / row["dynamics_params"], params)  # PointNet needs one
            rows.append(row)
            _add_columns(place.create_group(str(number)), columns)
            values = (sources, targets, np.full(n, type_id), np.full(n, number), np.arange(n))
            keys = ("source_node_id", "target_node_id", "edge_type_id", "edge_group_id", "edge_group_index")
            for key, column in zip(keys, values, strict=True):
                columns_of.setdefault(key, []).append(column)
        for key, columns in columns_of.items():
            place[key] = np.concatenate(columns).astype(np.uint64 if "node" in key else np.uint32)
        place["source_node_id"].attrs["node_population"] = source
        place["target_node_id"].attrs["node_population"] = target
    _write_types(folder / "network" / f"{name}_edge_types.csv", rows)
    return {
        "edges_file": f"$BASE_DIR/network/{name}_edges.h5",
        "edge_types_file": f"$BASE_DIR/network/{name}_edge_types.csv",
    }


def _add_columns(place: Any, columns: Mapping[str, np.ndarray]) -> None:
    for key, values in columns.items():
        text = values.dtype.kind in "OU"
        kind = h5py.string_dtype() if text else None
        place.create_dataset(key, data=values.astype(object) if text else values, dtype=kind)


def _write_types(path: Path, rows: list[dict[str, Any]]) -> None:
    with whole_file(path) as part:
        pandas.DataFrame(rows).to_csv(part, sep=" ", na_rep="NULL", index=False)


def _write_json(path: Path, values: Mapping[str, Any]) -> Path:
    plain = lambda value: value.tolist() if isinstance(value, np.ndarray | np.generic) else list(value)
    with whole_file(path) as part:
        part.write_text(json.dumps(values, indent=1, default=plain), encoding="utf-8")
    return path
