"""Texts of any length in an HDF5 file: how much they claim, before HDF5 sets memory aside for it.

A dataset of such texts (or arrays) holds of each a descriptor: its length (4 bytes), the address of the heap that it is
in, its number there (HDF5 File Format Specification, IV.A.2.d, "Variable-Length"). HDF5 sets aside what the length asks
for, up to 4 GiB, before it looks into the heap, which holds another. No two descriptors share a text, nor are texts
compressed, so that together they have no more bytes than their file.
"""

import os
from collections.abc import Iterator

import h5py
import numpy as np
from h5py import h5d, h5t  # pyright: ignore[reportAttributeAccessIssue]


def claimed_length(data: h5py.Dataset) -> int:
    """How long the texts of a dataset claim to be, together; 0 where they have one length, or are packed."""
    kind = data.id.get_type()
    if not (isinstance(kind, h5t.TypeVlenID) or (isinstance(kind, h5t.TypeStringID) and kind.is_variable_str())):
        return 0
    descriptor = np.dtype({"names": ["length"], "formats": ["<u4"], "itemsize": kind.get_size()})
    with open(data.file.filename, "rb") as file:
        total, end = 0, file.seek(0, os.SEEK_END)
        for place, size in _stretches(data):
            if place >= end:
                continue  # damaged, as HDF5 will say
            file.seek(place)
            stored = file.read(min(size, end - place))
            whole = len(stored) // descriptor.itemsize
            total += int(np.frombuffer(stored, descriptor, whole)["length"].sum(dtype=np.int64))
        return total


def _stretches(data: h5py.Dataset) -> Iterator[tuple[int, int]]:
    """Where the bytes of a dataset lie in its file, and how many; none of what is packed, or in its header."""
    stored = data.id.get_create_plist()
    if stored.get_layout() == h5d.CONTIGUOUS and (place := data.id.get_offset()) is not None:
        yield place, data.id.get_storage_size()
    elif stored.get_layout() == h5d.CHUNKED and not stored.get_nfilters():
        for n in range(data.id.get_num_chunks()):
            chunk = data.id.get_chunk_info(n)
            if chunk.byte_offset is not None:
                yield chunk.byte_offset, chunk.size
