"""NWB 2 (its icephys module, stored as HDF5), read through h5py as NWB 1 is: only what belongs to sweeps is looked at.

Responses are the patch-clamp series in ``/acquisition``, stimuli those in ``/stimulus/presentation`` and
``/stimulus/templates``. What else a file holds (trials, units, extensions) cannot keep it shut.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from glifjax.io.nwb.channel import Quantity
from glifjax.io.nwb.electrodes import check_electrode, choice
from glifjax.io.nwb.fields import address, attribute, members, size_at, text, text_at, within
from glifjax.io.nwb.hdf5_file import readable_hdf5
from glifjax.io.nwb.icephys_tables import Row, Span, recorded_rows, stated_numbers
from glifjax.io.nwb.pairing import NO_PROTOCOL, integers, pair, words
from glifjax.io.nwb.selection import name_sweeps
from glifjax.io.nwb.series import STIMULI, Series, icephys_kinds, read_series
from glifjax.io.nwb.sweep import Clamp, RecordingError, Sweep, first_line
from glifjax.io.nwb.sweeps import Recording

#: Where the series are.
_RESPONSES = "/acquisition"
_PRESENTED = "/stimulus/presentation"
_TEMPLATES = "/stimulus/templates"
#: Where other things are, which are not read.
_OTHERS = ("/intervals", "/processing", "/analysis", "/scratch", "/general")
#: What converters write where a session is not described, in lower case.
NO_DESCRIPTION = (*NO_PROTOCOL, "placeholder")
#: What is recorded, and what is commanded, in each clamp.
_QUANTITIES: dict[Clamp, tuple[Quantity, Quantity]] = {
    "current": ("voltage", "current"),
    "zero": ("voltage", "current"),
    "voltage": ("current", "voltage"),
}


class _Pair(NamedTuple):
    """A response, its stimulus if it has one, and what the tables say of it."""

    response: Span
    stimulus: Span | None
    row: int | None = None
    protocol: str = ""

    @property
    def electrode(self) -> str:
        return self.response.series.electrode


def read_nwb2(path: Path, electrode: str | None = None) -> Recording:
    """The recording in an NWB 2 file; see ``read_recording``, which looks at the file's version first.

    Raises RecordingError for a damaged file, for an ``electrode`` without sweeps, and where a choice of one is needed.
    """
    with ExitStack() as stack:
        file = stack.enter_context(readable_hdf5(path))
        try:
            return _recording(file, path, electrode, stack)
        except (OSError, KeyError, RuntimeError) as error:  # what h5py raises where a file is damaged
            raise RecordingError(
                f"{path.name}: a part of it cannot be read ({first_line(error)}); export the file again"
            ) from error


def _recording(file: h5py.File, path: Path, electrode: str | None, stack: ExitStack) -> Recording:
    remarks: list[str] = []
    contents = _Contents(file, remarks)
    numbers = stated_numbers(file, remarks) | contents.numbers
    pairs = _pairs(contents, numbers, remarks)
    electrodes = sorted({one.electrode for one in pairs if one.electrode}, key=words)
    if electrode is not None:
        check_electrode(path.name, electrodes, electrode)
        pairs = [one for one in pairs if one.electrode == electrode]
    elif len(electrodes) > 1:
        remarks.append(f"its sweeps are from {len(electrodes)} electrodes ({', '.join(electrodes)})")
    counted = _numbers(pairs, numbers, remarks)
    if counted is None:
        in_order = sorted(pairs, key=lambda one: words(one.electrode))
        raise RecordingError(
            f"{path.name}: the electrodes {', '.join(electrodes)} have sweeps of the same numbers, as several cells "
            f"do; {choice((_sweep(path, one, 0, 0.0) for one in in_order), 'electrode')}"
        )
    sweeps = [
        _sweep(path, one, number, time) for one, number, time in zip(pairs, counted, _start_times(pairs), strict=True)
    ]
    beside, description = _beside(file, contents), text_at(file, "session_description")
    return Recording(
        path,
        sweeps,
        identifier=text_at(file, "identifier"),
        session_description="" if description.casefold() in NO_DESCRIPTION else description,
        notes=text_at(file, "general/notes") or None,
        remarks=remarks + [f"not read, as it stands where no sweeps do: {', '.join(beside)}"] * bool(beside),
        unpaired=_unpaired(sweeps, contents),
        other_content=_other_content(file, contents.others[_RESPONSES], beside),
        close=stack.pop_all().close,
    )


class _Contents:
    """The patch-clamp series of a file, and how many series of other types are acquired, and presented."""

    def __init__(self, file: h5py.File, remarks: list[str]):
        self.file, self.kinds = file, icephys_kinds(file)
        self.others: dict[str, Counter[str]] = {folder: Counter() for folder in (_RESPONSES, _PRESENTED)}
        self.at: dict[int, Series] = {}
        refused: list[RecordingError] = []
        for folder in (_RESPONSES, _PRESENTED, _TEMPLATES):
            for name, member in members(file, folder, remarks):
                try:
                    self._add(member, f"{folder}/{name}")
                except RecordingError as error:
                    refused.append(error)
                    remarks.append(f"{folder}/{name} is left out: {within(error)}")
        if refused and not self.at:
            raise refused[0]

    def _add(self, member: Any, path: str) -> None:
        place = address(member)
        if place in self.at:
            return
        series = read_series(member, path, self.kinds)
        if series is not None:
            self.at[place] = series
        elif (folder := path.rpartition("/")[0]) in self.others:
            self.others[folder][text(attribute(member, "neurodata_type")) or "group"] += 1

    def series_at(self, member: Any) -> Series | None:
        """The series that an object of the file is, wherever it stands; None if it is none."""
        place = address(member)
        return self.at[place] if place in self.at else read_series(member, str(member.name), self.kinds)

    @property
    def numbers(self) -> dict[int, int]:
        """Sweep numbers that the series state, by their addresses."""
        return {place: series.number for place, series in self.at.items() if series.number is not None}

    @property
    def responses(self) -> list[Series]:
        """What cells answered with."""
        return [series for series in self.at.values() if series.clamp and series.path.startswith(_RESPONSES)]

    @property
    def stimuli(self) -> list[Series]:
        """As presented; else what stands among the acquisitions, as a current that was measured; else templates."""
        stimuli = [series for series in self.at.values() if series.kind in STIMULI]
        stands_in = lambda folder: [series for series in stimuli if series.path.startswith(folder)]
        return next(filter(None, map(stands_in, (_PRESENTED, _RESPONSES, _TEMPLATES))), [])


def _pairs(contents: _Contents, numbers: Mapping[int, int], remarks: list[str]) -> list[_Pair]:
    """Every response with its stimulus: by the icephys tables or, where these are silent, by number or name."""
    rows = recorded_rows(contents.file, contents.series_at, remarks)
    silent = _without_stimulus(rows, contents)
    rows = [row for row in rows if row.response.series.address not in silent]
    pairs = [_Pair(row.response, None if _is_zero(row) else row.stimulus, row.number, row.protocol) for row in rows]
    taken = {span.series.address for row in rows for span in (row.response, row.stimulus) if span}
    free = lambda several: [series for series in several if series.address not in taken]
    for clamp in ("current", "voltage"):
        responses = [series for series in free(contents.responses) if series.clamp == clamp]
        stimuli = [series for series in free(contents.stimuli) if STIMULI[series.kind] == clamp]
        partners, chosen = pair(responses, stimuli, numbers)
        for response, stimulus in zip(responses, partners, strict=True):
            span, row = stimulus and Span(stimulus), silent.get(response.address)
            pairs.append(_Pair(row.response, span, row.number, row.protocol) if row else _Pair(Span(response), span))
        remarks += chosen
        if not chosen and (left := len(stimuli) - len({one.path for one in partners if one})):
            remarks.append(f"{left} of its {clamp}-clamp stimuli belong to no response and are left out")
    return pairs + [_Pair(Span(series), None) for series in free(contents.responses) if series.clamp == "zero"]


def _without_stimulus(rows: Sequence[Row], contents: _Contents) -> dict[int, Row]:
    """The rows that leave the stimulus of a whole response open, by the address of that response."""
    count = Counter(row.response.series.address for row in rows)
    open_ = [row for row in rows if row.stimulus is None and not _is_zero(row)]
    at = {row.response.series.address: row for row in open_ if count[row.response.series.address] == 1}
    return {series.address: at[series.address] for series in contents.responses if series.address in at}


def _is_zero(row: Row) -> bool:
    return row.response.series.clamp == "zero"


def _sweep(path: Path, one: _Pair, number: int, start_time: float) -> Sweep:
    response, stimulus = one.response, one.stimulus
    clamp: Clamp = response.series.clamp or "current"
    recorded, commanded = _QUANTITIES[clamp]
    stated = [span.series.protocol for span in (response, stimulus) if span]
    return Sweep(
        file=path.name,
        number=number,
        protocol=next((name for name in (*stated, one.protocol) if name.casefold() not in NO_PROTOCOL), ""),
        clamp=clamp,
        response=response.series.channel(recorded, response.first, response.n_samples),
        stimulus=None if stimulus is None else stimulus.series.channel(commanded, stimulus.first, stimulus.n_samples),
        start_time=start_time,
        electrode=one.electrode,
        bridge_balance=response.series.bridge_balance,
    )


def _numbers(pairs: Sequence[_Pair], stated: Mapping[int, int], remarks: list[str]) -> list[int] | None:
    """Distinct numbers of the sweeps: as stated, of their rows, in their names or, failing these, in order.

    None where they are distinct on each electrode but not over all: a choice of one is needed.
    """
    electrodes = [one.electrode for one in pairs]
    names = [integers(one.response.series.name) or () for one in pairs]
    columns = zip(*names, strict=True) if len({len(name) for name in names}) == 1 else ()
    candidates: list[Iterable[int | None]] = [
        [stated.get(one.response.series.address) for one in pairs],
        [one.row for one in pairs],
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
    if len(pairs) > 1:
        remarks.append("its sweeps have no distinct numbers, so they are counted in the order of their names")
    order = sorted(range(len(pairs)), key=lambda n: _natural(pairs[n].response.series.name))
    places = {n: place for place, n in enumerate(order)}
    return [places[n] for n in range(len(pairs))]


def _natural(name: str) -> list[tuple[int, str]]:
    """Key that sorts 1, 2, 10 in this order."""
    return [(len(word) if word.isdecimal() else -1, word) for word in words(name)]


def _start_times(pairs: Sequence[_Pair]) -> list[float]:
    """Starting times in s: those of the responses, or of the stimuli where only these advance."""
    recorded = [one.response.series.start_time(one.response.first) for one in pairs]
    commanded = [one.stimulus.series.start_time(one.stimulus.first) for one in pairs if one.stimulus is not None]
    return commanded if len(set(recorded)) == 1 < len(set(commanded)) == len(pairs) else recorded


def _unpaired(sweeps: Sequence[Sweep], contents: _Contents) -> str:
    """Which sweeps have no stimulus, and what stimuli there are; "" where all have one."""
    numbers = [sweep.number for sweep in sweeps if not sweep.paired]
    if not numbers:
        return ""
    words = f"no stimulus is found for {name_sweeps(numbers)}, by table, number or name"
    stimuli = contents.stimuli
    for folder, what in ((_PRESENTED, "its stimuli"), (_RESPONSES, "its other series")):
        if not stimuli and (others := _counted(contents.others[folder])):
            return f"{words}: {what} are {others}, and a current is a CurrentClampStimulusSeries, in amperes"
    if not stimuli:
        return f"{words}: the file holds none"
    names = ", ".join(series.name for series in stimuli[:3]) + ", ..." * (len(stimuli) > 3)
    return f"{words}: {len(stimuli)} ({names}) stand against {len(sweeps)} responses"


def _other_content(file: h5py.File, others: Mapping[str, int], beside: Sequence[str]) -> str:
    units = size_at(file, "units/id")
    series = [f"{units} sorted units"] * bool(units) + [_counted(others)] * bool(others)
    return " and ".join(series or [f"{', '.join(beside)}, where no sweeps are looked for"] * bool(beside))


def _counted(kinds: Mapping[str, int]) -> str:
    return " and ".join(f"{n} {kind}" for kind, n in kinds.items())


def _beside(file: h5py.File, contents: _Contents) -> list[str]:
    """What a file holds beside sweeps, of whatever types."""
    names = []
    for folder in _OTHERS:
        for name, member in members(file, folder, []):
            with suppress(RecordingError):
                kind, module = (text(attribute(member, key)) for key in ("neurodata_type", "namespace"))
                if kind and address(member) not in contents.at and (folder != "/general" or module not in ("core", "")):
                    names.append(f"{folder}/{name} ({kind})")
    return names
