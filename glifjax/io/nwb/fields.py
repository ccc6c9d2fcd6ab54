"""The door to an HDF5 file: what is in it, each field of the type that the format gives it, or refused in a sentence.

A file may hold links to other files, datasets that are views of others (of themselves even), and few bytes that unpack
to many. Reading these shows what the file's digest does not cover, ends the process, or fills the memory. So a link is
looked at before it is followed, a dataset by its headers before it is read, and nothing else in the file is touched.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5l, h5o, h5z  # pyright: ignore[reportAttributeAccessIssue]

from glifjax.errors import shown
from glifjax.io.nwb.long_texts import claimed_length
from glifjax.io.nwb.sweep import RecordingError, first_line

#: Entries of a field that is no sweep's samples, at most.
LONGEST = 10_000_000
#: Bytes of a dataset that are read whatever they unpack from.
PLENTY = 50_000_000
#: Bytes that one stored byte may unpack to in what is larger; samples of recordings come to some 10, zeros to 200.
UNPACKED = 250
#: Links that lead on to one another, at most.
MOST_LINKS = 16
#: Names of filters that HDF5 has no code of its own for, by their registered numbers.
FILTERS = {
    307: "bzip2", 32000: "LZF", 32001: "blosc", 32004: "LZ4", 32008: "bitshuffle", 32013: "ZFP", 32015: "zstd",
    32017: "SZ", 32018: "FCIDECOMP", 32024: "SZ3", 32026: "blosc2", 32028: "SPERR",
}  # fmt: skip


def entry(parent: Any, path: str, links: int = MOST_LINKS) -> Any:
    """The object at a path below a group, or from the file's root on; None where there is nothing.

    Raises:
        RecordingError: the way leads into another file, in a circle, or to what is damaged.
    """
    node: Any = parent.file if path.startswith("/") else parent
    for part in filter(None, path.split("/")):
        if not isinstance(node, h5py.Group):
            return None
        name = part.encode("utf-8", "surrogateescape")
        if part == ".":
            continue
        if not node.id.links.exists(name):
            return None
        kind = node.id.links.get_info(name).type
        if kind == h5l.TYPE_SOFT:
            target = node.id.links.get_val(name).decode("utf-8", "surrogateescape")
            if not links:
                raise RecordingError(f"{_under(node, part)} is a link that leads in a circle, which is not read")
            node = entry(node, target, links - 1)
        elif kind == h5l.TYPE_HARD:
            node = _opened(node, part)
        else:
            other = node.id.links.get_val(name)[0] if kind == h5l.TYPE_EXTERNAL else b"of a kind of its own"
            where = f"{_under(node, part)} is a link to another file ({other.decode(errors='replace')})"
            raise RecordingError(f"{where}, which is not read; write the file anew with its data in itself")
    return node


def _opened(parent: h5py.Group, name: str) -> Any:
    try:
        return parent[name]
    except (KeyError, OSError, RuntimeError) as error:  # what h5py raises where an object is damaged
        raise RecordingError(
            f"{_under(parent, name)} is damaged ({first_line(error)}); export the file again"
        ) from error


def members(parent: Any, path: str, left_out: list[str]) -> Iterator[tuple[str, h5py.Group]]:
    """The groups in the group at a path, with their names; a line to `left_out` for what leads out of the file."""
    try:
        folder = group(parent, path)
    except RecordingError as error:
        left_out.append(f"{path} is left out: {within(error)}")
        return
    for name in map(str, () if folder is None else folder):
        try:
            member = listed(folder, name)
        except RecordingError as error:
            left_out.append(f"{path}/{name} is left out: {within(error)}")
            continue
        if isinstance(member, h5py.Group):
            yield name, member


def listed(folder: Any, name: str) -> Any:
    """The object of a name that a group lists.

    Raises:
        RecordingError: as `entry`, and where the link of that name leads nowhere.
    """
    member = entry(folder, name)
    if member is None:
        raise RecordingError(f"{_under(folder, name)} is a link that leads nowhere")
    return member


def linked_name(parent: h5py.Group | None, name: str) -> str:
    """Name of what a soft link leads to, as it says itself; "" where there is none."""
    link = name.encode()
    if parent is None or not parent.id.links.exists(link) or parent.id.links.get_info(link).type != h5l.TYPE_SOFT:
        return ""
    return parent.id.links.get_val(link).decode(errors="replace").rpartition("/")[2]


def within(error: Exception) -> str:
    """What an error says, less the file that it begins with."""
    words = first_line(error)
    return words.partition(": ")[2] or words


def group(parent: Any, path: str) -> h5py.Group | None:
    """The group at a path below `parent`; None where there is nothing.

    Raises:
        RecordingError: something else is there.
    """
    return _of_type(parent, path, h5py.Group, "a group")


def dataset(parent: Any, path: str) -> h5py.Dataset | None:
    """The dataset at a path below `parent`, fit to be read; None where there is nothing.

    Raises:
        RecordingError: something else is there, or it is in another file, needs a filter that is missing, or holds
            more than its bytes can.
    """
    data = _of_type(parent, path, h5py.Dataset, "a dataset")
    if data is not None:
        _check_storage(data)
    return data


def check_all(file: h5py.File, unpacked: int = UNPACKED) -> None:
    """Visit every object of a file once, by this door: for a library that follows any link and reads any dataset.

    Args:
        file: open for reading.
        unpacked: bytes that a stored byte may unpack to.

    Raises:
        RecordingError: one of them is refused.
    """
    seen: set[int] = set()
    pending: list[Any] = [file]
    while pending:
        folder = pending.pop()
        for member in (entry(folder, str(name)) for name in folder):
            if member is None or address(member) in seen:
                continue
            seen.add(address(member))
            if isinstance(member, h5py.Group):
                pending.append(member)
            elif isinstance(member, h5py.Dataset):
                _check_storage(member, unpacked)


def target(file: h5py.File, reference: Any) -> h5py.Group | None:
    """The group that a reference leads to; None where it leads to none."""
    try:
        thing = file[reference] if reference else None
    except (ValueError, TypeError, KeyError, OSError):  # what h5py raises where there is nothing
        return None
    return thing if isinstance(thing, h5py.Group) else None


def address(thing: Any) -> int:
    """What tells an object of a file from all others, by whichever name it is reached."""
    return h5o.get_info(thing.id).addr


def _of_type(parent: Any, path: str, kind: type, expected: str) -> Any:
    thing = entry(parent, path)
    if thing is not None and not isinstance(thing, kind):
        raise RecordingError(f"{place(thing)} is a {type(thing).__name__.lower()}; expected {expected}")
    return thing


def _check_storage(data: h5py.Dataset, most: int = UNPACKED) -> None:
    stored = data.id.get_create_plist()
    anew = "which is not read; write the file anew with its data in itself"
    if stored.get_layout() == h5d.VIRTUAL:
        raise RecordingError(f"{place(data)} is a view of other data (a virtual dataset), {anew}")
    if stored.get_external_count():
        file = stored.get_external(0)[0].decode(errors="replace")
        raise RecordingError(f"{place(data)} is stored in another file ({file}), {anew}")
    try:
        size = (data.size or 0) * data.dtype.itemsize
    except (TypeError, ValueError) as error:
        raise RecordingError(
            f"{place(data)} is of a damaged type ({first_line(error)}); export the file again"
        ) from error
    if size > max(PLENTY, most * data.id.get_storage_size()):
        unpacked = f"would unpack {data.id.get_storage_size()} bytes to {size:.3g}"
        raise RecordingError(f"{place(data)} {unpacked}, {anew}")
    if (claimed := claimed_length(data)) > Path(data.file.filename).stat().st_size:
        raise RecordingError(f"{place(data)} claims {claimed} letters, more than its file has; export the file again")
    for code in (stored.get_filter(n)[0] for n in range(stored.get_nfilters())):
        if not h5z.filter_avail(code) and not _plugin(code):
            name = FILTERS.get(code, "of that number")
            raise RecordingError(
                f"{place(data)} is compressed by the HDF5 filter {code} ({name}), which is not installed; "
                "install hdf5plugin (pip install hdf5plugin), or write the file anew with gzip"
            )


def _plugin(code: int) -> bool:
    """Whether hdf5plugin, where it is installed, has the code of a filter."""
    try:
        import hdf5plugin  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError:
        return False
    return h5z.filter_avail(code)


def _under(parent: Any, name: str) -> str:
    return f"{Path(parent.file.filename).name}: {(parent.name or '').rstrip('/')}/{name}"


def place(thing: Any) -> str:
    """File and path of an object in it, for messages."""
    return f"{Path(thing.file.filename).name}: {thing.name}"


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


def attribute(thing: Any, name: str, default: Any = None) -> Any:
    """An attribute of a group or dataset as h5py reads it; the default where there is none, or no thing.

    Raises:
        RecordingError: it is damaged.
    """
    try:
        return default if thing is None else thing.attrs.get(name, default)
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:  # TypeError: of a type that numpy lacks
        raise RecordingError(f"{place(thing)} has a damaged attribute {name} ({first_line(error)})") from error


def text_at(parent: Any, path: str) -> str:
    """Text at a path below `parent`, "" where there is none, or none that can be read: nothing depends on it."""
    try:
        return text(dataset(parent, path))
    except RecordingError:
        return ""


def size_at(parent: Any, path: str) -> int:
    """How many entries the dataset at a path has; 0 where there is none."""
    try:
        data = dataset(parent, path)
    except RecordingError:
        return 0
    return 0 if data is None else int(data.size or 0)


def number(value: Any, where: str) -> float:
    """Number of a scalar, an attribute's or a dataset's, digits in a text too; the first of several, NaN for none.

    Raises:
        RecordingError: it is no number.
    """
    first = _first(values(value, "iufb", "a number") if isinstance(value, h5py.Dataset) else value)
    if first is None:
        return math.nan
    try:
        return float(first if np.asarray(first).dtype.kind in "iufb" else text(first))
    except ValueError:
        raise RecordingError(f"{where} is {shown(first)}; expected a number") from None


def _first(value: Any) -> Any:
    entries = np.ravel(value)
    return entries[0] if entries.size else None
