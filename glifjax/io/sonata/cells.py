"""Groups of cells for a circuit, of populations of nodes and the JSON of their types."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas
from jaxtyping import Int

from glifjax.errors import InputError
from glifjax.io.config.hazard import read_accumulated_hazard, read_escape_noise
from glifjax.io.config.nest import FLAGS, STATE
from glifjax.io.config.neuron_config import read_neuron_config
from glifjax.io.sonata.components import ALLEN_TAU_SYN, GLIF, IAF_MODELS, cell_parameters
from glifjax.io.sonata.config import Section, read_json
from glifjax.io.sonata.nodes import OWN_PARAMETERS, Population
from glifjax.network.cells.base import AbstractCells
from glifjax.network.cells.gathered import gathered
from glifjax.network.cells.glif_psc import GlifPsc
from glifjax.network.cells.iaf_psc import IafPsc
from glifjax.network.cells.neurons import cells_of_neurons
from glifjax.network.layout import Layout

#: The model_template of any neuron of glifjax; dynamics_params is its neuron_config.json.
NEURON = "glifjax:neuron"
#: Parameters of glif_psc that are lists, one entry an after-spike current.
CURRENTS = ("asc_init", "asc_decay", "asc_amps", "asc_r")
#: The hazard of a cell and how it gathers, among a cell's parameters; only where the run need not equal NEST's.
HAZARD = "hazard"
#: How many after-spike currents NEST's glif_psc has state for.
NEST_CURRENTS = 2


def build_cells(
    populations: Mapping[str, Population], components: Section, nest_exact: bool
) -> tuple[tuple[AbstractCells, ...], Layout]:
    """The groups, one for each model, level and number of ports and currents, and where each node is in them.

    Args:
        populations: all of them; virtual nodes become sources without a cell.
        components: the config's section, with point_neuron_models_dir.
        nest_exact: start without after-spike currents, have at most two of them and spike at the hard threshold, as
            NEST does.

    Raises:
        InputError: a type without a model, a file that is missing, parameters that are refused.
    """
    members: dict[tuple, list[tuple[str, np.ndarray, dict[str, Any]]]] = {}
    for name, population in populations.items():
        for template, file, rows in _types(population):
            path = components.path("point_neuron_models_dir") / file if file else Path(population.source)
            params = read_json(path) if file else {}
            for own_rows, own in _own_parameters(population, rows):
                model, values = _parameters(template, params, own, path, nest_exact)
                members.setdefault(_kind(model, values), []).append((name, own_rows, values))
    if not members:
        source = components.where.removesuffix(".components")
        raise InputError(f"{source}.networks has no cells, only virtual nodes; add point neurons to simulate")
    sources = {name: np.full(len(population.nodes), -1, np.int64) for name, population in populations.items()}
    count, cells = 0, []
    for (model, *_), parts in members.items():
        for name, rows, _ in parts:
            sources[name][rows] = count + np.arange(len(rows))
            count += len(rows)
        cells.append(_group(model, [(len(rows), values) for _, rows, values in parts]))
    n_cells = count
    for name, population in populations.items():
        virtual = population.virtual
        sources[name][virtual] = count + np.arange(virtual.sum())
        count += int(virtual.sum())
    node_ids = {name: population.node_ids for name, population in populations.items()}
    return tuple(cells), Layout(sources, node_ids, n_cells, count)


def _types(population: Population):
    """Of the cells of a population: template, parameter file (None: the model's defaults), the rows that share them."""
    rows = np.flatnonzero(~population.virtual)
    if not len(rows):
        return
    for key in ("model_template", "dynamics_params"):
        if not any(name.startswith(key) for name in population.nodes):  # or of its own: dynamics_params/...
            raise InputError(f"{population.source}: {population.name} has no {key}; give its types one")
    columns = population.nodes.reindex(columns=["model_template", "dynamics_params"]).to_numpy(object)[rows]
    pairs = [(str(template), None if pandas.isna(file) else str(file)) for template, file in columns]
    for pair in dict.fromkeys(pairs):
        yield *pair, rows[[own == pair for own in pairs]]


def _own_parameters(population: Population, rows: Int[np.ndarray, " m"]):
    """Rows that share all parameters, and those that they have instead of their type's."""
    names = [name for name in population.nodes if name.startswith(OWN_PARAMETERS)]
    if not names:
        yield rows, {}
        return
    for row, values in zip(rows, population.nodes[names].to_numpy(object)[rows], strict=True):
        own = {name.removeprefix(OWN_PARAMETERS): value for name, value in zip(names, values, strict=True)}
        yield np.array([row]), {key: value for key, value in own.items() if not pandas.isna(value)}


def _parameters(
    template: str, params: Mapping[str, Any], own: Mapping[str, Any], path: Path, nest_exact: bool
) -> tuple[str, dict[str, Any]]:
    if template == NEURON:
        if own:
            raise InputError(f"{path}: nodes of {NEURON} have {next(iter(own))} of their own; give each its own file")
        return NEURON, {"neuron": read_neuron_config(path)}
    model, values = cell_parameters(template, params, str(path), own, nest_exact)
    of_allen = params if params.get("type") == "GLIF" else {}
    noise, hazard = read_escape_noise(of_allen, str(path)), read_accumulated_hazard(of_allen, str(path))
    if hazard is not None and noise is None:
        raise InputError(f"{path}: accumulated_hazard gathers the hazard of escape_noise, which is missing; give both")
    if hazard is not None and nest_exact:
        warnings.warn(
            f"{path}: accumulated_hazard is not in NEST, and the threshold is hard here, too "
            '("nest_exact": false in run spikes by it)',
            stacklevel=2,
        )
    elif hazard is not None:
        values[HAZARD] = noise, hazard
    if model != GLIF or not values["after_spike_currents"]:
        return model, values
    n = len(values["asc_decay"])
    if nest_exact and n != NEST_CURRENTS:
        warnings.warn(
            f"{path}: has {n} after-spike currents; NEST has state for {NEST_CURRENTS}, and the others are left out "
            '("nest_exact": false in run takes all)',
            stacklevel=2,
        )
        values |= {key: values[key][:NEST_CURRENTS] for key in CURRENTS}
    if nest_exact and STATE not in values and any(values["asc_init"]):
        warnings.warn(
            f'{path}: asc_init has no effect in NEST, and none here ("nest_exact": false in run starts with it)',
            stacklevel=2,
        )
        values["asc_init"] = (0.0,) * len(values["asc_init"])
    if STATE in values:
        values["asc_init"] = values[STATE][: len(values["asc_init"])]
    return model, values


def _kind(model: str, values: Mapping[str, Any]) -> tuple:
    """What cells of one group share."""
    if model == NEURON:
        return (model, jax.tree.structure(values["neuron"]))
    if model in IAF_MODELS:
        return (model,)
    flags = tuple(values[key] for key in FLAGS)
    return (model, len(values["tau_syn"]), flags, len(values["asc_decay"]) if flags[1] else 0, HAZARD in values)


def _group(model: str, parts: list[tuple[int, dict[str, Any]]]) -> AbstractCells:
    """Cells of a model, of the number and the parameters of each type."""
    counts = [count for count, _ in parts]
    if model == NEURON:
        return cells_of_neurons([values["neuron"] for count, values in parts for _ in range(count)], ALLEN_TAU_SYN)

    def over_cells(key: str) -> Any:
        return jnp.asarray(np.repeat(np.array([values[key] for _, values in parts], float).T, counts, axis=-1))

    if model in IAF_MODELS:
        names = ("V_m", "E_L", "V_th", "V_reset", "V_min", "tau_m", "C_m", "t_ref", "I_e")
        tau: Any = jnp.stack([over_cells("tau_syn_ex"), over_cells("tau_syn_in")])
        return IafPsc(**{key: over_cells(key) for key in names}, tau_syn=tau, kind=IAF_MODELS[model])
    first = parts[0][1]
    names = [
        key
        for key in first
        if key not in (*FLAGS, STATE, HAZARD) and (first["after_spike_currents"] or key not in CURRENTS)
    ]
    none = jnp.zeros((0, sum(counts)))
    others = {} if first["after_spike_currents"] else dict.fromkeys(CURRENTS, none)
    flags = {key: first[key] for key in FLAGS}
    hazards = [values[HAZARD] for count, values in parts for _ in range(count) if HAZARD in values]
    hazard = gathered(hazards) if hazards else None
    return GlifPsc(**{key: over_cells(key) for key in names}, **others, **flags, hazard=hazard)
