"""The maximum-likelihood fit: its operator, its maximum, what it recovers, what it refuses."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import kstest

import fitting.glm as fitting_glm
from fitting.glm.binned import binned
from fitting.glm.convex import maximise
from fitting.glm.likelihood import Likelihood
from fitting.glm.operator import SpikeOperator
from fitting.glm.scores import blocks, rescaled, score
from fitting.glm.terms import terms
from glifjax import glm
from glifjax.errors import InputError
from glifjax.spikes.trains import SpikeTrains

KEY = jax.random.key(5)
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def counts():
    return np.random.default_rng(1).poisson(0.05, (3, 900)).astype(np.uint8)


def test_the_operator_and_its_transpose(counts):
    data = binned(counts, 1e-3, 7)
    operator = SpikeOperator.of(data, 7)
    kernels, residuals = RANDOM.normal(size=(3, 7, 3)), RANDOM.normal(size=(900, 3))
    drive = operator.drive(jnp.asarray(kernels))
    padded = np.pad(counts.T, ((7, 0), (0, 0))).astype(float)
    windows = np.stack([padded[7 - 1 - k : 7 - 1 - k + 900] for k in range(7)], axis=1)
    np.testing.assert_allclose(drive, np.einsum("tki,ikj->tj", windows, kernels), atol=1e-12)
    gathered = operator.gather(jnp.asarray(residuals))
    assert float(jnp.sum(gathered * kernels)) == pytest.approx(float(jnp.sum(drive * residuals)), rel=1e-12)


LINKS = {
    "poisson": Likelihood(glm.ExponentialRate(), glm.Poisson(), 1e-3),
    "logit": Likelihood(glm.Logit(), glm.Bernoulli(), 1e-3),
    "hazard": Likelihood(glm.Hazard(jitter=5e-4, lapse=0.1), glm.Bernoulli(), 1e-3),
}


@pytest.mark.parametrize("likelihood", LINKS.values(), ids=LINKS)
def test_slopes_and_information_by_finite_differences(likelihood):
    excess, small = jnp.linspace(-6.0, 2.0, 9), 1e-5
    for count in (0, 1):
        values = [likelihood.losses(excess + sign * small, jnp.asarray(count)) for sign in (1, -1)]
        slopes = likelihood.slopes(excess, jnp.asarray(count))
        np.testing.assert_allclose(slopes, (values[0] - values[1]) / (2 * small), rtol=1e-5, atol=1e-8)
    if isinstance(likelihood.observation, glm.Bernoulli):
        p = likelihood.link(excess, likelihood.dt)
        by_count = [likelihood.slopes(excess, jnp.asarray(count)) ** 2 for count in (0, 1)]
        np.testing.assert_allclose(likelihood.information(excess), p * by_count[1] + (1 - p) * by_count[0], rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["poisson", "logit"])
def test_the_maximum_is_that_of_a_design_matrix(counts, name):
    most = 1 if name == "logit" else 255
    data, likelihood = binned(counts, 1e-3, 7, most_per_bin=most), LINKS[name]
    functions = np.asarray(glm.RaisedCosines(2, 7e-3).taps(1e-3))[:, :, 0]
    everywhere = np.ones((3, 3), bool)
    plan = terms(data, functions, functions[:, :1], np.zeros((900, 0)), np.zeros((1, 1)), everywhere)
    ours = maximise(plan, data, likelihood, 0.3)
    padded = np.pad(data.counts.T, ((0, 0), (7, 0))).astype(float)
    filtered = np.stack([[np.convolve(train, f)[6 : 6 + 900] for f in functions.T] for train in padded])
    y, mask = jnp.asarray(data.counts), data.counted
    for j in range(3):
        others = [filtered[i, b] for i in range(3) if i != j for b in range(2)]
        design = jnp.asarray(np.stack([np.ones(900), filtered[j, 0], *others], axis=1))

        def loss(x, design=design, j=j):
            losses = likelihood.losses(design @ x, y[:, j])
            return jnp.sum(jnp.where(mask[:, j], losses, 0.0)) + 0.15 * jnp.sum(x[1:] ** 2)

        start = np.zeros(6)
        start[0] = -3.0
        best = minimize(jax.jit(loss), start, jac=jax.jit(jax.grad(loss)), method="BFGS", options={"gtol": 1e-8})
        rows = [0, 1, *(2 + 2 * i + b for i in range(3) if i != j for b in range(2))]
        # a decrement of 1e-5 nats a spike: as near as a few hundredths of a standard error
        np.testing.assert_allclose(np.asarray(ours.theta)[rows, j], best.x, atol=0.05)
        assert loss(jnp.asarray(np.asarray(ours.theta)[rows, j])) <= best.fun + 2e-5 * max(data.spikes[j], 1)


def network(n=4, seed=2):
    weights = np.random.default_rng(seed).normal(0, 1.2, (n, n))
    np.fill_diagonal(weights, 0)
    own = glm.Refractory(absolute=2e-3, relative=5e-3, strength=-6.0, decay=400.0)
    return glm.BernoulliGLM(weights, coupling=glm.Exponential(250.0, 5e-3), own=own, threshold=3.0)


@pytest.fixture(scope="module")
def simulated():
    model = network()
    spikes = np.asarray(glm.simulate(model, 20_000, key=KEY))
    empty = glm.BernoulliGLM(
        np.zeros((4, 4)),
        coupling=glm.Exponential(150.0, 5e-3),
        own=glm.Refractory(absolute=2e-3, relative=5e-3, strength=-3.0, decay=300.0),
        threshold=2.0,
    )
    return model, spikes, empty, fitting_glm.fit(spikes, dt=1e-3, like=empty, key=KEY)


@pytest.mark.slow
def test_it_recovers_what_it_simulated(simulated):
    model, _, _, fit = simulated
    away = ~np.eye(4, dtype=bool)
    assert np.corrcoef(model.weights[away], fit.weights[away])[0, 1] > 0.97
    inside = (fit.intervals[..., 0] <= model.weights) & (model.weights <= fit.intervals[..., 1])
    assert 0.6 <= inside[away].mean() <= 1.0
    truth = {"threshold": 3.0, "coupling.decay": 250.0, "own.strength": -6.0, "own.decay": 400.0}
    for name, (value, error) in fit.shared.items():
        assert abs(value - truth[name]) < 3.5 * error, name
    assert float(fit.model.threshold) == fit.shared["threshold"][0]


def test_a_silent_neuron_is_fitted_with_the_others(simulated):
    """The likelihood's slope in the shared threshold, the responses less the spikes, is zero at the maximum."""
    _, spikes, empty, _ = simulated
    fit = fitting_glm.fit(spikes * (np.arange(4) != 1)[:, None], dt=1e-3, like=empty, key=KEY)
    assert any("fewer than 20 spikes of 1" in line for line in fit.warnings)
    assert np.isfinite(fit.standard_errors).all()
    assert np.sum(fit.responses() * fit.data.counted) == pytest.approx(fit.data.spikes.sum(), rel=1e-3)


