"""Whole files, one of every kind that is read from others, to be changed; each in a folder with what it needs."""

import json
import zipfile
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from network.small import spikes_of
from network.small import write as write_network
from nwb1_files import AllenCell
from nwb_files import Cell, write_located_units
from torch_files import archive, tensor

import glifjax as gj
from fitting.checkpoint import Checkpoint
from glifjax.glm import networks
from glifjax.io import neuron_to_config

NEURON = gj.from_level(
    "LIF-R-ASC-A", C=1e-10, R_input=1e8, th_inf=0.02, El_reference=-0.07, reset_slope=0.3, reset_intercept=0.01,
    a_spike=0.01, b_spike=100.0, a_voltage=1.0, b_voltage=10.0, asc_amp_array=jnp.array([1e-11, -2e-11]),
    spike_cut_length=40, dt=5e-5, escape_noise=gj.EscapeNoise(100.0, 1e-3),
)  # fmt: skip
SIMPLE = gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02, spike_cut_length=40, dt=5e-5)
PROTOCOLS = ("noise 1", "noise 1", "noise 2")

#: Of a network: parts of it by name, and what goes into them.
NODE_SETS = {"excitatory": {"population": "v1", "ei": "e"}, "both": ["excitatory", "lgn"], "some": [0, 1, 2]}
INPUTS = {
    "in": {"input_type": "spikes", "module": "sonata", "input_file": "spikes.h5", "node_set": "lgn"},
    "step": {"input_type": "current_clamp", "node_set": "excitatory", "amp": [9.0, 5.0], "delay": 1.0, "duration": 2.0},
    "forced": {"input_type": "syn_activity", "precell_filter": {"population": "v1"}, "timestamps": [10.0, 20.0]},
}  # fmt: skip
#: fit.json of one level.
RECORD = {
    "format": 2, "level": "LIF", "train_sweeps": [1], "test_sweeps": [[2, 3]], "split": ["as selected"],
    "parameters": {"C": {"value": 100.0, "unit": "pF"}}, "uncertainty": None,
    "spike_shape": {"level": 0.0, "latency": 1e-3, "cut": 3e-3, "reset_slope": 0.1, "reset_intercept": 0.0, "count": 7},
    "preprocessing": None, "validation": None,
    "scores": {"test": {"md_star_4ms": 0.5}, "deterministic": {}, "ceiling": {}, "missing": {"test.gamma_4ms": "few"}},
    "stages": [{"name": "membrane", "objective": "nats", "losses": [2.0, 1.0], "tried_mv": None, "kept": True}],
    "seeds": {"scores": 0}, "seconds": {"membrane": 1.0}, "warnings": ["few spikes"], "versions": {"jax": "0.10.2"},
    "recipe": {"class": "fitting.levels.allen.AllenLevel"}, "trust": {"word": "good", "reasons": []},
    "file": {"name": "cell.nwb", "path": "/recordings/cell.nwb", "sha256": "0"}, "source": "",
    "settings": {"level": "LIF", "seed": 1, "loss": ["likelihood"], "electrode": "none", "currents": 2},
    "machine": {"threads": 2}, "constants": {}, "command": "", "fingerprint": "0", "seconds_in_all": 2.0,
}  # fmt: skip


#: The files that are changed by kind, in a folder of that name, with what they need.
NAMES = {
    "config": "config.json", "nest": "nest.json", "record": "record.json", "model": "model.zip",
    "stage": "LIF membrane.json", "npy": "0.npy", "pt": "0.pt", "spikes": "spikes.h5",
    "nodes": "network/v1_nodes.h5", "edges": "network/v1_v1_edges.h5", "units": "units.nwb",
    "nwb1": "nwb1.nwb", "nwb2": "nwb2.nwb", "circuit": "config.json", "types": "network/v1_node_types.csv",
    "times": "spikes.csv", "current": "current.csv", "options": "study.toml",
}  # fmt: skip


def write_inputs(folder: Path) -> None:
    """Write one of each kind."""
    paths = {kind: folder / kind / name for kind, name in NAMES.items()}
    for path in paths.values():
        path.parent.mkdir(parents=True)
    config = neuron_to_config(NEURON)
    paths["config"].write_text(json.dumps(config))
    paths["nest"].write_text(json.dumps(gj.neuron_to_nest(SIMPLE)))
    paths["record"].write_text(json.dumps(RECORD))
    with zipfile.ZipFile(paths["model"], "w", zipfile.ZIP_DEFLATED) as model:
        model.writestr("1_neuron_config.json", json.dumps(config))
        model.writestr("ephys_sweeps.json", json.dumps([{"sweep_number": 1, "stimulus_name": "Noise 1"}]))
        model.writestr("neuronal_model.json", json.dumps({"id": 1, "name": "LIF", "specimen_id": 2}))
    Checkpoint(folder / "stage")("LIF", "membrane", lambda: {"neuron": NEURON, "losses": (1.0, np.arange(3.0))})
    networks.save(np.eye(4), folder / "npy")
    archive(paths["pt"], tensor(), np.arange(4, dtype="<f4").tobytes())
    gj.write_spikes(spikes_of(), paths["spikes"])
    for kind in ("nodes", "edges", "types"):
        write_network(folder / kind)
    write_network(folder / "circuit", node_sets=NODE_SETS, inputs=INPUTS)
    gj.write_spikes(spikes_of(), paths["times"])
    paths["current"].write_text("time (s),I (nA),J (pA)\n" + "".join(f"{n * 1e-4},{n},-1.5\n" for n in range(9)))
    paths["options"].write_text('cells = ["data/*.nwb"]\nlevel = "all"\nseed = 3\nfinetune = true\ntimeout = 3.5\n')
    write_located_units(paths["units"])
    allen = AllenCell(folder / "nwb1", NAMES["nwb1"], version="1.1")
    for number, protocol in enumerate(PROTOCOLS):
        allen.sweep(number, protocol, spike_times=[0.01])
    allen.file.close()
    cell = Cell(folder / "nwb2", NAMES["nwb2"])
    for number, protocol in enumerate(PROTOCOLS):
        cell.sweep(number, protocol)
    cell.save()
