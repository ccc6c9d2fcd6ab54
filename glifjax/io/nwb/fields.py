"""Fields of an HDF5 file, each of the type that the format gives it, or refused in a sentence that says where."""

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from glifjax.errors import shown
from glifjax.io.nwb.sweeps import RecordingError

#: Entries of a field that is no sweep's samples, at most.
LONGEST = 10_000_000


def group(parent: Any, path: str) -> h5py.Group | None:
    """The group at a path below `parent`; None where there is nothing.

    Raises:
        RecordingError: something else is there.
    """
    return _of_type(parent, path, h5py.Group, "a group")


def dataset(parent: Any, path: str) -> h5py.Dataset | None:
    """The dataset at a path below `parent`; None where there is nothing.

    Raises:
        RecordingError: something else is there.
    """
    return _of_type(parent, path, h5py.Dataset, "a dataset")


def _of_type(parent: Any, path: str, kind: type, expected: str) -> Any:
    entry = parent.get(path)
    if entry is not None and not isinstance(entry, kind):
        raise RecordingError(f"{place(entry)} is a {type(entry).__name__.lower()}; expected {expected}")
    return entry


def place(entry: Any) -> str:
    """File and path of an object in it, for messages."""
    return f"{Path(entry.file.filename).name}: {entry.name}"


def values(data: h5py.Dataset, kinds: str, expected: str) -> np.ndarray:
    """All entries of a dataset, in one dimension.

    Args:
        data: the dataset.
        kinds: of numpy's dtypes that it may have.
        expected: these, in words.

    Raises:
        RecordingError: it has another type, or more entries than any field has.
    """
    if data.dtype.kind not in kinds or (data.size or 0) > LONGEST:
        raise RecordingError(f"{place(data)} holds {data.size} entries of type {data.dtype}; expected {expected}")
    return np.ravel(data[()]) if data.size else np.array([])


def text(value: Any) -> str:
    """Text of a scalar, an attribute's or a dataset's; the first of several, "" for none or for no text."""
    first = _first(values(value, "SUOiufb", "text") if isinstance(value, h5py.Dataset) else value)
    if first is None:
        return ""
    return (first.decode(errors="replace") if isinstance(first, bytes) else str(first)).strip()


def number(value: Any, where: str) -> float:
    """Number of a scalar, an attribute's or a dataset's; the first of several, NaN for none.

    Raises:
        RecordingError: it is no number.
    """
    first = _first(values(value, "iufb", "a number") if isinstance(value, h5py.Dataset) else value)
    if first is None:
        return math.nan
    if np.asarray(first).dtype.kind not in "iufb":
        raise RecordingError(f"{where} is {shown(first)}; expected a number")
    return float(first)


def _first(value: Any) -> Any:
    entries = np.ravel(value)
    return entries[0] if entries.size else None
