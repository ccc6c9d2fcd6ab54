"""What an HDF5 file is made of, looked at before anything of it is read: the door that every recording comes through.

A file may hold links to other files, datasets that are views of others (of themselves even), and few bytes that unpack
to many. Reading these shows what the file's digest does not cover, ends the process, or fills the memory. So every
object is visited once, by its headers alone, and a file that has any of them is refused.
"""

from typing import Any

import h5py
from h5py import h5d, h5o  # pyright: ignore[reportAttributeAccessIssue]

from glifjax.io.nwb.sweeps import RecordingError

#: Bytes of a dataset that are read whatever they unpack from.
PLENTY = 50_000_000
#: Bytes that one stored byte may unpack to in what is larger; samples of recordings come to some 10, zeros to 200.
UNPACKED = 250


def survey(file: h5py.File, name: str) -> None:
    """Refuse a file that leaves itself, or holds more than it should.

    Args:
        file: open for reading.
        name: of the file, for messages.

    Raises:
        RecordingError: with the place in the file, what is there, and what to do.
    """
    seen: set[int] = set()
    pending: list[tuple[Any, str]] = [(file, "")]
    while pending:
        group, place = pending.pop()
        for key in group:
            where = f"{place}/{key}"
            link = group.get(key, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                _refuse(name, where, f"is a link to another file ({link.filename})")
            if not isinstance(link, h5py.HardLink):
                continue  # to a place in this file, which is visited by its own name
            info = h5o.get_info(group.id, key.encode("utf-8", "surrogateescape"))
            if info.addr in seen:
                continue
            seen.add(info.addr)
            if info.type == h5o.TYPE_GROUP:
                pending.append((group[key], where))
            elif info.type == h5o.TYPE_DATASET:
                _check_dataset(group[key], name, where)


def _check_dataset(data: h5py.Dataset, name: str, where: str) -> None:
    stored = data.id.get_create_plist()
    if stored.get_layout() == h5d.VIRTUAL:
        _refuse(name, where, "is a view of other data (a virtual dataset)")
    if stored.get_external_count():
        _refuse(name, where, f"is stored in another file ({stored.get_external(0)[0].decode(errors='replace')})")
    size = (data.size or 0) * data.dtype.itemsize
    if size > max(PLENTY, UNPACKED * data.id.get_storage_size()):
        _refuse(name, where, f"would unpack {data.id.get_storage_size()} bytes to {size:.3g}")


def _refuse(name: str, where: str, what: str) -> None:
    raise RecordingError(f"{name}: {where} {what}, which is not read; write the file anew with its data in itself")
