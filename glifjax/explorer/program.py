"""A neuron's own step as JavaScript, so that no equation is written twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from glifjax.explorer.javascript.jaxpr import walk
from glifjax.explorer.javascript.printer import Step, printed
from glifjax.explorer.javascript.scalars import PARAMETERS, STEP, Graph, array, needed_for
from glifjax.glif.glif import GLIF
from glifjax.neuron import AbstractNeuron, Input, Sample


@dataclass(frozen=True)
class Program:
    """A neuron as JavaScript.

    Attributes:
        text: the functions `prepare` and `run`, see `glifjax.explorer.javascript.printer`.
        outputs: what `run` puts out, in this order: how many numbers of what.
        moving: the places of the parameters that any of it follows from.
    """

    text: str
    outputs: dict[str, int]
    moving: frozenset[int]


def program_of(neuron: AbstractNeuron) -> Program:
    """The program of a neuron without noise; its numbers, `values_of(neuron)` and dt (s), are its parameters.

    Raises:
        InputError: its step uses a primitive that has no JavaScript here.
    """
    with jax.enable_x64(True):
        arrays, rest = eqx.partition(in_double(neuron), eqx.is_array)
        dt = jnp.asarray(1e-4)

        def start(arrays, dt):
            return jax.tree.leaves(eqx.combine(arrays, rest).at_dt(dt).init())

        def step(arrays, dt, state, current):
            made = eqx.combine(arrays, rest).at_dt(dt)
            new, sample = made.step(state, Input(current), dt)
            return jax.tree.leaves(new), shown(made, new, sample)

        state = jax.eval_shape(lambda arrays: eqx.combine(arrays, rest).at_dt(dt).init(), arrays)
        current = jax.ShapeDtypeStruct((), dt.dtype)
        outputs = jax.eval_shape(step, arrays, dt, state, current)[1]

        graph = Graph()
        fresh = lambda leaf, origin: array([graph.given({origin}) for _ in range(leaf.size)], leaf.shape)
        parameters = [fresh(leaf, PARAMETERS) for leaf in (*jax.tree.leaves(arrays), dt)]
        states = [fresh(leaf, STEP) for leaf in jax.tree.leaves(state)]
        drive = fresh(current, STEP)
        first = walk(graph, jax.make_jaxpr(start)(arrays, dt), parameters)
        results = walk(graph, jax.make_jaxpr(step)(arrays, dt, state, current), [*parameters, *states, drive])
    after, puts_out = results[: len(states)], results[len(states) :]
    whole = Step(
        parameters=_flat(parameters),
        start=_flat(first),
        state=_flat(states),
        current=drive.item(),
        after=_flat(after),
        outputs=_flat(puts_out),
    )
    needed = needed_for([*whole.start, *whole.after, *whole.outputs])
    moving = frozenset(place for place, node in enumerate(whole.parameters) if node in needed)
    return Program(printed(whole), {name: leaf.size for name, leaf in outputs.items()}, moving)


def shown(neuron: Any, state: Any, sample: Sample) -> dict[str, Float[Array, "..."]]:
    """What the explorer draws of a step, by name, in alphabetical order: that of jax's trees."""
    outputs = {
        "voltage": sample.voltage,
        "threshold": sample.threshold,
        "crossing": sample.crossing,
        "spiked": sample.spiked,
        "afterspike": sample.afterspike_currents,
    }
    if isinstance(neuron, GLIF) and neuron.membrane_currents:
        flowing = [
            channel(state.voltage, gates)
            for channel, gates in zip(neuron.membrane_currents, state.membrane, strict=True)
        ]
        outputs["membrane"] = jnp.where(jnp.isnan(sample.voltage), jnp.nan, jnp.stack(flowing))  # pyright: ignore
    return {name: value for name, value in sorted(outputs.items()) if value is not None}


def values_of(neuron: AbstractNeuron) -> list[float | int]:
    """All numbers of a neuron in the order of its leaves, SI."""
    return [value for leaf in jax.tree.leaves(eqx.filter(neuron, eqx.is_array)) for value in np.ravel(leaf).tolist()]


def in_double(neuron: AbstractNeuron) -> Any:
    """The neuron in float64, whatever it was made in."""
    as_double = lambda leaf: jnp.asarray(np.asarray(leaf), float) if eqx.is_inexact_array(leaf) else leaf
    return jax.tree.map(as_double, neuron)


def _flat(arrays: Sequence[np.ndarray]) -> list:
    return [scalar for x in arrays for scalar in x.ravel()]
