"""Module "ecephys_probe": units of NWB files as the trains of virtual nodes.

Units are filtered by attributes of theirs and of their electrodes, mapped to nodes by a table or at random, and cut to
a stretch of time: [a, b] in ms, a row of one of the file's tables of intervals, or a unit's own start_times and
stop_times (ms) of a units_map. A spike at t then comes at t - a + interval_offset. Values are
compared, never evaluated.
"""

import operator
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from jaxtyping import Bool

from glifjax.errors import InputError, shown
from glifjax.io.csv import read_table
from glifjax.io.nwb.units import UnitTables, unit_tables
from glifjax.io.sonata.config import Section
from glifjax.io.sonata.nodes import Population
from glifjax.spikes.trains import MS, SpikeTrains, join

#: The comparisons that a filter may ask for.
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
#: Keys of an interval that are no columns of its table.
INTERVAL_KEYS = ("interval_name", "interval_index")
#: What units may be mapped to nodes by.
MAPPINGS = ("units_map", "sample", "sample_without_replacement", "sample_with_replacement")
#: Columns of a units_map with a stretch of each unit's own, ms.
OWN_INTERVAL = ("start_times", "stop_times")
Nodes = dict[str, tuple[Population, Bool[np.ndarray, " n"]]]


@dataclass(frozen=True)
class Unit:
    """A unit of a recording.

    Attributes:
        id: its name in the file.
        times: its spikes, s.
        windows: the stretches that count, s.
        offset: what is added to their times, s.
    """

    id: Any
    times: np.ndarray
    windows: list[tuple[float, float]]
    offset: float

    def train(self, *own: float) -> np.ndarray:
        """Its spikes, s, from the start of its stretches on, or of its `own`, start and stop in ms."""
        windows = [(own[0] / MS, own[1] / MS)] if own else self.windows
        return _cut(self.times, windows) + self.offset


def probe_trains(section: Section, nodes: Nodes) -> Callable[[np.random.Generator], SpikeTrains]:
    """The trains of the chosen nodes, from a random generator (which the mapping units_map does not need).

    Raises:
        InputError: an unknown mapping or filter, a table or row that is not there, more nodes than units to sample.
    """
    files = section.paths("input_file")
    mapping = section.text("mapping", "sample").lower()
    if mapping not in MAPPINGS:
        raise section.error("mapping", f"is {mapping!r}; use one of {', '.join(MAPPINGS)}")
    offset = section.number("interval_offset", 0.0)
    units: list[Unit] = []
    by_file = [unit_tables(path) for path in files]
    for path, tables, interval in zip(files, by_file, _intervals(section, len(files)), strict=True):
        windows = _windows(interval, tables, section, path)
        wanted = {} if mapping == "units_map" else section.section("units").values
        table = tables.units[_matching(tables.units, wanted, section, path)]
        for unit_id, times in zip(table.index, table["spike_times"], strict=True):
            units.append(Unit(unit_id, np.asarray(times, float), windows, offset / MS))
    if mapping == "units_map":
        trains = _mapped(section, nodes, units)
        return lambda rng: trains
    needed = sum(int(rows.sum()) for _, rows in nodes.values())
    replaced = mapping == "sample_with_replacement"
    if not units or (not replaced and len(units) < needed):
        raise section.error(
            "units",
            f"{section.get('units', {})!r} selects {len(units)} units for {needed} nodes; loosen it, or use "
            "sample_with_replacement",
        )
    return lambda rng: _sampled(nodes, units, rng, replace=replaced)


def _sampled(nodes: Nodes, units: list[Unit], rng: np.random.Generator, replace: bool) -> SpikeTrains:
    needed = sum(int(rows.sum()) for _, rows in nodes.values())
    drawn = iter(rng.choice(len(units), needed, replace=replace))
    return join(
        SpikeTrains.from_mapping({int(node): units[next(drawn)].train() for node in population.node_ids[rows]}, name)
        for name, (population, rows) in nodes.items()
    )


def _mapped(section: Section, nodes: Nodes, units: list[Unit]) -> SpikeTrains:
    path = section.path("units")
    table = read_table(path)
    if not {"node_ids", "unit_ids"} <= set(table):
        raise InputError(f"{path}: its columns are {', '.join(map(str, table))}; it needs node_ids and unit_ids")
    if not pandas.api.types.is_integer_dtype(table["node_ids"]):
        raise InputError(f"{path}: its node_ids are no whole numbers; give the ids of virtual nodes")
    files = Counter(unit.id for unit in units)
    unclear = [unit for unit in table["unit_ids"] if files[unit] != 1]
    if unclear:
        number = "several" if files[unclear[0]] else "none"
        raise InputError(f"{path}: unit {unclear[0]} is in {number} of the files of {section.where}.input_file")
    unit_of = {unit.id: unit for unit in units}
    if len(nodes) > 1:
        raise section.error("node_set", f"is of {', '.join(nodes)}; a units_map is for one population")
    ((name, (population, rows)),) = nodes.items()
    place = population.rows(table["node_ids"].to_numpy(np.int64))
    if not ((place >= 0) & rows[place]).all():
        warnings.warn(f"{path}: some node_ids are no nodes of {name} in the node_set; left out", stacklevel=2)
    table = table.loc[(place >= 0) & rows[place]]
    silent = int(rows.sum()) - len(np.unique(table["node_ids"]))
    if silent:
        warnings.warn(f"{path}: {silent} of {rows.sum()} virtual nodes of {name} have no unit", stacklevel=2)
    own = [key for key in OWN_INTERVAL if set(OWN_INTERVAL) <= set(table)]
    if not all(pandas.api.types.is_numeric_dtype(table[key]) and np.isfinite(table[key]).all() for key in own):
        raise InputError(f"{path}: {' and '.join(own)} must be finite numbers, ms")
    rows = table[["node_ids", "unit_ids", *own]].itertuples(index=False)
    return join(SpikeTrains.from_mapping({int(node): unit_of[unit].train(*own)}, name) for node, unit, *own in rows)


