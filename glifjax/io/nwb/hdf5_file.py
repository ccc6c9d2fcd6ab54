"""An HDF5 file to read, of many datasets at once; and one to write, whose disk may be full.

Where a write fails HDF5 cannot close its file, and its cleanup ends the process. So it is shown no failure: the first
is remembered, and raised once the file is closed.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

#: Of the table of chunks that HDF5 holds for each open dataset; its own 8,191 take 64 kB, of thousands of sweeps each.
CHUNK_SLOTS = 101


def readable_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file whose datasets are many, and are read once.

    Raises:
        OSError: it is none, or not whole.
    """
    return h5py.File(path, "r", rdcc_nslots=CHUNK_SLOTS)


@contextmanager
def writable_hdf5(path: Path, mode: str) -> Iterator[h5py.File]:
    """Open an HDF5 file: "w" to make it anew, "r+" to change it; without HDF5's chunk caches.

    The caches hold part of each dataset for as long as the file is open.

    Raises:
        OSError: its disk is full.
    """
    with _Remembering(path, "w+b" if mode == "w" else "r+b") as raw:
        try:
            with h5py.File(raw, mode, rdcc_nbytes=0) as file:
                yield file
        finally:
            if raw.failure is not None:
                raise raw.failure  # before what came of it


class _Remembering(io.FileIO):
    failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of it; what fails is remembered."""
        left = memoryview(data).cast("B")
        try:
            while left and self.failure is None:
                left = left[super().write(left) :]
        except OSError as error:
            self.failure = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Change the file's length; what fails is remembered."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0
