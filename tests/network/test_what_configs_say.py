"""What configs say beside the plainest: their parts and variables, names and columns of inputs, as BMTK reads them."""

import json
import shutil

import h5py
import numpy as np
import pytest

import glifjax as gj
from glifjax.io.sonata.outputs import outputs

from .small import spikes_of, write

CLAMP = {"module": "IClamp", "node_set": "v1"}


def edited(config, edit):
    """The config, its values changed by `edit`."""
    values = json.loads(config.read_text())
    edit(values)
    config.write_text(json.dumps(values))
    return config


def clamp_of(folder, **clamp):
    """Times (ms) and amplitudes (pA) of a clamp."""
    (clamp,) = gj.load_network(write(folder, inputs={"in": {**CLAMP, **clamp}})).clamps
    return clamp.times.tolist(), np.round(clamp.amplitudes, 6).tolist()


def test_parts_come_before_the_config_and_the_run_starts_at_0(tmp_path):
    config = write(tmp_path)
    shutil.copy(config, tmp_path / "simulation.json")
    edited(
        tmp_path / "simulation.json",
        lambda own: own.update(run={"dt": 0.5, "duration": 120.0, "tstop": 900.0, "tstart": 30.0}),
    )
    own = {"manifest": {"$HERE": "."}, "simulation": "$HERE/simulation.json", "run": {"dt": 0.1, "tstop": 9.0}}
    config.write_text(json.dumps(own))
    with pytest.warns(UserWarning, match="run.tstart is 30.0 ms; the run starts at 0"):
        network = gj.load_network(config)
    assert (network.dt, network.duration) == (0.5, 120.0)


def test_results_are_named_with_their_folder_or_without(tmp_path):
    def dated(config):
        config["manifest"]["$OUT"] = "./results_${date}"
        config["output"] |= {"output_dir": "$OUT", "spikes_file": "$OUT/part/spikes.h5", "log_file": "log.txt"}

    to = outputs(gj.load_network(edited(write(tmp_path), dated)))
    assert (to.spikes, to.spikes_csv, to.log) == ("part/spikes.h5", "spikes.csv", "log.txt")
    assert to.folder.parent == tmp_path.resolve()
    assert len(to.folder.name) == len("results_2000-01-01")
    with pytest.raises(ValueError, match=r"output.spikes_file is \.\./spikes.h5; name a file within output_dir"):
        outputs(gj.load_network(edited(write(tmp_path), lambda own: own["output"].update(spikes_file="../spikes.h5"))))


def test_edges_may_be_disabled_and_have_the_product_as_weight_function_alone(tmp_path):
    config = edited(write(tmp_path), lambda own: own["networks"]["edges"][0].update(enabled=False))
    fewer, whole = gj.load_network(config), gj.load_network(write(tmp_path))
    assert len(whole.circuit.edges.weights) - len(fewer.circuit.edges.weights) == 5 * 8
    types = tmp_path / "network/lgn_v1_edge_types.csv"
    header, row = types.read_text().splitlines()
    for name in ("wmax", "NULL"):
        types.write_text(f"{header} weight_function\n{row} {name}\n")
        np.testing.assert_array_equal(
            gj.load_network(tmp_path / "config.json").circuit.edges.weights, whole.circuit.edges.weights
        )
    types.write_text(f"{header} weight_function\n{row} gaussianLL\n")
    with pytest.raises(ValueError, match=r"lgn_v1_edge_types.csv: edge type 100 has weight_function gaussianLL"):
        gj.load_network(tmp_path / "config.json")


def test_cells_without_parameters_have_the_models_own(tmp_path):
    def written(params):
        builder = gj.NetworkBuilder()
        builder.add_nodes("v1", 2, model_template="nest:iaf_psc_exp", dynamics_params=params)
        return builder.write(tmp_path, duration=5.0)

    given = gj.load_network(written({"tau_m": 10.0})).circuit.cells
    types = tmp_path / "network/v1_node_types.csv"
    config = written({})
    types.write_text(types.read_text().replace("v1_100.json", "NULL"))
    shutil.rmtree(tmp_path / "components")
    assert gj.load_network(config).circuit.cells[0].tau_m.tolist() == given[0].tau_m.tolist() == [10.0, 10.0]
    types.write_text(types.read_text().replace(" dynamics_params", "").replace(" NULL", ""))
    with pytest.raises(ValueError, match="v1 has no dynamics_params; give its types one"):
        gj.load_network(config)
    with h5py.File(tmp_path / "network/v1_nodes.h5", "a") as file:
        file["nodes/v1/0/dynamics_params/tau_m"] = np.array([7.0, 8.0])
    assert gj.load_network(config).circuit.cells[0].tau_m.tolist() == [7.0, 8.0]


