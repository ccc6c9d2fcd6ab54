"""Cells beside NEST's own: any neuron as a cell, and cells that spike where their hazard has gathered."""

import dataclasses
import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from neurons import DT, NEURONS

import glifjax as gj
from glifjax.network.cells.neurons import cells_of_neurons
from glifjax.network.circuit import NEVER, Circuit, Drive
from glifjax.network.edges import sorted_edges
from glifjax.network.run import run

from .small import CELL

#: Steps.
LENGTH = 2000
#: pA.
AMPLITUDE = 400.0


@pytest.mark.parametrize("kind", ["accumulated hazard", pytest.param("augmented", marks=pytest.mark.slow)])
def test_a_neuron_spikes_in_a_network_as_it_does_alone(kind):
    neuron = NEURONS[kind]()
    cells = cells_of_neurons([neuron], (3.0,))
    none = np.zeros(0, int)
    edges = sorted_edges(none, none, np.zeros(0), none, 1, 1)
    ended = lambda *steps: jnp.asarray(np.array(steps), jnp.int32)
    drive = Drive(ended(NEVER), ended(0), ended(0, NEVER), ended(0, 0), jnp.array([AMPLITUDE, 0.0]))
    circuit = Circuit((cells,), edges, DT * 1e3)
    _, steps, _, _ = run(circuit, drive, circuit.init(), LENGTH)
    alone = gj.simulate(neuron, np.full(LENGTH, AMPLITUDE * 1e-12), DT).spikes().steps
    assert len(alone) > 4
    np.testing.assert_array_equal(steps, alone)


@pytest.mark.slow
def test_a_fitted_cell_of_nest_s_kind_spikes_by_its_hazard_where_the_config_asks(tmp_path):
    params = {key: value for key, value in CELL.items() if key not in ("asc_init", "tau_syn")}
    neuron = gj.neuron_from_nest(params | {"after_spike_currents": False}, dt=DT)
    neuron = dataclasses.replace(
        neuron, escape_noise=gj.EscapeNoise(40.0, 2e-3), accumulated_hazard=gj.AccumulatedHazard(0.03, 0.5)
    )
    gj.write_neuron_config(neuron, tmp_path / "neuron_config.json")
    builder = gj.NetworkBuilder()
    file = str(tmp_path / "neuron_config.json")
    builder.add_nodes("v1", 2, model_template="nest:glif_lif_psc", dynamics_params=file)
    clamp = {"input_type": "current_clamp", "module": "IClamp", "node_set": "v1", "amp": 200.0, "delay": 1.0}
    config = builder.write(tmp_path, duration=LENGTH * DT * 1e3, inputs={"in": clamp | {"duration": 500.0}})
    current = 200e-12 * (np.arange(LENGTH) > 10)  # a clamp acts one step late, as NEST's
    steps = {}
    for exact in (False, True):
        text = config.read_text().replace('"run": {', f'"run": {{"nest_exact": {str(exact).lower()}, ')
        (tmp_path / "changed.json").write_text(text)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            network = gj.load_network(tmp_path / "changed.json")
        assert exact == any("accumulated_hazard is not in NEST" in str(item.message) for item in caught)
        spikes = gj.simulate_network(network).spikes
        steps[exact] = np.rint(spikes.times[spikes.node_ids == 1] / DT).astype(int) - 1
    hard = dataclasses.replace(neuron, accumulated_hazard=None)
    for alone, own in ((neuron, steps[False]), (hard, steps[True])):
        expected = gj.simulate(alone, current, DT).spikes().steps
        assert len(expected) > 4
        np.testing.assert_array_equal(own, expected)
    assert steps[True].tolist() != steps[False].tolist()
