"""What a network is and did, in words and numbers."""

import numpy as np

from glifjax.network.network import Network
from glifjax.network.simulate import NetworkRun

#: Attributes of a node type that say best what it is.
LABELS = ("pop_name", "ei", "cell_name", "model_template")


def size(network: Network) -> str:
    """Its cells, virtual nodes, synapses, duration and step."""
    n_virtual = sum(len(ids) for ids in network.layout.node_ids.values()) - network.layout.n_cells
    n_edges = len(np.asarray(network.circuit.edges.weights))
    return (
        f"{network.layout.n_cells:,} cells, {n_virtual:,} virtual nodes, {n_edges:,} edges; "
        f"{network.duration:g} ms in steps of {network.dt:g} ms"
    )


def rates(network: Network, run: NetworkRun) -> list[tuple[str, str, str, str, str]]:
    """Of each population and type of cells: names, cells, spikes, spikes a second and cell."""
    rows = []
    for name, population in network.populations.items():
        spikes = run.spikes.of(name) if name in run.spikes.population_names else run.spikes[:0]
        cells = population.nodes[~population.virtual]
        counts = np.bincount(population.rows(spikes.node_ids), minlength=len(population.nodes))[~population.virtual]
        for type_id in dict.fromkeys(cells["node_type_id"].tolist()):
            own = (cells["node_type_id"] == type_id).to_numpy()
            first = cells[own].iloc[0]
            label = next((f"{first[key]}" for key in LABELS if key in cells and isinstance(first[key], str)), "")
            rate = counts[own].sum() / own.sum() / run.duration * 1e3
            row = (name, f"{type_id} {label}".strip(), f"{own.sum():,}", f"{counts[own].sum():,}", f"{rate:.2f} Hz")
            rows.append(row)
    return rows
