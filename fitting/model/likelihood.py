"""The escape-rate likelihood: how probable the recorded spikes are under a neuron's hazard."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
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
    return jnp.sum(log_likelihoods(expected, spiked, free))


def log_likelihoods(
    expected: Float[Array, "..."], spiked: Bool[Array, "..."], free: Bool[Array, "..."] | bool
) -> Float[Array, "..."]:
    """Each step's share of that."""
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
    return log_likelihoods(expected, counted & data.forced, counted & ~run.refractory)


def log_exponential(
    model: PatchedNeuron, data: FitData, moved: Sequence[AbstractCoordinate]
) -> tuple[Float[Array, "S T"], Float[Array, "S T x"], Bool[Array, "S T"]]:
    """log(e dt), e being the hazard's exponential part, with spikes forced; its derivatives by the coordinates, and
    which steps are refractory.
    """
    return _with_slopes(model, data, moved, lambda noise, excess: _log_e(noise, excess, data.dt))


def hazard_slopes(
    model: PatchedNeuron, data: FitData, moved: Sequence[AbstractCoordinate]
) -> tuple[Float[Array, "S T"], Float[Array, "S T x"], Bool[Array, "S T"]]:
    """lambda dt with spikes forced, its logarithm's derivatives by the coordinates, and which steps are refractory."""

    def expected(noise, excess):
        evoked = expected_spikes(_log_e(noise, excess, data.dt), noise.jitter, 0.0, data.dt)
        return jnp.minimum(evoked, MAX_SPIKES_PER_STEP) + noise.lapse * data.dt

    return _with_slopes(model, data, moved, expected, relative=True)


def _log_e(noise: gj.EscapeNoise, excess, dt):
    return jnp.log(noise.lambda0 * dt) + excess / noise.delta_v


def _with_slopes(model, data, moved, of_excess: Callable, relative: bool = False):
    """A function f of noise and V - threshold, df/dx = df/d(excess) d(excess)/dx + df/d(noise) d(noise)/dx (relative:
    over f), and which steps are refractory.
    """
    x = positions(model, moved)
    noise_at = lambda x: place(model, moved, x).noise
    moves = jax.tree.map(lambda placed, before: placed is not before, noise_at(x), model.noise)
    moving, still = eqx.partition(noise_at(x), moves)
    leaves, tree = jax.tree.flatten(moving)
    by_x = jax.tree.leaves(jax.jacfwd(lambda x: eqx.filter(noise_at(x), moves))(x))
    noise_with = lambda i, leaf: eqx.combine(jax.tree.unflatten(tree, [*leaves[:i], leaf, *leaves[i + 1 :]]), still)

    def one(current, start, forced):
        def excess_at(x):
            trace = place(model, moved, x).simulate(current, data.dt, recorded_start=start, spikes=forced)
            excess = trace.voltage_before_reset - trace.threshold_before_reset
            return excess, (excess, trace.refractory)

        slopes, (excess, refractory) = jax.jacfwd(excess_at, has_aux=True)(x)
        slopes, excess = (at_own_steps(model, data.dt, ends, refractory) for ends in (slopes, excess))
        value, by_excess = jax.jvp(lambda e: of_excess(noise_at(x), e), (excess,), (jnp.ones_like(excess),))
        by_noise = [
            jax.jvp(lambda leaf, i=i: of_excess(noise_with(i, leaf), excess), (leaf,), (jnp.ones_like(leaf),))[1]
            for i, leaf in enumerate(leaves)
        ]
        by_excess, *by_noise = [by / value if relative else by for by in (by_excess, *by_noise)]
        slopes = by_excess[:, None] * slopes
        for by_leaf, leaf_by_x in zip(by_noise, by_x, strict=True):
            slopes += by_leaf[:, None] * leaf_by_x
        return value, slopes, refractory

    return jax.vmap(one)(*map(jnp.asarray, (data.current, data.voltage[:, 0], data.forced)))


def counted_score_and_information(
    expected: Float[Array, "S T"], data: FitData, refractory: Bool[Array, "S T"] | Bool[np.ndarray, "S T"]
) -> tuple[Float[Array, "S T"], Float[Array, "S T"]]:
    """`fitting.model.hazard.score_and_information` of each step, 0 where it does not count; expected is lambda dt."""
    spiked = data.forced & data.counted
    free = data.counted & (spiked | ~refractory)
    score, information = score_and_information(expected, spiked)
    return score * free, information * free
