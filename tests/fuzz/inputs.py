"""Whole files to be changed: configs, NEST's, fit.json, model zips, kept stages, NWB 1 and NWB 2."""

import json
import zipfile
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from nwb1_files import AllenCell
from nwb_files import Cell

import glifjax as gj
from fitting.checkpoint import Checkpoint
from glifjax.io import neuron_to_config

NEURON = gj.from_level(
    "LIF-R-ASC-A", C=1e-10, R_input=1e8, th_inf=0.02, El_reference=-0.07, reset_slope=0.3, reset_intercept=0.01,
    a_spike=0.01, b_spike=100.0, a_voltage=1.0, b_voltage=10.0, asc_amp_array=jnp.array([1e-11, -2e-11]),
    spike_cut_length=40, dt=5e-5, escape_noise=gj.EscapeNoise(100.0, 1e-3),
)  # fmt: skip
SIMPLE = gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02, spike_cut_length=40, dt=5e-5)
PROTOCOLS = ("noise 1", "noise 1", "noise 2")

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


def write_inputs(folder: Path) -> dict[str, Path]:
    """Write them into a folder; their paths by kind."""
    folder.mkdir(parents=True, exist_ok=True)
    config = neuron_to_config(NEURON)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "nest.json").write_text(json.dumps(gj.neuron_to_nest(SIMPLE)))
    (folder / "record.json").write_text(json.dumps(RECORD))
    with zipfile.ZipFile(folder / "model.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1_neuron_config.json", json.dumps(config))
        archive.writestr("ephys_sweeps.json", json.dumps([{"sweep_number": 1, "stimulus_name": "Noise 1"}]))
        archive.writestr("neuronal_model.json", json.dumps({"id": 1, "name": "LIF", "specimen_id": 2}))
    Checkpoint(folder / "stages")("LIF", "membrane", lambda: {"neuron": NEURON, "losses": (1.0, np.arange(3.0))})
    allen = AllenCell(folder, "nwb1.nwb", version="1.1")
    for number, protocol in enumerate(PROTOCOLS):
        allen.sweep(number, protocol, spike_times=[0.01])
    allen.file.close()
    cell = Cell(folder, "nwb2.nwb")
    for number, protocol in enumerate(PROTOCOLS):
        cell.sweep(number, protocol)
    return {
        "config": folder / "config.json",
        "nest": folder / "nest.json",
        "record": folder / "record.json",
        "model": folder / "model.zip",
        "stage": folder / "stages" / "LIF membrane.json",
        "nwb1": folder / "nwb1.nwb",
        "nwb2": cell.save(),
    }
