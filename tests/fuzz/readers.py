"""What must hold of every file, whatever is in it: it is read, or refused in a sentence."""

import json
from pathlib import Path

import jax
import numpy as np

import fitting
import glifjax as gj
from fitting.checkpoint import Checkpoint
from fitting.command.study_file import read_options
from fitting.results.provenance import read_like
from glifjax.errors import LONGEST, InputError
from glifjax.glm import networks
from glifjax.io import neuron_to_config
from glifjax.io.formats.stimulus_file import read_stimulus
from glifjax.io.nwb.units import read_located_units
from glifjax.io.sonata.outputs import outputs


def check(path: Path, kind: str) -> None:
    """Read a file of a kind; AssertionError or whatever else comes up is a fault of ours."""
    try:
        CHECKS.get(kind, check_config)(path)
    except InputError as error:
        check_refusal(error)


def check_refusal(error: InputError) -> None:
    """One line that a terminal shows as it is."""
    message = str(error)
    assert 0 < len(message) <= LONGEST, message
    assert message.isprintable(), message


def check_config(path: Path) -> None:
    """A neuron that is read has finite parameters, and comes back from its own file."""
    neuron = gj.read_neuron_config(path)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(neuron) if isinstance(leaf, jax.Array))
    gj.write_neuron_config(neuron, path)
    assert neuron_to_config(gj.read_neuron_config(path)) == neuron_to_config(neuron)


def check_model(path: Path) -> None:
    """A model's archive."""
    model = gj.read_model_zip(path)
    assert all(isinstance(sweep["sweep_number"], int) for sweep in model.sweeps)
    assert isinstance(model.neuron, gj.GLIF)


def check_record(path: Path) -> None:
    """A fit.json, and the settings in it."""
    fitting.read_fit(path)
    read_like(path)


def check_stage(path: Path) -> None:
    """A kept stage that is not as it was written runs again."""
    content = json.dumps("run again")
    result, _ = Checkpoint(path.parent)("LIF", "membrane", lambda: content)
    assert result == content or set(result) == {"neuron", "losses"}


def check_weights(path: Path) -> None:
    """A folder of weights: one finite square matrix."""
    (weights,) = networks.load(path.parent)
    assert weights.shape == (len(weights), len(weights))
    assert np.isfinite(weights).all()


def check_spikes(path: Path) -> None:
    """Spikes of SONATA, by time."""
    assert (np.diff(gj.read_spikes(path).times) >= 0).all()


def check_units(path: Path) -> None:
    """Units of an NWB file, and where trials start."""
    spikes, trials = read_located_units(path)
    assert len(gj.read_spikes(path)) == len(spikes)
    assert all(isinstance(start, float) for start in trials)


def check_network(path: Path) -> None:
    """A circuit, one of whose files is changed: every edge leads from a node to a cell."""
    network = gj.load_network(path.parents[1] / "config.json")
    edges = network.circuit.edges
    assert np.isfinite(edges.weights).all()
    assert len(edges.starts) == network.layout.n_sources + 1


def check_circuit(path: Path) -> None:
    """A network's config, and where it puts results."""
    outputs(gj.load_network(path))


def check_current(path: Path) -> None:
    """Currents as text."""
    assert all(np.isfinite(current).all() for current in read_stimulus(path))


def check_options(path: Path) -> None:
    """Options of glifjax fit."""
    options = read_options(path, {"cells", "level", "seed", "finetune", "timeout"})
    assert all(isinstance(cell, str) for cell in options.get("cells", ()))


def check_recording(path: Path) -> None:
    """Samples are finite, in float64, (T,); one bad sweep does not spoil the others."""
    with gj.read_recording(path) as recording:
        for sweep in recording.sweeps:
            try:
                assert sweep.rate > 0
                for samples in (sweep.current, sweep.voltage):
                    assert samples.shape == (sweep.n_samples,)
                    assert samples.dtype == np.float64
                    assert np.isfinite(samples).all()
            except InputError as error:
                check_refusal(error)
        _ = recording.warnings
        fitting.choose_sweeps(recording)


#: What must hold of a kind of file that is no neuron config.
CHECKS = {
    "nwb1": check_recording, "nwb2": check_recording, "model": check_model, "record": check_record,
    "stage": check_stage, "npy": check_weights, "pt": check_weights, "spikes": check_spikes, "units": check_units,
    "nodes": check_network, "edges": check_network, "types": check_network, "circuit": check_circuit,
    "times": check_spikes, "current": check_current, "options": check_options,
}  # fmt: skip
