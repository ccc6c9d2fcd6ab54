"""simulate_network: a network's whole run, and what it leaves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float, Int, Shaped

from glifjax.checks import compiled, require_not_negative, require_numbers
from glifjax.errors import InputError, shown
from glifjax.network.circuit import CircuitState, Recorder
from glifjax.network.network import Network, Report
from glifjax.network.run import run
from glifjax.spikes.trains import MS, SpikeTrains, join

#: What reports hold, by variable.
UNITS = {"V_m": "mV", "threshold": "mV", "threshold_spike": "mV", "threshold_voltage": "mV"}


@dataclass(frozen=True)
class ReportData:
    """A variable of cells over time; numpy.asarray(it) is its data.

    Attributes:
        data: (steps, cells), mV or pA (`units`).
        node_ids, populations: (cells,).
        times: (steps,), ms; sample t is the state at t.
        variable, interval, units: NEST's name, ms, "mV" or "pA".
    """

    data: Float[np.ndarray, "steps cells"]
    node_ids: Int[np.ndarray, " cells"]
    populations: Shaped[np.ndarray, " cells"]
    times: Float[np.ndarray, " steps"]
    variable: str
    interval: float
    units: str

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """The data."""
        return np.asarray(self.data, dtype)

    @property
    def span(self) -> tuple[float, float]:
        """The first and the last time, ms."""
        return (float(self.times[0]), float(self.times[-1])) if len(self.times) else (0.0, 0.0)


@dataclass(frozen=True)
class NetworkRun:
    """What a run leaves.

    Attributes:
        spikes: of all cells; a spike's time is the end of its step.
        inputs: the spikes of virtual nodes that drove it.
        reports: by name.
        duration: ms.
        state: what `simulate_network(..., state=...)` goes on from.
    """

    spikes: SpikeTrains
    inputs: SpikeTrains
    reports: Mapping[str, ReportData]
    duration: float
    state: CircuitState

    def report(self, name: str) -> ReportData:
        """A report of the config; InputError lists those that there are."""
        if name not in self.reports:
            raise InputError(f"there is no report {name!r}; there are {', '.join(self.reports) or 'none'}")
        return self.reports[name]


def simulate_network(
    network: Network,
    seed: int = 0,
    *,
    duration: float | None = None,
    state: CircuitState | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> NetworkRun:
    """Run a network in float64, whatever jax's setting.

    Args:
        network: of `load_network` or a builder.
        seed: of all that is drawn: sampled units. Functions of one's own draw as they like.
        duration: ms; the network's own if left out.
        state: of an earlier run, to go on from; its time goes on too.
        progress: called with the number of steps that are done.

    Returns:
        spikes, reports, and the state at the end.
    """
    if not isinstance(network, Network):
        raise InputError(f"network is {shown(network)}; give one of glifjax.load_network(config)")
    duration = network.duration if duration is None else duration
    require_numbers("duration", duration, "a number, in ms")
    require_not_negative(duration=duration)
    n_steps = round(duration / network.dt)
    rng = np.random.default_rng(seed)
    trains = join(part.trains(rng) for part in network.inputs)
    with jax.enable_x64(True):
        circuit, drive = network.circuit, network.drive(trains)
        start = circuit.init() if state is None else state
        first = int(start.k)
        recorders, columns = _recorders(network)
        with compiled():
            end, steps, cells, values = run(circuit, drive, start, n_steps, recorders, progress)
    names, ids = network.layout.nodes(cells)
    times = np.round((steps + first + 1) * network.dt, 9) / MS
    reports = {
        report.name: _report(report, network, columns[report.name], values, first, n_steps, duration)
        for report in network.reports
    }
    return NetworkRun(SpikeTrains(times, ids, names), trains, reports, duration, end)


def _recorders(network: Network) -> tuple[tuple[Recorder, ...], dict[str, list[tuple[int, np.ndarray]]]]:
    """A recorder for each report and group, and which columns of a report each one fills."""
    bounds = np.cumsum([0, *(group.size for group in network.circuit.cells)])
    recorders: list[Recorder] = []
    columns: dict[str, list[tuple[int, np.ndarray]]] = {}
    for report in network.reports:
        cells = np.concatenate([own for own, _ in report.cells.values()])
        columns[report.name] = []
        for group in range(len(bounds) - 1):
            inside = np.flatnonzero((cells >= bounds[group]) & (cells < bounds[group + 1]))
            if len(inside):
                columns[report.name].append((len(recorders), inside))
                recorders.append(Recorder(group, report.variable, cells[inside] - bounds[group]))
    return tuple(recorders), columns


def _report(report: Report, network: Network, columns, values, first: int, n_steps: int, duration: float) -> ReportData:
    """The samples at multiples of the interval, after `start` and up to `stop`, as NEST's multimeter takes them.

    It loses those of the shortest delay before the end. A run that stops before the network's duration ends there only
    for a while, and has them: what goes on from its state goes on in its reports.
    """
    ids = np.concatenate([own for _, own in report.cells.values()])
    names = np.concatenate([np.full(len(own), name) for name, (_, own) in report.cells.items()])
    data = np.zeros((n_steps, len(ids)))
    for number, inside in columns:
        data[:, inside] = values[number]
    times = np.round((first + 1 + np.arange(n_steps)) * network.dt, 9)
    slice_, end = network.shortest_delay, np.round(first * network.dt + duration, 9)
    last = (np.ceil(np.round(end / slice_, 9)) - 1) * slice_ if end >= network.duration else end
    every = round(report.interval / network.dt)
    shown = (first + 1 + np.arange(n_steps)) % every == 0
    shown &= (times > report.start) & (times <= report.stop) & (times <= last + 1e-9)
    units = UNITS.get(report.variable, "pA")
    return ReportData(data[shown], ids, names, times[shown], report.variable, report.interval, units)