def test_a_fit_is_scored_on_time_it_has_not_seen(simulated):
    score = simulated[-1].score()
    assert 0.05 < score.bits_per_spike < 2
    assert score.neurons.shape == (4,)
    assert (score.ks_probability > 1e-4).all()


def test_its_network_runs_as_the_data_do(simulated):
    stability = simulated[-1].stability(KEY, runs=3, duration=5.0)
    assert stability.stable
    assert stability.rates.mean() == pytest.approx(stability.recorded.mean(), rel=0.15)
    assert "0 of 3 free runs" in str(stability)


def test_permuted_neurons_permute_the_fit(simulated):
    _, spikes, empty, fit = simulated
    order = np.array([2, 0, 3, 1])
    permuted = fitting_glm.fit(spikes[order], dt=1e-3, like=empty)
    np.testing.assert_allclose(permuted.weights, fit.weights[np.ix_(order, order)], atol=2e-4)
    np.testing.assert_allclose(
        permuted.standard_errors, fit.standard_errors[np.ix_(order, order)], rtol=1e-3, atol=1e-9
    )


@pytest.mark.slow
def test_a_basis_predicts_as_well(simulated):
    _, spikes, _, like = simulated
    fit = fitting_glm.fit(spikes, dt=1e-3, basis=glm.RaisedCosines(3, 8e-3), absolute=2e-3, ridge=(0.01, 1.0))
    assert fit.weights.shape == (4, 4, 3)
    assert fit.standard_errors.shape == (4, 4, 3)
    assert fit.ridge in (0.01, 1.0)
    assert fit.score().bits_per_spike > like.score().bits_per_spike - 0.05
    assert fit.stability(KEY, runs=2, duration=2.0).stable


