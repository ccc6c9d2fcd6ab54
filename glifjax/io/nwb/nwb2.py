"""NWB 2 (its icephys module, stored as HDF5), read through pynwb: which stimulus belongs to which response.

Loaded only when such a file is read: pynwb takes seconds to import.
"""

import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pynwb
from pynwb import icephys

from glifjax.io.nwb.sweeps import (  # fmt: skip
    Channel,
    Clamp,
    Quantity,
    Recording,
    RecordingError,
    Sweep,
    first_line,
    name_sweeps,
)


class _Span(NamedTuple):
    """A stretch of a pynwb TimeSeries, such as a row of the icephys tables refers to."""

    series: Any
    first: int
    n_samples: int


class _Pair(NamedTuple):
    """A response, its stimulus if it has one, and the row of the simultaneous recordings that says so."""

    response: _Span
    stimulus: _Span | None
    clamp: Clamp
    row: int | None = None

    @property
    def electrode(self) -> str:
        return self.response.series.electrode.name


def read_nwb2(path: Path, electrode: str | None = None) -> Recording:
    """The recording in an NWB 2 file; see ``read_recording``, which looks at the file's version first."""
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matters in pynwb's is checked here, or on reading a sweep
        try:
            io = stack.enter_context(pynwb.NWBHDF5IO(path=str(path), mode="r", load_namespaces=True))
            nwb: Any = io.read()
        except Exception as error:  # hdmf raises many kinds, and extensions their own
            raise RecordingError(
                f"{path.name}: pynwb cannot read it ({first_line(error)}); if it uses an extension (ndx-...) "
                "that it does not define, install that, else export the file again"
            ) from error
        remarks: list[str] = []
        stated = _stated_numbers(nwb, path.name)
        pairs = _pairs(nwb, stated, remarks)
        electrodes = sorted({pair.electrode for pair in pairs}, key=_natural)
        if electrode is not None:
            pairs = [pair for pair in pairs if pair.electrode == electrode]
            if not pairs:
                raise RecordingError(f"{path.name}: no sweep is from electrode '{electrode}'; choose from {electrodes}")
        elif len(electrodes) > 1:
            remarks.append(f"its sweeps are from {len(electrodes)} electrodes ({', '.join(electrodes)})")
        numbers = _numbers(pairs, stated, remarks)
        if numbers is None:
            raise RecordingError(
                f"{path.name}: the electrodes {electrodes} have sweeps of the same numbers, as several cells "
                f'do; choose one with `electrode="{electrodes[0]}"`'
            )
        times = _start_times(pairs)
        sweeps = [
            _sweep(io, path, pair, number, time) for pair, number, time in zip(pairs, numbers, times, strict=True)
        ]
        if unpaired := [sweep.number for sweep in sweeps if not sweep.paired]:
            remarks.append(f"no stimulus is found for {name_sweeps(unpaired)}, by table, number or name")
        counts = Counter(series.neurodata_type for series in nwb.acquisition.values())
        units = [] if nwb.units is None else [f"{len(nwb.units)} sorted units"]
        return Recording(
            path,
            sweeps,
            identifier=str(nwb.identifier),
            session_description=str(nwb.session_description),
            notes=nwb.notes,
            remarks=remarks,
            other_content=" and ".join(units + [f"{n} {name}" for name, n in counts.items()]),
            close=stack.pop_all().close,
        )


def _sweep(io: Any, path: Path, pair: _Pair, number: int, start_time: float) -> Sweep:
    recorded, commanded = ("current", "voltage") if pair.clamp == "voltage" else ("voltage", "current")
    # pynwb drops the stimulus_description of a sweep at zero current; its builder keeps what the file says
    spans = [span for span in (pair.response, pair.stimulus) if span is not None]
    attributes = [io.manager.get_builder(span.series).attributes for span in spans]
    protocols = [str(attribute.get("stimulus_description", "")).strip() for attribute in attributes]
    bridge = getattr(pair.response.series, "bridge_balance", None)
    return Sweep(
        file=path.name,
        number=number,
        protocol=next((protocol for protocol in protocols if protocol not in ("", "N/A")), protocols[0]),
        clamp=pair.clamp,
        response=_channel(pair.response, recorded),
        stimulus=None if pair.stimulus is None else _channel(pair.stimulus, commanded),
        start_time=start_time,
        electrode=pair.electrode,
        bridge_balance=None if bridge is None or math.isnan(bridge) else float(bridge),
    )


