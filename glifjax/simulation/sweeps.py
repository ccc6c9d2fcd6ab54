"""A neuron over many sweeps: each length is compiled once, and what fits into memory runs together."""

from collections.abc import Iterator, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from glifjax.io.nwb.sweep import Sweep
from glifjax.neuron import AbstractNeuron, SpikeCut, Status
from glifjax.simulation.simulate import simulate
from glifjax.trace import Trace

#: Steps of all sweeps of a batch together: at about 100 bytes a step, 100 MB a batch.
BATCH_STEPS = 1_000_000
#: Sweeps that are at least this part of the longest are lengthened to it rather than compiled for themselves.
SIMILAR_LENGTH = 0.8


def simulate_sweeps(
    neuron: AbstractNeuron,
    sweeps: Sequence[Sweep],
    *,
    seed: int | None = None,
    spike_cut: SpikeCut = "duration",
    batch_steps: int = BATCH_STEPS,
) -> Iterator[tuple[Sweep, Trace]]:
    """Run a neuron over the current of each sweep, with the sweep's own time step.

    The traces are those of `simulate(neuron, sweep.current, 1 / sweep.rate)` up to the rounding of the last digit, in
    numpy. They come as they are done, longest sweeps first, and only a batch of them is held at a time.

    Args:
        neuron: any AbstractNeuron.
        sweeps: current-clamp sweeps; their currents are read batch by batch.
        seed: draws escape-noise spikes, with the key `fold_in(key(seed), sweep.number)`; without it the threshold
            is hard.
        spike_cut: as in `simulate`.
        batch_steps: the most time steps that a batch holds, over all its sweeps; a longer sweep runs alone.

    Yields:
        Each sweep with its Trace.

    Example:
        >>> neuron = gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02)
        >>> current = np.outer([1e-10, 3e-10], np.ones(400))
        >>> recording = gj.Recording.from_arrays(current, np.full((2, 400), -0.07), rate=1e4)
        >>> {sweep.number: len(trace.spikes()) for sweep, trace in gj.simulate_sweeps(neuron, recording.sweeps)}
        {1: 0, 2: 3}
    """
    for length, batch in length_batches(sweeps, batch_steps):
        # no neuron spikes on NaN, so what lengthens a sweep leaves no trace in it
        currents = np.full((len(batch), length), np.nan)
        dt = np.ones(len(batch))
        for row, sweep in enumerate(batch):
            if sweep is not None:
                currents[row, : sweep.n_samples], dt[row] = sweep.current, 1 / sweep.rate
        keys = None if seed is None else _keys(seed, [0 if sweep is None else sweep.number for sweep in batch])
        traces: Any = jax.tree.map(np.asarray, _run(neuron, jnp.asarray(currents), jnp.asarray(dt), keys, spike_cut))
        for row, sweep in enumerate(batch):
            if sweep is not None:
                yield sweep, _one(traces, row, currents[row, : sweep.n_samples])


def length_batches(sweeps: Sequence[Sweep], batch_steps: int) -> Iterator[tuple[int, list[Sweep | None]]]:
    """Sweeps in batches with their length, longest first; those of one length have one size, filled up with None."""
    left = sorted(sweeps, key=lambda sweep: -sweep.n_samples)
    while left:
        longest = left[0].n_samples
        similar = [sweep for sweep in left if sweep.n_samples >= SIMILAR_LENGTH * longest]
        left = left[len(similar) :]
        n_batches = -(-len(similar) // max(1, batch_steps // max(1, longest)))
        size = -(-len(similar) // n_batches)
        for start in range(0, len(similar), size):
            batch = similar[start : start + size]
            yield longest, [*batch, *[None] * (size - len(batch))]


def _keys(seed: int, numbers: Sequence[int]) -> Key[Array, " n"]:
    return jax.vmap(lambda number: jax.random.fold_in(jax.random.key(seed), number))(jnp.asarray(numbers))


@eqx.filter_jit
def _run(neuron, currents: Float[Array, "n T"], dt: Float[Array, " n"], keys, spike_cut: SpikeCut) -> Trace:
    return jax.vmap(
        lambda current, dt, key: simulate(neuron, current, dt, key=key, spike_cut=spike_cut),
        in_axes=(0, 0, None if keys is None else 0),
    )(currents, dt, keys)


def _one(traces: Trace, row: int, current: Float[np.ndarray, " T"]) -> Trace:
    """One row of a batch, as long as its own current; its status speaks of that current alone."""
    trace = jax.tree.map(lambda leaf: leaf[row][: len(current)] if leaf.ndim > 1 else leaf[row], traces)
    flag = 0 if np.isfinite(current).all() else int(Status.NON_FINITE_CURRENT)
    status = np.asarray(trace.status & ~int(Status.NON_FINITE_CURRENT) | flag)
    return eqx.tree_at(lambda t: t.status, trace, status)
