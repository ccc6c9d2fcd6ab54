"""The escape-rate likelihood: how probable the recorded spikes are under a neuron's hazard."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

import glifjax as gj
from glifjax.spike import MAX_SPIKES_PER_STEP

from ..data.arrays import FitData
from .coordinates import AbstractCoordinate, place, positions
from .hazard import expected_spikes, score_and_information, surprise
from .patched import PatchedNeuron
from .runs import at_own_steps, forced_run


def spike_log_likelihood(
    expected: Float[Array, "..."], spiked: Bool[Array, "..."], free: Bool[Array, "..."] | bool
) -> Float[Array, ""]:
    """log L = sum_spikes log(1 - e^(-lambda dt)) - sum_silent lambda dt, in nats.

    Args:
        expected: lambda dt of each step.
        spiked: True in the steps that hold a spike.
        free: True in the steps that could hold one; the others do not count unless they do.
    """
    return jnp.sum(_log_likelihoods(expected, spiked, free))


def _log_likelihoods(expected, spiked, free) -> Float[Array, "..."]:
    return jnp.where(spiked | free, -surprise(expected, spiked), 0.0)


def log_likelihood(model: PatchedNeuron, data: FitData) -> Float[Array, ""]:
    """log-likelihood of the recorded spikes that count, in nats; V is the model's own, with those spikes forced."""
    return jnp.sum(step_log_likelihoods(model, data))


def step_log_likelihoods(model: PatchedNeuron, data: FitData, run: gj.Trace | None = None) -> Float[Array, "S T"]:
    """Each step's share of the log-likelihood, nats; 0 where a step does not count; `run` is its `forced_run`."""
    run = forced_run(model, data) if run is None else run
    excess = run.voltage_before_reset - run.threshold_before_reset
    excess = jax.vmap(lambda *sweep: at_own_steps(model, data.dt, *sweep))(excess, run.refractory)
    expected = model.noise.expected_spikes(excess, data.dt)
    counted = jnp.asarray(data.counted)
    return _log_likelihoods(expected, data.forced & counted, counted & ~run.refractory)


def log_exponential(
    model: PatchedNeuron, data: FitData, moved: Sequence[AbstractCoordinate]
) -> tuple[Float[Array, "S T"], Float[Array, "S T x"], Bool[Array, "S T"]]:
    """log(e dt), e being the hazard's exponential part, with spikes forced; its derivatives by the coordinates, and
    which steps are refractory.
    """
    return _with_slopes(model, data, moved, lambda noise, excess: _log_e(noise, excess, data.dt))


def log_hazard(
    model: PatchedNeuron, data: FitData, moved: Sequence[AbstractCoordinate]
) -> tuple[Float[Array, "S T"], Float[Array, "S T x"], Bool[Array, "S T"]]:
    """log(lambda dt) with spikes forced, its derivatives by the coordinates, and which steps are refractory."""

    def log_expected(noise, excess):
        expected = expected_spikes(_log_e(noise, excess, data.dt), noise.jitter, 0.0, data.dt)
        return jnp.log(jnp.minimum(expected, MAX_SPIKES_PER_STEP) + noise.lapse * data.dt)

    return _with_slopes(model, data, moved, log_expected)


def _log_e(noise: gj.EscapeNoise, excess, dt):
    return jnp.log(noise.lambda0 * dt) + excess / noise.delta_v


def _with_slopes(model, data, moved, of_excess: Callable):
    """A function f of noise and V - threshold, df/dx = df/d(excess) d(excess)/dx + df/d(noise) d(noise)/dx, and which
    steps are refractory.
    """
    x = positions(model, moved)
    noise_at = lambda x: ravel_pytree(place(model, moved, x).noise)[0]
    noise, as_noise = ravel_pytree(place(model, moved, x).noise)

    def one(current, start, forced):
        def excess_at(x):
            trace = place(model, moved, x).simulate(current, data.dt, recorded_start=start, spikes=forced)
            excess = trace.voltage_before_reset - trace.threshold_before_reset
            excess = at_own_steps(model, data.dt, excess, trace.refractory)
            return excess, (excess, trace.refractory)

        slopes, (excess, refractory) = jax.jacfwd(excess_at, has_aux=True)(x)
        value, by_excess = jax.jvp(lambda e: of_excess(as_noise(noise), e), (excess,), (jnp.ones_like(excess),))
        by_noise = jax.jacfwd(lambda n: of_excess(as_noise(n), excess))(noise)
        return value, by_excess[:, None] * slopes + by_noise @ jax.jacfwd(noise_at)(x), refractory

    return jax.vmap(one)(*map(jnp.asarray, (data.current, data.voltage[:, 0], data.forced)))


def counted_score_and_information(
    expected: Float[Array, "S T"], data: FitData, refractory: Bool[Array, "S T"] | Bool[np.ndarray, "S T"]
) -> tuple[Float[Array, "S T"], Float[Array, "S T"]]:
    """`fitting.model.hazard.score_and_information` of each step, 0 where it does not count; expected is lambda dt."""
    spiked = data.forced & data.counted
    free = data.counted & (spiked | ~refractory)
    score, information = score_and_information(expected, spiked)
    return score * free, information * free
