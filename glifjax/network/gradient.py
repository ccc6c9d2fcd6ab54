"""run_circuit: a circuit's run that can be differentiated in reverse, in weights and cell parameters; delays are held.

The derivative is that of spike times, and exact as dt goes to 0: a spike whose V - threshold rises by dx comes
dx / slope earlier (see cells.base.lead), and so do its arrivals, the cell's restart and what the spike adds to it. A
cell that is silent has none; a Surrogate gives it one.

On the way back a ring holds the cotangents of what arrives in the next steps, row by row as the ring on the way there
(see delays): each spike gathers those of its edges once; adjoint has the cells' part. The states at the start of every
segment are held, those in between run again. jax's own reverse mode would hold, or add up, all weights in every step.
"""

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from glifjax.network.adjoint import Outputs, adjoint, floats, with_leads
from glifjax.network.circuit import Circuit, CircuitSample, Drive, Recorder, advance, places, recorded, stepping
from glifjax.network.delays import deliver, for_each_event, for_each_spike, gather, padded, with_row
from glifjax.network.edges import Edges
from glifjax.scan import Record, scan, the_sample

#: Steps of a segment: a longer one holds more states on the way back, a shorter one more at the starts of segments.
SEGMENT = 100


class Surrogate(NamedTuple):
    """A derivative of whether a cell spikes: d spike / d(V - threshold) = gain / width * max(0, 1 - |V - th| / width).

    It comes on top of the exact derivative of spike times, costs a visit of the edges of every cell within the width,
    and can grow without bound over long runs.

    Attributes:
        width: mV.
        gain: 1 makes the surrogate the derivative of a smooth step of height one.
    """

    width: float = 2.0
    gain: float = 1.0

    def slope(self, excess: Float[Array, " n"]) -> Float[Array, " n"]:
        """The derivative, 1/mV."""
        return self.gain / self.width * jnp.maximum(0.0, 1 - jnp.abs(excess) / self.width)


class CircuitRun(NamedTuple):
    """What a run shows, step by step.

    Attributes:
        spiked: (T, m), 1.0 where an observed cell spiked; has a derivative only with a Surrogate.
        times: (T, m), the end of the step, ms; where the cell spiked it has the derivative of the spike's time.
        values: (T, k) for each recorder.
    """

    spiked: Float[Array, "T m"]
    times: Float[Array, "T m"]
    values: tuple[Float[Array, "T k"], ...]


class _Static(NamedTuple):
    """What is no array, and so part of what is compiled."""

    circuit: Any
    n_steps: int
    segment: int
    recorders: tuple[tuple[int, str], ...]
    surrogate: Surrogate | None


class _Fixed(NamedTuple):
    """Arrays that no derivative is taken of."""

    edges: Any
    drive: Drive
    cells: Int[Array, " m"]
    recorded: tuple[Int[Array, " k"], ...]


def run_circuit(
    circuit: Circuit,
    drive: Drive,
    n_steps: int,
    cells: Int[np.ndarray, " m"] | Int[Array, " m"],
    *,
    recorders: tuple[Recorder, ...] = (),
    surrogate: Surrogate | None = None,
    segment: int = SEGMENT,
) -> CircuitRun:
    """Run a circuit from its start; jit, and grad in reverse mode, compose over it.

    Args:
        circuit: differentiable in its cells' parameters and `edges.weights`.
        drive: what comes from outside; no derivative is taken of it.
        n_steps: how many.
        cells: observed ones, (m,), in the circuit's counting.
        recorders: variables whose values, and derivatives, are wanted.
        surrogate: for cells that are silent.
        segment: steps between states that are held for the way back.
    """
    with_parameters, rest = eqx.partition(circuit.cells, eqx.is_inexact_array)
    names = tuple((recorder.group, recorder.variable) for recorder in recorders)
    frame = eqx.tree_at(lambda c: (c.cells, c.edges.weights, c.edges.offsets, c.edges.starts), circuit, (rest, 0, 0, 0))
    static = _Static(_Hashed(frame), n_steps, min(segment, n_steps), names, surrogate)
    fixed = _Fixed(
        (circuit.edges.offsets, circuit.edges.starts),
        drive,
        jnp.asarray(cells),
        tuple(jnp.asarray(recorder.cells) for recorder in recorders),
    )
    return _run(static, (with_parameters, circuit.edges.weights), fixed)


