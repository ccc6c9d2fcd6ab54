"""Standard errors, and what the data leave to the prior, on data whose truth is known."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import AUGMENTED, LEVEL, SHAPE, neuron, recorded

from fitting.assess import covariance, uncertainty
from fitting.assess.draws import metropolis
from fitting.assess.predictive import as_dict, bands, expected_error
from fitting.assess.uncertainty import laplace
from fitting.data.arrays import coarsen
from fitting.levels import LEVELS
from fitting.model.coordinates import place, positions
from fitting.model.hazard import STEP
from fitting.model.likelihood import log_likelihood
from fitting.model.parameters import parameters
from fitting.model.patched import PatchedNeuron
from fitting.model.runs import predict
from fitting.report.figures import predictions
from fitting.report.words import banded
from fitting.stages import KernelThreshold, Membrane
from glifjax.rules.voltage import LinearExact

#: Spikes whose onset, cut and reset are given.
GIVEN = (0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def truth():
    return PatchedNeuron(neuron(), 12e6)


@pytest.fixture(scope="module")
def data(truth):
    return recorded(truth)


@pytest.fixture(scope="module")
def known(truth, data):
    return laplace(truth, data, LEVEL, spike_errors=GIVEN)


@pytest.mark.slow
def test_scores_add_up_to_the_gradients_of_the_two_objectives(truth, data):
    membrane, rest = LEVEL.coordinates(truth, data.duration)
    scores, fisher = covariance.spike_scores(truth, data, membrane, rest)
    x = positions(truth, rest)
    likelihood = jax.jit(lambda x: log_likelihood(place(truth, rest, x), coarsen(data, STEP)))
    h, one = 1e-3, np.eye(len(x))
    up, down = (np.array([likelihood(x + sign * h * each) for each in one]) for sign in (1, -1))
    np.testing.assert_allclose(-scores.sum(axis=(0, 1))[-len(x) :], (up - down) / (2 * h), rtol=1e-3, atol=1e-2)
    # what the spikes tell on average is the curvature of their likelihood, at the truth
    curvature = (2 * likelihood(x) - up - down) / h**2
    np.testing.assert_allclose(np.diag(fisher)[-len(x) :], curvature, rtol=0.3)


@pytest.mark.slow
def test_standard_errors_tell_how_far_off_the_membrane_is(truth):
    """Of a membrane that is integrated exactly and recorded as means: half a step more or less is beyond its error."""
    truth = eqx.tree_at(lambda m: m.neuron.voltage_dynamics, truth, LinearExact())
    data = recorded(truth)
    noise = 0.5e-3 * np.random.default_rng(1).normal(size=data.voltage.shape)
    data = replace(data, voltage=np.asarray(predict(truth, data)) + noise)
    known = laplace(truth, data, LEVEL, spike_errors=GIVEN)
    moved = tuple(LEVEL.coordinates(truth, data.duration).membrane)
    fitted = Membrane(moved=moved)(eqx.tree_at(lambda m: m.neuron.C, truth, 120e-12), data).model
    found, true = parameters(fitted), parameters(truth)
    for name in ("C", "R_input", "tau_m", "El_reference"):
        error = known.errors[known.names.index(name)]
        assert abs(found[name]["value"] - true[name]["value"]) < 2.6 * error
        assert error < 0.01 * abs(true[name]["value"])


def test_what_is_measured_or_chosen_has_no_error_and_the_rest_has(truth, known):
    assert set(parameters(truth)) - set(known.names) == {
        "spike_cut",
        "spike_latency",
        "lambda0",
        "lapse",
        "reset_slope",
    }
    assert (known.errors > 0).all()
    np.testing.assert_allclose(np.diag(known.correlations), 1.0)
    assert (np.abs(known.correlations) < 1 + 1e-9).all()
    values = np.array([parameters(truth)[name]["value"] for name in known.names])
    assert ((known.intervals[:, 0] < values) & (values < known.intervals[:, 1])).all()
    # tau_m = R C, and its error follows from theirs
    at = [known.names.index(name) for name in ("R_input", "C", "tau_m")]
    r, c, tau = known.errors[at] / values[at]
    rho = known.correlations[at[0], at[1]]
    assert tau == pytest.approx(np.sqrt(r**2 + c**2 + 2 * rho * r * c), rel=1e-6)
    record = json.loads(json.dumps(known.as_dict()))
    assert list(record["standard_errors"]) == list(known.names)


def test_what_no_spike_shows_is_left_to_the_prior(truth, data):
    """A threshold that spikes do not raise says nothing of how fast that would decay."""
    none = eqx.tree_at(lambda m: m.neuron.threshold_reset.a_spike, truth, jnp.asarray(0.0))
    (names, sd), *_ = laplace(none, data, LEVEL, spike_errors=GIVEN).undetermined
    assert names == ("b_spike",)
    assert sd == pytest.approx(1.0)


def test_a_quarter_of_the_data_doubles_the_errors(truth, data, known):
    first = data.valid.copy()
    first[:, round(0.25 * first.shape[1]) :] = False
    quarter = laplace(truth, replace(data, counted=first), LEVEL, spike_errors=GIVEN)
    for name in ("th_inf", "delta_v", "b_voltage"):
        i = known.names.index(name)
        assert quarter.errors[i] / known.errors[i] == pytest.approx(2.0, rel=0.5)


@pytest.mark.slow
def test_what_is_measured_on_the_spikes_widens_the_errors_of_what_rests_on_it(truth, data, known):
    wide = laplace(truth, data, LEVEL)
    assert wide.names == known.names
    assert (wide.errors >= known.errors * (1 - 1e-6)).all()
    ratio = dict(zip(known.names, wide.errors / known.errors, strict=True))
    assert ratio["reset_intercept"] > 1.5
    np.testing.assert_allclose(wide.draws.neuron.C, known.draws.neuron.C, rtol=1e-2)
    assert "reset_intercept" not in laplace(truth, data, LEVELS["LIF-ASC"]).names


@pytest.mark.slow
def test_bands_hold_what_the_same_cell_does_next(truth, data, known):
    again = recorded(truth, seconds=6.0, sweeps=2, seed=5)
    again = replace(again, current=np.tile(again.current[:1], (2, 1)))
    trace = jax.vmap(lambda i, key: truth.simulate(i, again.dt, key=key))(
        jnp.asarray(again.current), jax.random.split(jax.random.key(3), 2)
    )
    forced = np.asarray(trace.spiked) > 0.5
    noise = 0.5e-3 * np.random.default_rng(1).normal(size=forced.shape)
    again = replace(
        again,
        forced=forced,
        voltage=np.asarray(truth.recorded(trace.voltage_before_reset, again.current)) + noise,
        crossings=np.where(forced, (np.arange(forced.shape[1]) + 0.5) * again.dt, np.nan),
    )
    found = bands(truth, known.draws, data, again)
    assert 0.8 < found.rate_holds <= 1.0
    assert found.coverage == pytest.approx(0.9, abs=0.04)
    # 90 % of a normal error of 0.5 mV
    assert found.width == pytest.approx(2 * 1.645 * 0.5, rel=0.2)
    assert found.width == pytest.approx(np.nanmean(np.ptp(found.voltage, axis=0)), rel=0.05)
    written = as_dict((found, found))
    assert written["voltage"] == {"width_mv": pytest.approx(found.width), "coverage": pytest.approx(found.coverage)}
    assert found.rate.shape == (2, 6000)
    assert (found.rate[0] <= found.rate[1]).all()
    inner, outer = (np.ptp(band, axis=0)[20000:] for band in (found.parameters, found.voltage))
    assert np.nanmax(inner) < np.nanmin(outer)
    assert np.isnan(found.voltage[:, np.flatnonzero(forced[found.sweep])]).all()
    assert np.isfinite(found.voltage[:, :500]).any()  # the start of a sweep, which a close-up may show

    row = found.sweep
    membrane = 1e3 * np.asarray(truth.membrane(again.voltage[row], again.current[row]) + truth.neuron.El_reference)
    runs: Any = SimpleNamespace(data=again, sweep=row, membrane=membrane, window=(2.0, 4.0))
    rates, volts = predictions.predictive_bands(runs, found).axes
    assert len(rates.collections) == 1
    assert len(volts.collections) == 2
    low, high = volts.get_ylim()
    assert low < np.nanmin(found.voltage[:, 21000:24000]) < np.nanmax(found.voltage[:, 21000:24000]) < high
    words = banded(found, 2)
    assert "2 runs" in words
    assert f"{100 * found.coverage:.0f} % of the voltage between spikes" in words


def test_noise_is_expected_as_it_was_and_an_error_that_lasts_twice(truth, data):
    """Noise n of 0.5 mV, an error m of 0.5 mV that stays for 100 ms, and both: sqrt(n^2 + (2 m)^2)."""
    random = np.random.default_rng(2)
    noise = 0.5e-3 * random.normal(size=data.voltage.shape)
    lasting = 0.5e-3 * np.repeat(random.normal(size=data.voltage[:, ::1000].shape), 1000, axis=1)
    lasting = lasting[:, : data.voltage.shape[1]]
    predicted = np.asarray(predict(truth, data))
    for error, times in ((noise, 1.0), (lasting, 2.0), (noise + lasting, np.sqrt(1 + 2**2))):
        expected = expected_error(truth, replace(data, voltage=predicted + error), SHAPE.cut)
        assert expected == pytest.approx(times * 1.645 * 0.5e-3, rel=0.1)


def test_chains_leave_a_normal_distribution_as_it_is_where_the_data_allow_it():
    covariance = np.array([[1.0, 0.6], [0.6, 2.0]])
    drawn = metropolis(lambda errors: np.zeros(len(errors)), covariance, 4000, np.random.default_rng(0))
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.12)


def test_chains_do_not_go_where_the_data_exclude_it():
    """A curved valley: the loss grows with the square of what the second coordinate lacks to follow the first's."""
    valley = lambda errors: 50 * (errors[:, 1] - errors[:, 0] ** 2) ** 2
    excess = lambda errors: valley(errors) - 50 * errors[:, 1] ** 2
    covariance = np.diag([1.0, 0.01])
    normal = np.random.default_rng(1).multivariate_normal(np.zeros(2), covariance, 20_000)
    drawn = metropolis(excess, covariance, 2000, np.random.default_rng(0))
    weights = np.exp(-np.maximum(excess(normal), 0))
    assert np.mean(valley(normal) > 10) > 0.3
    assert np.mean(valley(drawn) > 10) < 0.01
    # chains are short, and start in the middle
    ratio = np.sqrt(np.mean(drawn**2, axis=0) / np.average(normal**2, axis=0, weights=weights))
    assert ((ratio > 0.6) & (ratio < 1.1)).all()


