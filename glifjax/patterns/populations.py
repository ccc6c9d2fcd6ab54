"""Many neurons at once: patterns as one batch, sweeps over parameters, spike trains of thousands."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Float

from glifjax.mihalas_niebur import MihalasNiebur
from glifjax.patterns.pattern import DT, Pattern, Response
from glifjax.simulation.simulate import simulate
from glifjax.trace import times_of

#: Steps of all neurons of a call together: at 40 bytes a step, 80 MB.
CALL_STEPS = 2_000_000


class Batch(NamedTuple):
    """Neurons and currents to run in one call: `jax.vmap(simulate, (0, 0, None))(batch.neurons, batch.currents, dt)`.

    Attributes:
        neurons: one MihalasNiebur, every leaf with an axis for the neurons in front.
        currents: (n, T), A; zero after a stimulus ends.
        steps: (n,), how many steps of a row are its own.
    """

    neurons: MihalasNiebur
    currents: Float[np.ndarray, "n T"]
    steps: np.ndarray


def batch(patterns: Iterable[Pattern], **static: Any) -> Batch:
    """Patterns as one batched pytree, their stimuli padded to the longest.

    Args:
        patterns: one or more.
        static: fields of every neuron that are no arrays, such as integrator="exponential_euler".

    Raises:
        ValueError: without a pattern, or for patterns of several time steps.
    """
    patterns = list(patterns)
    if len({pattern.dt for pattern in patterns}) != 1:
        raise ValueError("a batch takes one or more patterns, all of one time step")
    neurons = [replace(pattern.neuron, **static) for pattern in patterns]
    steps = np.array([len(pattern.current) for pattern in patterns])
    currents = np.zeros((len(patterns), steps.max()))
    for row, pattern in zip(currents, patterns, strict=True):
        row[: len(pattern.current)] = pattern.current
    return Batch(jax.tree.map(lambda *leaves: jnp.stack(leaves), *neurons), currents, steps)


def sweep(neuron: MihalasNiebur, axes: Mapping[str, Sequence[float] | Float[ArrayLike, " m"]]) -> MihalasNiebur:
    """All combinations of some parameters' values, as one batched neuron; the last axis runs fastest.

    Args:
        neuron: what they are varied of.
        axes: values of each parameter, SI, by its name in MihalasNiebur; a name with a number is an element of an
            array, from one: "A1", "k2".

    Raises:
        ValueError: for a name that the neuron does not have.
    """
    rows = np.array(list(itertools.product(*(np.asarray(values, float) for values in axes.values()))))
    many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(rows), *leaf.shape)), neuron)
    for name, values in zip(axes, jnp.asarray(rows.T, neuron.C.dtype), strict=True):
        field, index = _element(neuron, name)
        old = getattr(many, field)
        many = replace(many, **{field: values if index is None else old.at[:, index].set(values)})
    return many


def _element(neuron: MihalasNiebur, name: str) -> tuple[str, int | None]:
    """A parameter's field, and its index there if it is an element of an array."""
    elements: dict[str, tuple[str, int | None]] = {}
    for key, value in vars(neuron).items():
        if eqx.is_inexact_array(value):
            elements |= {f"{key}{i + 1}": (key, i) for i in range(value.size)} if value.ndim else {key: (key, None)}
    if name not in elements:
        raise ValueError(f"the neuron has no parameter {name!r}; it has {', '.join(elements)}")
    return elements[name]


def spike_trains(
    neurons: MihalasNiebur, currents: Float[ArrayLike, "..."], dt: float = DT, call_steps: int = CALL_STEPS
) -> list[Float[np.ndarray, " k"]]:
    """Spike times of each neuron of a batch, s; run in parts that fit into memory.

    Args:
        neurons: with an axis of n in front, as `batch` and `sweep` give them.
        currents: (n, T), or (T,) for all, A.
        dt: step, s.
        call_steps: the most steps of one call, over all its neurons; a longer neuron runs alone.
    """
    currents = np.asarray(currents)
    size, length = len(neurons.C), currents.shape[-1]
    part = min(size, max(1, call_steps // length))
    trains: list[np.ndarray] = []
    for start in range(0, size, part):
        # the last part is as long as the others, so that it is compiled with them
        rows = np.minimum(np.arange(start, start + part), size - 1)
        some = jax.tree.map(lambda leaf, rows=rows: leaf[rows], neurons)
        crossing = np.asarray(_crossings(some, currents[rows] if currents.ndim == 2 else currents, dt))
        for row in crossing[: size - start]:
            trains.append(times_of(row, dt))
    return trains


@eqx.filter_jit
def _crossings(neurons, currents, dt):
    run = lambda neuron, current: simulate(neuron, current, dt).crossing
    return jax.vmap(run, in_axes=(0, 0 if currents.ndim == 2 else None))(neurons, currents)


def respond(patterns: Iterable[Pattern], **static: Any) -> list[Response]:
    """What each pattern shows, all of them run in one call.

    Args:
        patterns: one or more, of one time step.
        static: as in `batch`.
    """
    patterns = list(patterns)
    neurons, currents, steps = batch(patterns, **static)
    dt = patterns[0].dt
    traces = (np.asarray(values, float) for values in _traces(neurons, currents, dt))
    return [
        Response(1e3 * times_of(crossing[:n], dt), 1e3 * voltage[:n], 1e3 * threshold[:n], 1e3 * float(n) * dt)
        for crossing, voltage, threshold, n in zip(*traces, steps, strict=True)
    ]


@eqx.filter_jit
def _traces(neurons, currents, dt):
    def run(neuron, current):
        trace = simulate(neuron, current, dt)
        return trace.crossing, trace.voltage, trace.threshold

    return jax.vmap(run)(neurons, currents)
