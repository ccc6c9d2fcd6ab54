"""load_network: a network from a SONATA config, everything in it checked."""

from pathlib import Path
from typing import Any

import jax

from glifjax._backend import give_back
from glifjax.io.sonata.cells import build_cells
from glifjax.io.sonata.config import Section, read_config, read_json
from glifjax.io.sonata.edges import PortMap, read_edges
from glifjax.io.sonata.inputs.clamps import CLAMPS, clamp_input
from glifjax.io.sonata.inputs.spikes import spike_input
from glifjax.io.sonata.inputs.synapses import forced_synapses
from glifjax.io.sonata.node_sets import NodeSets
from glifjax.io.sonata.nodes import read_nodes
from glifjax.io.sonata.reports import report
from glifjax.io.sonata.stated import read_times
from glifjax.network.circuit import Circuit
from glifjax.network.edges import sorted_edges
from glifjax.network.network import Network
from glifjax.spikes.generators import Simulation


def load_network(config: str | Path) -> Network:
    """A network from a SONATA config, as BMTK's PointNet runs it.

    Cells are NEST's glif_psc and iaf_psc_alpha, _exp, _delta; inputs are spikes, current clamps and syn_activity; what
    is not simulated (biophysical cells, plastic synapses) is refused by name. Doubtful input is a UserWarning.

    Args:
        config: the JSON file.

    Raises:
        InputError: anything that cannot be run, in one sentence that names the file, the key and what to do.
    """
    with jax.enable_x64(True):
        network = _network(read_config(config))
    give_back()  # of the copies by way of which edges are sorted
    return network


def _network(section: Section) -> Network:
    """The network of a config whose parts are joined."""
    times = read_times(section)
    sim = Simulation(0.0, times.stop, times.dt)
    populations = read_nodes(section.section("networks").rows("nodes"))
    sets = NodeSets(populations, _node_sets(section))
    components = section.section("components")
    cells, layout = build_cells(populations, components, times.nest_exact)
    port_map = PortMap.of(cells)
    table = read_edges(section.section("networks").rows("edges"), components, populations, layout, port_map, sim.dt)
    inputs = {name: part for name, part in section.sections("inputs").items() if part.flag("enabled", True)}
    kinds = {name: part.text("input_type") for name, part in inputs.items()}
    for name, kind in kinds.items():
        if kind not in ("spikes", "syn_activity", *CLAMPS):
            raise inputs[name].error("input_type", f"is {kind!r}; use spikes, syn_activity or {', '.join(CLAMPS)}")
    table, forced, layout = forced_synapses(
        [inputs[name] for name, kind in kinds.items() if kind == "syn_activity"], table, sets, layout
    )
    slots = port_map.slots(table.targets, table.ports)
    n_slots = sum(group.ports * group.size for group in cells)
    edges = sorted_edges(table.sources, slots, table.weights, table.delays, layout.n_sources, n_slots)
    spiking = {name: inputs[name] for name, kind in kinds.items() if kind == "spikes"}
    claims = {name: set(sets.of(part)) for name, part in spiking.items()}
    return Network(
        circuit=Circuit(cells, edges, sim.dt),
        layout=layout,
        populations=populations,
        duration=sim.tstop,
        inputs=tuple(
            spike_input(part, sets, set().union(*(claims[other] for other in claims if other != name)), sim)
            for name, part in spiking.items()
        ),
        clamps=tuple(clamp_input(inputs[name], sets, layout, sim.dt) for name, kind in kinds.items() if kind in CLAMPS),
        forced=forced,
        reports=tuple(
            report(name, part, sets, layout, cells, sim)
            for name, part in section.sections("reports").items()
            if part.flag("enabled", True)
        ),
        outputs=section.section("output"),
        source=section.where,
    )


def _node_sets(section: Section) -> dict[str, Any]:
    """The names of node_sets, in the config or a file of their own."""
    named: dict[str, Any] = {}
    if "node_sets_file" in section:
        named |= read_json(section.path("node_sets_file"))
    if isinstance(section.get("node_sets"), str):
        return named | read_json(section.path("node_sets"))
    return named | dict(section.section("node_sets").values)
