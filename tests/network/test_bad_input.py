"""Bad input of a config: one sentence that names the file and the key, exit 2, nothing written; doubtful: a warning."""

import json
import warnings

import h5py
import numpy as np
import pandas
import pytest
from typer.testing import CliRunner

import glifjax as gj
from glifjax.cli import app
from glifjax.errors import InputError
from glifjax.io.sonata.node_sets import NodeSets
from glifjax.io.sonata.nodes import Population
from glifjax.io.sonata.outputs import outputs

from .small import spikes_of, write

SPIKES = {"input_type": "spikes", "module": "sonata", "input_file": "spikes.h5", "node_set": "lgn"}
CLAMP = {
    "input_type": "current_clamp",
    "module": "IClamp",
    "node_set": "v1",
    "amp": 50.0,
    "delay": 10.0,
    "duration": 5.0,
}


def changed(config, *keys, value):
    """The config with one value replaced."""
    values = json.loads(config.read_text())
    place = values
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    config.write_text(json.dumps(values))
    return config


def refused(config, words, *options, load=gj.load_network):
    """By Python and by the command, which writes nothing."""
    with pytest.raises(ValueError, match=words) as error:
        load(config)
    message = str(error.value)
    assert "\n" not in message
    result = CliRunner().invoke(app, ["run", str(config), "--out", str(config.parent / "results"), *options])
    assert result.exit_code == 2, result.output
    assert not (config.parent / "results").exists()
    return message


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ({"V_tresh": -50.0}, r"v1_100.json: V_tresh is no parameter of glif_psc"),
        ({"adapting_threshold": True}, "none of the five levels"),
        ({"g": 0.0}, "g is 0; it must be above 0"),
        ({"C_m": float("nan")}, "C_m is nan; it must be a finite number"),
        ({"asc_r": [1.0, 1.5]}, "asc_r is 1, 1.5; it must lie within 0 ... 1"),
        ({"asc_amps": [1.0]}, "the numbers of after-spike currents differ"),
        ({"V_reset": -40.0}, "V_reset is -40 and V_th -50"),
        ({"tau_syn": 5.0}, "tau_syn is 5.0; it must be a list of numbers"),
        ({"C_m": 10**400}, "C_m is 1000.*; it must be a finite number"),
    ],
)
def test_cell_parameters(tmp_path, cell, words):
    refused(write(tmp_path, cell=cell), words)


@pytest.mark.parametrize(
    ("edge", "words"),
    [
        ({"receptor_type": 3}, r"has receptor_type 3, its target's ports are 1 ... 2"),
        ({"delay": 0.04}, "have a delay of 0.04 ms; it must be at least half of dt"),
        ({"delay": 1e9}, r"have a delay of 1e\+09 ms; .* 1000000 steps at most"),
        ({"syn_weight": np.nan}, "has no finite syn_weight"),
        ({"syn_weight": np.full(40, np.inf)}, "has no finite syn_weight"),
        ({"model_template": "tsodyks_synapse"}, "model_template tsodyks_synapse; only static_synapse"),
    ],
)
def test_edges(tmp_path, edge, words):
    message = refused(write(tmp_path, edge=edge), words)
    assert "lgn_v1_edge" in message


