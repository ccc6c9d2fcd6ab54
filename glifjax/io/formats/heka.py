"""Recordings of HEKA's PatchMaster (.dat bundles), read through myokit: the sweeps of every series in current clamp.

The current is a trace recorded beside the voltage, what the stimulus commanded where that is made of constant segments,
or that of a text file. Layout of a bundle and its trees: HEKA, DataFile_v9.txt and StimFile_v9.txt.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from glifjax.io.formats.heka_trees import Output, outputs
from glifjax.io.formats.shared import VOLTS, chosen_electrode, given_currents, held, not_installed
from glifjax.io.formats.stimulus_file import AMPERES
from glifjax.io.nwb.channel import Channel, Quantity
from glifjax.io.nwb.sweep import RecordingError, Sweep, first_line
from glifjax.io.nwb.sweeps import Recording

#: Samples that the commanded sweeps of a series may have.
LARGEST = 2e8
#: A, of myokit's unit for commanded currents.
NANO = 1e-9


class _Samples:
    """A trace, sliced as an array (T,) in V or A."""

    def __init__(self, trace: Any, scale: float):
        self.trace, self.scale = trace, scale

    def __getitem__(self, stretch: slice) -> np.ndarray:
        """The samples of a stretch."""
        return self.scale * np.asarray(self.trace.values())[stretch]

    def channel(self, quantity: Quantity) -> Channel:
        """The whole trace."""
        count = self.trace.count_samples()
        return Channel(
            where=f"trace '{self.trace.label()}'",
            quantity=quantity,
            unit="volts" if quantity == "voltage" else "amperes",
            data=self,
            n_samples=count,
            stated_rate=count / self.trace.duration(),
        )


class _Response(NamedTuple):
    """A voltage that was recorded in current clamp, and where in its file."""

    electrode: str
    number: int
    place: int
    series: Any
    sweep: Any
    trace: Any


def read_heka(path: Path, electrode: str | None = None, stimulus: str | Path | None = None) -> Recording:
    """The recording in a PatchMaster bundle; see ``read_recording``. Sweeps are numbered through the file, from 1.

    Raises:
        RecordingError: myokit is not installed or cannot read the file, no series is in current clamp, several cells
            are and ``electrode`` names none, or nothing tells the current.
    """
    file, channels = _opened(path)
    responses = list(_responses(file))
    if not responses:
        raise RecordingError(f"{path.name}: none of its series holds a voltage in current clamp; give one that does")
    name = chosen_electrode(path.name, list(dict.fromkeys(one.electrode for one in responses)), electrode)
    responses = [one for one in responses if one.electrode == name]
    unpaired = ""
    if stimulus is not None:
        given = given_currents(stimulus, len(responses))
        stimuli = [held(current, _rate(one)) for current, one in zip(given, responses, strict=True)]
        source = f"the current is that of {Path(stimulus).name}"
    else:
        currents = [_current(file, one, channels) for one in responses]
        stimuli = [None if isinstance(current, str) else current for current in currents]
        source = "the current is the recorded trace, or what the stimulus commanded where there is none"
        unpaired = _unpaired(currents, responses)
        if not any(stimuli):
            raise RecordingError(f'{path.name}: {unpaired}; give the current with `stimulus="current.csv"`')
    start = responses[0].sweep.time()
    sweeps = [
        Sweep(
            file=path.name,
            number=one.number,
            protocol=one.series.label(),
            clamp="current",
            response=_Samples(one.trace, _scale(one.trace, VOLTS)).channel("voltage"),
            stimulus=current,
            start_time=(one.sweep.time() - start).total_seconds(),
            electrode=name,
        )
        for one, current in zip(responses, stimuli, strict=True)
    ]
    return Recording(
        path,
        sweeps,
        identifier=path.stem,
        session_description=path.name,
        remarks=[source, *_empty(file)],
        unpaired=unpaired,
        close=file.close,
    )


def _opened(path: Path) -> tuple[Any, list[list[Output]]]:
    """myokit's reader of a bundle, its trees read, and the channels of its stimuli."""
    try:
        from myokit.formats.heka import PatchMasterFile, Series
    except ImportError as error:
        raise not_installed(path, "PatchMaster files are", "myokit") from error
    try:
        channels = outputs(path)
        with warnings.catch_warnings(), _empty_series_allowed(Series):
            warnings.simplefilter("ignore")  # of versions it was not tried with
            file = PatchMasterFile(str(path))
        size = path.stat().st_size
        if any(2 * trace.count_samples() > size for *_, sweep in _sweeps(file) for trace in sweep):
            raise ValueError("a trace has more samples than the file")
        return file, channels
    except Exception as error:  # myokit raises many kinds
        raise RecordingError(
            f"{path.name}: myokit cannot read it as a PatchMaster bundle ({first_line(error)}); export it again"
        ) from error


