"""The model over the recorded sweeps: spikes forced where they were recorded, or its own."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

import glifjax as gj

from ..data.arrays import FitData
from .patched import PatchedNeuron


def forced_run(model: PatchedNeuron, data: FitData) -> gj.Trace:
    """The model over each sweep (S, T), from its first voltage, with spikes forced where they were recorded."""
    run = lambda current, voltage, forced: model.simulate(current, data.dt, recorded_start=voltage[0], spikes=forced)
    return jax.vmap(run)(*map(jnp.asarray, (data.current, data.voltage, data.forced)))


def predict(model: PatchedNeuron, data: FitData, run: gj.Trace | None = None) -> Float[Array, "S T"]:
    """The voltage the amplifier would show, V, on the mean over each step; `run` is the model's `forced_run`."""
    run = forced_run(model, data) if run is None else run
    return model.recorded(on_mean(run.initial_voltage, run.voltage_before_reset), jnp.asarray(data.current))


def on_mean(start: Float[Array, "S *n"], ends: Float[Array, "S T *n"]) -> Float[Array, "S T *n"]:
    """The mean over each step of what is known at its ends, and before the first."""
    before = jnp.concatenate([start[:, None], ends[:, :-1]], axis=1)
    return (before + ends) / 2


def at_own_steps(
    model: PatchedNeuron, dt: float, ends: Float[Array, "T *n"], refractory: Bool[Array, "T"]
) -> Float[Array, "T *n"]:
    """The mean over the ends of the model's own steps, of what is known at the ends of steps of `dt` s.

    With n of its own in one, they end (n - 1) / 2 of them earlier on average, where a line from the last end is at

        ends[i] - (n - 1) / (2 n) (ends[i] - ends[i - 1])

    but for the first step, and after a refractory one. A hazard is felt in a neuron's own steps; taken at the ends of
    coarser ones, within which the voltage climbs to a spike, it makes thresholds seem higher.
    """
    share = (1 - model.neuron.dt / dt) / 2
    alone = jnp.roll(refractory, 1).at[0].set(True).reshape(-1, *(1,) * (ends.ndim - 1))
    return ends - share * jnp.where(alone, 0.0, ends - jnp.roll(ends, 1, axis=0))


def free_run(model: PatchedNeuron, data: FitData) -> Bool[Array, "S T"]:
    """Where the model spikes by itself in each sweep, from its first voltage, without noise."""
    run = lambda current, voltage: model.simulate(current, data.dt, recorded_start=voltage[0]).fired
    return jax.vmap(run)(jnp.asarray(data.current), jnp.asarray(data.voltage))


def spike_times(
    model: PatchedNeuron, dt: float, fired: Iterable[Bool[np.ndarray, " T"]]
) -> list[Float[np.ndarray, " k"]]:
    """Times of the spikes of runs of the model, in the recording's sense, s from their start.

    Args:
        model: which ran.
        dt: s.
        fired: where each run spikes.
    """
    latency = float(model.neuron.spike_latency)
    return [(np.flatnonzero(row) + 0.5) * dt + latency for row in fired]
