"""A recording out of arrays: what a user holds already, from MATLAB, a text file, or a script."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from glifjax.io.nwb.channel import Channel, Quantity
from glifjax.io.nwb.samples import out_of_scale
from glifjax.io.nwb.sweep import RecordingError, Sweep

#: A sweep, (T,); several of one length, (S, T), or as MATLAB has them, (T, S); or a sequence of (T,), of any lengths.
Traces = Any
#: The unit of each quantity, and what most hold it in.
UNITS: dict[Quantity, tuple[str, str]] = {
    "current": ("A", "1e-12 times as many pA"),
    "voltage": ("V", "1e-3 times as many mV"),
}


def sweeps_from_arrays(
    current: Traces, voltage: Traces, rate: Any, protocols: str | Sequence[str], name: str
) -> list[Sweep]:
    """Current-clamp sweeps in memory, numbered from 1; see `Recording.from_arrays`."""
    currents, voltages = _rows(current, "current", name), _rows(voltage, "voltage", name)
    if len(currents) != len(voltages):
        raise RecordingError(
            f"{name}: sweeps of current: {len(currents)}, of voltage: {len(voltages)}; give each voltage its current, "
            "as `[current] * 5` does where five have the same"
        )
    stated = _numbers(rate, "rate", name)
    if stated.size != 1 or not 0 < stated.item() < np.inf:
        raise RecordingError(f"{name}: a rate of {rate} Hz; give samples per second")
    names = [protocols] * len(currents) if isinstance(protocols, str) else list(protocols)
    if len(names) != len(currents):
        raise RecordingError(
            f"{name}: {len(names)} protocols for {len(currents)} sweeps; give one name, or one a sweep"
        )
    channel = lambda quantity, unit, data: Channel(quantity, quantity, unit, data, len(data), stated_rate=stated.item())
    return [
        Sweep(name, number, protocol, "current", channel("voltage", "volts", v), channel("current", "amperes", i))
        for number, (i, v, protocol) in enumerate(zip(currents, voltages, names, strict=True), start=1)
    ]


def _rows(traces: Traces, quantity: Quantity, name: str) -> list[Float[np.ndarray, " T"]]:
    """The sweeps one by one; of a matrix the longer side is time."""
    if isinstance(traces, np.ndarray) and traces.dtype.kind == "O":  # cells of MATLAB
        traces = list(np.ravel(traces))
    if isinstance(traces, list | tuple) and not all(np.ndim(row) == 0 for row in traces):
        rows = [np.squeeze(_numbers(row, quantity, name)) for row in traces]
    else:
        matrix = np.atleast_2d(_numbers(traces, quantity, name))
        rows = list(matrix.T if matrix.ndim == 2 and len(matrix) > matrix.shape[1] > 0 else matrix)
    if odd := [row.shape for row in rows if row.ndim != 1 or not row.size]:
        raise RecordingError(
            f"{name}: the {quantity} has a sweep of shape {odd[0]}; give (T,), (S, T), or a list of (T,)"
        )
    if rows and all(_misses_its_unit(row, quantity) for row in rows):
        unit, remedy = UNITS[quantity]
        low, high = min(row.min() for row in rows), max(row.max() for row in rows)
        raise RecordingError(
            f"{name}: the {quantity} goes from {low:.4g} to {high:.4g}, too much for {unit}; give {unit}, {remedy}"
        )
    return rows


def _misses_its_unit(row: Float[np.ndarray, " T"], quantity: Quantity) -> bool:
    return bool(np.isfinite(row).all()) and out_of_scale(quantity, row) is not None


def _numbers(values: Any, what: str, name: str) -> np.ndarray:
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        fields = getattr(getattr(values, "dtype", None), "names", None)
        kind = f"a structure with the fields {', '.join(fields)}; give one of them" if fields else "no array of numbers"
        raise RecordingError(f"{name}: the {what} is {kind}") from None