@contextmanager
def _empty_series_allowed(series: Any) -> Iterator[None]:
    """While myokit reads: a series that was stopped before its first sweep is not asked for that sweep's stimulus."""
    finalize = series._read_finalize
    series._read_finalize = lambda one: finalize(one) if len(one) and len(one[0]) else None
    try:
        yield
    finally:
        series._read_finalize = finalize


def _empty(file: Any) -> list[str]:
    """Which series hold nothing."""
    return [
        f"series '{series.label()}' of '{group.label()}' was stopped before its first sweep"
        for group in file
        for series in group
        if not len(series)
    ]


def _sweeps(file: Any) -> Iterator[tuple[Any, Any, int, Any]]:
    """Every sweep with its group, its series and its place in that."""
    for group in file:
        for series in group:
            for place, sweep in enumerate(series):
                yield group, series, place, sweep


def _responses(file: Any) -> Iterator[_Response]:
    """Voltages in current clamp; the electrode is the group, and the trace where a sweep has several voltages."""
    for number, (group, series, place, sweep) in enumerate(_sweeps(file), start=1):
        if not any(str(channel.amplifier_mode()) == "current clamp" for channel in series.stimulus() or ()):
            continue
        voltages = [trace for trace in sweep if _scale(trace, VOLTS) and trace.count_samples()]
        for trace in voltages:
            name = group.label() if len(voltages) == 1 else f"{group.label()}: {trace.label()}"
            yield _Response(name, number, place, series, sweep, trace)


def _scale(trace: Any, units: dict[str, float]) -> float:
    """One of the trace's unit in V or A; 0 for another quantity."""
    return units.get(str(trace.value_unit()).strip("[]").lower(), 0.0)


def _rate(response: _Response) -> float:
    return response.trace.count_samples() / response.trace.duration()


def _current(file: Any, response: _Response, stimuli: list[list[Output]]) -> Channel | str:
    """The current of a sweep, its recorded trace or what the stimulus commanded; or why it cannot be told."""
    recorded = [trace for trace in response.sweep if _scale(trace, AMPERES) and trace.count_samples()]
    if len(recorded) == 1:
        return _Samples(recorded[0], _scale(recorded[0], AMPERES)).channel("current")
    if recorded:
        return f"several traces are currents ({', '.join(trace.label() for trace in recorded)})"
    stimulus = response.series.stimulus()
    output = stimulus.supported_channel()
    if output is None or str(output.amplifier_mode()) != "current clamp":
        return "no current is recorded, and the stimulus is not of constant segments"
    place = lambda nodes, node: next(n for n, other in enumerate(nodes) if other is node)
    commanded = stimuli[place(file.stimulus_tree(), stimulus)][place(stimulus, output)]
    if commanded.from_file:
        return "no current is recorded, and the stimulus is another file's"
    if commanded.relative_to:
        return "no current is recorded, and the stimulus counts from a holding current"
    try:
        lasting = stimulus.sweep_durations()
        whole = stimulus.all_segments_stored() and response.place < len(lasting)
        if not whole or not np.allclose(lasting[response.place], response.trace.duration(), rtol=1e-3):
            return "no current is recorded, and the stimulus does not last as long as the response"
        if not np.sum(np.abs(lasting)) / stimulus.sampling_interval() < LARGEST:
            return "no current is recorded, and the stimulus has more samples than a file may"
        _, values = response.series.da()
    except NotImplementedError:
        return "no current is recorded, and the stimulus has parameters that stand elsewhere"
    return held(NANO * values[response.place], _rate(response))


def _unpaired(currents: list[Channel | str], responses: list[_Response]) -> str:
    """Which sweeps have no current, and why the first of them has none."""
    faults = {one.number: current for current, one in zip(currents, responses, strict=True) if isinstance(current, str)}
    if not faults:
        return ""
    return f"sweep{'s' if len(faults) > 1 else ''} {', '.join(map(str, faults))}: {next(iter(faults.values()))}"