def test_files_that_are_missing_or_cut_short(tmp_path):
    config = write(tmp_path)
    edges = tmp_path / "network/lgn_v1_edges.h5"
    whole = edges.read_bytes()
    edges.write_bytes(whole[: len(whole) // 2])
    refused(config, "lgn_v1_edges.h5: cannot be read as HDF5")
    edges.unlink()
    refused(config, "lgn_v1_edges.h5: there is no such file")
    edges.write_bytes(whole)
    with h5py.File(edges, "a") as file:
        file["edges/lgn_to_v1/target_node_id"][3] = 77
    refused(config, "edge 3 of lgn_to_v1 has target node 77, which v1 does not have")
    refused(changed(write(tmp_path), "run", "dt", value="0.1"), "run.dt is '0.1'; give a finite number")
    config.write_text("{")
    refused(config, "is no JSON file")


def test_models_modules_variables(tmp_path):
    config = write(tmp_path)
    types = tmp_path / "network/v1_node_types.csv"
    types.write_text(types.read_text().replace("nest:glif_psc", "nest:hh_psc_alpha"))
    refused(config, "model_template 'nest:hh_psc_alpha' is not simulated here; use one of glif_psc")
    types.write_text(
        types.read_text().replace("nest:hh_psc_alpha", "nest:glif_psc").replace("point_neuron", "biophysical")
    )
    refused(config, "nodes of model_type biophysical; point neurons and virtual nodes are simulated")
    refused(write(tmp_path, inputs={"in": {**SPIKES, "module": "hdf6"}}), "in.module is 'hdf6'; use csv")
    refused(write(tmp_path, inputs={"in": {**SPIKES, "input_type": "vclamp"}}), "input_type is 'vclamp'")
    report = {"module": "membrane_report", "variable_name": "V_soma", "cells": "v1"}
    refused(write(tmp_path, reports={"r": report}), "r.variable_name is 'V_soma'; the variables of these cells are V_m")
    refused(write(tmp_path, reports={"r": {"cells": "v1", "tstart": 9, "tstop": 5}}), "r.tstop is 5 ms, not after")
    twice = {"r": {"cells": "v1", "file_name": "spikes.h5"}}
    result = CliRunner().invoke(app, ["run", str(write(tmp_path, reports=twice)), "--out", str(tmp_path / "results")])
    assert (result.exit_code, (tmp_path / "results").exists()) == (2, False)
    assert "give each a name of its own" in " ".join(result.output.split())
    refused(
        write(tmp_path, inputs={"f": {**SPIKES, "module": "function", "spikes_function": "none"}}), "import the module"
    )
    refused(changed(write(tmp_path), "networks", "nodes", 0, "nodes_file", value="$NOWHERE/x.h5"), r"\$NOWHERE in")


@pytest.mark.parametrize(
    ("each", "count", "words"),
    [
        ("$V{}$V{}", 40, "has more than 10000 letters"),
        ("$V{}", 60, "has no value; give it one in the manifest"),
        ("$V{}$V{}", 45, "is a folder; name a file in it"),
    ],
)
def test_variables_that_stand_for_one_another(tmp_path, each, count, words):
    """Each is looked up once: two of the one before, 45 times, are 35e12 look-ups else, of a text without letters."""
    manifest = {f"$V{n}": each.format(n + 1, n + 1) for n in range(count)}
    manifest |= {f"$V{count}": "" if count == 45 else "x.h5", "$BASE_DIR": "${configdir}"}
    config = changed(write(tmp_path), "manifest", value=manifest)
    refused(changed(config, "networks", "nodes", 0, "nodes_file", value="$V0"), words)


def test_node_sets_that_select_nothing(tmp_path):
    message = refused(
        write(tmp_path, inputs={"c": {**CLAMP, "node_set": {"population": "v1", "ei": "x"}}}), "selects no node"
    )
    assert "v1 has node_id 0 ... 9, node_type_id, ei" in message or "ei" in message.split("v1 has")[1]
    refused(
        write(tmp_path, inputs={"c": {**CLAMP, "node_set": "v2"}}), "no node set and no population; there are v1, lgn"
    )
    refused(write(tmp_path, inputs={"c": {**CLAMP, "node_set": {"layer": "L4"}}}), "no node has an attribute 'layer'")


def test_node_sets_that_name_one_another():
    """Each is chosen once, however many ways lead to it: two to the sixtieth would take for ever."""
    v1 = Population("v1", pandas.DataFrame({"ei": [*"eeii"]}), "nodes.h5")
    twice = {f"twice {i}": [f"twice {i + 1}", f"next {i + 1}"] for i in range(40)}
    once = {f"next {i}": f"twice {i}" for i in range(41)}
    sets = NodeSets({"v1": v1}, {**twice, **once, "twice 40": ["v1"], "v1": {"ei": "i"}, "all": ["all", "v1"]})
    assert sets.choose("twice 0", "here")["v1"].tolist() == [False, False, True, True]
    assert sets.choose(["twice 39", "all"], "here")["v1"].all()
    with pytest.raises(InputError, match="'b' names itself, and no population has its name"):
        NodeSets({"v1": v1}, {"a": ["v1", "b"], "b": "c", "c": ["b"]}).choose("a", "here")
    with pytest.raises(InputError, match="name one another more than 100 deep, from 'set 0'"):
        NodeSets({"v1": v1}, {f"set {i}": f"set {i + 1}" for i in range(5_000)}).choose("set 0", "here")


@pytest.mark.parametrize("name", ["population", "node_id", "ei"])
@pytest.mark.parametrize("value", [{"a": 1}, [["v1"]], ["v1", {}]])
def test_node_sets_of_what_is_no_value(tmp_path, name, value):
    refused(
        write(tmp_path, inputs={"c": {**CLAMP, "node_set": {name: value}}}), f"{name} is .*; give a text or a number"
    )


def test_names_of_files_that_no_file_can_have(tmp_path):
    config = write(tmp_path)
    for name, words in (("x" * 5000, "there is no such file"), ("a\0b", r"is 'a\\x00b'; give a text")):
        refused(changed(config, "networks", "nodes", 0, "nodes_file", value=name), words)
    config = changed(write(tmp_path), "output", "spikes_file", value="a\0b")
    refused(
        config, r"output.spikes_file is 'a\\x00b'; give a text", load=lambda config: outputs(gj.load_network(config))
    )


def test_times_of_synapses_that_are_none(tmp_path):
    forced = {"input_type": "syn_activity", "precell_filter": {"population": "v1"}, "timestamps": "times.txt"}
    (tmp_path / "times.txt").write_text("10.0\ninf\n")
    refused(write(tmp_path, inputs={"s": forced}), r"timestamps hold inf ms; give times above 0")
    refused(
        write(tmp_path, inputs={"s": {**forced, "timestamps": [10**400]}}), "timestamps is 1000.*; give a finite number"
    )


def test_spikes_that_cannot_be(tmp_path):
    config = write(tmp_path)
    for time in (0.0, -3.0):
        gj.write_spikes(gj.SpikeTrains([time / 1e3, 0.1], [2, 1], "lgn"), tmp_path / "spikes.h5")
        refused(config, rf"spikes.h5\) has a spike of node 2 at {time:g} ms; spikes must come after 0")
    changed(config, "inputs", "in", "negative", value="drop")
    assert len(gj.load_network(config).inputs[0].trains(np.random.default_rng(0))) == 1
    (tmp_path / "nan.csv").write_text("timestamps population node_ids\nnan lgn 0\n")
    refused(changed(config, "inputs", "in", "input_file", value="nan.csv"), "nan.csv: spike 0 .* is at nan s")
    config = write(tmp_path)
    gj.write_spikes(gj.SpikeTrains([0.1, 0.1], [0, 0], ["a", "b"]), tmp_path / "spikes.h5")
    refused(config, "holds spikes of a, b, but the node_set of .* is of lgn")


def warned(config, *words):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network = gj.load_network(config)
        trains = [part.trains(np.random.default_rng(0)) for part in network.inputs]
    text = " | ".join(str(item.message) for item in caught)
    for word in words:
        assert word in text
    return network, trains


def test_doubtful_spikes_run_with_a_warning(tmp_path):
    config = write(tmp_path)
    gj.write_spikes(gj.SpikeTrains([1e-4, 2e-4], [0, 7], "retina"), tmp_path / "spikes.h5")
    _, (trains,) = warned(
        config,
        "holds spikes of population retina; taken for lgn",
        "1 spikes are of ids that lgn does not have",
        "4 of 5 virtual nodes of lgn have no spikes",
    )
    assert set(trains.populations) == {"lgn"}
    gj.write_spikes(gj.SpikeTrains([1e-4, 2e-4], [0, 1], "lgn"), tmp_path / "spikes.h5")
    warned(config, "look like seconds")
    half = {**SPIKES, "node_set": {"population": "lgn", "node_id": [0, 1]}}
    _, (trains,) = warned(write(tmp_path, inputs={"a": half}), "outside the node_set", "PointNet would take them")
    assert set(trains.node_ids) == {0, 1}


def test_two_inputs_of_one_population_are_joined(tmp_path):
    config = write(tmp_path, inputs={"a": SPIKES, "b": {**SPIKES, "input_file": "other.h5"}})
    later = spikes_of()
    gj.write_spikes(gj.SpikeTrains(later.times + 1e-4, later.node_ids, "lgn"), tmp_path / "other.h5")
    assert len(gj.simulate_network(gj.load_network(config)).inputs) == 2 * len(later)


def test_clamps(tmp_path):
    network, _ = warned(write(tmp_path, inputs={"c": {**CLAMP, "amp": 0.15}}), "0.15 pA; amplitudes are in pA")
    network, _ = warned(
        write(tmp_path, inputs={"c": {**CLAMP, "delay": 10.03}}), "off the grid of 0.1 ms are rounded up"
    )
    np.testing.assert_allclose(network.clamps[0].times, [10.1, 15.1])
    meeting = {**CLAMP, "amp": [5.0, 7.0], "delay": [10.0, 15.0], "duration": [5.0, 2.0]}
    network, _ = warned(write(tmp_path, inputs={"c": meeting}))
    np.testing.assert_allclose(network.clamps[0].amplitudes, [5.0, 7.0, 0.0])
    network, _ = warned(write(tmp_path, inputs={"c": {**CLAMP, "delay": 0.0}}))
    assert network.drive(gj.SpikeTrains([], [], [])).current_steps[0] == 0  # from the first step on
    refused(write(tmp_path, inputs={"c": {**CLAMP, "amp": [1.0, 2.0], "delay": [1.0, 2.0, 3.0]}}), "different lengths")
    table = {"input_type": "csv", "module": "IClamp", "node_set": "v1", "file": "steps.csv"}
    (tmp_path / "steps.csv").write_text("timestamps, amps\n1.0, 50\n5.0, 0\n")
    network, _ = warned(write(tmp_path, inputs={"c": table}))
    np.testing.assert_allclose(network.clamps[0].times, [1.0, 5.0])
    (tmp_path / "steps.csv").write_text("timestamps amps\n")
    refused(write(tmp_path, inputs={"c": table}), "has no times")


def test_after_spike_currents_as_nest_has_them(tmp_path):
    config = write(tmp_path, cell={"asc_init": [-10.0, 5.0]})
    network, _ = warned(config, "asc_init has no effect in NEST")
    assert not np.asarray(network.circuit.cells[0].asc_init).any()
    network = gj.load_network(changed(config, "run", "nest_exact", value=False))
    assert np.asarray(network.circuit.cells[0].asc_init)[:, 0].tolist() == [-10.0, 5.0]
    three = {"asc_init": [0.0] * 3, "asc_decay": [0.1] * 3, "asc_amps": [-1.0] * 3, "asc_r": [1.0] * 3}
    network, _ = warned(write(tmp_path, cell=three), "has 3 after-spike currents; NEST has state for 2")
    assert network.circuit.cells[0].asc_amps.shape == (2, 8)


def test_results_that_must_not_be_overwritten(tmp_path):
    config = changed(write(tmp_path, duration=5.0), "output", "overwrite_output_dir", value=False)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/spikes.h5").write_bytes(b"old")
    result = CliRunner().invoke(app, ["run", str(config), "--out", str(tmp_path / "results")])
    assert result.exit_code == 2
    assert "overwrite_output_dir is false" in " ".join(result.output.split())
    assert (tmp_path / "results/spikes.h5").read_bytes() == b"old"


def test_functions_of_a_file_of_ones_own(tmp_path):
    (tmp_path / "my.py").write_text(
        "import glifjax as gj\n\n@gj.spikes_generator\ndef of_a_file(node, sim):\n    return [10.0, 20.0]\n"
    )
    function = {"input_type": "spikes", "module": "function", "spikes_function": "of_a_file", "node_set": "lgn"}
    config = write(tmp_path, inputs={"f": function}, duration=30.0)
    command = ["run", str(config), "--out", str(tmp_path / "results")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "--functions FILE.py" in " ".join(result.output.split())
    result = CliRunner().invoke(app, [*command, "--functions", str(tmp_path / "my.py")])
    assert result.exit_code == 0, result.output


def test_a_unit_of_several_files_is_refused(tmp_path):
    gj.write_spikes(spikes_of(), tmp_path / "units.nwb")
    (tmp_path / "map.csv").write_text("node_ids unit_ids\n0 3\n")
    part = {"input_type": "spikes", "module": "ecephys_probe", "node_set": "lgn", "mapping": "units_map"}
    part |= {"units": "map.csv", "input_file": ["units.nwb", "units.nwb"]}
    with pytest.raises(ValueError, match=r"map.csv: unit 3 is in several of the files of .*\.inputs\.in\.input_file"):
        gj.load_network(write(tmp_path, inputs={"in": part}))
