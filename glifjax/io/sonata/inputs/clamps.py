"""Current clamps: steps from the config, from a text file, or a sweep of a recording. Amplitudes in pA."""

import warnings

import numpy as np
from jaxtyping import Float

from glifjax.errors import InputError
from glifjax.io.csv import read_table
from glifjax.io.sonata.config import Section
from glifjax.io.sonata.node_sets import NodeSets
from glifjax.network.layout import Layout
from glifjax.network.network import Clamp, on_grid

#: The input_type of clamps.
CLAMPS = ("current_clamp", "csv", "file", "nwb", "allen")
#: pA; amplitudes below are likely meant in nA.
SMALL = 1.0
#: pA in an A.
PICO = 1e12


def clamp_input(section: Section, sets: NodeSets, layout: Layout, dt: float) -> Clamp:
    """One clamp, its times on the grid.

    Raises:
        InputError: lists of different length, times that do not rise, a file or sweep that is not there.
    """
    if section.text("module", "IClamp") != "IClamp":
        raise section.error("module", f"is {section.get('module')!r}; clamps are of module IClamp")
    chosen = sets.of(section)
    cells = np.concatenate([layout.sources[name][rows] for name, rows in chosen.items()])
    cells = cells[cells < layout.n_cells]
    if not len(cells):
        raise section.error("node_set", "selects virtual nodes only; currents go into cells")
    readers = {"current_clamp": _steps, "csv": _table, "file": _table, "nwb": _sweep, "allen": _sweep}
    times, amplitudes = readers[section.text("input_type")](section)
    if not len(times):
        raise section.error("input_type", "has no times; give one at least")
    if not (np.diff(times) >= 0).all() or (times < 0).any():
        raise section.error("input_type", f"has times {times.min():g} ... {times.max():g} ms; they must rise from 0")
    largest = np.abs(amplitudes).max(initial=0.0)
    if 0 < largest < SMALL:
        warnings.warn(
            f"{section.where}: the largest current is {largest:g} pA; amplitudes are in pA, and these look like nA",
            stacklevel=2,
        )
    steps = on_grid(times, dt)
    if np.abs(np.round(times / dt, 6) - steps).max(initial=0.0) > 1e-6:
        warnings.warn(f"{section.where}: times off the grid of {dt:g} ms are rounded up to it", stacklevel=2)
    steps = np.where(times <= dt * (1 + 1e-9), -1, steps)  # from the first step
    last = np.append(np.diff(steps) > 0, True)  # of two at one time the later holds
    return Clamp(cells, steps[last] * dt, amplitudes[last])


def _steps(section: Section) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """amp, delay, duration: numbers, or lists of one length; a step that starts within another ends it."""
    lists = [section.numbers(key) for key in ("amp", "delay", "duration")]
    n = max(map(len, lists))
    if any(len(values) not in (1, n) for values in lists):
        shown = ", ".join(
            f"{key} {len(values)}" for key, values in zip(("amp", "delay", "duration"), lists, strict=True)
        )
        raise section.error("amp", f"and its times have different lengths ({shown}); give one each")
    amps, starts, durations = (np.broadcast_to(values, n) for values in lists)
    if (durations < 0).any():
        raise section.error("duration", f"is {durations.min():g} ms; it must not be negative")
    order = np.argsort(starts, kind="stable")
    # rounded so that a step that starts where another stops does so exactly
    starts, stops, amps = np.round(starts[order], 9), np.round((starts + durations)[order], 9), amps[order]
    stops = np.minimum(stops, np.append(starts[1:], np.inf))
    return np.ravel([starts, stops], "F"), np.ravel([amps, np.zeros(n)], "F")


def _table(section: Section) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Columns timestamps (ms) and amps (pA), or of the names that the config gives; each holds until the next."""
    path = section.path("file")
    table = read_table(path, section.text("separator") if "separator" in section else None)
    names = section.text("timestamps_column", "timestamps"), section.text("amplitudes_column", "amps")
    if not set(names) <= set(table):
        raise InputError(
            f"{path}: its columns are {', '.join(map(str, table))}; it needs {names[0]} (ms) and {names[1]} (pA)"
        )
    try:
        times, amps = (table[name].to_numpy(float) for name in names)
    except ValueError as error:
        raise InputError(f"{path}: {' and '.join(names)} must be numbers ({error})") from error
    if not (np.isfinite(times) & np.isfinite(amps)).all():
        raise InputError(f"{path}: has a value that is not finite; give numbers")
    return times, amps


def _sweep(section: Section) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """The stimulus of a sweep of an Allen Cell Types file (NWB 1), which is in A; its last sample holds on.

    `downsample` (ms) takes one sample each so long, `sweep_window` (ms, of the sweep) those within, both ends included.
    """
    from glifjax.io.nwb.fields import attribute, dataset, number
    from glifjax.io.sonata.hdf5 import group, numbers, opened

    path, sweep = section.path("file"), _sweep_name(section)
    with opened(path) as file:
        place = group(group(file, "epochs", path), sweep, path)
        series = group(group(place, "stimulus", path), "timeseries", path)
        amps, start = numbers(series, "data", path) * PICO, dataset(series, "starting_time")
        rate = number(attribute(start, "rate"), f"{path}: the rate of {sweep}")
    if not rate > 0:
        raise InputError(f"{path}: {sweep} has no rate; give another")
    warnings.warn(
        f"{section.where}: the sweep is in A, and injected as such; PointNet would inject a thousandth of it",
        stacklevel=2,
    )
    stride = max(round(section.number("downsample", 0.0) * rate / 1e3), 1)
    amps, times = amps[::stride], np.arange(len(amps))[::stride] * 1e3 / rate
    window = section.numbers("sweep_window") if "sweep_window" in section else np.array([0.0, np.inf])
    if len(window) != 2 or not 0 <= window[0] < window[1]:
        raise section.error("sweep_window", f"is {section.get('sweep_window')!r}; give [start, stop] in ms, from 0")
    inside = (times >= window[0]) & (times <= window[1])
    amps, times = amps[inside], times[inside]
    changes = np.append(True, np.diff(amps) != 0)[: len(amps)]
    return section.number("delay", 0.0) + times[changes], amps[changes]


def _sweep_name(section: Section) -> str:
    """The group of a sweep: of a number, or the text of one, Sweep_<number>."""
    name = section.get("sweep_id")
    name = name if isinstance(name, str) else str(int(section.number("sweep_id")))
    return f"Sweep_{name}" if name.isdecimal() else name