def test_reports_are_of_one_variable(tmp_path):
    report = {"module": "multimeter", "variable_name": ["V_m"], "cells": {"populations": ["v1"], "ei": "i"}}
    (asked,) = gj.load_network(write(tmp_path, reports={"r": report})).reports
    assert asked.variable == "V_m"
    assert asked.cells["v1"][1].tolist() == [8, 9]
    report["variable_name"] = ["V_m", "I"]
    with pytest.raises(ValueError, match=r"r.variable_name is \['V_m', 'I'\]; name one variable"):
        gj.load_network(write(tmp_path, reports={"r": report}))


def test_relays_are_refused(tmp_path):
    config = edited(write(tmp_path), lambda own: own["inputs"]["in"].update(use_parrot_neurons=True))
    with pytest.raises(ValueError, match=r"in.use_parrot_neurons is true, and relays"):
        gj.load_network(config)


def test_one_run_is_simulated(tmp_path):
    with pytest.raises(ValueError, match=r"run.n_runs is 3; one run is simulated"):
        gj.load_network(edited(write(tmp_path), lambda own: own["run"].update(n_runs=3)))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("timestamps amps\n10 50\n20.5 0\n", {}),
        ("timestamps;amps\n10;50\n20.5;0\n", {}),
        ("t|pA\n10|50\n20.5|0\n", {"separator": "|", "timestamps_column": "t", "amplitudes_column": "pA"}),
    ],
)
def test_currents_of_a_table(tmp_path, text, options):
    (tmp_path / "amps.csv").write_text(text)
    assert clamp_of(tmp_path, input_type="file", file="amps.csv", **options) == ([10.0, 20.5], [50.0, 0.0])


def test_a_step_that_starts_within_another_ends_it(tmp_path):
    steps = {"amp": [50.0, 90.0, -20.0], "delay": [20.0, 10.0, 40.0], "duration": [10.0, 50.0, 5.0]}
    given = clamp_of(tmp_path, input_type="current_clamp", **steps)
    assert given == ([10.0, 20.0, 30.0, 40.0, 45.0], [90.0, 50.0, 0.0, -20.0, 0.0])


@pytest.mark.filterwarnings("ignore:.*the sweep is in A")
def test_a_part_of_a_sweep(tmp_path):
    amps = np.repeat([0.0, 60e-12, 0.0, 90e-12], 100)  # at 10 kHz, 10 ms each
    with h5py.File(tmp_path / "sweeps.nwb", "w") as file:
        series = file.create_group("epochs/Sweep_6/stimulus/timeseries")
        series["data"], series["starting_time"] = amps, 0.0
        series["starting_time"].attrs["rate"] = 1e4
    sweep = {"input_type": "allen", "file": "sweeps.nwb", "delay": 5.0}
    for name in (6, "6"):
        times, given = clamp_of(tmp_path, sweep_id=name, **sweep)
        assert times[1:] == [15.0, 25.0, 35.0]
        assert given == [0.0, 60.0, 0.0, 90.0]
    window = {"sweep_window": [15.0, 32.0], "downsample": 4.0}  # samples at 16, 20, 24, 28 and 32 ms
    assert clamp_of(tmp_path, sweep_id="Sweep_6", **sweep, **window) == ([21.0, 25.0, 37.0], [60.0, 0.0, 90.0])
    for wrong in ([15.0], [20.0, 10.0], [-5.0, 10.0]):
        with pytest.raises(ValueError, match=r"sweep_window is .*; give \[start, stop\] in ms"):
            clamp_of(tmp_path, sweep_id=6, **sweep, sweep_window=wrong)


def test_units_with_a_stretch_of_their_own(tmp_path):
    gj.write_spikes(spikes_of(), tmp_path / "units.nwb")  # unit i: node i
    probe = {"input_type": "spikes", "module": "ecephys_probe", "node_set": "lgn", "mapping": "UNITS_MAP"}
    probe |= {"input_file": "units.nwb", "units": "map.csv", "interval": [100.0, 200.0], "interval_offset": 3.0}
    rows = "\n".join(f"{node} {4 - node} {10 * node} {60 + 10 * node}" for node in range(5))
    (tmp_path / "map.csv").write_text(f"node_ids unit_ids start_times stop_times\n{rows}\n")
    (given,) = gj.load_network(write(tmp_path, inputs={"in": probe})).inputs
    trains = given.trains(np.random.default_rng(0))
    for node in range(5):
        ms, start = spikes_of().train(4 - node) * 1e3, 10.0 * node
        wanted = ms[(ms >= start) & (ms <= start + 60)] - start + 3
        np.testing.assert_allclose(trains.train(node) * 1e3, wanted, rtol=0, atol=1e-9)
    (tmp_path / "map.csv").write_text("node_ids unit_ids start_times stop_times\n0 4 soon 60\n")
    with pytest.raises(ValueError, match=r"map.csv: start_times and stop_times must be finite numbers, ms"):
        gj.load_network(write(tmp_path, inputs={"in": probe}))
