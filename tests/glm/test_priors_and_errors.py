"""Priors with corners, robust errors, kernels' errors: against what defines each of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fitting.glm as fitting_glm
from fitting.glm import derivatives
from fitting.glm.binned import binned
from fitting.glm.convex import curvature, excess_at, gradient_at, maximise, smooth_loss
from fitting.glm.errors import covariances
from fitting.glm.joint import shared_numbers
from fitting.glm.likelihood import Likelihood
from fitting.glm.prior import Prior
from fitting.glm.proximal import maximise_with_corners
from fitting.glm.report.correlograms import correlogram
from fitting.glm.report.drawing import Units
from fitting.glm.report.spikes import by_trial, intervals
from fitting.glm.stability import Stability
from fitting.glm.terms import terms
from glifjax import glm
from glifjax.errors import InputError
from glifjax.spikes.trains import SpikeTrains

LIKELIHOOD = Likelihood(glm.ExponentialRate(), glm.Poisson(), 1e-3)
RIDGE = 0.3


@pytest.fixture(scope="module")
def problem():
    """Terms and data of three neurons, of which the second follows the first."""
    random = np.random.default_rng(1)
    counts = random.poisson(0.05, (3, 2000)).astype(np.uint8)
    counts[1, 2:] += (random.uniform(size=1998) < 0.4 * counts[0, :-2]).astype(np.uint8)
    data = binned(counts, 1e-3, 7)
    functions = np.asarray(glm.RaisedCosines(2, 7e-3).taps(1e-3))[:, :, 0]
    plan = terms(data, functions, functions[:, :1], np.zeros((2000, 0)), np.zeros((1, 1)), np.ones((3, 3), bool))
    return plan, data


def given(plan, data, ridge=RIDGE):
    return plan, LIKELIHOOD, jnp.asarray(data.counts), jnp.asarray(data.counted), jnp.asarray(ridge)


def test_proximal_maps_minimise_what_they_say():
    prior = Prior(0.0, lasso=0.4, group=0.7, signs=np.array([1.0, -1.0, 0.0]))
    random = np.random.default_rng(2)
    weights = jnp.asarray(random.normal(size=(3, 2, 4)))
    mapped = prior.proximal(weights, jnp.full((3, 1, 4), 0.5))

    def cost(x):
        return 0.5 * jnp.sum(prior.value(x)) + jnp.sum((x - weights) ** 2) / 2

    for scale in (1e-3, 0.1):
        others = mapped + scale * jnp.asarray(random.normal(size=(200, *mapped.shape)))
        allowed = jax.vmap(lambda x: prior.proximal(x, jnp.zeros((3, 1, 4))))(others)  # within the signs
        assert float(jnp.min(jax.vmap(cost)(allowed))) >= float(cost(mapped)) - 1e-12
    assert (np.asarray(mapped[0]) >= 0).all()
    assert (np.asarray(mapped[1]) <= 0).all()


@pytest.mark.slow
def test_a_lasso_is_where_its_conditions_say(problem):
    plan, data = problem
    strength = 4.0
    ending = maximise_with_corners(plan, data, LIKELIHOOD, Prior(RIDGE, lasso=strength))
    weights = np.asarray(plan.parts(ending.theta)[3])
    slopes = -np.asarray(plan.parts(gradient_at(ending.theta, ending.excess, given(plan, data)))[3])
    fitted = np.asarray(plan.parts(plan.connected)[3])
    none = fitted & (weights == 0)
    assert none.any()
    assert (~none & fitted).any()
    assert np.abs(slopes[none]).max() <= strength * 1.01
    np.testing.assert_allclose(slopes[fitted & ~none], strength * np.sign(weights[fitted & ~none]), rtol=0.02)


@pytest.mark.slow
def test_a_group_lasso_leaves_pairs_out_and_signs_hold(problem):
    plan, data = problem
    pairs = plan.parts(maximise_with_corners(plan, data, LIKELIHOOD, Prior(RIDGE, group=6.0)).theta)[3]
    alive = np.any(np.asarray(pairs) != 0, axis=1)
    assert alive[0, 1]  # the pair that is there
    assert alive.sum() < 4
    assert np.array_equal(alive, np.all(np.asarray(pairs) != 0, axis=1))
    held = Prior(RIDGE, signs=np.array([-1.0, 1.0, 0.0]))
    signed = np.asarray(plan.parts(maximise_with_corners(plan, data, LIKELIHOOD, held).theta)[3])
    assert (signed[0] <= 0).all()
    assert (signed[1] >= 0).all()
    assert (signed[2] < 0).any()


def test_without_corners_both_methods_agree(problem):
    plan, data = problem
    smooth, other = (
        method(plan, data, LIKELIHOOD, prior)
        for method, prior in ((maximise, RIDGE), (maximise_with_corners, Prior(RIDGE)))
    )
    losses = [smooth_loss(ending.theta, ending.excess, given(plan, data)) for ending in (smooth, other)]
    np.testing.assert_allclose(losses[0], losses[1], atol=2e-5 * data.spikes.max())


def test_the_sandwich_is_that_of_a_design_matrix(problem):
    plan, data = problem
    ending = maximise(plan, data, LIKELIHOOD, RIDGE)
    ours = covariances(plan, data, LIKELIHOOD, ending.excess, RIDGE, robust=True)
    bins = 1000  # two blocks of a second
    for j in range(3):
        rows = np.flatnonzero(np.asarray(plan.connected)[:, j])
        column = lambda row, j=j: excess_at(plan, jnp.zeros_like(ending.theta).at[row, j].set(1.0))[:, j]
        design = np.stack([np.asarray(column(row)) for row in rows], axis=1)
        mu = np.asarray(LIKELIHOOD.link(ending.excess[:, j], 1e-3))
        residual = np.where(data.counted[:, j], mu - data.counts[:, j], 0.0)
        information = (design * (data.counted[:, j] * mu)[:, None]).T @ design + RIDGE * np.diag(
            [0.0, *[1.0] * (len(rows) - 1)]
        )
        scores = (design * residual[:, None]).reshape(2, bins, -1).sum(axis=1)
        inverse = np.linalg.inv(information)
        np.testing.assert_allclose(
            ours[j][np.ix_(rows, rows)], inverse @ scores.T @ scores @ inverse, rtol=1e-4, atol=1e-9
        )
        plain = np.asarray(curvature(plan, data, LIKELIHOOD, ending.excess, RIDGE, None))[j][np.ix_(rows, rows)]
        np.testing.assert_allclose(plain, information, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_the_curvature_by_shared_numbers_is_that_of_finite_differences(problem):
    """Away from the maximum, where the residuals' part of it is not small."""
    data, small = problem[1], 1e-5
    own = glm.Refractory(absolute=1e-3, relative=3e-3, strength=-2.0, decay=300.0)
    matrix = np.array([[0.0, 1.0, 0.5], [-1.0, 0.0, 0.2], [0.3, 0.6, 0.0]])
    model = glm.BernoulliGLM(matrix, coupling=glm.Exponential(200.0, 4e-3), own=own, threshold=3.0)
    wheres = tuple((number.where, number.log) for number in shared_numbers(model))
    given = derivatives.given_of(model, binned(np.minimum(data.counts.T, 1), 1e-3, 7), None, RIDGE)
    borders, corner = derivatives.observed(model, wheres, given)
    slopes = lambda moves: derivatives.expected(derivatives.shifted(model, wheres, moves), wheres, given)[1:3]
    away = ~np.eye(3, dtype=bool)
    for i, direction in enumerate(np.eye(len(wheres)) * small):
        rows = zip(slopes(-direction), slopes(direction), strict=True)  # of minus the loss
        by_weights, by_shared = ((before - after) / (2 * small) for before, after in rows)
        np.testing.assert_allclose(borders[:, :, i][away], by_weights[away], rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(corner[i], by_shared, rtol=1e-5, atol=1e-4)


@pytest.fixture(scope="module")
def fit(problem):
    return fitting_glm.fit(problem[1].counts.T, 1e-3, basis=glm.RaisedCosines(1, 7e-3), link="poisson", ridge=RIDGE)


@pytest.mark.slow
def test_kernels_have_their_weights_errors(fit):
    taps = np.asarray(glm.RaisedCosines(1, 7e-3).taps(1e-3))[:, 0, 0]
    np.testing.assert_allclose(fit.kernels.values[0, 1], fit.weights[0, 1] * taps)
    np.testing.assert_allclose(fit.kernels.errors[0, 1], fit.standard_errors[0, 1] * taps)
    np.testing.assert_allclose(fit.kernels.sum_errors[0, 1], fit.standard_errors[0, 1] * taps.sum())
    assert (fit.kernels.errors[1, 1][:3] > 0).all()
    middle, low, high = fit.kernels.gains
    assert (low <= middle).all()
    assert (middle <= high).all()


@pytest.mark.slow
def test_parts_are_worth_what_leaving_them_out_costs(fit):
    shares = fit.score().shares
    assert set(shares) == {"own spikes", "coupling"}
    assert shares["coupling"] > 0.02  # the second follows the first
    assert shares["own spikes"] < 0.02  # spikes do not depend on those before


def test_a_mean_count_is_a_mean_of_log_likelihoods():
    p, share = jnp.linspace(0.01, 0.9, 5), 0.3
    one, none, mean = (glm.Bernoulli().log_likelihood(p, jnp.asarray(count)) for count in (1, 0, share))
    np.testing.assert_allclose(mean, share * one + (1 - share) * none, rtol=1e-12)
    impossible = glm.Bernoulli().log_likelihood(jnp.array([0.0, 1.0]), jnp.array([0, 1]))
    assert impossible.tolist() == [0.0, 0.0]


def test_intervals_do_not_reach_from_trial_to_trial():
    trials = np.zeros((3, 1, 50), np.uint8)
    trials[0, 0, [10, 12, 49]] = trials[2, 0, [7, 9]] = 1
    gaps = [np.diff(train).tolist() for train in by_trial(binned(trials, 1e-3, 5), 0)]
    assert gaps == [[2, 37], [], [2]]


def test_three_regions_have_three_panels_of_intervals():
    counts = np.random.default_rng(5).integers(0, 2, (3, 400))
    data = binned(counts, 1e-3, 5, regions=["a", "b", "c"])
    free = Stability(np.zeros(1, bool), data.rates[None], data.rates, 500.0, counts[None].astype(np.uint8))
    assert sum(axes.get_visible() for axes in intervals(data, Units(data), free).axes) == 3


def test_a_correlogram_has_its_peak_at_the_delay():
    random = np.random.default_rng(4)
    first = (random.uniform(size=60_000) < 0.02).astype(np.uint8)
    follows = np.roll(first, 30)
    apart = (random.uniform(size=60_000) < 0.02).astype(np.uint8)
    middles = np.linspace(-0.1, 0.1, 41)
    assert middles[np.argmax(correlogram(first, follows, 1e-3))] == pytest.approx(0.030, abs=0.003)
    assert np.abs(correlogram(first, apart, 1e-3) - 1).max() < 0.4


BAD = {
    "1, -1 or 0 for each of the 3": {"signs": [1, 2, 0]},
    "signs are": {"signs": [1, -1]},
    "lasso is -1": {"lasso": -1.0},
    "no ridge to choose": {"ridge": ()},
    "no errors 'bootstrap'": {"errors": "bootstrap"},
    "2 regions for 3": {"regions": ("ca1", "adn")},
}


@pytest.mark.parametrize("words", BAD)
def test_what_is_refused(problem, words):
    with pytest.raises(InputError, match=words):
        fitting_glm.fit(problem[1].counts.T, 1e-3, basis=2, link="poisson", **BAD[words])


def test_corners_need_a_basis(problem):
    model = glm.PoissonGLM(np.zeros((3, 3)), coupling=glm.Exponential(200.0, 5e-3))
    with pytest.raises(InputError, match="need a basis"):
        fitting_glm.fit(problem[1].counts.T, 1e-3, like=model, lasso=1.0)


def test_regions_are_populations_or_given(problem):
    counts = problem[1].counts.T
    assert binned(counts, 1e-3, 7).regions == ("", "", "")
    assert binned(counts, 1e-3, 7, regions=("a", "b", "b")).regions == ("a", "b", "b")
    ids, steps = np.nonzero(counts)
    trains = SpikeTrains((steps + 0.5) * 1e-3, ids, np.where(ids == 0, "first", "others"))
    assert binned(trains, 1e-3, 7, duration=2.0).regions == ("first", "others", "others")
