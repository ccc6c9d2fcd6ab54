"""Simulated sweeps in NWB 2: a new file beside a recording, or a processing module added to it.

Loaded only when such a file is written: pynwb takes seconds to import. Datasets are made empty and filled trace by
trace, so that one batch of traces is all that is held in memory.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import h5py
import numpy as np
from hdmf.backends.hdf5 import H5DataIO
from hdmf.common import DynamicTable, VectorData
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.file import Subject
from pynwb.icephys import CurrentClampSeries, CurrentClampStimulusSeries, IntracellularElectrode

from glifjax.io.nwb.fields import check_all
from glifjax.io.nwb.hdf5_file import writable_hdf5
from glifjax.io.nwb.recording_writer import link
from glifjax.io.nwb.selection import name_sweeps
from glifjax.io.nwb.session import stated_electrode, stated_session, stated_subject
from glifjax.io.nwb.sweep import RecordingError, Sweep, first_line
from glifjax.io.nwb.sweeps import Recording
from glifjax.io.nwb.written import Written
from glifjax.trace import Trace

COMPRESSION: Any = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
CHUNK = 2**15  # samples
SAMPLES = "Sample t is the state after the stimulus sample t, at the time (t + 1) / rate."
Runs = Iterable[tuple[Sweep, Trace]]


class _Done(NamedTuple):
    """What the tables say of a sweep's run."""

    number: int
    spikes: Any  # glifjax.Spikes
    status: int


def new_nwb2(path: Path, recording: Recording, sweeps: Sequence[Sweep], runs: Runs, written: Written) -> None:
    """Write a new file: the recording's session and stimuli, and the model's voltage as the response to them."""
    with _quiet(), h5py.File(recording.path, "r") as recorded, _opened(path, "w") as io:
        file = _session(recorded, recording, sweeps, written)
        electrodes = {name: _electrode(file, recorded, name) for name in {sweep.electrode for sweep in sweeps}}
        voltages = {sweep.number: _voltage(sweep, electrodes[sweep.electrode]) for sweep in sweeps}
        stimuli = {sweep.number: _stimulus(sweep, electrodes[sweep.electrode]) for sweep in sweeps}
        link(file, ((stimuli[sweep.number], voltages[sweep.number]) for sweep in sweeps))
        io.write(container=file)
        for sweep in sweeps:
            stimuli[sweep.number].data.dataset[...] = _stored(sweep)
        _fill(io, file, _module(file, written), sweeps, voltages, runs, written)


def add_to_nwb2(path: Path, sweeps: Sequence[Sweep], runs: Runs, written: Written) -> None:
    """Add a processing module with the model's traces to a file; all that it holds stays.

    Raises:
        RecordingError: pynwb, which reads all of it, cannot, or would be led out of it.
    """
    with h5py.File(path, "r") as file:
        check_all(file)
    with _quiet(), _opened(path, "a") as io:
        file = _read(io, path)
        module = _module(file, written)
        voltages = {sweep.number: _voltage(sweep, file.icephys_electrodes[sweep.electrode]) for sweep in sweeps}
        for series in voltages.values():
            module.add(series)
        _fill(io, file, module, sweeps, voltages, runs, written)


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[NWBHDF5IO]:
    with (
        writable_hdf5(path, "w" if mode == "w" else "r+") as file,
        NWBHDF5IO(file=file, mode=mode, load_namespaces=mode == "a") as io,
    ):
        yield io


def _fill(
    io: NWBHDF5IO,
    file: Any,
    module: Any,
    sweeps: Sequence[Sweep],
    voltages: dict[int, Any],
    runs: Runs,
    written: Written,
) -> None:
    """Write a file whose voltages are made, add the other series to its module, and fill them all."""
    thresholds = {sweep.number: _series(sweep, "threshold", "volts") for sweep in sweeps}
    currents = {sweep.number: _series(sweep, "afterspike_currents", "amperes", written.n_currents) for sweep in sweeps}
    for series in (*thresholds.values(), *currents.values()):
        module.add(series)
    io.write(container=file)
    done: list[_Done] = []
    for sweep, trace in runs:
        for series, values in (
            (voltages[sweep.number], written.voltage(trace)),
            (thresholds[sweep.number], written.threshold(trace)),
            (currents[sweep.number], np.asarray(trace.afterspike_currents, float)),
        ):
            series.data.dataset[...] = values
        done.append(_Done(sweep.number, trace.spikes(), int(trace.status)))
    for table in _tables(sorted(done, key=lambda run: run.number), written.reference):
        module.add(table)
    io.write(container=file)


def _session(recorded: h5py.File, recording: Recording, sweeps: Sequence[Sweep], written: Written) -> NWBFile:
    session = stated_session(recorded)
    if "notes" in session:
        session["notes"] = f"Of the recording: {session['notes']}"
    subject = stated_subject(recorded)
    return NWBFile(
        session_description=f"{written.description} Stimuli: {name_sweeps(s.number for s in sweeps)} of "
        f"{recording.path.name} ({recording.identifier}: {recording.session_description})",
        identifier=str(uuid4()),
        subject=Subject(**subject) if subject else None,
        **session,
    )


