"""Networks that are built, written and read back: the nodes, edges, weights and delays that were asked for."""

import numpy as np
import pandas
import pytest

import glifjax as gj
from glifjax.io.config.nest import neuron_to_nest

from .small import CELL, spikes_of, write


def edges_of(network: gj.Network):
    """Source, slot, weight, delay in steps of each edge."""
    edges, n_slots = network.circuit.edges, network.circuit.n_slots
    sources = np.repeat(np.arange(len(edges.starts) - 1), np.diff(np.asarray(edges.starts)))
    offsets = np.asarray(edges.offsets)
    return sources, offsets % n_slots, np.asarray(edges.weights), offsets // n_slots + 1


def test_a_network_read_back_is_what_was_built(tmp_path):
    network = gj.load_network(write(tmp_path))
    assert (network.layout.n_cells, network.layout.n_sources) == (10, 15)
    sources, slots, weights, delays = edges_of(network)
    virtual = sources >= 10
    assert virtual.sum() == 5 * 8
    assert set(weights[virtual]) == {120.0}  # two synapses of 60 pA
    assert set(delays[virtual]) == {15}
    assert set(slots[virtual]) == set(range(8))  # the first port of the first group
    to_iaf = slots >= 16
    assert to_iaf.sum() == 8
    assert set(weights[to_iaf]) == {200.0}
    inhibitory = weights < 0
    assert set(slots[inhibitory]) <= set(range(8, 16))  # the second port
    assert (network.populations["v1"].nodes["ei"].to_numpy() == ["e"] * 8 + ["i"] * 2).all()
    types = pandas.read_csv(tmp_path / "network/v1_v1_edge_types.csv", sep=" ")
    assert types["dynamics_params"].notna().all()  # PointNet stops at a type without, where another has some


def test_it_runs_and_repeats_bit_for_bit_and_in_parts(tmp_path):
    config = write(tmp_path, reports={"vm": {"module": "membrane_report", "variable_name": "V_m", "cells": "v1"}})
    first, second = (gj.simulate_network(gj.load_network(config), seed=3) for _ in range(2))
    assert len(first.spikes) > 20
    assert set(first.spikes.node_ids) > set(range(8))
    np.testing.assert_array_equal(first.spikes.times, second.spikes.times)
    np.testing.assert_array_equal(first.report("vm").data, second.report("vm").data)
    assert first.report("vm").data.shape[1] == 10
    start = gj.simulate_network(gj.load_network(config), duration=100.0)
    parts = [start, gj.simulate_network(gj.load_network(config), duration=100.0, state=start.state)]
    np.testing.assert_array_equal(np.concatenate([run.spikes.times for run in parts]), first.spikes.times)
    np.testing.assert_array_equal(np.concatenate([run.report("vm").data for run in parts]), first.report("vm").data)
    with pytest.raises(ValueError, match="there is no report 'im'; there are vm"):
        first.report("im")


