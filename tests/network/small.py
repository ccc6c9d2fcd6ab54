"""A small network of the tests: ten cells, five virtual nodes, both signs of weight."""

from pathlib import Path
from typing import Any

import numpy as np

import glifjax as gj

CELL = {
    "V_m": -75.0, "E_L": -75.0, "V_th": -50.0, "V_reset": -75.0, "g": 5.0, "C_m": 60.0, "t_ref": 2.0,
    "tau_syn": [3.0, 6.0], "asc_init": [0.0, 0.0], "asc_decay": [0.02, 0.1], "asc_amps": [-5.0, -30.0],
    "asc_r": [1.0, 1.0], "spike_dependent_threshold": False, "after_spike_currents": True, "adapting_threshold": False,
}  # fmt: skip


def spikes_of(population: str = "lgn", n: int = 5) -> gj.SpikeTrains:
    ms = np.arange(1, 40)[:, None] * 4.0 + np.arange(n) * 0.7
    return gj.SpikeTrains(ms.ravel() / 1e3, np.tile(np.arange(n), 39), population)


def write(folder: Path, *, cell: dict[str, Any] | None = None, edge: dict[str, Any] | None = None, **config) -> Path:
    """The network as a config; keywords change a cell's parameters, an edge type, or parts of the config."""
    builder = gj.NetworkBuilder(seed=1)
    exc = builder.add_nodes("v1", 8, ei="e", model_template="nest:glif_psc", dynamics_params={**CELL, **(cell or {})})
    inh = builder.add_nodes("v1", 2, ei="i", model_template="nest:iaf_psc_alpha", dynamics_params={"tau_m": 8.0})
    lgn = builder.add_nodes("lgn", 5, model_type="virtual")
    builder.add_edges(
        lgn, exc, gj.all_to_all(2), **{"syn_weight": 60.0, "delay": 1.5, "receptor_type": 1} | (edge or {})
    )
    builder.add_edges(exc, inh, gj.number_of_inputs(4), syn_weight=200.0, delay=np.full(8, 1.0))
    builder.add_edges(inh, exc, gj.probability(0.5), syn_weight=-40.0, delay=2.0, receptor_type=2)
    gj.write_spikes(spikes_of(), folder / "spikes.h5")
    inputs = {"in": {"input_type": "spikes", "module": "sonata", "input_file": "spikes.h5", "node_set": "lgn"}}
    return builder.write(folder, **{"duration": 200.0, "inputs": inputs} | config)
