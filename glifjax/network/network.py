"""A network: a circuit, what its nodes are called, what drives it and what is recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from glifjax.network.circuit import NEVER, Circuit, Drive
from glifjax.network.layout import Layout
from glifjax.spikes.trains import MS, SpikeTrains

#: How far from a step, in steps, a time may be and still lie on it: times in seconds come back an ulp late.
ON_GRID = 1e-6
#: The recorder's own delay in NEST, ms; samples of the last slice of the shortest delay are lost.
RECORDER_DELAY = 1.0


@dataclass(frozen=True)
class SpikeInput:
    """Spikes of virtual nodes: given, or drawn anew for each seed.

    Attributes:
        name: of the input.
        trains: the spikes, from a random generator.
    """

    name: str
    trains: Callable[[np.random.Generator], SpikeTrains]


@dataclass(frozen=True)
class Clamp:
    """A current into cells that steps to `amplitudes` (pA) at `times` (ms, on the grid, rising), after 0.

    Attributes:
        cells: (m,), in the circuit's counting.
        times, amplitudes: (k,).
    """

    cells: Int[np.ndarray, " m"]
    times: Float[np.ndarray, " k"]
    amplitudes: Float[np.ndarray, " k"]


@dataclass(frozen=True)
class Report:
    """A variable of cells, to be recorded.

    Attributes:
        name: of the report.
        variable: NEST's name of it.
        cells: by population the cells and their node ids, ascending by id.
        interval, start, stop: ms.
        file: where it is written, within the folder of results.
    """

    name: str
    variable: str
    cells: Mapping[str, tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]]
    interval: float
    start: float
    stop: float
    file: str


@dataclass(frozen=True)
class Forced:
    """Spikes that synapses are given, whatever their source does: extra sources from `first` on.

    Attributes:
        sources: (m,), in the circuit's counting.
        times: (m,), ms.
    """

    sources: Int[np.ndarray, " m"]
    times: Float[np.ndarray, " m"]


@dataclass(frozen=True)
class Network:
    """What `load_network` gives and `simulate_network` runs.

    Attributes:
        circuit: cells, edges and time step as arrays; differentiable in cells and weights.
        layout: which node is where in it.
        populations: the nodes and their attributes by population.
        inputs, clamps, forced: what drives it.
        reports: what is recorded.
        duration: ms.
        outputs: the config's output section, its names resolved.
        source: names the network in messages.
    """

    circuit: Circuit
    layout: Layout
    populations: Mapping[str, Any]
    duration: float
    inputs: tuple[SpikeInput, ...] = ()
    clamps: tuple[Clamp, ...] = ()
    forced: Forced = field(default_factory=lambda: Forced(np.zeros(0, np.int64), np.zeros(0)))
    reports: tuple[Report, ...] = ()
    outputs: Any = None
    source: str | Path = ""

    @property
    def dt(self) -> float:
        """The time step, ms."""
        return self.circuit.dt

    @property
    def n_steps(self) -> int:
        """The steps of the whole run."""
        return round(self.duration / self.dt)

    @property
    def shortest_delay(self) -> float:
        """What NEST calls min_delay, ms: of edges, recorders and clamps."""
        n_slots = self.circuit.n_slots
        offsets = np.asarray(self.circuit.edges.offsets)
        shortest = int(offsets.min(initial=NEVER)) // n_slots + 1 if len(offsets) else NEVER
        steps = min(shortest, round(RECORDER_DELAY / self.dt), 1 if self.clamps else NEVER)
        return max(steps, 1) * self.dt

    def drive(self, trains: SpikeTrains) -> Drive:
        """The events of spikes of virtual nodes, forced spikes and clamps.

        A spike at time t is delivered in the step that starts at t, rounded up to the grid; a current set for time t
        is injected from the step after the one that starts at t on, as PointNet's devices are, which NEST connects
        with a delay of dt.
        """
        steps, sources = [on_grid(self.forced.times, self.dt)], [self.forced.sources]
        for name in trains.population_names:
            own = trains.of(name)
            rows = self.populations[name].rows(own.node_ids)
            steps.append(on_grid(own.times[rows >= 0] * MS, self.dt))
            sources.append(self.layout.sources[name][rows[rows >= 0]])
        spikes = [np.concatenate(parts).astype(np.int64) for parts in (steps, sources)]
        order = np.lexsort(spikes[::-1])
        spikes = [part[order][spikes[0][order] < NEVER] for part in spikes]
        when, who, amplitudes = step_currents(self.clamps, self.dt)
        ended = lambda values, last, dtype: jnp.asarray(_padded(values, last, dtype))
        return Drive(
            ended(spikes[0], NEVER, np.int32),
            ended(spikes[1], 0, np.int32),
            ended(when, NEVER, np.int32),
            ended(who, 0, np.int32),
            ended(amplitudes, 0.0, float),
        )


def _padded(values: np.ndarray, last: float, dtype: type) -> np.ndarray:
    """Values followed by `last`, up to a power of two: runs of about as many events share what is compiled."""
    length = 2 ** int(np.ceil(np.log2(len(values) + 1)))
    return np.append(values, np.full(length - len(values), last)).astype(dtype)


def on_grid(times: Float[np.ndarray, " n"], dt: float) -> Int[np.ndarray, " n"]:
    """Times (ms) as steps, rounded up."""
    return np.ceil(np.round(times / dt, 9) - ON_GRID).astype(np.int64)


def step_currents(clamps: tuple[Clamp, ...], dt: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When (in steps) which cell has which current (pA), the sum of all clamps, in order of time."""
    by_cell: dict[int, list[Clamp]] = {}
    for clamp in clamps:
        for cell in clamp.cells.tolist():
            by_cell.setdefault(cell, []).append(clamp)
    events = []
    for cell, own in by_cell.items():
        times = np.unique(np.concatenate([np.rint(clamp.times / dt) for clamp in own]))
        total = np.zeros(len(times))
        for clamp in own:
            place = np.searchsorted(np.rint(clamp.times / dt), times, side="right")
            total += np.append(0.0, clamp.amplitudes)[place]
        events.append((times + 1, np.full(len(times), cell), total))
    if not events:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    when, who, amplitudes = (np.concatenate(parts) for parts in zip(*events, strict=True))
    order = np.lexsort((who, when))
    return when[order], who[order], amplitudes[order]