def _channel(span: _Span, quantity: Quantity) -> Channel:
    series = span.series
    unit = series.data.attrs.get("unit", "")  # the file's own: pynwb replaces what it does not expect
    return Channel(
        where=series.data.name,
        quantity=quantity,
        unit=unit.decode() if isinstance(unit, bytes) else str(unit),
        data=series.data,
        n_samples=span.n_samples,
        first=span.first,
        conversion=float(series.conversion),
        offset=float(series.offset),
        stated_rate=None if series.rate is None else float(series.rate),
        timestamps=series.timestamps,
    )


def _clamp(series: Any) -> Clamp | None:
    """How a response was recorded, by its type alone; None for what is no intracellular response."""
    if isinstance(series, icephys.IZeroClampSeries):  # before the CurrentClampSeries that it is too
        return "zero"
    if isinstance(series, icephys.CurrentClampSeries):
        return "current"
    return "voltage" if isinstance(series, icephys.VoltageClampSeries) else None


def _pairs(nwb: Any, stated: dict[str, int], remarks: list[str]) -> list[_Pair]:
    """Every response with its stimulus: by the icephys tables or, where these are silent, number or name."""
    pairs = _table_pairs(nwb, remarks)
    paired = {span.series.object_id for pair in pairs for span in (pair.response, pair.stimulus) if span}
    recorded = [series for series in nwb.acquisition.values() if series.object_id not in paired]
    commanded = [series for series in nwb.stimulus.values() if series.object_id not in paired] or recorded
    stimulus_types: dict[Clamp, Any] = {
        "current": icephys.CurrentClampStimulusSeries,
        "voltage": icephys.VoltageClampStimulusSeries,
        "zero": (),
    }
    for clamp, stimulus_type in stimulus_types.items():
        responses = [series for series in recorded if _clamp(series) == clamp]
        stimuli = [series for series in commanded if isinstance(series, stimulus_type)]
        partners = _partners(responses, stimuli, stated)
        for response, stimulus in zip(responses, partners, strict=True):
            pairs.append(_Pair(_whole(response), None if stimulus is None else _whole(stimulus), clamp))
        if left := len(stimuli) + partners.count(None) - len(partners):
            remarks.append(f"{left} of its {clamp}-clamp stimuli belong to no response and are left out")
    return pairs


def _whole(series: Any) -> _Span:
    return _Span(series, 0, len(series.data))


def _table_pairs(nwb: Any, remarks: list[str]) -> list[_Pair]:
    """Pairs by the rows of the intracellular recordings table (NWB 2.4 and later)."""
    table = nwb.intracellular_recordings
    if table is None or not len(table):
        return []
    numbers = dict(enumerate(int(number) for number in table.id[:]))
    if (simultaneous := nwb.icephys_simultaneous_recordings) is not None:
        column = simultaneous["recordings"]  # ragged: the rows of recording k end at column.data[k]
        groups = np.split(np.asarray(column.target.data[:]), np.asarray(column.data[:])[:-1])
        numbers |= {int(row): k for k, rows in enumerate(groups) for row in rows}
    pairs = []
    for row, number in numbers.items():
        try:
            response, stimulus = (
                None if span.timeseries is None else _Span(span.timeseries, int(span.idx_start), int(span.count))
                for span in (table["responses"]["response"][row], table["stimuli"]["stimulus"][row])
            )
        except (
            LookupError,
            ValueError,
            TypeError,
        ) as error:  # what h5py and hdmf raise where a reference leads nowhere
            remarks.append(f"row {row} of its intracellular recordings cannot be read ({first_line(error)})")
            continue
        clamp = None if response is None else _clamp(response.series)
        if response is not None and clamp is not None:
            pairs.append(_Pair(response, None if clamp == "zero" else stimulus, clamp, number))
        else:
            remarks.append(f"row {row} of its intracellular recordings has no patch-clamp response and is left out")
    return pairs


