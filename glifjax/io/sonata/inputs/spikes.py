"""Inputs of input_type "spikes": trains of virtual nodes from files, units of recordings, functions."""

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from glifjax.errors import InputError
from glifjax.io.sonata.config import Section
from glifjax.io.sonata.inputs.probe import probe_trains
from glifjax.io.sonata.node_sets import NodeSets
from glifjax.io.sonata.nodes import Population
from glifjax.io.spikes import read_spikes
from glifjax.network.network import SpikeInput
from glifjax.spikes.generators import FUNCTIONS, Node, Simulation
from glifjax.spikes.trains import MS, SpikeTrains, join

#: Modules that read a file; its content says of which kind it is.
FILES = ("csv", "sonata", "h5", "hdf5", "nwb")
#: All spikes before this fraction of the run look like seconds that are taken for ms.
EARLY = 0.01


def spike_input(section: Section, sets: NodeSets, claimed: Iterable[str], sim: Simulation) -> SpikeInput:
    """One input.

    Args:
        section: of the config.
        sets: the populations and node sets.
        claimed: populations that are the node_set of some other input of spikes.
        sim: start, stop and step, ms.

    Raises:
        InputError: an unknown module, a file that is refused, populations that do not fit, times that are not above 0.
    """
    module = section.text("module")
    if section.flag("use_parrot_neurons", False):
        raise section.error(
            "use_parrot_neurons", "is true, and relays that hold each spike back by dt are not simulated"
        )
    chosen = sets.of(section)
    nodes = {name: (sets.populations[name], rows & sets.populations[name].virtual) for name, rows in chosen.items()}
    nodes = {name: (population, rows) for name, (population, rows) in nodes.items() if rows.any()}
    if not nodes:
        raise section.error("node_set", f"selects no virtual node of {', '.join(chosen)}; spikes go to virtual nodes")
    if module in FILES:
        trains = _from_files(section, nodes, set(claimed))
        trains = _within(trains, section, sim)
        return SpikeInput(section.where, lambda rng: trains)
    if module == "ecephys_probe":
        draw = probe_trains(section, nodes)
        return SpikeInput(section.where, lambda rng: _within(draw(rng), section, sim))
    if module == "function":
        function = _function(section)
        return SpikeInput(section.where, lambda rng: _within(_called(function, nodes, sim, section), section, sim))
    raise section.error("module", f"is {module!r}; use {', '.join(FILES)}, ecephys_probe or function")


def _from_files(section: Section, nodes: dict[str, tuple[Population, Bool[np.ndarray, " n"]]], claimed: set[str]):
    paths = section.paths("input_file")
    if len(paths) > 1:
        raise section.error("input_file", f"names {len(paths)} files, one for each of several runs; name one")
    path, (first, *others) = paths[0], nodes
    trains = read_spikes(path, population=first)
    names = trains.population_names
    if names and not set(names) & set(nodes):
        if others or len(names) > 1 or names[0] in claimed:
            raise InputError(
                f"{path}: holds spikes of {', '.join(names)}, but the node_set of {section.where} is of "
                f"{', '.join(nodes)}; name the population that is meant"
            )
        warnings.warn(
            f"{path}: holds spikes of population {names[0]}; taken for {first}, the node_set of {section.where}",
            stacklevel=2,
        )
        trains = SpikeTrains(trains.times, trains.node_ids, first)
    return join(_of_population(path, trains.of(name), name, *nodes[name], section) for name in nodes)


def _of_population(
    path: Path, trains: SpikeTrains, name: str, population: Population, rows: Bool[np.ndarray, " n"], section: Section
) -> SpikeTrains:
    """The spikes of a file's population that are of the chosen nodes."""
    place = population.rows(trains.node_ids)
    if (place < 0).any():
        warnings.warn(
            f"{path}: {(place < 0).sum()} spikes are of ids that {name} does not have; left out", stacklevel=2
        )
    others = (place >= 0) & ~rows[place]
    if others.any():
        warnings.warn(
            f"{path}: {others.sum()} spikes are of nodes of {name} outside the node_set of {section.where}; left out "
            "(PointNet would take them)",
            stacklevel=2,
        )
    trains = trains[(place >= 0) & rows[place]]
    silent = int(rows.sum()) - len(np.unique(trains.node_ids))
    if silent:
        warnings.warn(f"{path}: {silent} of {rows.sum()} virtual nodes of {name} have no spikes", stacklevel=2)
    return trains


def _within(trains: SpikeTrains, section: Section, sim: Simulation) -> SpikeTrains:
    """Spikes above 0 ms; an error for others unless the input says `"negative": "drop"`."""
    early = trains.times <= 0
    if early.any():
        if section.get("negative") != "drop":
            at = int(np.flatnonzero(early)[0])
            where = section.get("input_file", section.get("spikes_function"))
            raise section.error(
                "input_file" if "input_file" in section else "module",
                f"({where}) has a spike of node {trains.node_ids[at]} at {trains.times[at] * MS:g} ms; spikes must "
                'come after 0 ("negative": "drop" leaves others out)',
            )
        trains = trains[~early]
    if len(trains) > 1 and trains.times[-1] * MS < EARLY * sim.tstop:
        warnings.warn(
            f"{section.where}: all spikes lie before {trains.times[-1] * MS:g} ms of {sim.tstop:g} ms; they look like "
            "seconds, but are taken for ms",
            stacklevel=2,
        )
    return trains


def _function(section: Section) -> Callable[[Node, Simulation], Any]:
    name = section.text("spikes_function")
    if name not in FUNCTIONS:
        raise section.error(
            "spikes_function",
            f"is {name!r}, and no such function is marked with @gj.spikes_generator; import the module that defines it "
            "before load_network, or give the command --functions FILE.py",
        )
    return FUNCTIONS[name]


def _called(function, nodes, sim: Simulation, section: Section) -> SpikeTrains:
    """What a function gives for each node, called in the order of ids."""
    parts = []
    for name, (population, rows) in nodes.items():
        frame = population.nodes[rows]
        trains = {}
        for node_id, attributes in zip(frame.index, frame.to_dict("records"), strict=True):
            times = function(Node(int(node_id), name, {str(key): value for key, value in attributes.items()}), sim)
            try:
                trains[int(node_id)] = np.asarray(times, float).reshape(-1) / MS
            except (TypeError, ValueError) as error:
                raise section.error(
                    "spikes_function", f"gave {times!r} for node {node_id} of {name}; it must give times in ms"
                ) from error
        parts.append(SpikeTrains.from_mapping(trains, name))
    return join(parts)
