"""fit(), end to end: on a cell whose truth is known, and on a real one."""

import jax
import numpy as np
import optax
import pytest
from helpers import noise, record

import fitting
import glifjax as gj
from fitting.data.protocols import choose_sweeps
from fitting.example.cell import NOISE, true_parameters, write_example
from fitting.model.parameters import parameters


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    path = tmp_path_factory.mktemp("example") / "example.nwb"
    write_example(path)
    with gj.read_recording(path) as recording:
        yield recording


@pytest.fixture(scope="module")
def fitted(example):
    return fitting.fit(example, "LIF-R-ASC-A")


@pytest.mark.slow
def test_the_example_is_no_toy(example, fitted):
    assert "Simulated" in example.session_description
    rate = np.mean([len(times) for times in fitted.test[0].spike_times]) / 10.0
    assert 5 < rate < 15
    assert 0.6 < fitted.scores.ceiling["md_star_4ms"] < 0.85
    assert len(fitted.test[0].numbers) == 10
    assert fitted.train.duration == pytest.approx(60.0)
    assert NOISE >= 0.5e-3
    # the fast part of the recording holds that noise
    quiet = example.sweeps[0].voltage
    assert np.median(np.abs(np.diff(quiet, 2))) / 0.6745 / np.sqrt(6) > 0.45e-3


@pytest.mark.slow
def test_the_example_is_recovered_and_predicted(example, fitted):
    found, true = parameters(fitted.model), true_parameters(example)
    assert true is not None
    for name in ("C", "R_input", "El_reference"):
        assert found[name]["value"] == pytest.approx(true[name]["value"], rel=0.02)
    assert fitted.scores.test["md_star_4ms"] >= 0.95
    assert fitted.scores.test["evr_10ms"] > fitted.scores.ceiling["evr_10ms"]
    # the misfit between spikes is the measurement noise and little else
    assert fitted.scores.test["subthreshold_rmse_mv"] < 0.8


@pytest.mark.slow
def test_held_out_sweeps_are_not_trained_on(fitted):
    assert not set(fitted.train.numbers) & {number for data in fitted.test for number in data.numbers}
    record = fitted.as_dict()
    assert record["train_sweeps"] == [1]
    assert record["test_sweeps"] == [list(range(2, 12))]
    assert set(record["scores"]["missing"]) == {"deterministic.bits_per_spike", "ceiling.bits_per_spike"}


@pytest.mark.slow
def test_a_real_cell_with_steps_only_in_single_precision_with_an_optimiser(shared):
    with (
        jax.enable_x64(False),
        gj.read_recording(shared / "recordings" / "native" / "19926019.nwb") as recording,
    ):
        assert [[part.number for part in group] for group in choose_sweeps(recording, None, None).test] == [[7], [10]]
        sweeps = {"train_sweeps": "5,8,12", "test_sweeps": "7,10"}
        fitted = fitting.fit(recording, "LIF", **sweeps, optimizer=optax.adam(0.02), train=("th_inf",), runs=50)
        assert fitted.neuron.C.dtype == np.float32
        again = gj.simulate(fitted.neuron, recording.sweeps[12].current, 5e-5)
        assert len(again.spikes()) > 3
    assert 50e-12 < float(fitted.neuron.C) < 500e-12
    assert fitted.scores.test["evr_10ms"] > 0.3
    assert np.isnan(fitted.scores.ceiling["md_star_4ms"])
    assert fitted.stages[-1].name == "fine-tuning"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": "glif6"}, r"glif6.*use one of LIF, LIF-R"),
        ({"train": ("C",)}, r"add optimizer=optax.adam.*train_sweeps"),
        ({"optimizer": optax.adam(0.1), "train": ("El",)}, "no coefficient is called El"),
        ({"optimizer": optax.adam(0.1), "loss": "victor"}, "no loss is called 'victor'"),
    ],
)
def test_an_unknown_level_or_coefficient_is_refused_at_once(settings, message, tmp_path):
    with record(tmp_path, [("noise", noise(0), True)]) as recording, pytest.raises(ValueError, match=message):
        fitting.fit(recording, **settings)
