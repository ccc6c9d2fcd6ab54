"""Reading HDF5 files by others: present, of the kind, and of a size that was looked at first."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from glifjax.errors import InputError
from glifjax.io.nwb.fields import check_all
from glifjax.io.nwb.hdf5_file import readable_hdf5
from glifjax.io.regular import check_file

#: The longest column that is read, entries; a few bytes of a compressed file can claim any length.
LONGEST = 2**31
#: Bytes that a stored byte may unpack to: a column of one number, such as the group of each edge, comes to some 1,000.
UNPACKED = 1100


#: Beyond it a float64 holds not every whole number.
LARGEST_WHOLE = 2.0**53


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file for reading.

    Raises:
        InputError: no such file, none that HDF5 can read (a text file, one that was cut short), also while it is open,
            or one that leads into another or holds more than its bytes can.
    """
    check_file(path)
    with ExitStack() as stack:
        try:
            file = stack.enter_context(readable_hdf5(path))
            check_all(file, UNPACKED)
        except (OSError, KeyError, RuntimeError) as error:  # what h5py raises where a file is damaged
            raise _unreadable(path, error) from error
        try:
            yield file
        except (OSError, RuntimeError) as error:
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: cannot be read as HDF5 ({error}); copy or write it again")


def mark(file: h5py.File) -> None:
    """Mark a file as SONATA's."""
    file.attrs["magic"], file.attrs["version"] = np.uint32(2682), np.array([0, 1], np.uint32)


def group(parent: Any, name: str, path: Path) -> Any:
    """A group that must be there."""
    child = parent.get(name)
    if not isinstance(child, h5py.Group):
        raise InputError(f"{path}: has no group {parent.name.rstrip('/')}/{name}; it is not the file meant here")
    return child


def column(parent: Any, name: str, path: Path, length: int | None = None) -> np.ndarray:
    """A one-dimensional dataset of numbers, or of text (as str), that must be there; `length` entries if given."""
    dataset = parent.get(name)
    where = f"{path}: {parent.name.rstrip('/')}/{name}"
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{where} is missing; write the file again with it")
    size: Any = dataset.size
    if dataset.ndim != 1 or size > LONGEST or (length is not None and size != length):
        wanted = "one dimension" if length is None else f"{length} entries"
        raise InputError(f"{where} has shape {dataset.shape}; it must have {wanted}")
    if dataset.dtype.kind not in "iufbSO":
        raise InputError(f"{where} is of type {dataset.dtype}; it must hold numbers or text")
    try:
        text: Any = dataset.asstr()[...] if dataset.dtype.kind in "SO" else None
        return dataset[...] if text is None else text.astype(str)
    except (OSError, TypeError, UnicodeDecodeError) as error:
        raise InputError(f"{where} cannot be read ({error}); copy or write the file again") from error


def integers(
    parent: Any, name: str, path: Path, length: int | None = None, default: np.ndarray | None = None
) -> np.ndarray:
    """As `column`, of whole numbers; those that are stored with a point become int64. `default` where it is absent."""
    if default is not None and name not in parent:
        return default
    values = column(parent, name, path, length)
    if values.dtype.kind in "iu":
        return values
    if values.dtype.kind == "f" and (np.abs(values) < LARGEST_WHOLE).all() and (values == np.floor(values)).all():
        return values.astype(np.int64)
    raise InputError(f"{path}: {parent.name.rstrip('/')}/{name} must hold whole numbers, not {values.dtype}")


def numbers(parent: Any, name: str, path: Path, length: int | None = None) -> np.ndarray:
    """As `column`, of numbers, float64."""
    values = column(parent, name, path, length)
    if values.dtype.kind not in "iufb":
        raise InputError(f"{path}: {parent.name.rstrip('/')}/{name} must hold numbers, not text")
    return values.astype(np.float64)
