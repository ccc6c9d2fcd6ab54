"""What a neuron does at current steps, beside the cell; the features as eFEL has them."""

import numpy as np
import pytest

from fitting.assess.steps import FEATURES, answers, features, find_step, mean_features
from fitting.data.arrays import FitData

DT = 1e-4
START, STOP = 0.5, 1.5


def step(height: float, noise: float = 0.0) -> np.ndarray:
    time = (np.arange(20_000) + 0.5) * DT
    random = np.random.default_rng(0)
    return np.where((time > START) & (time < STOP), height, 0.0) + noise * random.normal(size=len(time))


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_features_are_those_of_efel(count):
    efel = pytest.importorskip("efel", reason="eFEL is not installed")
    times = START + 0.02 + 0.9 * np.linspace(0, 1, count) ** 1.4
    steps = np.round(times / DT).astype(int)
    voltage = np.full(20_000, -70.0)
    for at in steps:  # 1 ms up, 1 ms down
        voltage[at - 10 : at + 11] = 30.0 - 10.0 * np.abs(np.arange(-10, 11))
    trace = {"T": 1e3 * DT * np.arange(20_000), "V": voltage, "stim_start": [1e3 * START], "stim_end": [1e3 * STOP]}
    (theirs,) = efel.get_feature_values([trace], list(FEATURES))
    ours = features(steps * DT, START, STOP)
    for name in FEATURES:
        expected = np.nan if theirs[name] is None or not len(theirs[name]) else float(theirs[name][0])
        assert ours[name] == pytest.approx(expected, rel=1e-6, nan_ok=True), name


def test_a_silent_step_has_a_count_and_no_latency():
    silent = features(np.array([0.1, 1.7]), START, STOP)
    assert (silent["spike_count_stimint"], silent["mean_frequency"]) == (0, 0)
    assert np.isnan([silent["time_to_first_spike"], silent["adaptation_index2"]]).all()


def test_a_latency_is_that_of_half_of_the_runs():
    runs = [np.array([0.7])] + [np.zeros(0)] * 2
    assert np.isnan(mean_features(runs, START, STOP)["time_to_first_spike"])
    assert mean_features(runs[:2], START, STOP)["time_to_first_spike"] == pytest.approx(200)
    assert mean_features(runs, START, STOP)["spike_count_stimint"] == pytest.approx(1 / 3)


def test_steps_are_told_from_other_currents():
    for height in (120e-12, -80e-12):
        current, start, stop = find_step(step(height, noise=2e-12), DT)
        assert current == pytest.approx(height, abs=1e-12)
        assert (start, stop) == pytest.approx((START, STOP), abs=2 * DT)
    for before, height in ((-100e-12, 50e-12), (-100e-12, -50e-12), (-10e-12, 300e-12)):  # a test pulse before it
        tested = step(height, noise=1e-12)
        tested[1000:4000] += before
        current, start, stop = find_step(tested, DT)
        assert current == pytest.approx(height, abs=1e-12)
        assert (start, stop) == pytest.approx((START, STOP), abs=2 * DT)
    assert find_step(np.zeros(20_000), DT) is None
    assert find_step(1e-10 * np.sin(np.arange(20_000) * DT * 20), DT) is None
    two = np.where(np.arange(20_000) // 4000 % 2 == 1, 1e-10, 0.0)
    current, start, stop = find_step(two, DT)  # of steps alike the first
    assert (current, start, stop) == pytest.approx((1e-10, 4000 * DT, 8000 * DT), abs=2 * DT)
    short = np.zeros(20_000)
    short[5000:5100] = 1e-10
    assert find_step(short, DT) is None


def test_each_held_out_step_is_described_the_silent_ones_too():
    groups, trains = [], []
    for number, (height, spikes) in enumerate([(200e-12, 6), (50e-12, 0)]):
        whole = np.ones((1, 20_000), bool)
        none = np.zeros_like(whole)
        current = step(height)[None]
        groups.append(
            FitData(np.array([number]), current, current, *[whole] * 3, none, np.full(none.shape, np.nan), DT)
        )
        cell = np.linspace(0.6, 1.4, spikes)
        trains.append(([cell], [cell + 0.01, np.array([0.9])], [np.array([0.7])]))
    silent, driven = answers(trains, groups)
    assert (silent.numbers, driven.numbers) == ((1,), (0,))
    assert silent.silent
    assert not driven.silent
    assert silent.noisy["spike_count_stimint"] == 0.5
    assert driven.noisy["spike_count_stimint"] == 3.5
    assert driven.cell["time_to_first_spike"] == pytest.approx(100)
    assert driven.alone["time_to_first_spike"] == pytest.approx(200)
    assert silent.as_dict()["cell"]["time_to_first_spike"] is None
    assert driven.as_dict()["current_pa"] == pytest.approx(200)
