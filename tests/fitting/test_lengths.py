"""The few lengths that sweeps are padded to: padding changes no result, and spares another recording all compiling."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from helpers import LEVEL, SHAPE, neuron, recorded

import fitting
import glifjax as gj
from fitting.assess.evaluate import spike_trains
from fitting.data.arrays import FitData, padded_length
from fitting.data.blocks import blocks
from fitting.data.compensation import spike_artefact
from fitting.data.drift import measure_drift
from fitting.model.compiled import compiled, options
from fitting.model.hazard import filled_up, in_place
from fitting.model.patched import PatchedNeuron
from fitting.model.sweeps import gram
from fitting.stages import HardThreshold, Membrane
from fitting.stages.threshold import Threshold


def padded(data: FitData, steps: int) -> FitData:
    """The same sweeps with more padding."""
    rows = {"voltage": "edge"}
    fill = lambda name, array: np.pad(array, ((0, 0), (0, steps)), mode=rows.get(name, "constant"))
    names = ("current", "voltage", "valid", "seen", "counted", "forced")
    more = {name: fill(name, getattr(data, name)) for name in names}
    return replace(data, crossings=np.pad(data.crossings, ((0, 0), (0, steps)), constant_values=np.nan), **more)


@pytest.fixture(scope="module")
def truth():
    return PatchedNeuron(neuron(), 12e6)


@pytest.fixture(scope="module")
def data(truth):
    return recorded(truth, seconds=3.0)


@pytest.fixture(scope="module")
def longer(data):
    return padded(data, 2_500)


def test_lengths_are_few_and_little_longer():
    steps = np.arange(4, 70_000)
    lengths = np.array(list(map(padded_length, steps.tolist())))
    assert (lengths >= steps).all()
    assert (lengths <= 1.25 * steps).all()
    assert (np.diff(lengths) >= 0).all()
    assert len(np.unique(lengths[steps > 2**15])) == 5
    assert [padded_length(length) for length in np.unique(lengths).tolist()] == np.unique(lengths).tolist()


def test_what_is_measured_on_the_sweeps_is_that_of_longer_padding(data, longer):
    steps = data.valid.shape[1]
    assert longer.steps == data.steps == steps
    np.testing.assert_array_equal(blocks(longer)[:, :steps], blocks(data))
    one, other = (measure_drift(part, SHAPE.cut) for part in (data, longer))
    np.testing.assert_allclose(np.concatenate(other.offset), np.concatenate(one.offset), atol=1e-12)
    one, other = (spike_artefact(part, SHAPE.cut) for part in (data, longer))
    np.testing.assert_array_equal(other.mean, one.mean)


@pytest.mark.slow
def test_what_is_fitted_to_the_sweeps_is_that_of_longer_padding(truth, data, longer):
    moved = tuple(LEVEL.coordinates(truth, data.duration).membrane)
    for stage in (Membrane(moved=moved, evaluations=5), Threshold(), HardThreshold()):
        one, other = stage(truth, data), stage(truth, longer)
        np.testing.assert_allclose(other.losses, one.losses, rtol=1e-9)
        for a, b in zip(jax.tree.leaves(one.model), jax.tree.leaves(other.model), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-6)
    for runs in (3, None):
        trains = [spike_trains(truth, part, runs) for part in (data, longer)]
        for a, b in zip(*trains, strict=True):
            np.testing.assert_array_equal(b, a)


def test_columns_in_place_are_those_of_the_steps_and_zeros():
    random = np.random.default_rng(0)
    columns, weights, steps = random.normal(size=(3, 2, 50)), random.uniform(size=(2, 50)), random.random((2, 50)) < 0.9
    few, counts = filled_up(columns[:, steps], weights[steps])
    most, every = in_place(columns, steps, weights)
    assert few.shape == (3, 1024)
    assert most.shape == (3, 100)
    np.testing.assert_allclose(most @ every, few @ counts, rtol=1e-12)


@pytest.mark.slow
def test_a_recording_of_another_length_compiles_nothing_new(tmp_path):
    compiled = []
    listener = lambda event, seconds, **_: compiled.extend([event] * event.endswith("backend_compile_duration"))
    jax.monitoring.register_event_duration_secs_listener(listener)
    try:
        counts, chosen = [], []
        for training, held_out in ((15.0, 4.0), (16.3, 3.7)):
            path = tmp_path / f"{training:g}.nwb"
            fitting.write_example(path, 2, training=training, held_out=held_out, repeats=3)
            compiled.clear()
            with gj.read_recording(path) as recording:
                fit = fitting.fit(recording, level=["LIF-R-ASC-A", "augmented"], runs=20)
                fit.report(path.with_suffix(".html"))
            counts.append(len(compiled))
            chosen.append((fit.level, fit.scores.kind))
    finally:
        jax.monitoring.unregister_event_duration_listener(listener)
    assert chosen[0] == chosen[1]  # another level, or readout, is another program
    assert counts[0] > 20
    assert counts[1] == 0


@pytest.mark.parametrize("at_once", [1, 25_000, 10**9])
def test_sums_over_sweeps_do_not_depend_on_how_many_are_held(truth, data, at_once):
    several = jax.tree.map(lambda array: np.concatenate([array] * 5), data)
    several = replace(several, voltage=several.voltage * np.arange(1, 11)[:, None])
    rows = lambda part: np.column_stack([np.ravel(part.voltage * part.counted), np.ravel(part.forced * part.counted)])
    expected = rows(several).T @ rows(several)
    np.testing.assert_allclose(gram(rows, several, at_once), expected, rtol=1e-12)


def test_a_fit_s_programs_compile_with_and_without_xla_s_option():
    assert options("0.12.0.1") == {"compiler_options": {"xla_cpu_use_fusion_emitters": False}}
    assert options("0.13.0") == {}
    assert compiled(lambda x: 2 * x)(np.float64(1.5)) == 3.0