@pytest.mark.slow
def test_what_was_not_recorded_is_not_silence(simulated):
    """A neuron that was off for half the time has the threshold of the other half."""
    spikes = simulated[1]
    recorded = np.ones(spikes.shape, bool)
    recorded[0, 10_000:] = False
    damaged = spikes * recorded
    alone = {"basis": glm.RaisedCosines(2, 5e-3), "connectivity": np.zeros((4, 4), bool), "link": "logit", "ridge": 1.0}
    whole = fitting_glm.fit(spikes, 1e-3, **alone)
    masked = fitting_glm.fit(damaged, 1e-3, recorded=recorded, **alone)
    silent = fitting_glm.fit(damaged, 1e-3, **alone)
    near, far = (abs(float(f.model.threshold[0] - whole.model.threshold[0])) for f in (masked, silent))
    assert near < 0.15
    assert far > 0.5


@pytest.mark.slow
def test_trials_do_not_reach_into_each_other(simulated):
    _, spikes, empty, _ = simulated
    trials = np.moveaxis(spikes.reshape(4, 20, 1000), 1, 0)
    fit = fitting_glm.fit(trials, 1e-3, like=empty)
    assert fit.data.counted.sum() <= 4 * 20 * 993
    assert fit.shared["threshold"][0] == pytest.approx(3.0, abs=0.25)


@pytest.mark.slow
def test_what_the_spikes_tell_nothing_of_is_said(simulated):
    """Spikes of one neuron a second apart: no pair, so that nothing depends on the coupling's decay."""
    _, _, empty, _ = simulated
    spikes = np.zeros((4, 30_000), np.uint8)
    spikes[0, 500::1000] = 1
    fit = fitting_glm.fit(spikes, 1e-3, like=empty, connectivity=np.zeros((4, 4)))
    assert "the spikes do not determine coupling.decay, whose value means nothing" in fit.warnings
    assert fit.shared["coupling.decay"] == (pytest.approx(float(empty.coupling.decay)), np.inf)
    assert np.isfinite(fit.shared["threshold"]).all()


def test_spike_trains_are_binned(simulated):
    _, spikes, empty, fit = simulated
    ids, steps = np.nonzero(spikes)
    trains = SpikeTrains((steps + 0.5) * 1e-3, ids)
    again = fitting_glm.fit(trains, 1e-3, like=empty, duration=20.0)
    np.testing.assert_allclose(again.weights, fit.weights, atol=1e-6)
    assert again.data.units == ("default 0", "default 1", "default 2", "default 3")


@pytest.mark.parametrize("dt", [1e-3, 5e-4, 3e-3])
def test_a_spike_at_the_start_of_a_bin_lies_in_it(dt):
    """Times such as 29 ms over 1 ms, a little less than 29 in floats, are of bin 29."""
    counts = (np.random.default_rng(1).uniform(size=(2, 3000)) < 0.2).astype(np.uint8)
    ids, steps = np.nonzero(counts)
    for times in (steps * dt, steps * (dt * 1e6) / 1e6):
        data = binned(SpikeTrains(times, ids), dt, 1, duration=3000 * dt)
        np.testing.assert_array_equal(data.counts.T, counts)


def test_rescaled_intervals_of_the_true_rates_are_uniform():
    p = np.full((20_000, 1), 0.05)
    spikes = (np.random.default_rng(3).uniform(size=p.shape) < p).astype(np.uint8)
    data = binned(spikes.T, 1e-3, 1)
    assert kstest(rescaled(-np.log1p(-p), data)[0], "uniform").pvalue > 0.01
    assert kstest(rescaled(-np.log1p(-0.6 * p), data)[0], "uniform").pvalue < 1e-6


def test_rescaled_intervals_of_counts_and_of_refractory_neurons():
    """Of mean counts near one, the hazard is the mean count; bins in which no spike can be are no gap."""
    random = np.random.default_rng(3)
    mean = np.full((5_000, 1), 0.8)
    counts = binned(random.poisson(mean).astype(np.uint8).T, 1e-3, 1)
    scores = score(jnp.asarray(mean), counts, counts, glm.Poisson())
    assert scores.ks_probability[0] > 0.01
    spikes = np.zeros((20_000, 1), np.uint8)
    spikes[np.cumsum(3 + random.geometric(0.1, 1_400))] = 1  # three bins of silence, then one in ten
    data = binned(spikes.T, 1e-3, 1)
    free = np.ones(spikes.shape, bool)
    for lag in (1, 2, 3):
        free[lag:] &= spikes[:-lag] == 0
    hazards = np.full(spikes.shape, -np.log(0.9))
    (intervals,) = rescaled(hazards, data.only(free), refractory=3)
    assert len(intervals) > 1_300
    assert kstest(intervals, "uniform").pvalue > 0.01
    seam = np.ones(spikes.shape, bool)
    seam[5_000:5_100] = False  # a gap is one also where it follows a spike
    assert len(rescaled(hazards, data.only(free & seam), refractory=3)[0]) < len(intervals)


