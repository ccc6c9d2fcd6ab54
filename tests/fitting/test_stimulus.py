"""When two sweeps have the same stimulus."""

import numpy as np
import pytest

from fitting.data.stimulus import envelope, same_stimulus

RATE = 10e3


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (lambda current: current, True),
        (lambda current: current + 20e-12, True),  # held at another current
        (lambda current: 1.01 * current, True),
        (lambda current: current[: round(0.995 * len(current))], True),
        (lambda current: 1.03 * current, False),
        (lambda current: -current, False),
        (lambda current: current[: round(0.98 * len(current))], False),
        (lambda current: np.roll(current, 1000), False),
        (lambda current: 0 * current, False),
    ],
)
def test_shape_size_and_length_make_a_stimulus_and_what_is_held_does_not(changed, same):
    step = 100e-12 * (np.arange(20000) > 10000)
    noise = np.repeat(np.random.default_rng(0).normal(size=2000), 10) * 50e-12
    for current in (step, noise):
        assert same_stimulus(envelope(current, RATE), envelope(changed(current), RATE)) is same
