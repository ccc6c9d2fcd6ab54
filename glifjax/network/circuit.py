"""A circuit: cells, edges and a time step as arrays; its state, and a pure step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from glifjax.network.cells.base import AbstractCells, Arrivals, Step
from glifjax.network.delays import clear, deliver, first_event, for_each_event, for_each_spike, padded, row
from glifjax.network.edges import Edges

#: A step that never comes.
NEVER = np.iinfo(np.int32).max


class Drive(eqx.Module):
    """What comes from outside: spikes of virtual nodes, and injected currents, as events in the order of their steps.

    Attributes:
        spike_steps, spike_sources: (m + 1,), the step that delivers a spike, and its source; a spike at time n h is
            delivered in step n. The last step is NEVER.
        current_steps, current_cells, currents: (m + 1,), from which step on which cell has which current, pA.
    """

    spike_steps: Int[Array, " m"]
    spike_sources: Int[Array, " m"]
    current_steps: Int[Array, " c"]
    current_cells: Int[Array, " c"]
    currents: Float[Array, " c"]


class CircuitState(NamedTuple):
    """Everything that a circuit goes on from.

    Attributes:
        k: the next step.
        cells: the state of each group of cells.
        ring: what is on its way; see delays.
        spiked: (n,), which cells spiked in the last step.
        current: (n,), injected, pA.
    """

    k: Int[Array, ""]
    cells: tuple[Any, ...]
    ring: Float[Array, " size"]
    spiked: Bool[Array, " n"]
    current: Float[Array, " n"]


class Circuit(eqx.Module):
    """Groups of cells, the edges between them and from virtual nodes, and a time step.

    Attributes:
        cells: groups; the cells of all are counted through, and so are sources: cells first, then virtual nodes.
        edges: see Edges.
        dt: ms.
    """

    cells: tuple[AbstractCells, ...]
    edges: Edges
    dt: float = eqx.field(static=True)

    @property
    def size(self) -> int:
        """How many cells there are."""
        return sum(group.size for group in self.cells)

    @property
    def n_slots(self) -> int:
        """How many ports there are in all."""
        return sum(group.ports * group.size for group in self.cells)

    def init(self, leads: bool = False) -> CircuitState:
        """The state before the first step; with `leads`, one that carries derivatives of spike times."""
        return CircuitState(
            k=jnp.zeros((), jnp.int32),
            cells=tuple(group.init(leads) for group in self.cells),
            ring=jnp.zeros(self.edges.depth * self.n_slots),
            spiked=jnp.zeros(self.size, bool),
            current=jnp.zeros(self.size),
        )

    def constants(self) -> tuple[Any, ...]:
        """What each group computes of its parameters once."""
        return tuple(group.constants(self.dt) for group in self.cells)

    def split(self, values: Float[Array, " n"] | Bool[Array, " n"]) -> list[Any]:
        """An array over all cells, by group."""
        return jnp.split(values, np.cumsum([group.size for group in self.cells])[:-1].tolist())

    def arrivals(self, slots: Float[Array, " slots"]) -> list[Float[Array, "ports n"]]:
        """A row of the ring, by group."""
        parts = jnp.split(slots, np.cumsum([group.ports * group.size for group in self.cells])[:-1].tolist())
        return [part.reshape(group.ports, group.size) for group, part in zip(self.cells, parts, strict=True)]


class CircuitSample(NamedTuple):
    """What a step of a circuit shows.

    Attributes:
        k: the step.
        before, after: the state of each group of cells.
        arrived: what its synapses received.
        current: (n,), injected, pA.
        spiked: (n,), which cells spiked.
        event: where the next spike of a virtual node was in the Drive, before the step.
    """

    k: Int[Array, ""]
    before: tuple[Any, ...]
    after: tuple[Any, ...]
    arrived: Float[Array, " slots"]
    current: Float[Array, " n"]
    spiked: Bool[Array, " n"]
    event: Int[Array, ""]


class Places(NamedTuple):
    """Where the next events are in a Drive."""

    spike: Int[Array, ""]
    current: Int[Array, ""]


def places(drive: Drive, k: Int[Array, ""]) -> Places:
    """Where the events from step k on begin."""
    return Places(first_event(drive.spike_steps, k), first_event(drive.current_steps, k))


def receive(circuit: Circuit, edges: Edges, drive: Drive, state: CircuitState, at: Places):
    """Clear, deliver, read: the ring and the currents of this step, what arrives in it, and the next places."""
    k, n_slots = state.k, circuit.n_slots
    ring = clear(state.ring, k - 1, n_slots)
    ring = for_each_spike(state.spiked, lambda cell, ring: deliver(ring, edges, cell, k, n_slots), ring)
    spike, ring = for_each_event(
        drive.spike_steps,
        k,
        at.spike,
        lambda event, ring: deliver(ring, edges, drive.spike_sources[event], k, n_slots),
        ring,
    )
    current_place, current = for_each_event(
        drive.current_steps,
        k,
        at.current,
        lambda event, current: current.at[drive.current_cells[event]].set(drive.currents[event]),
        state.current,
    )
    return ring, current, row(ring, k, n_slots), Places(spike, current_place)


def advance(
    circuit: Circuit,
    constants: tuple[Any, ...],
    states: tuple[Any, ...],
    arrived: Float[Array, " slots"],
    moved: Float[Array, " slots"] | None,
    current: Float[Array, " n"],
    quiet: bool = False,
) -> list[Step]:
    """The step of each group of cells; `quiet`: without their spikes."""
    shifts = [None] * len(circuit.cells) if moved is None else circuit.arrivals(moved)
    groups = zip(
        circuit.cells, constants, states, circuit.arrivals(arrived), shifts, circuit.split(current), strict=True
    )
    return [cells.step(c, state, Arrivals(weight, shift), own, quiet) for cells, c, state, weight, shift, own in groups]


def observe(circuit: Circuit, states: tuple[Any, ...], current: Float[Array, " n"]) -> list[Mapping[str, Any]]:
    """What each group shows, by name."""
    groups = zip(circuit.cells, states, circuit.split(current), strict=True)
    return [cells.observe(state, own) for cells, state, own in groups]


def stepping(circuit: Circuit, drive: Drive) -> Callable[[Any, Any], tuple[Any, CircuitSample]]:
    """The step of a circuit under a Drive, from (state, places); nothing else goes into it."""
    edges, constants = padded(circuit.edges), circuit.constants()

    def step(carry: tuple[CircuitState, Places], _: Any) -> tuple[tuple[CircuitState, Places], CircuitSample]:
        state, at = carry
        ring, current, arrived, later = receive(circuit, edges, drive, state, at)
        steps = advance(circuit, constants, state.cells, arrived, None, current)
        spiked = jnp.concatenate([step.spiked for step in steps])
        after = tuple(step.state for step in steps)
        sample = CircuitSample(state.k, state.cells, after, arrived, current, spiked, at.spike)
        return (CircuitState(state.k + 1, after, ring, spiked, current), later), sample

    return step


class Recorder(NamedTuple):
    """Variables of chosen cells of one group, in each step.

    Attributes:
        group: which group of the circuit.
        variable: one of its `variables`.
        cells: (m,), counted within the group.
    """

    group: int
    variable: str
    cells: Int[np.ndarray, " m"] | Int[Array, " m"]


def recorded(circuit: Circuit, states: tuple[Any, ...], current: Float[Array, " n"], recorders: Sequence[Recorder]):
    """The values of each recorder, (m,), of these states."""
    shown = observe(circuit, states, current)
    return tuple(shown[recorder.group][recorder.variable][recorder.cells] for recorder in recorders)
