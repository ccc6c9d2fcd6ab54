"""Drawn spike trains: their mean, their intervals, their silence; numpy's global generator untouched."""

import jax
import numpy as np
import pytest

import glifjax as gj

KEY = jax.random.key(4)


def within(counts, mean: float, variance: float) -> None:
    """The mean of counts within four standard errors."""
    assert abs(np.mean(counts) - mean) < 4 * np.sqrt(variance / len(counts))


def counts_of(trains: gj.SpikeTrains, n: int) -> np.ndarray:
    return np.bincount(trains.node_ids, minlength=n)


def test_a_constant_rate_gives_its_mean_and_exponential_intervals():
    trains = gj.poisson_trains(range(200), 30.0, (1.0, 6.0), key=KEY, population="lgn")
    within(counts_of(trains, 200), 150.0, 150.0)
    assert trains.times.min() > 1.0
    assert trains.times.max() < 6.0
    intervals = np.concatenate([np.diff(trains.train(node)) for node in range(200)])
    within(intervals, 1 / 30.0, 1 / 30.0**2)
    # the survival function of an exponential law at its mean
    within(intervals > 1 / 30.0, np.exp(-1), np.exp(-1) * (1 - np.exp(-1)))


def test_a_rate_that_changes_is_followed():
    grid = np.linspace(0, 2, 401)
    rate = 40.0 * (1 + np.sin(2 * np.pi * 2 * grid))
    trains = gj.poisson_trains(range(300), rate, grid, key=KEY)
    for start in (0.0, 0.25, 0.5):
        inside = (grid >= start) & (grid <= start + 0.25)
        expected = np.trapezoid(rate[inside], grid[inside])
        part = trains.between(start, start + 0.25)
        within(counts_of(part, 300), expected, expected)


def test_no_spike_comes_within_the_refractory_time():
    trains = gj.poisson_trains(range(100), 100.0, (0.0, 5.0), key=KEY, refractory=0.005)
    intervals = np.concatenate([np.diff(trains.train(node)) for node in range(100)])
    assert intervals.min() >= 0.005
    within(intervals, 0.015, 0.01**2)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [0.5, 1.0, 4.0])
def test_gamma_trains(shape):
    trains = gj.gamma_trains(range(300), 20.0, shape, (0.0, 10.0), key=KEY)
    within(counts_of(trains, 300), 200.0, 200.0 / shape * 1.3)
    # in equilibrium from the start: the first tenth of a second has its share
    within(counts_of(trains.between(0.0, 0.1), 300), 2.0, 2.0 / min(shape, 1.0) * 1.5)
    intervals = np.concatenate([np.diff(trains.train(node)) for node in range(300)])
    within(intervals, 0.05, 0.05**2 / shape)
    assert np.std(intervals) / np.mean(intervals) == pytest.approx(shape**-0.5, rel=0.05)


def test_trains_depend_on_the_key_and_the_node_alone():
    np.random.seed(1)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    one = gj.poisson_trains([3, 5], 20.0, (0.0, 1.0), key=KEY)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.testing.assert_array_equal(one.train(5), gj.poisson_trains([5], 20.0, (0.0, 1.0), key=KEY).times)
    assert len(gj.poisson_trains([3], 0.0, (0.0, 1.0), key=KEY)) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: gj.poisson_trains([0], -1.0, (0.0, 1.0), key=KEY), "the lowest rate is -1 Hz"),
        (lambda: gj.poisson_trains([0], [1.0, 2.0, 3.0], (0.0, 1.0), key=KEY), "do not fit"),
        (lambda: gj.poisson_trains([0], 1.0, (1.0, 1.0), key=KEY), "do not fit"),
        (lambda: gj.gamma_trains([0], 5.0, 0.0, (0.0, 1.0), key=KEY), "all must be above 0"),
    ],
)
def test_bad_arguments(call, words):
    with pytest.raises(ValueError, match=words):
        call()