def test_a_fifth_of_the_time_is_scored():
    data = binned(np.ones((1, 100_000), np.uint8), 1e-3, 1)
    held = blocks(data)[:, 0]
    assert held.mean() == 0.2
    assert not held[:40_000].any()
    assert held[40_000:50_000].all()
    trials = binned(np.ones((50, 1, 2000), np.uint8), 1e-3, 100)
    held = blocks(trials)[:, 0]
    assert [held[start : start + 2000].mean() for start in trials.starts] == ([0.0] * 20 + [1.0] * 5) * 2


GOOD = (np.random.default_rng(4).uniform(size=(2, 400)) < 0.1).astype(np.uint8)
BAD = {
    "positive step": lambda: fitting_glm.fit(GOOD, 0.0),
    "hold -1": lambda: fitting_glm.fit(GOOD.astype(int) - 1, 1e-3),
    "NaN": lambda: fitting_glm.fit(np.full((2, 400), np.nan), 1e-3),
    "whole numbers": lambda: fitting_glm.fit(GOOD * 0.5, 1e-3),
    "give counts .n, steps.": lambda: fitting_glm.fit(GOOD[0], 1e-3),
    "longer trials": lambda: fitting_glm.fit(GOOD[:, :50], 1e-3),
    "no link 'probit'": lambda: fitting_glm.fit(GOOD, 1e-3, link="probit"),
    "exceeds 1": lambda: fitting_glm.fit(GOOD, 5e-3, link="logit"),
    "alone": lambda: fitting_glm.fit(GOOD, 1e-3, like=network(2), basis=3),
    "have no fit": lambda: fitting_glm.fit(GOOD, 1e-4, like=glm.from_spikeometric("RectifiedSAM", np.zeros((2, 2)))),
    "the model's step": lambda: fitting_glm.fit(GOOD, 5e-4, like=network(2)),
    "connectivity has shape": lambda: fitting_glm.fit(GOOD, 1e-3, connectivity=np.ones((3, 3))),
    "recorded has shape": lambda: fitting_glm.fit(GOOD, 1e-3, recorded=np.ones((2, 399))),
    "stimulus has shape": lambda: fitting_glm.fit(GOOD, 1e-3, stimulus=np.ones((1, 399)), stimulus_basis=2),
    "the number of cosines is 2.5": lambda: fitting_glm.fit(GOOD, 1e-3, basis=2.5),
    "own is 3; give": lambda: fitting_glm.fit(GOOD, 1e-3, basis=2, own=3),
    "before the recording": lambda: fitting_glm.fit(SpikeTrains([-0.1, 0.2], [0, 1]), 1e-3),
    "after the recording": lambda: fitting_glm.fit(SpikeTrains([0.1, 2.0], [0, 1]), 1e-3, duration=1.0),
    "1e.15 bins of 0.001 s": lambda: fitting_glm.fit(SpikeTrains([0.1, 1e12], [0, 1]), 1e-3),
    "inf s have inf bins": lambda: fitting_glm.fit(SpikeTrains([0.1, 0.2], [0, 1]), 1e-3, duration=np.inf),
    "divide those in ms": lambda: fitting_glm.fit(
        SpikeTrains(np.arange(3000) / 3000, np.zeros(3000, int)), 1e-3, duration=1.0
    ),
    "units 0 and 2 have the same": lambda: fitting_glm.fit(np.concatenate([GOOD, GOOD[:1]]), 1e-3),
    "same spikes": lambda: fitting_glm.fit(SpikeTrains([0.1, 0.1, 0.3, 0.3], [0, 1, 0, 1]), 1e-3),
    "no spikes": lambda: fitting_glm.fit(SpikeTrains([], []), 1e-3),
}


@pytest.mark.parametrize("words", BAD)
def test_what_is_refused(words, monkeypatch):
    """As users run it, whose annotations nothing checks."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(InputError, match=words):
        BAD[words]()


@pytest.mark.slow
def test_what_is_flagged():
    counts = GOOD.copy()
    counts[0, 200:230] = 2
    counts[1] = 0
    counts[1, 300:306] = 1
    fit = fitting_glm.fit(counts, 1e-3, basis=2, link="logit", absolute=2e-3)
    assert any("finer dt" in line for line in fit.warnings)
    assert any("come within the absolute refractory period" in line for line in fit.warnings)
    assert any("fewer than 20 spikes of 1" in line for line in fit.warnings)