class _Hashed:
    """A tree without arrays, compared by structure and leaves, so that what is compiled is found again."""

    def __init__(self, tree: Any):
        self.tree = tree
        self._key = tuple(jax.tree.leaves(tree)), jax.tree.structure(tree)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def _circuit(static: _Static, parameters, fixed: _Fixed) -> Circuit:
    cells, weights = parameters
    frame = static.circuit.tree
    offsets, starts = fixed.edges
    edges = Edges(weights, offsets, starts, frame.edges.depth)
    return Circuit(eqx.combine(cells, frame.cells), edges, frame.dt)


def _recorders(static: _Static, fixed: _Fixed) -> tuple[Recorder, ...]:
    return tuple(Recorder(*name, cells) for name, cells in zip(static.recorders, fixed.recorded, strict=True))


def _segment(circuit: Circuit, fixed: _Fixed, static: _Static, start, of) -> Any:
    """One segment forward: what goes on, and `of` each step."""
    return scan(stepping(circuit, fixed.drive), start, jnp.arange(static.segment), record=Record(of))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _run(static: _Static, parameters, fixed: _Fixed) -> CircuitRun:
    return _forward(static, parameters, fixed)[0]


def _forward(static: _Static, parameters, fixed: _Fixed):
    circuit, recorders = _circuit(static, parameters, fixed), _recorders(static, fixed)

    def shown(_, sample: CircuitSample):
        return sample.spiked[fixed.cells], recorded(circuit, sample.after, sample.current, recorders)

    def segment(carry, _):
        new, record = _segment(circuit, fixed, static, carry, shown)
        return new, (carry, record)

    state = circuit.init()
    n_segments = -(-static.n_steps // static.segment)
    start = state, places(fixed.drive, state.k)
    _, (starts, (spiked, values)) = scan(segment, start, jnp.arange(n_segments))
    joined = lambda parts: parts.reshape(-1, *parts.shape[2:])[: static.n_steps]
    spiked = joined(spiked).astype(parameters[1].dtype)
    ends = circuit.dt * jnp.arange(1, static.n_steps + 1, dtype=spiked.dtype)
    run = CircuitRun(spiked, jnp.broadcast_to(ends[:, None], spiked.shape), jax.tree.map(joined, values))
    return run, (parameters, fixed, starts)


class _Back(NamedTuple):
    """What goes back in time: cotangents."""

    states: Any
    ring: Float[Array, " size"]
    moved: Float[Array, " size"]
    weights: Float[Array, " E"]
    cells: Any
    constants: Any


def _backward(static: _Static, held, out: CircuitRun):
    parameters, fixed, starts = held
    circuit, recorders = _circuit(static, parameters, fixed), _recorders(static, fixed)
    edges, n_slots = padded(circuit.edges), circuit.n_slots
    constants = circuit.constants()
    own_constants, constants_vjp = eqx.filter_vjp(
        lambda cells: floats(_with(circuit, cells).constants()), floats(circuit.cells)
    )
    zeros = lambda tree: jax.tree.map(jnp.zeros_like, tree)
    near = static.surrogate is not None

    def of_all(values: Float[Array, " m"]) -> Float[Array, " n"]:
        """Values of the observed cells as those of all, as a spike's edges are written."""
        observed = padded(Edges(values, fixed.cells, jnp.array([0, len(values)]), depth=1))
        zero = jnp.zeros((), fixed.cells.dtype)
        return deliver(jnp.zeros(circuit.size, values.dtype), observed, zero, zero, circuit.size)

    def step_back(back: _Back, now):
        seen, shown = now
        cells, states = _of_records(circuit, recorders, seen, shown.values)
        states = jax.tree.map(jnp.add, back.states, states)
        cells = jax.tree.map(jnp.add, back.cells, cells)
        none = jnp.zeros(circuit.size, edges.weights.dtype)
        slope = none if static.surrogate is None else static.surrogate.slope(_excess(circuit, constants, seen))
        visited = seen.spiked | (slope != 0)

        def visit(cell, carry):
            weights, leads, spikes = carry
            new, spike, lead = gather(back.ring, back.moved, edges, cell, seen.k + 1, n_slots, weights)
            if near:  # the weights of a spike that was not there have no derivative
                new = jnp.where(seen.spiked[cell], new, weights)
            return new, leads.at[cell].set(jnp.where(seen.spiked[cell], lead, 0.0)), spikes.at[cell].set(spike)

        weights, leads, spikes = for_each_spike(visited, visit, (back.weights, none, none))
        leads = leads - jnp.where(seen.spiked, of_all(shown.times), 0.0)
        excess = slope * (spikes + of_all(shown.spiked)) if near else none
        outputs = map(Outputs, states, circuit.split(leads), circuit.split(excess))
        inputs = adjoint(circuit, constants, seen, list(outputs), cells, back.constants, near)
        arrived = jnp.concatenate([group.weight.reshape(-1) for group in inputs])
        moved = jnp.concatenate([group.moved.reshape(-1) for group in inputs])
        ring, moved = with_row(back.ring, seen.k, arrived), with_row(back.moved, seen.k, moved)
        _, weights = for_each_event(
            fixed.drive.spike_steps,
            seen.k,
            seen.event,
            lambda event, weights: gather(
                ring, moved, edges, fixed.drive.spike_sources[event], seen.k, n_slots, weights
            )[0],
            weights,
        )
        states, cells, of_constants = (
            tuple(getattr(group, of) for group in inputs) for of in ("state", "cells", "constants")
        )
        return _Back(states, ring, moved, weights, cells, of_constants), None

    def segment_back(back: _Back, now):
        start, shown = now
        _, seen = _segment(circuit, fixed, static, start, the_sample)
        return scan(step_back, back, (seen, shown), reverse=True)

    n_segments = -(-static.n_steps // static.segment)
    extra = n_segments * static.segment - static.n_steps
    by_segment = lambda part: jnp.pad(part, ((0, extra), (0, 0))).reshape(n_segments, static.segment, -1)
    state = floats(circuit.init(leads=True).cells)
    ring = jnp.zeros(edges.depth * n_slots, edges.weights.dtype)
    nothing = _Back(
        zeros(state), ring, ring, jnp.zeros_like(edges.weights), zeros(floats(circuit.cells)), zeros(own_constants)
    )
    back, _ = scan(segment_back, nothing, (starts, jax.tree.map(by_segment, out)), reverse=True)
    (cells,) = constants_vjp(back.constants)
    _, init_vjp = eqx.filter_vjp(
        lambda cells: floats(_with(circuit, cells).init(leads=True).cells), floats(circuit.cells)
    )
    (start_cells,) = init_vjp(back.states)
    total = jax.tree.map(lambda *parts: sum(parts), back.cells, cells, start_cells)
    return (total, back.weights[: len(circuit.edges.weights)]), None


def _with(circuit: Circuit, cells: Any) -> Circuit:
    """The circuit with other numbers in its cells."""
    return eqx.tree_at(lambda c: c.cells, circuit, eqx.combine(cells, circuit.cells))


def _excess(circuit: Circuit, constants: Any, seen: CircuitSample) -> Float[Array, " n"]:
    """V - threshold at the end of the step, before a reset, mV."""
    steps = advance(circuit, constants, seen.before, seen.arrived, None, seen.current)
    return jnp.concatenate([step.excess for step in steps])


def _of_records(circuit: Circuit, recorders: tuple[Recorder, ...], seen: CircuitSample, values: Any):
    """The cotangents of parameters, and of the states after the step, from those of what was recorded."""
    states = tuple(map(with_leads, circuit.cells, seen.after))
    numbers, counts = eqx.partition(states, eqx.is_inexact_array)

    def shown(cells, numbers):
        return recorded(_with(circuit, cells), eqx.combine(numbers, counts), seen.current, recorders)

    return jax.vjp(shown, floats(circuit.cells), numbers)[1](values)


_run.defvjp(_forward, _backward)
