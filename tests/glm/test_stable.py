"""A fit whose free runs run away, and the same with stable=True."""

import jax
import numpy as np
import pytest

import fitting.glm as fitting_glm
from glifjax import glm

BIN = 5e-3


@pytest.fixture(scope="module")
def fits():
    """Three neurons that fire together at 25 Hz for half a second and then hardly, for a reason that no kernel knows.

    What excites them all is taken for what they do to each other; under an exponential link that has no upper end.
    """
    random = np.random.default_rng(0)
    changes = random.uniform(size=24_000) < BIN / 0.5
    up = np.cumsum(changes) % 2 == 1
    counts = random.poisson(np.where(up, 25.0, 1.0) * BIN, (3, len(up)))
    options = {"link": "poisson", "basis": glm.RaisedCosines(2, 0.1), "ridge": 1.0}
    return [fitting_glm.fit(counts, BIN, stable=stable, **options) for stable in (False, True)]


@pytest.mark.slow
def test_a_fit_that_runs_away_is_held(fits):
    key = jax.random.key(3)  # not that of the fit
    plain, stable = (fit.stability(key, runs=8, duration=40.0) for fit in fits)
    assert plain.unstable.sum() >= 6
    assert stable.unstable.sum() <= 2
    rates = stable.rates[~stable.unstable]
    assert rates.mean() == pytest.approx(stable.recorded.mean(), rel=0.5)


@pytest.mark.slow
def test_what_it_costs_is_said_and_the_weights_stay(fits):
    plain, stable = fits
    assert plain.stabilised is None
    assert stable.stabilised.share > 0
    had, has = stable.stabilised.bits
    assert f"from {had:.3f} to {has:.3f}" in str(stable.stabilised)
    assert any("free runs ran away" in line for line in stable.warnings)
    np.testing.assert_array_equal(stable.weights, plain.weights)
    np.testing.assert_array_equal(stable.standard_errors, plain.standard_errors)


@pytest.mark.slow
def test_responses_are_held_in_the_share_of_the_bins_that_is_said(fits):
    plain, stable = (fit.responses()[fit.data.counted[:, 0]] for fit in fits)
    highest = stable.max(axis=0)
    np.testing.assert_allclose(stable, np.minimum(plain, highest), rtol=1e-12)
    np.testing.assert_allclose((plain > highest).mean(axis=0), fits[1].stabilised.share, rtol=0.05)
    spikes = fits[1].stability(jax.random.key(3), runs=2, duration=40.0).spikes
    _, response = glm.forced_run(fits[1].model, spikes[0])
    assert np.all(np.asarray(response) <= highest[:, None] * (1 + 1e-6))