def test_rules_give_the_numbers_they_promise():
    builder = gj.NetworkBuilder(seed=2)
    a = builder.add_nodes("a", 30, model_type="virtual", x=np.arange(30.0))
    b = builder.add_nodes("b", 30, model_template="nest:glif_psc", dynamics_params=CELL, x=np.arange(30.0))
    number = lambda rule: builder.add_edges(a, b, rule, syn_weight=1.0)
    assert number(gj.all_to_all()) == 900
    assert number(gj.one_to_one()) == 30
    assert number(gj.number_of_inputs(7)) == 210
    assert abs(number(gj.probability(0.3)) - 270) < 4 * np.sqrt(900 * 0.3 * 0.7)
    near = lambda source, target: 3 if abs(source["x"] - target["x"]) <= 1 else 0
    assert number(gj.by_function(near)) == 30 + 2 * 29
    assert len(b[{"x": 4.0}]) == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda b: b.add_nodes("a", 2), "nodes of a lack model_template"),
        (lambda b: b.add_nodes("a", 2, model_type="virtual", x=[1.0]), "x of a has 1 values for 2"),
        (lambda b: b.add_edges(b.v, b.v, gj.all_to_all()), "lack syn_weight; give it in pA"),
        (lambda b: b.add_edges(b.v, b.v, gj.number_of_inputs(5), syn_weight=1.0), "5 inputs are asked for of 3"),
        (lambda b: b.add_edges(b.v, b.v, lambda s, t, r: np.ones(3), syn_weight=1.0), r"shape \(3,\)"),
        (lambda b: gj.probability(1.5), "the probability is 1.5"),
        (lambda b: b.add_nodes("a/b", 1, model_type="virtual"), "name is 'a/b'; give one without /"),
        (
            lambda b: b.add_edges(b.v, b.v, gj.all_to_all(), syn_weight=1.0, receptor_type=[1, 1.5]),
            "a whole number from",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(call, words):
    builder = gj.NetworkBuilder()
    builder.v = builder.add_nodes("v", 3, model_type="virtual")
    with pytest.raises(ValueError, match=words):
        call(builder)


def test_ports_and_lists_of_a_cell_by_edge_and_by_cell(tmp_path):
    """A port an edge is read back as it was given; two time constants of two cells are both of each."""
    builder = gj.NetworkBuilder()
    params = {**CELL, "tau_syn": np.array([3.0, 6.0])}
    cells = builder.add_nodes("v1", 2, name=["x", "y"], model_template="nest:glif_psc", dynamics_params=params)
    lgn = builder.add_nodes("lgn", 2, model_type="virtual")
    weights = [1.0, 2.0, 3.0, 4.0]  # 0 to x, 0 to y, 1 to x, 1 to y
    builder.add_edges(lgn, cells, gj.all_to_all(), syn_weight=weights, receptor_type=[1, 2, 2, 1])
    builder.add_edges(
        cells[{"name": ["x", "z"]}], cells[{"node_id": 1}], gj.all_to_all(), syn_weight=5.0, receptor_type=2
    )
    network = gj.load_network(builder.write(tmp_path))
    sources, slots, weights, _ = edges_of(network)
    assert sorted(zip(weights, sources, slots, strict=True)) == [(1, 2, 0), (2, 2, 3), (3, 3, 2), (4, 3, 1), (5, 0, 3)]
    np.testing.assert_array_equal(network.circuit.cells[0].tau_syn, [[3.0, 3.0], [6.0, 6.0]])


def test_two_pairs_of_populations_may_not_share_a_file():
    builder = gj.NetworkBuilder()
    cell = {"model_template": "nest:iaf_psc_exp", "dynamics_params": {}}
    nodes = {name: builder.add_nodes(name, 1, **cell) for name in ("a", "a_b", "b_c", "c")}
    builder.add_edges(nodes["a"], nodes["b_c"], gj.all_to_all(), syn_weight=1.0)
    with pytest.raises(ValueError, match=r"other populations are written to a_b_c_edges.h5; rename a_b or c"):
        builder.add_edges(nodes["a_b"], nodes["c"], gj.all_to_all(), syn_weight=1.0)


def test_a_fitted_neuron_becomes_a_cell_of_a_network(tmp_path):
    """It spikes as `simulate` of it, exactly solved, would: an injected current acts two steps after its time."""
    neuron = gj.neuron_from_nest({key: value for key, value in CELL.items() if key != "asc_init"})
    builder = gj.NetworkBuilder()
    params = {**neuron_to_nest(neuron), "tau_syn": [5.0]}
    builder.add_nodes("one", 1, model_template="nest:glif_psc", dynamics_params=params)
    clamp = {"input_type": "current_clamp", "module": "IClamp", "node_set": "one"}
    config = builder.write(
        tmp_path, duration=100.0, dt=0.05, inputs={"c": {**clamp, "amp": 250.0, "delay": 10.0, "duration": 90.0}}
    )
    spikes = gj.simulate_network(gj.load_network(config)).spikes
    current = np.where(np.arange(2000) >= 201, 250e-12, 0.0)
    alone = gj.simulate(neuron, current, 5e-5).spikes()
    assert len(spikes) == len(alone.steps) > 3
    assert np.abs(spikes.times - (alone.steps + 1) * 5e-5).max() < 3e-4


def test_a_function_is_called_for_each_node_in_order(tmp_path):
    called = []

    @gj.spikes_generator
    def every_ten_ms(node, sim):
        called.append((node.node_id, node.population_name, node["model_type"]))
        return np.arange(5.0 + node.node_id, sim.tstop, 10.0)

    function = {"input_type": "spikes", "module": "function", "spikes_function": "every_ten_ms", "node_set": "lgn"}
    run = gj.simulate_network(gj.load_network(write(tmp_path, inputs={"f": function})))
    assert called == [(node, "lgn", "virtual") for node in range(5)]
    np.testing.assert_allclose(run.inputs.train(2, "lgn"), np.arange(7.0, 200.0, 10.0) / 1e3)


def test_a_file_is_of_its_own_population_among_those_chosen(tmp_path):
    """node_set "all" has two virtual populations; spikes of one are not taken for the other's."""
    builder = gj.NetworkBuilder()
    builder.add_nodes("v1", 1, model_template="nest:iaf_psc_exp", dynamics_params={})
    for name in ("lgn", "tc"):
        builder.add_nodes(name, 5, model_type="virtual")
    part = {"input_type": "spikes", "module": "h5", "input_file": "spikes.h5", "node_set": "all"}
    gj.write_spikes(spikes_of("tc"), tmp_path / "spikes.h5")
    config = builder.write(tmp_path, inputs={"in": part})
    with pytest.warns(UserWarning, match="5 of 5 virtual nodes of lgn have no spikes"):
        (read,) = gj.load_network(config).inputs
    assert read.trains(np.random.default_rng(0)).population_names == ["tc"]
    gj.write_spikes(spikes_of("pulvinar"), tmp_path / "spikes.h5")
    with pytest.raises(ValueError, match=r"holds spikes of pulvinar, but the node_set of .* is of lgn, tc; name the"):
        gj.load_network(config)


def test_forced_synapses_replace_or_add(tmp_path):
    """Only the synapses of inhibitory cells fire at 50 ms: excitatory cells see that, and nothing of their own."""
    forced = {"input_type": "syn_activity", "module": "syn_activity", "precell_filter": {"ei": "i"}}
    forced["timestamps"] = [50.0, 60.0]
    reports = {"i": {"module": "membrane_report", "variable_name": "I_syn", "cells": {"population": "v1", "ei": "e"}}}
    network = gj.load_network(write(tmp_path, inputs={"s": forced}, reports=reports))
    sources, slots, weights, _ = edges_of(network)
    assert set(sources[weights < 0]) == {15}
    assert not (slots >= 16).any()  # excitatory cells have lost their drive
    current = gj.simulate_network(network).report("i")
    hit = np.unique(slots[weights < 0]) - 8
    before, after = current.times < 52.0, (current.times > 55.0) & (current.times < 60.0)
    assert np.abs(current.data[before]).max() == 0.0
    assert (current.data[after][:, hit] < 0).all()
    added = gj.load_network(write(tmp_path, inputs={"s": {**forced, "mode": "add"}}))
    assert len(added.circuit.edges.weights) == len(gj.load_network(write(tmp_path)).circuit.edges.weights) + len(
        sources[weights < 0]
    )


def test_a_raster_shows_a_folder_of_results(tmp_path):
    figure = gj.plot_raster(spikes_of(), rates=True)
    assert len(figure.axes) == 2
    gj.write_spikes(spikes_of(), tmp_path / "spikes.csv")
    assert len(gj.plot_raster(tmp_path).axes) == 1
    (tmp_path / "spikes.csv").unlink()
    with pytest.raises(ValueError, match=r"holds neither spikes.h5 nor spikes.csv"):
        gj.plot_raster(tmp_path)


def test_a_parameter_may_differ_from_node_to_node(tmp_path):
    thresholds = np.array([-50.0, -48.0, -45.0])
    builder = gj.NetworkBuilder()
    params = {**CELL, "V_th": thresholds, "tau_syn": [3.0, 6.0]}
    builder.add_nodes("v1", 3, model_template="nest:glif_psc", dynamics_params=params)
    builder.add_nodes("v1", 2, model_template="nest:glif_psc", dynamics_params=CELL)
    network = gj.load_network(builder.write(tmp_path))
    (cells,) = network.circuit.cells
    rows = network.layout.sources["v1"]
    np.testing.assert_array_equal(np.asarray(cells.V_th)[rows], [*thresholds, -50.0, -50.0])
    np.testing.assert_array_equal(np.asarray(cells.tau_syn), np.outer([3.0, 6.0], np.ones(5)))
    wrong = {"C_m": np.array([60.0, -1.0])}
    builder.add_nodes("v1", 2, model_template="nest:glif_psc", dynamics_params=wrong)
    with pytest.raises(ValueError, match=r"C_m is -1; it must be above 0"):
        gj.load_network(builder.write(tmp_path))


@pytest.mark.slow
def test_any_neuron_of_a_config_is_a_cell(tmp_path):
    """The same cell as NEST's and as a neuron's step, one exact over a step and one with the current held in it."""
    params = {key: value for key, value in CELL.items() if key not in ("asc_init", "tau_syn")}
    gj.write_neuron_config(gj.neuron_from_nest(params), tmp_path / "neuron_config.json")
    spikes = []
    for template, dynamics in (
        ("nest:glif_psc", {**params, "tau_syn": [5.5, 8.5, 2.8, 5.8]}),
        ("glifjax:neuron", str(tmp_path / "neuron_config.json")),
    ):
        builder = gj.NetworkBuilder()
        cells = builder.add_nodes("v1", 2, model_template=template, dynamics_params=dynamics)
        lgn = builder.add_nodes("lgn", 5, model_type="virtual")
        builder.add_edges(lgn, cells, gj.all_to_all(), syn_weight=100.0, delay=1.5, receptor_type=2)
        builder.add_edges(cells, cells, gj.one_to_one(), syn_weight=-30.0, delay=2.0, receptor_type=1)
        gj.write_spikes(spikes_of(), tmp_path / "spikes.h5")
        inputs = {"in": {"input_type": "spikes", "module": "sonata", "input_file": "spikes.h5", "node_set": "lgn"}}
        reports = {"vm": {"module": "membrane_report", "variable_name": "V_m", "cells": "v1"}}
        config = builder.write(tmp_path, duration=200.0, dt=0.05, inputs=inputs, reports=reports)
        run = gj.simulate_network(gj.load_network(config))
        spikes.append(run.spikes)
        assert run.report("vm").data.min() > -100.0
    assert len(spikes[0]) == len(spikes[1]) > 6
    assert np.abs(spikes[0].times - spikes[1].times).max() < 4e-4
