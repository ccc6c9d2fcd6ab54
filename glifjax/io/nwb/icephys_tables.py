"""The icephys tables of an NWB 2 file: which response and which stimulus make a sweep, as the file itself says.

All are in ``/general/intracellular_ephys``. A row of ``intracellular_recordings`` (NWB 2.4 and later) refers to
stretches of two series; ``simultaneous_recordings`` gathers rows, ``sequential_recordings`` gathers these and names
their protocol (``stimulus_type``). The ``sweep_table`` of NWB 2.0 to 2.3 numbers series. A column is read once, whole.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import h5py
import numpy as np

from glifjax.io.nwb.fields import address, dataset, group, place, target, text, values, within
from glifjax.io.nwb.series import Series
from glifjax.io.nwb.sweep import RecordingError
from glifjax.io.nwb.tables import split

_FOLDER = "/general/intracellular_ephys"


class Span(NamedTuple):
    """A stretch of a series: `n_samples` from the `first` on, all that there are if None."""

    series: Series
    first: int = 0
    n_samples: int | None = None


class Row(NamedTuple):
    """A row of the intracellular recordings: its sweep's number, and its protocol, "" where no table says so."""

    number: int
    response: Span
    stimulus: Span | None
    protocol: str


def recorded_rows(file: h5py.File, series_at: Callable[[Any], Series | None], remarks: list[str]) -> list[Row]:
    """The rows of the intracellular recordings that hold a patch-clamp response.

    Args:
        file: open for reading.
        series_at: the series that an object of the file is; None if it is none.
        remarks: takes a line for what cannot be read.
    """
    table = group(file, f"{_FOLDER}/intracellular_recordings")
    if table is None:
        return []
    try:
        return _rows(file, table, series_at, remarks)
    except RecordingError as error:
        remarks.append(f"its table of intracellular recordings is not read: {within(error)}")
        return []


def stated_numbers(file: h5py.File, remarks: list[str]) -> dict[int, int]:
    """Number of its sweep by a series' address, as the sweep table has it."""
    table = group(file, f"{_FOLDER}/sweep_table")
    if table is None:
        return {}
    try:
        numbers = _column(table, "sweep_number", "iu", "numbers")
        groups = _ragged(table, "series", "O", "references")
    except RecordingError as error:
        remarks.append(f"its sweep table is not read: {within(error)}")
        return {}
    return {
        address(series): int(number)
        for number, references in zip(numbers, groups, strict=False)
        for reference in references
        if (series := target(file, reference)) is not None
    }


def _rows(file: h5py.File, table: Any, series_at: Callable, remarks: list[str]) -> list[Row]:
    identities = _column(table, "id", "iu", "numbers")
    responses = _column(table, "responses/response", "V", "references to series")
    stimuli = [
        _column(table, f"stimuli/{column}", "V", "references to series")
        for column in ("stimulus", "stimulus_template")
        if dataset(table, f"stimuli/{column}") is not None
    ]
    if any(len(column) != len(identities) for column in (responses, *stimuli)):
        raise RecordingError(f"{place(table)} has columns of different lengths")
    numbers, protocols = _sweeps(file)
    spans = lambda column, row: _span(file, column[row], series_at)
    rows, broken, others = [], [], []
    for row, identity in enumerate(identities):
        try:
            response = spans(responses, row)
            stimulus = next(filter(None, (spans(column, row) for column in stimuli)), None)
        except RecordingError as error:
            broken.append(f"row {row} of its intracellular recordings cannot be read ({within(error)})")
            continue
        if response is None or response.series.clamp is None:
            others.append(f"row {row} of its intracellular recordings has no patch-clamp response and is left out")
        else:
            rows.append(Row(numbers.get(row, int(identity)), response, stimulus, protocols.get(row, "")))
    for lines in (broken, others):
        remarks.extend(lines[:1])
        if len(lines) > 1:
            remarks.append(f"and so {len(lines) - 1} other rows")
    return rows


def _sweeps(file: h5py.File) -> tuple[dict[int, int], dict[int, str]]:
    """Sweep number and protocol by row: the place of its simultaneous recording, the name of its sequential one."""
    simultaneous = group(file, f"{_FOLDER}/simultaneous_recordings")
    if simultaneous is None:
        return {}, {}
    groups = _ragged(simultaneous, "recordings", "iu", "numbers of rows")
    numbers = {int(row): k for k, rows in enumerate(groups) for row in rows}
    sequential = group(file, f"{_FOLDER}/sequential_recordings")
    if sequential is None or dataset(sequential, "stimulus_type") is None:
        return numbers, {}
    names = [text(name) for name in _column(sequential, "stimulus_type", "SUO", "texts")]
    members = _ragged(sequential, "simultaneous_recordings", "iu", "numbers of rows")
    name_of = {int(k): name for name, ks in zip(names, members, strict=False) for k in ks}
    return numbers, {row: name_of[k] for row, k in numbers.items() if k in name_of}


def _column(table: Any, name: str, kinds: str, expected: str) -> np.ndarray:
    column = dataset(table, name)
    if column is None:
        raise RecordingError(f"{place(table)} has no column {name}")
    return values(column, kinds, expected)


def _ragged(table: Any, name: str, kinds: str, expected: str) -> list[np.ndarray]:
    """The entries of each row: those of row k end at entry ``<name>_index[k]``."""
    column = _column(table, name, kinds, expected)
    ends = _column(table, f"{name}_index", "iu", "numbers")
    return split(column, ends, f"{place(table)}/{name}")


def _span(file: h5py.File, cell: Any, series_at: Callable[[Any], Series | None]) -> Span | None:
    """What a cell of the table refers to; None where it refers to nothing."""
    if set(cell.dtype.names or ()) != {"idx_start", "count", "timeseries"}:
        raise RecordingError(f"{file.filename}: a reference has the fields {cell.dtype.names}")
    first, count = int(cell["idx_start"]), int(cell["count"])
    if first < 0 or count < 0:
        return None
    member = target(file, cell["timeseries"])
    try:
        series = None if member is None else series_at(member)
    except (KeyError, OSError, RuntimeError):  # what h5py raises where something else is by now
        series = None
    if series is None:
        raise RecordingError(f"{file.filename}: its reference leads to no patch-clamp series")
    return Span(series, first, count)