def test_draws_scatter_as_the_errors_say(truth, known):
    assert known.draws.neuron.C.shape == (uncertainty.DRAWS,)
    error = known.errors[known.names.index("delta_v")]
    assert 1e3 * np.std(known.draws.neuron.escape_noise.delta_v) == pytest.approx(error, rel=0.35)
    rates = jax.vmap(lambda m: m.simulate(jnp.full(200, 1e-10), 1e-4).voltage[-1])(known.draws)
    assert np.isfinite(rates).all()
    assert np.ptp(rates) > 0


def test_a_level_has_errors_of_its_own_parameters_alone(truth, data):
    plain = eqx.tree_at(
        lambda m: (m.neuron.asc_amp_array, m.neuron.threshold_reset.a_spike, m.neuron.threshold_dynamics.a_voltage),
        truth,
        (jnp.zeros(2), jnp.asarray(0.0), jnp.asarray(0.0)),
    )
    held = laplace(plain, data, LEVELS["LIF"])
    assert set(held.names) == {
        "C", "R_input", "tau_m", "El_reference", "series_resistance", "th_inf", "delta_v", "jitter",
    }  # fmt: skip
    assert held.undetermined == ()


@pytest.fixture(scope="module")
def augmented(truth):
    """A fit of that level, and what it is fitted to: little, for its errors take long."""
    data = recorded(truth, seconds=8.0)
    start = AUGMENTED.start(data, SHAPE)
    moved = AUGMENTED.coordinates(start, data.duration).membrane
    return KernelThreshold()(Membrane(moved=tuple(moved))(start, data).model, data).model, data


@pytest.mark.slow
@pytest.mark.parametrize("joint", [False, True])
def test_the_augmented_level_has_errors_of_all_its_parameters(augmented, joint):
    fitted, data = augmented
    found = laplace(fitted, data, AUGMENTED, joint=joint)
    fixed = {"lambda0", "lapse", "reset_slope", "spike_cut", "spike_latency"}
    assert set(found.names) == set(parameters(AUGMENTED.finish(fitted))) - fixed
    assert (found.errors > 0).all()
    assert np.isfinite(found.intervals).all()
    error = found.errors[found.names.index("C")]
    assert 1e12 * float(fitted.neuron.C) == pytest.approx(100.0, abs=5 * error)
    assert jax.vmap(lambda m: m.simulate(jnp.full(200, 1e-10), 1e-4).voltage[-1])(found.draws).shape == (50,)
