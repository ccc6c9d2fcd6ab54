"""Tables of NWB 2 files (HDMF's DynamicTable): the attribute ``colnames`` lists the columns, datasets beside ``id``.

The entries of row k of a ragged column end at entry ``<name>_index[k]``. A column that refers to rows of another table
holds their places in it.
"""

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from glifjax.io.nwb.fields import attribute
from glifjax.io.nwb.sweep import RecordingError
from glifjax.io.sonata.hdf5 import column

if TYPE_CHECKING:
    import pandas


def read_table(table: h5py.Group, path: Path) -> "pandas.DataFrame":
    """A row each of the table's, its id as the index; a ragged column has an array (n,) in every row.

    Columns hold numbers, texts or HDF5's references. Left out are those of other types (references to stretches of
    series), of several dimensions, or ragged in two.

    Args:
        table: of a file that was looked at (`glifjax.io.sonata.hdf5.opened`).
        path: the file, for messages.

    Raises:
        InputError: no ids, or a column of another length than theirs.
    """
    import pandas

    ids = column(table, "id", path)
    names = {str(name) for name in np.ravel(attribute(table, "colnames", ()))}
    columns = {name: _cells(table, name, path, len(ids)) for name in map(str, table) if name in names}
    return pandas.DataFrame(
        {name: cells for name, cells in columns.items() if cells is not None}, index=pandas.Index(ids, name="id")
    )


def _cells(table: h5py.Group, name: str, path: Path, rows: int) -> Any:
    """An array or list (rows,); None for what is no such column."""
    data, index = table.get(name), f"{name}_index"
    if not isinstance(data, h5py.Dataset) or data.ndim != 1 or f"{index}_index" in table:
        return None
    ragged = index in table
    if h5py.check_ref_dtype(data.dtype) is not None:
        return data[...] if data.size == rows and not ragged else None
    if data.dtype.kind not in "iufbS" and h5py.check_string_dtype(data.dtype) is None:
        return None
    entries = column(table, name, path, None if ragged else rows)
    return split(entries, column(table, index, path, rows), f"{path}: {table.name}/{name}") if ragged else entries


def split(entries: np.ndarray, ends: np.ndarray, where: str) -> list[np.ndarray]:
    """The entries of each row of a ragged column.

    Args:
        entries: (n,), of all rows.
        ends: (rows,), one past the last entry of each.
        where: file and column, for messages.

    Raises:
        RecordingError: ends that are no whole numbers, go back, or go beyond the entries.
    """
    bounds = np.concatenate([[0], ends.astype(np.int64)]) if ends.dtype.kind in "iu" else np.array([-1])
    if bounds[0] < 0 or np.any(np.diff(bounds) < 0) or bounds[-1] > len(entries):
        raise RecordingError(f"{where}_index does not say where the rows of its column end; write the file anew")
    return [entries[first:end] for first, end in pairwise(bounds)]
