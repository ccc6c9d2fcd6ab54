"""A patch-clamp series of an NWB 2 file: a group of the icephys module's types, and what its fields say.

The samples are the dataset ``data`` (attributes ``unit``, ``conversion``, ``offset``); their times follow from
``starting_time`` (attribute ``rate``, Hz), or stand in ``timestamps``. As some programs write them, a scalar may be an
array of one, and samples may stand in a column, (T, 1), a row, or deeper.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from glifjax.io.json_text import parse_json
from glifjax.io.nwb.channel import Channel, Quantity
from glifjax.io.nwb.fields import address, attribute, dataset, entry, linked_name, members, number, place, text, within
from glifjax.io.nwb.sweep import WRITTEN_UNITS, Clamp, RecordingError

#: The series that a cell answered with, by their types.
RESPONSES: dict[str, Clamp] = {
    "IZeroClampSeries": "zero",
    "CurrentClampSeries": "current",
    "VoltageClampSeries": "voltage",
}
#: Those that it was stimulated with.
STIMULI: dict[str, Clamp] = {
    "CurrentClampStimulusSeries": "current",
    "VoltageClampStimulusSeries": "voltage",
}
#: What a series of the type that all of these are kinds of is, by its unit.
GENERAL = "PatchClampSeries"
BY_QUANTITY: dict[Quantity, str] = {"voltage": "CurrentClampSeries", "current": "CurrentClampStimulusSeries"}
#: The unit of a series that states none: NWB leaves its type no other.
UNITS: dict[Quantity, str] = {"voltage": "volts", "current": "amperes"}
#: Namespaces that define no series of their own.
CORE = ("core", "hdmf-common", "hdmf-experimental")


@dataclass(frozen=True, eq=False)
class Series:
    """A patch-clamp series, its samples unread.

    Attributes:
        group: of the file.
        address: what tells it from all other objects of the file.
        path: in the file.
        kind: its type, of the icephys module.
        electrode: name of its electrode, "" where it has none.
        number: of its sweep as it states it.
        protocol: its stimulus_description.
    """

    group: h5py.Group
    address: int
    path: str
    kind: str
    electrode: str
    number: int | None
    protocol: str

    @property
    def name(self) -> str:
        """The last word of its path."""
        return self.path.rpartition("/")[2]

    @property
    def clamp(self) -> Clamp | None:
        """How a response was recorded; None for what is no response."""
        return RESPONSES.get(self.kind)

    def start_time(self, first: int = 0) -> float:
        """Of a sample, s; 0 where the file does not say."""
        try:
            times, start = timestamps(self.group), dataset(self.group, "starting_time")
            if times is not None:
                stated = number(times[first : first + 1], self.path)
            else:
                stated = number(start, self.path)
                stated += first / number(attribute(start, "rate"), self.path) if first else 0.0
        except (RecordingError, ZeroDivisionError):
            return 0.0
        return stated if np.isfinite(stated) else 0.0

    @property
    def bridge_balance(self) -> float | None:
        """Ohm; None where the file does not say."""
        try:
            stated = number(dataset(self.group, "bridge_balance"), self.path)
        except RecordingError:
            return None
        return stated if np.isfinite(stated) else None

    def channel(self, quantity: Quantity, first: int = 0, count: int | None = None) -> Channel:
        """The `count` samples from the `first` on, all of them if left out; with a fault where they cannot be read."""
        where = f"{self.path}/data"
        try:
            data = vector(self.group)
            times, start = timestamps(self.group), dataset(self.group, "starting_time")
            stated = lambda name, default: number(attribute(data, name, default), f"{where} {name}")
            return Channel(
                where=where,
                quantity=quantity,
                unit=text(attribute(data, "unit", "")) or UNITS[quantity],
                data=data,
                n_samples=len(data) if count is None else count,
                first=first,
                conversion=stated("conversion", 1.0),
                offset=stated("offset", 0.0),
                stated_rate=None if times is not None else number(attribute(start, "rate"), f"{where} rate"),
                timestamps=times,
            )
        except RecordingError as error:
            return Channel(where, quantity, "", np.empty(0), 0, fault=within(error))


class Column:
    """A dataset whose axes but one have the length 1, as (T, 1) or (1, T), sliced as if it were (T,)."""

    def __init__(self, data: h5py.Dataset):
        """Hold a dataset."""
        self.data, self.dtype, self.attrs = data, data.dtype, data.attrs
        self.file, self.name = data.file, data.name

    def __len__(self) -> int:
        """How many samples there are."""
        return int(self.data.size or 0)

    def __getitem__(self, stretch: slice) -> np.ndarray:
        """The samples of a stretch."""
        return self.data[tuple(0 if length == 1 else stretch for length in self.data.shape)]


def vector(series: Any) -> Any:
    """The samples of a series, to be sliced as an array (T,).

    Raises:
        RecordingError: there are none, or of several dimensions.
    """
    data = dataset(series, "data")
    if data is None:
        raise RecordingError(f"{place(series)} has no samples (data of shape (T,)); leave the sweep out")
    return _in_one_dimension(data)


def timestamps(series: Any) -> Any:
    """When the samples of a series were taken, s, to be sliced as an array (T,); None where the file does not say.

    Raises:
        RecordingError: they are of several dimensions, or of none.
    """
    times = dataset(series, "timestamps")
    return None if times is None else _in_one_dimension(times)


def _in_one_dimension(data: h5py.Dataset) -> Any:
    if data.ndim == 1:
        return data
    if data.ndim > 1 and sum(length != 1 for length in data.shape) == 1:
        return Column(data)
    raise RecordingError(f"{place(data)} has the shape {data.shape}; expected (T,); write the file anew")


def read_series(group: h5py.Group, path: str, kinds: Mapping[str, str]) -> Series | None:
    """What a group says of itself as a patch-clamp series; None if it is none.

    Args:
        group: of the file.
        path: in the file.
        kinds: see `icephys_kinds`.

    Raises:
        RecordingError: a field is not of its type.
    """
    kind = kinds.get(text(attribute(group, "neurodata_type")))
    if kind == GENERAL:
        unit = text(attribute(dataset(group, "data"), "unit", "")).strip().lower()
        kind = next((BY_QUANTITY[quantity] for quantity in BY_QUANTITY if unit in WRITTEN_UNITS[quantity]), None)
    if kind is None:
        return None
    stated = number(attribute(group, "sweep_number"), f"{place(group)} sweep_number")
    return Series(
        group,
        address(group),
        path,
        kind,
        _electrode(group),
        int(stated) if 0 <= stated < 2**63 else None,
        text(attribute(group, "stimulus_description")),
    )


def _electrode(series: h5py.Group) -> str:
    """The name of a series' electrode, "" where it has none: as a link to it says, or of the one that is the same."""
    if name := linked_name(series, "electrode"):
        return name
    try:
        own = entry(series, "electrode")
    except RecordingError:
        return ""
    others = [] if own is None else members(series, "/general/intracellular_ephys", [])
    return next((name for name, one in others if address(one) == address(own)), "")


def icephys_kinds(file: h5py.File) -> dict[str, str]:
    """Types of series, and of which type of the icephys module each is a kind; types of extensions by the file's specs.

    An extension's definition is JSON in a dataset of ``/specifications/<extension>/<version>``: groups with a
    ``neurodata_type_def`` and the ``neurodata_type_inc`` that it is derived from. What cannot be read defines nothing.
    """
    derived: dict[str, str] = {}
    for extension, versions in members(file, "/specifications", []):
        if extension in CORE:
            continue
        for _, definitions in members(versions, ".", []):
            for name in map(str, definitions):
                with suppress(RecordingError, ValueError, AttributeError, TypeError):
                    for group in parse_json(text(dataset(definitions, name))).get("groups", ()):
                        derived[group.get("neurodata_type_def", "")] = group.get("neurodata_type_inc", "")
    kinds = {kind: kind for kind in (*RESPONSES, *STIMULI, GENERAL)}
    for kind in derived:
        base = kind
        for _ in derived:
            base = derived.get(base, base)
        if base in kinds:
            kinds[kind] = base
    return kinds