def _electrode(file: Any, recorded: h5py.File, name: str) -> IntracellularElectrode:
    """The recording's electrode, anew in this file."""
    fields, device = stated_electrode(recorded, name)
    amplifier = file.devices.get(device) or file.create_device(name=device)
    return file.create_icephys_electrode(**fields, name=name or "electrode", device=amplifier)


def _read(io: NWBHDF5IO, path: Path) -> Any:
    try:
        return io.read()
    except Exception as error:  # hdmf raises many kinds
        raise RecordingError(
            f"{path.name}: pynwb, which adds to files, cannot read it ({first_line(error)}); write a new file instead"
        ) from error


def _module(file: Any, written: Written) -> Any:
    names = ("simulation", *(f"simulation_{n}" for n in range(2, len(file.processing) + 3)))
    name = next(name for name in names if name not in file.processing)
    return file.create_processing_module(
        name=name, description=f"{written.description} {SAMPLES} neuron_config: {written.neuron_config}"
    )


def _common(sweep: Sweep, name: str) -> dict[str, Any]:
    return {
        "name": f"{name}_{sweep.number:03d}",
        "rate": float(sweep.rate),
        "starting_time": float(sweep.start_time),
    }


def _of_sweep(sweep: Sweep, electrode: Any) -> dict[str, Any]:
    return {
        "electrode": electrode,
        "stimulus_description": sweep.protocol or "N/A",
        "sweep_number": np.uint32(sweep.number),
    }


def _stimulus(sweep: Sweep, electrode: Any) -> CurrentClampStimulusSeries:
    """The stimulus as it is stored in the recording: the same counts, conversion and offset; still empty."""
    channel: Any = sweep.stimulus
    return CurrentClampStimulusSeries(
        data=_empty(channel.n_samples, dtype=channel.data.dtype),
        conversion=channel.conversion,
        offset=channel.offset,
        **_common(sweep, "stimulus"),
        **_of_sweep(sweep, electrode),
    )


def _stored(sweep: Sweep) -> np.ndarray:
    """The stimulus as counts, (T,)."""
    channel: Any = sweep.stimulus
    return channel.data[channel.first : channel.first + channel.n_samples]


def _voltage(sweep: Sweep, electrode: Any) -> CurrentClampSeries:
    data = _empty(sweep.n_samples)
    return CurrentClampSeries(
        data=data, description="voltage of the model", **_common(sweep, "response"), **_of_sweep(sweep, electrode)
    )


def _series(sweep: Sweep, name: str, unit: str, *columns: int) -> TimeSeries:
    return TimeSeries(
        data=_empty(sweep.n_samples, *columns),
        unit=unit,
        description=f"{name.replace('_', ' ')} of the model, sweep {sweep.number}",
        **_common(sweep, name),
    )


def _empty(*shape: int, dtype: Any = float) -> H5DataIO:
    """A dataset on disk, to be filled once the file is written."""
    chunks = (min(shape[0], CHUNK), *shape[1:])
    return H5DataIO(shape=shape, dtype=np.dtype(dtype), chunks=chunks, **COMPRESSION)


def _tables(done: Sequence[_Done], reference: float) -> Iterator[Any]:
    """A row a sweep, and a row a spike."""
    numbers = np.array([run.number for run in done], int)
    counts = np.array([len(run.spikes) for run in done], int)
    yield _table(
        "sweeps",
        "A row for each sweep that was simulated.",
        sweep_number=("number of the sweep", numbers),
        spikes=("number of spikes", counts),
        status=("glifjax.Status flags; 2: the run stopped at a reset above the threshold", [r.status for r in done]),
    )
    columns = {
        "time": ("where voltage and threshold cross, interpolated, s from the start of the sweep", "times", 0.0),
        "grid_time": ("start of the time step of the spike, s from the start of the sweep", "grid_times", 0.0),
        "step": ("sample of the spike", "steps", 0),
        "voltage": ("one step past the crossing, as AllenSDK reports it, V", "voltages", reference),
        "threshold": ("one step past the crossing, as AllenSDK reports it, V", "thresholds", reference),
        "crossing_voltage": ("at the crossing, V", "crossing_voltages", reference),
        "crossing_threshold": ("at the crossing, V", "crossing_thresholds", reference),
    }
    gather = lambda key, shift: np.concatenate([getattr(run.spikes, key) for run in done]) + shift
    yield _table(
        "spikes",
        "A row for each spike of the model.",
        sweep_number=("number of the sweep", np.repeat(numbers, counts)),
        **{name: (meaning, gather(key, shift)) for name, (meaning, key, shift) in columns.items()},
    )


def _table(name: str, description: str, **columns: tuple[str, Any]) -> Any:
    return DynamicTable(
        name=name,
        description=description,
        columns=[
            VectorData(name=key, description=meaning, data=np.asarray(data)) for key, (meaning, data) in columns.items()
        ],
    )


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the recording lacks; this file's own is tested
        yield
