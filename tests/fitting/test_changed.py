"""The warning that names what changed in a cell between training and held-out sweeps."""

import re
from dataclasses import replace

import pytest
from helpers import neuron, recorded

from fitting.assess.changed import change
from fitting.model.patched import PatchedNeuron


@pytest.fixture(scope="module")
def model():
    return PatchedNeuron(neuron("LIF-R"), 12e6)


def test_a_changed_leak_and_rest_are_named(model):
    glif = model.neuron
    later = replace(model, neuron=replace(glif, R_input=glif.R_input / 1.4, El=glif.El + 3e-3))
    words = change(model, (recorded(later, seconds=4.0, sweeps=2),))
    leak, rest, error = (float(re.search(pattern, words)[1]) for pattern in (
        r"with ([\d.]+) times", r"by \+([\d.]+) mV", r"would be ([\d.]+) mV",
    ))  # fmt: skip
    assert leak == pytest.approx(1.4, abs=0.05)
    assert rest == pytest.approx(3.0, abs=0.3)
    assert error < 0.6


def test_a_cell_that_stayed_as_it_was_is_not_spoken_of(model):
    assert change(model, (recorded(model, seconds=4.0, sweeps=2),)) is None
    assert change(model, ()) is None
