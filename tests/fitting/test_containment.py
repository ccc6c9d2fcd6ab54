"""One of Allen's levels tells no less of the training spikes than the level that it contains."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import SHAPE, neuron, recorded

from fitting.levels import LEVELS
from fitting.levels.registry import ADDS
from fitting.model.likelihood import log_likelihood
from fitting.model.patched import PatchedNeuron
from fitting.stages import run_stages

#: Bits per spike by which it may.
ROOM = 0.01


@pytest.mark.slow
@pytest.mark.parametrize("slope", [1.0, 0.3])
def test_a_level_tells_no_less_of_its_training_spikes_than_what_it_contains(slope):
    """Where a regression on the spikes says that the reset keeps all of the voltage, as it does or not."""
    data = recorded(PatchedNeuron(neuron(reset_slope=slope), 12e6), seconds=10.0)
    shape = replace(SHAPE, reset_slope=1.0, reset_intercept=-3e-3)
    bits = {}
    for name in ADDS:
        level = LEVELS[name]
        start = level.start(data, shape)
        model, _ = run_stages(level.stages(level.coordinates(start, data.duration).membrane), start, data)
        bits[name] = float(log_likelihood(model, data)) / data.n_spikes / np.log(2)
    less = [name for name, (contained, _) in ADDS.items() if contained and bits[name] < bits[contained] - ROOM]
    assert not less, bits
