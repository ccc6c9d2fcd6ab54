"""A recording out of arrays: what a user holds already, from MATLAB, a text file, or a script."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glifjax.io.nwb.channel import Channel
from glifjax.io.nwb.sweep import RecordingError, Sweep

#: A sweep, (T,); several of one length, (S, T); or a sequence of (T,), of any lengths.
Traces = np.ndarray | Sequence[Any]


def sweeps_from_arrays(
    current: Traces, voltage: Traces, rate: float, protocols: str | Sequence[str], name: str
) -> list[Sweep]:
    """Current-clamp sweeps in memory, numbered from 1; see `Recording.from_arrays`."""
    currents, voltages = _rows(current, "current"), _rows(voltage, "voltage")
    if len(currents) != len(voltages):
        raise RecordingError(f"{name}: {len(currents)} sweeps of current, but {len(voltages)} of voltage")
    if not 0 < rate < np.inf:
        raise RecordingError(f"{name}: a rate of {rate} Hz; give samples per second")
    names = [protocols] * len(currents) if isinstance(protocols, str) else list(protocols)
    if len(names) != len(currents):
        raise RecordingError(
            f"{name}: {len(names)} protocols for {len(currents)} sweeps; give one name, or one a sweep"
        )
    channel = lambda quantity, unit, data: Channel(quantity, quantity, unit, data, len(data), stated_rate=float(rate))
    return [
        Sweep(name, number, protocol, "current", channel("voltage", "volts", v), channel("current", "amperes", i))
        for number, (i, v, protocol) in enumerate(zip(currents, voltages, names, strict=True), start=1)
    ]


def _rows(traces: Traces, quantity: str) -> list[np.ndarray]:
    one = isinstance(traces, np.ndarray) and traces.ndim == 1
    rows = [np.asarray(row, dtype=float) for row in ([traces] if one else traces)]
    if odd := [row.shape for row in rows if row.ndim != 1 or not row.size]:
        raise RecordingError(f"the {quantity} has a sweep of shape {odd[0]}; give (T,), (S, T), or a list of (T,)")
    return rows
