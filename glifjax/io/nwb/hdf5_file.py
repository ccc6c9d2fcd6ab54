"""HDF5 files through Python's own, which stand between HDF5 and two things that it does not survive.

Where a write fails, as the disk is full, it cannot close its file, and its cleanup ends the process. So it is shown no
failure: the first is remembered, and raised once the file is closed.

Texts of any length are in heaps (HDF5 File Format Specification, III.E, "Global Heap"): 16 bytes, the last 8 of which
are the heap's size, then objects. Before an object are 16 bytes: its number (2 bytes; 0 is what is free) and, in the
last 8, its size, for what is free with these 16. Where a part of the file is zeros a size is zero, where it is noise an
object ends beyond its heap or, as sizes are added in 64 bits, before it: HDF5 (2.0 and before) goes round for ever. So
heaps are looked at as HDF5 reads them; of one that is damaged it is shown no beginning, which it refuses.
"""

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

#: How a heap begins: its signature and version, three bytes that are zero.
HEAP = b"GCOL\x01\x00\x00\x00"
#: Bytes of a heap that are looked at, at most; one usually has 4,096.
LARGEST_HEAP = 2**26


def readable_hdf5(path: Path) -> h5py.File:
    """An HDF5 file whose datasets are many, and are read once; without HDF5's chunk caches.

    The caches hold part of each dataset, and a table for it, for as long as the file is open.

    It is open until it is closed, or neither it nor a dataset of it is held any more.

    Raises:
        OSError: HDF5 cannot read it, or another program has it open to write.
    """
    h5py.File(path, "r").close()  # as HDF5's own file, which asks whether it is locked
    return h5py.File(path, "r", driver="fileobj", fileobj=_Looking(path), rdcc_nbytes=0)


@contextmanager
def writable_hdf5(path: Path, mode: str) -> Iterator[h5py.File]:
    """Open an HDF5 file: "w" to make it anew, "r+" to change it; without HDF5's chunk caches.

    The caches hold part of each dataset for as long as the file is open.

    Raises:
        OSError: its disk is full.
    """
    with _Remembering(path, "w+b" if mode == "w" else "r+b") as raw:
        try:
            with h5py.File(path, mode, driver="fileobj", fileobj=raw, rdcc_nbytes=0) as file:
                yield file
        finally:
            if raw.failure is not None:
                raise raw.failure  # before what came of it


class _Looking(io.FileIO):
    def __del__(self):
        """Close it, as HDF5 has, which does not say so."""
        self.close()

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place; for one that no file has to the end."""
        return super().seek(min(place, os.fstat(self.fileno()).st_size), whence)

    def readinto(self, buffer: Any) -> int:
        """Read what HDF5 asks for, zeros beyond the end, as it does; but for the beginning of a heap without an end."""
        place, count, view = self.tell(), 0, memoryview(buffer)
        while part := super().readinto(view[count:]):  # at most 2 GiB at once
            count += part
        view[count:] = bytes(len(view) - count)
        if view[: len(HEAP)] == HEAP and not self._leads_on(place):
            view[: len(HEAP)] = bytes(len(HEAP))
        return count

    def _leads_on(self, place: int) -> bool:
        """Whether each object of the heap at a place ends further on, in the heap; the file is left where it was."""
        after = self.tell()
        self.seek(place + 8)
        size = int.from_bytes(self.read(8), "little")
        objects = self.read(min(max(size - 16, 0), LARGEST_HEAP))
        self.seek(after)
        at = 0
        while at + 16 <= len(objects):
            number, length = struct.unpack_from("<H6xQ", objects, at)
            if number == length == 0:
                return False
            at += length if number == 0 else 16 + (length + 7) // 8 * 8
            if at > max(size - 16, 0):
                return False
        return True


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
