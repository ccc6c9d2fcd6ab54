"""Standard errors, and what the data leave to the prior, on data whose truth is known."""

import json
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from test_stages import LEVEL, neuron, recorded

from fitting import uncertainty
from fitting.coordinates import place, positions
from fitting.data import coarsen
from fitting.electrode import PatchedNeuron
from fitting.likelihood import log_likelihood
from fitting.parameters import parameters
from fitting.stages import kernels, voltage
from fitting.uncertainty import laplace


@pytest.fixture(scope="module")
def truth():
    return PatchedNeuron(neuron(), 12e6)


@pytest.fixture(scope="module")
def data(truth):
    return recorded(truth)


@pytest.fixture(scope="module")
def known(truth, data):
    return laplace(truth, data, LEVEL)


def test_scores_add_up_to_the_gradients_of_the_two_objectives(truth, data):
    membrane, rest = voltage.coordinates(truth, LEVEL), uncertainty.threshold_coordinates(truth, LEVEL)
    scores, fisher = uncertainty._spike_scores(truth, data, membrane, rest)
    x, unravel = ravel_pytree(positions(truth, rest))
    likelihood = jax.jit(lambda x: log_likelihood(place(truth, rest, unravel(x)), coarsen(data, kernels.STEP)))
    h, one = 1e-3, np.eye(len(x))
    up, down = (np.array([likelihood(x + sign * h * each) for each in one]) for sign in (1, -1))
    np.testing.assert_allclose(-scores.sum(axis=0), (up - down) / (2 * h), rtol=1e-3, atol=1e-2)
    # what the spikes tell on average is the curvature of their likelihood, at the truth
    curvature = (2 * likelihood(x) - up - down) / h**2
    np.testing.assert_allclose(np.diag(fisher[:, -len(x) :]), curvature, rtol=0.3)
    scores, bread, _ = uncertainty._membrane_scores(truth, data, membrane)
    assert len(scores) == 2 * 20
    assert (np.linalg.eigvalsh(bread) > -1e-9 * np.trace(bread)).all()


def test_standard_errors_tell_how_far_off_the_membrane_is(truth, data, known):
    moved = voltage.coordinates(truth, LEVEL)
    fitted = voltage.fit_voltage(eqx.tree_at(lambda m: m.neuron.C, truth, 120e-12), data, moved).model
    found, true = parameters(fitted), parameters(truth)
    for name in ("C", "R_input", "tau_m", "El_reference"):
        error = known.errors[known.names.index(name)]
        assert abs(found[name]["value"] - true[name]["value"]) < 2.6 * error
        assert error < 0.01 * abs(true[name]["value"])


def test_what_is_measured_or_chosen_has_no_error_and_the_rest_has(truth, known):
    assert set(parameters(truth)) - set(known.names) == {"spike_cut", "spike_latency", "lambda0", "reset_slope"}
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
    (names, sd), *_ = laplace(none, data, LEVEL).undetermined
    assert names == ("b_spike",)
    assert sd == pytest.approx(1.0)


def test_a_quarter_of_the_data_doubles_the_errors(truth, data, known):
    first = data.valid.copy()
    first[:, round(0.25 * first.shape[1]) :] = False
    quarter = laplace(truth, replace(data, counted=first), LEVEL)
    for name in ("th_inf", "delta_v", "b_voltage"):
        i = known.names.index(name)
        assert quarter.errors[i] / known.errors[i] == pytest.approx(2.0, rel=0.5)


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
    held = laplace(plain, data, "LIF")
    assert set(held.names) == {"C", "R_input", "tau_m", "El_reference", "series_resistance", "th_inf", "delta_v"}
    assert held.undetermined == ()
