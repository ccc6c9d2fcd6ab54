"""The escape-rate likelihood: how probable the recorded spikes are under a neuron's hazard."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

import glifjax as gj
from fitting.coordinates import Coordinate, place, positions
from fitting.data import FitData
from fitting.electrode import PatchedNeuron
from fitting.hazard import log_expected, score_and_information


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
    # where nothing happens, the logarithm's argument is kept away from zero for the gradient's sake
    log_probability = jnp.log(-jnp.expm1(-jnp.where(spiked, expected, 1.0)))
    return jnp.where(spiked, log_probability, jnp.where(free, -expected, 0.0))


def log_likelihood(model: PatchedNeuron, data: FitData) -> Float[Array, ""]:
    """log-likelihood of the recorded spikes that count, in nats; V is the model's own, with those spikes forced."""
    return jnp.sum(step_log_likelihoods(model, data))


def step_log_likelihoods(model: PatchedNeuron, data: FitData, run: gj.Trace | None = None) -> Float[Array, "S T"]:
    """Each step's share of the log-likelihood, nats; 0 where a step does not count; `run` is its `forced_run`."""
    run = forced_run(model, data) if run is None else run
    expected = model.noise.expected_spikes(run.voltage_before_reset - run.threshold_before_reset, data.dt)
    counted = jnp.asarray(data.counted)
    return _log_likelihoods(expected, data.forced & counted, counted & ~run.refractory)


def forced_run(model: PatchedNeuron, data: FitData) -> gj.Trace:
    """The model over each sweep (S, T), from its first voltage, with spikes forced where they were recorded."""
    run = lambda current, voltage, forced: model.simulate(current, data.dt, recorded_start=voltage[0], spikes=forced)
    return jax.vmap(run)(*map(jnp.asarray, (data.current, data.voltage, data.forced)))


def log_hazard(
    model: PatchedNeuron, data: FitData, moved: Sequence[Coordinate], exponential: bool = False
) -> tuple[Float[Array, "S T"], Float[Array, "S T x"], Bool[Array, "S T"]]:
    """u = log(lambda dt) with spikes forced, its derivatives by the coordinates, and which steps are refractory.

    exponential: of lambda's exponential part alone, without jitter and lapses.
    """

    def one(current, start, forced):
        def found(x):
            placed = place(model, moved, x)
            trace = placed.simulate(current, data.dt, recorded_start=start, spikes=forced)
            excess, noise = trace.voltage_before_reset - trace.threshold_before_reset, placed.noise
            u = jnp.log(noise.lambda0 * data.dt) + excess / noise.delta_v
            u = u if exponential else log_expected(u, noise.jitter, noise.lapse, data.dt)
            return u, (u, trace.refractory)

        slopes, (u, refractory) = jax.jacfwd(found, has_aux=True)(positions(model, moved))
        return u, slopes, refractory

    return jax.vmap(one)(*map(jnp.asarray, (data.current, data.voltage[:, 0], data.forced)))


def counted_score_and_information(
    u: Float[Array, "S T"], data: FitData, refractory: Bool[Array, "S T"] | Bool[np.ndarray, "S T"]
) -> tuple[Float[Array, "S T"], Float[Array, "S T"]]:
    """`fitting.hazard.score_and_information` of each step, 0 where it does not count; u = log(lambda dt)."""
    spiked = data.forced & data.counted
    free = data.counted & (spiked | ~refractory)
    score, information = score_and_information(u, spiked)
    return score * free, information * free
