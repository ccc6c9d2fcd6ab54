"""The escape-rate likelihood: how probable the recorded spikes are under a neuron's hazard."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

import glifjax as gj
from fitting.data import FitData
from fitting.electrode import PatchedNeuron


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
