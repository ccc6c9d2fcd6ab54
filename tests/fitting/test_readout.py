"""How a neuron decides without noise: chosen on training sweeps, and where single runs lose spikes."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import neuron, recorded

import glifjax as gj
from fitting.assess.readout import HARD, ChooseReadout, Readout, Stitched
from fitting.model.patched import PatchedNeuron
from fitting.model.runs import free_run
from fitting.report.lost import compare
from glifjax.spikes.consensus import Events


def gathering(tau, threshold):
    return Readout("accumulated", gj.AccumulatedHazard(tau, threshold), 0.0, {})


@pytest.fixture(scope="module")
def truth():
    return PatchedNeuron(neuron(), 12e6)


def spiking(model, data):
    """The data, with the spikes that the model makes by itself in their place."""
    forced = np.asarray(free_run(model, data))
    return replace(
        data, forced=forced, crossings=np.where(forced, (np.arange(forced.shape[1]) + 0.5) * data.dt, np.nan)
    )


@pytest.fixture(scope="module")
def data(truth):
    return recorded(truth, seconds=12.0)


def test_a_cell_that_gathers_its_hazard_is_recognised_with_its_numbers(truth, data):
    own = ChooseReadout()(truth, spiking(gathering(20e-3, 1.0).of(truth), data))
    assert own.kind == "accumulated"
    assert (float(own.hazard.tau), float(own.hazard.threshold)) == (20e-3, 1.0)
    assert own.training["accumulated"] > 1.8 > own.training["hard"]  # of 2
    assert own.training["late"] > own.training["hard"]
    assert 0 < own.late < 5e-3


def test_a_hard_threshold_is_recognised_and_few_spikes_leave_the_default(truth, data):
    own = ChooseReadout(fewest=10**6)(truth, spiking(truth, data))
    assert (own.kind, own.late) == ("hard", 0.0)
    assert (float(own.hazard.tau), float(own.hazard.threshold)) == ChooseReadout().default
    assert own.training["hard"] > 1.8


def test_a_readout_is_a_part_of_the_neuron(truth):
    own = gathering(20e-3, 0.9)
    assert float(own.of(truth).neuron.accumulated_hazard.threshold) == 0.9
    assert own.of(own.of(truth), "hard").neuron.accumulated_hazard is None
    assert HARD.of(truth).neuron.accumulated_hazard is None
    assert Readout.as_it_is(own.of(truth)).kinds == ("hard", "accumulated")


def test_spikes_of_some_steps_are_stitched_into_one_train():
    keep = np.array([[True] * 4 + [False] * 6, [False] * 5 + [True] * 5])
    trains = [np.array([0.15, 0.35, 0.75]), np.array([0.05, 0.62])]
    np.testing.assert_allclose(Stitched.of(keep, 0.1, trains).recorded, [0.15, 0.35, 0.4 + 0.12])


def test_spikes_are_on_time_shifted_missed_or_extra():
    agreed = Events(np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0, 0.6, 0.6, 0.1]))
    lost = compare(agreed, [np.array([0.102, 0.21, 0.5])])
    assert lost.on_time.tolist() == [0, 0, 0, 1]
    assert lost.shifted.tolist() == [0, 0, 1, 0]
    assert lost.missed.tolist() == [1, 0, 1, 0]
    assert lost.extra == 1
    np.testing.assert_allclose(lost.shifts, [2e-3, 10e-3])
    assert compare(agreed, [np.array([])]).missed.sum() == 4
