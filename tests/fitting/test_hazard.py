"""The hazard's maximum likelihood: a maximum, of the neuron's own hazard, that one odd spike does not move far."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import glifjax as gj
from fitting.model.hazard import HELD, JITTER, expected_spikes, filled_up, in_place, maximise_hazard, start_hazard

STEP, LAPSE = 0.2e-3, 0.02
#: 1 / delta_v, the rest, and what a second column adds: of log e.
WEIGHTS, TRUE_JITTER = np.array([1.2, -2.0, -0.6]), 1e-3
MEAN = np.array([0.5, 0.0, 0.0, np.log(JITTER[0])])
SD = np.array([1.0, np.inf, 3.0, JITTER[1]])


@pytest.fixture(scope="module")
def columns():
    """Slow noise, ones, and other noise; in 20 s of steps, (3, T)."""
    random = np.random.default_rng(0)
    noise = random.normal(size=(2, 10_000)).repeat(10, axis=1)
    return jnp.asarray(np.stack([2 * noise[0], np.ones(noise.shape[1]), noise[1]]))


def noise_at(x) -> tuple[gj.EscapeNoise, np.ndarray]:
    """Escape noise with these weights, its threshold at zero, and what multiplies the columns to a voltage."""
    return gj.EscapeNoise(1.0, 1.0, jitter=np.exp(x[-1]), lapse=LAPSE), np.asarray(x[:-1])


def loss(x, columns, spiked):
    """By the neuron's own hazard."""
    noise, weights = gj.EscapeNoise(1.0, 1.0, jitter=jnp.exp(x[-1]), lapse=LAPSE), x[:-1]
    expected = noise.expected_spikes(weights @ columns, STEP)
    log_likelihood = jnp.where(spiked, jnp.log(-jnp.expm1(-expected)), -expected)
    return jnp.sum((x - MEAN) ** 2 / SD**2) / 2 - jnp.sum(log_likelihood)


@pytest.fixture(scope="module")
def spiked(columns):
    noise, weights = noise_at([*WEIGHTS, np.log(TRUE_JITTER)])
    return np.random.default_rng(1).random(columns.shape[1]) < np.asarray(noise.probability(weights @ columns, STEP))


maximise = jax.jit(maximise_hazard)


def fitted(columns, spiked, mean=MEAN, sd=SD, lapse=LAPSE):
    columns = np.asarray(columns)
    silent, counts = in_place(columns, ~spiked, np.ones(len(spiked)))
    spiking, counted = filled_up(columns[:, spiked], np.ones(spiked.sum()))
    problem = (silent, spiking, STEP, counts, counted)
    start = start_hazard(maximise, problem, mean, sd, np.array([0.5, 0.0, 0.0]))
    found, x = maximise(*problem, mean, sd, start, lapse)
    return float(found), np.asarray(x)


@pytest.mark.parametrize("jitter", [1e-3, 0.05e-3])
def test_the_hazard_is_the_neurons(jitter):
    """Jitter of a step or more keeps it below one spike a step; the neuron's is limited to that in any case."""
    log_e = jnp.linspace(-50.0, 12.0, 500)
    noise = gj.EscapeNoise(1.0, 1.0, jitter=jitter, lapse=LAPSE)
    found = np.asarray(expected_spikes(log_e + np.log(STEP), jitter, LAPSE, STEP))
    limited = np.minimum(found - LAPSE * STEP, 1.0) + LAPSE * STEP
    assert (limited < found).any() == (jitter < STEP)
    np.testing.assert_allclose(noise.expected_spikes(log_e, STEP), limited, rtol=1e-10)


@pytest.mark.slow
def test_it_is_a_maximum_and_near_the_truth(columns, spiked):
    found, x = fitted(columns, spiked)
    at = jax.jit(lambda x: loss(x, columns, spiked))
    assert found == pytest.approx(float(at(x)), rel=1e-9)
    gradient, curvature = jax.grad(at)(x), jax.hessian(at)(x)
    assert float(gradient @ jnp.linalg.solve(curvature, gradient)) < 0.1  # nats to the bottom, twice
    errors = np.sqrt(np.diag(np.linalg.inv(curvature)))
    assert (np.abs(x - [*WEIGHTS, np.log(TRUE_JITTER)]) < 3 * errors).all()


def test_a_recording_of_a_fraction_of_a_second_is_enough(columns, spiked):
    few = slice(0, 700)
    found, x = fitted(columns[:, few], spiked[few])
    assert found == pytest.approx(float(loss(x, columns[:, few], spiked[few])), rel=1e-9)


def test_a_spike_out_of_nowhere_moves_it_little(columns, spiked):
    """With lapses it costs what a rare event does; without, every other spike is told worse for it."""
    odd = spiked.copy()
    odd[np.argmin(np.where(spiked, np.inf, WEIGHTS @ columns))] = True
    pure = np.append(MEAN[:-1], np.log(1e-12)), np.append(SD[:-1], HELD), 1e-30
    moved = lambda *prior: np.abs(fitted(columns, odd, *prior)[1] - fitted(columns, spiked, *prior)[1])[:-1]
    assert (moved() < 0.2 * moved(*pure)).all()


def test_what_is_held_stays(columns, spiked):
    _, x = fitted(columns, spiked, sd=np.array([1.0, np.inf, HELD, JITTER[1]]))
    assert abs(x[2]) < 1e-6
