"""Currents to inject: their closed forms, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glifjax as gj
from glifjax import stimuli

DT = 1e-4


def test_a_step_is_its_sections():
    expected = stimuli.sections([(0.0, 0.1), (2e-10, 0.3), (0.0, 0.2)], DT)
    np.testing.assert_array_equal(stimuli.step(2e-10, 0.3, DT, before=0.1, after=0.2), expected)
    assert (len(expected), expected[999], expected[1000], expected[3999], expected[4000]) == (6000, 0, 2e-10, 2e-10, 0)


@given(st.lists(st.tuples(st.floats(-1e-9, 1e-9), st.floats(0, 0.01)), max_size=20))
def test_sections_last_as_long_as_their_durations_together(values):
    current = stimuli.sections(values, DT)
    assert len(current) == round(sum(duration for _, duration in values) / DT)
    assert set(current) <= {value for value, _ in values}


def test_a_ramp_holds_both_ends():
    np.testing.assert_allclose(stimuli.ramp(-1e-10, 1e-10, 5e-4, DT), [-1e-10, -5e-11, 0, 5e-11, 1e-10], atol=1e-25)


@pytest.mark.parametrize("tau", [0.0, 3e-3])
def test_noise_has_its_size_mean_and_correlation(tau):
    current = stimuli.noise(5e-11, 60.0, DT, mean=2e-10, correlation_time=tau, seed=1)
    fluctuation = current - 2e-10
    assert np.std(current) == pytest.approx(5e-11, rel=0.02)
    assert abs(fluctuation.mean()) < 3e-12
    lag = 20
    correlation = np.mean(fluctuation[lag:] * fluctuation[:-lag]) / np.var(fluctuation)
    assert correlation == pytest.approx(np.exp(-lag * DT / tau) if tau else 0.0, abs=0.02)
    np.testing.assert_array_equal(current, stimuli.noise(5e-11, 60.0, DT, mean=2e-10, correlation_time=tau, seed=1))


def test_a_sine_and_a_chirp_of_one_frequency_are_the_same():
    sine = stimuli.sine(1e-10, 7.0, 1.0, DT, mean=3e-11)
    np.testing.assert_allclose(sine, stimuli.chirp(1e-10, 7.0, 7.0, 1.0, DT, mean=3e-11), atol=1e-22)
    assert sine.max() == pytest.approx(1.3e-10, rel=1e-4)


def test_a_chirp_crosses_zero_where_its_phase_says():
    current = stimuli.chirp(1e-10, 1.0, 10.0, 1.0, DT)
    crossings = np.sum(np.diff(np.sign(current[1:])) != 0)
    assert crossings == 10  # the phase ends at 2 pi 5.5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: stimuli.step(1e-10, -1.0, DT), "duration of -1.0 s"),
        (lambda: stimuli.sine(1e-10, 1.0, 1.0, 0.0), "time step of 0.0 s"),
        (lambda: stimuli.ramp(0.0, 1e-10, 1.0, float("nan")), "time step of nan s"),
        (lambda: stimuli.noise(1e-10, 1.0, DT, correlation_time=-1.0), "correlation time of -1.0 s"),
        (lambda: stimuli.sections([(0.0, 1e9), (1e-10, 1.0)], DT), "steps at most"),
    ],
)
def test_times_that_make_no_stimulus_are_refused(call, words):
    with pytest.raises(gj.InputError, match=words):
        call()