def _partners(responses: list[Any], stimuli: list[Any], stated: dict[str, int]) -> list[Any]:
    """The stimulus of each response, or None, by the first key that tells all responses and stimuli apart.

    The key is never the time: many files keep starting times for one of the two only.
    """
    keys: tuple[Callable[[Any], Any], ...] = (
        lambda series: stated.get(series.object_id),
        lambda series: (stated[series.object_id], series.electrode.name) if series.object_id in stated else None,
        lambda series: _integers(series.name),
        lambda series: series.name,
        lambda series: "the only one",
    )
    for key in keys:
        stimulus_of = {key(series): series for series in stimuli}
        wanted = [key(series) for series in responses]
        distinct = len(stimulus_of) == len(stimuli) and len(set(wanted)) == len(wanted)
        if distinct and None not in (*stimulus_of, *wanted) and not stimulus_of.keys().isdisjoint(wanted):
            return [stimulus_of.get(name) for name in wanted]
    return [None] * len(responses)


def _stated_numbers(nwb: Any, name: str) -> dict[str, int]:
    """Sweep number by object_id: the attribute of each series and, in older files, the sweep table."""
    try:
        objects = nwb.objects.values()
    except TypeError as error:  # of hdmf's dictionary of them
        raise RecordingError(
            f"{name}: its objects have no distinct object_id ({first_line(error)}); export the file again"
        ) from error
    series = [item for item in objects if isinstance(item, icephys.PatchClampSeries)]
    numbers = {item.object_id: int(item.sweep_number) for item in series if item.sweep_number is not None}
    if (table := nwb.sweep_table) is not None:
        for row, number in enumerate(table["sweep_number"].data[:]):
            numbers |= {one.object_id: int(number) for one in table["series"][row]}
    return numbers


def _numbers(pairs: list[_Pair], stated: dict[str, int], remarks: list[str]) -> list[int] | None:
    """Distinct numbers of the sweeps: as stated, of their rows, in their names or, failing these, in order.

    None where they are distinct on each electrode but not over all: a choice of one is needed.
    """
    electrodes = [pair.electrode for pair in pairs]
    names = [_integers(pair.response.series.name) or () for pair in pairs]
    columns = zip(*names, strict=True) if len({len(name) for name in names}) == 1 else ()
    candidates: list[Sequence[int | None]] = [
        [stated.get(pair.response.series.object_id) for pair in pairs],
        [pair.row for pair in pairs],
        *columns,
    ]
    for candidate in candidates:
        numbers = [number for number in candidate if number is not None]
        if len(numbers) == len(pairs) == len(set(numbers)):
            return numbers
        if len(numbers) == len(pairs) == len(set(zip(numbers, electrodes, strict=True))):
            return None
    if len(set(electrodes)) > 1:
        return None
    remarks.append("its sweeps have no distinct numbers, so they are counted in the order of their names")
    order = sorted(range(len(pairs)), key=lambda n: _natural(pairs[n].response.series.name))
    return [order.index(n) for n in range(len(pairs))]


def _start_times(pairs: list[_Pair]) -> list[float]:
    """Starting times in s: those of the responses, or of the stimuli where only these advance."""
    recorded = [_start_time(pair.response) for pair in pairs]
    commanded = [_start_time(pair.stimulus) for pair in pairs if pair.stimulus is not None]
    return commanded if len(set(recorded)) == 1 < len(set(commanded)) == len(pairs) else recorded


def _start_time(span: _Span) -> float:
    series = span.series
    if series.timestamps is not None:
        return float(series.timestamps[span.first]) if span.first < len(series.timestamps) else 0.0
    return float(series.starting_time or 0.0) + (span.first / series.rate if span.first else 0.0)


def _integers(name: str) -> tuple[int, ...] | None:
    return tuple(int(digits) for digits in re.findall(r"\d+", name)) or None


def _natural(name: str) -> list[int | str]:
    """Key that sorts 1, 2, 10 in this order."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