def _matching(table: pandas.DataFrame, filters: Mapping[str, Any], section: Section, path: Path):
    """Which rows pass all filters: a value, a list of values, or {column, operation, value}."""
    rows = np.ones(len(table), bool)
    for key, wanted in filters.items():
        name, compare, value = key, "==", wanted
        if isinstance(wanted, Mapping):
            name, compare, value = wanted.get("column", key), wanted.get("operation", "=="), wanted.get("value")
        if not isinstance(compare, str) or compare not in OPERATIONS:
            raise section.error("units", f"asks for {compare!r}; use one of {' '.join(OPERATIONS)}")
        index_name = name in ("unit_id", "unit_ids", "id")
        if not isinstance(name, str) or (name not in table and not index_name):
            raise section.error("units", f"filters by {name!r}, but units of {path} have {', '.join(map(str, table))}")
        column = table.index.to_series() if index_name and name not in table else table[name]
        if isinstance(value, list) and compare != "==":
            raise section.error("units", f"compares {name!r} with a list by {compare!r}; only == takes lists")
        try:
            matches = column.isin(value) if isinstance(value, list) else OPERATIONS[compare](column, value)
        except (TypeError, ValueError, OverflowError) as error:
            raise section.error("units", f"cannot compare {name!r} with {shown(value)} ({error})") from error
        rows &= np.asarray(matches, bool)
    return rows


def _intervals(section: Section, n_files: int) -> list[Any]:
    """The interval of each file: one for all, or a list of one each."""
    interval = section.get("interval")
    per_file = isinstance(interval, list) and not all(isinstance(item, int | float) for item in interval)
    if not per_file:
        return [interval] * n_files
    if len(interval) != n_files:
        raise section.error("interval", f"has {len(interval)} entries for {n_files} files; give one each")
    return interval


def _windows(interval: Any, tables: UnitTables, section: Section, path: Path) -> list[tuple[float, float]]:
    """The stretches of an interval, s: one, or several that follow each other."""
    if interval is None:
        return [(0.0, np.inf)]
    if isinstance(interval, list):
        numbers = len(interval) == 2 and all(isinstance(item, int | float) for item in interval)
        if not numbers or not interval[0] < interval[1]:
            raise section.error("interval", f"is {interval!r}; give [start, stop] in ms, or a row of a table")
        return [(interval[0] / MS, interval[1] / MS)]
    if not isinstance(interval, Mapping):
        raise section.error("interval", f"is {interval!r}; give [start, stop] in ms, or a row of a table")
    name = str(interval.get("interval_name"))
    table = tables.intervals.get(name, tables.intervals.get(f"{name}_presentations"))
    if table is None:
        raise section.error(
            "interval", f"names {name!r}, but {path} has {', '.join(tables.intervals) or 'no table of intervals'}"
        )
    filters = {key: value for key, value in interval.items() if key not in INTERVAL_KEYS}
    rows = np.flatnonzero(_matching(table, filters, section, path))
    index = interval.get("interval_index")
    if isinstance(index, int) and not isinstance(index, bool):
        if not -len(rows) <= index < len(rows):
            raise section.error("interval", f"asks for row {index} of {len(rows)} of {name} that match; there is none")
        rows = rows[[index]]
    elif index not in (None, "all", "concatenate"):
        raise section.error("interval", f'has interval_index {index!r}; give a row\'s number, or "concatenate"')
    if not len(rows):
        raise section.error("interval", f"matches no row of {name} in {path}; its columns are {', '.join(table)}")
    if len(rows) > 1 and index != "concatenate":
        several = ", ".join(map(str, rows))
        raise section.error(
            "interval",
            f'matches rows {several} of {name} in {path}; choose one by interval_index, or "concatenate" to have them '
            "one after the other",
        )
    chosen = table.iloc[rows]
    return list(zip(chosen["start_time"].astype(float), chosen["stop_time"].astype(float), strict=True))


def _cut(times: np.ndarray, windows: list[tuple[float, float]]) -> np.ndarray:
    """The spikes inside windows (both ends included), from the start of the first one on, gaps left out."""
    parts, before = [], 0.0
    for start, stop in windows:
        parts.append(times[(times >= start) & (times <= stop)] - start + before)
        before += stop - start
    return np.concatenate(parts)
