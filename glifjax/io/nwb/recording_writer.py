"""Recordings out: sweeps to an NWB 2 file that ``read_recording``, and every other NWB tool, reads back."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

import numpy as np
from jaxtyping import Float

from glifjax.io.nwb.samples import not_finite, out_of_scale
from glifjax.io.nwb.sweep import RecordingError, Sweep
from glifjax.io.writing import check_target, whole_file

# Samples are stored as int32 counts of these. The bytes that no value reaches compress away: 60 s of noise at
# 10 kHz take about 2.5 MB (float64: 9.6), and int16 over the same range would resolve no better than 3 uV.
VOLTAGE_RESOLUTION = 1e-7  # V
CURRENT_RESOLUTION = 1e-15  # A


@dataclass(frozen=True, eq=False)
class SweepArrays:
    """A current-clamp sweep in memory: what ``write_recording`` needs to know of one."""

    number: int
    protocol: str
    rate: float  # Hz
    current: Float[np.ndarray, " T"]  # A
    voltage: Float[np.ndarray, " T"]  # V
    file: str | None = None  # that it was read from


def write_recording(
    path: str | Path,
    sweeps: Iterable[SweepArrays | Sweep],
    *,
    description: str,
    notes: str | None = None,
    identifier: str | None = None,
    start: datetime | None = None,
    overwrite: bool = False,
) -> None:
    """Write current-clamp sweeps to an NWB 2 file, with a resolution of 0.1 uV and 1 fA.

    ``description`` becomes the session description (say there that a cell is simulated), ``notes`` any text,
    such as JSON; both are read back. Of one ``identifier`` and ``start`` of the session (left out: a random one, and
    now) the same sweeps are the same bytes. The file appears under its name only when it is whole. Raises
    WritingError if it exists already (unless ``overwrite``) or its folder does not, and RecordingError for sweeps that
    could not be read back: none at all, numbers that repeat, voltage clamp, current and voltage of different
    length, a NaN, a value out of scale.

    Example:
        >>> current, voltage = np.full(500, 1e-10), np.linspace(-0.07, -0.06, 500)
        >>> sweep = gj.io.SweepArrays(number=1, protocol="step", rate=1e4, current=current, voltage=voltage)
        >>> gj.write_recording("simulated.nwb", [sweep], description="a simulated cell")
    """
    from pynwb import NWBHDF5IO, NWBFile

    from glifjax.io.nwb.hdf5_file import writable_hdf5

    path = Path(path)
    check_target(path, overwrite)
    start, identifier = start or datetime.now().astimezone(), identifier or str(uuid4())
    file = NWBFile(
        session_description=description,
        identifier=identifier,
        session_start_time=start,
        file_create_date=start,
        notes=notes,
    )
    _add_sweeps(file, list(sweeps), path.name)
    for n, thing in enumerate(file.all_children()):  # each was drawn at random
        vars(thing)["_AbstractContainer__object_id"] = str(uuid5(NAMESPACE_OID, f"{identifier} {n}"))
    with whole_file(path) as part, writable_hdf5(part, "w") as opened, NWBHDF5IO(file=opened, mode="w") as io:
        io.write(container=file)


def _add_sweeps(file: Any, sweeps: list[SweepArrays | Sweep], name: str) -> None:
    """Add stimulus, response and table rows of each sweep, in the order of their numbers."""
    from pynwb.icephys import CurrentClampSeries, CurrentClampStimulusSeries

    if not sweeps:
        raise RecordingError(f"{name}: there is no sweep to write; give at least one")
    device = file.create_device(name="amplifier")
    electrode = file.create_icephys_electrode(name="electrode", device=device, description="intracellular electrode")
    series: dict[int, tuple[Any, Any]] = {}
    start = 0.0
    for sweep in sorted(sweeps, key=lambda sweep: sweep.number):
        where = f"{name}, sweep {sweep.number}"
        if sweep.number in series or sweep.number < 0:
            raise RecordingError(f"{where}: the number is negative or comes twice; give each sweep its own")
        current, voltage = _checked(sweep, where)
        common: dict[str, Any] = {
            "electrode": electrode,
            "rate": float(sweep.rate),
            "starting_time": start,
            "stimulus_description": sweep.protocol,
            "sweep_number": np.uint32(sweep.number),
        }
        stimulus = CurrentClampStimulusSeries(
            name=f"stimulus_{sweep.number:03d}",
            data=_compressed(current, CURRENT_RESOLUTION),
            conversion=CURRENT_RESOLUTION,
            **common,
        )
        response = CurrentClampSeries(
            name=f"response_{sweep.number:03d}",
            data=_compressed(voltage, VOLTAGE_RESOLUTION),
            conversion=VOLTAGE_RESOLUTION,
            **common,
        )
        series[sweep.number] = stimulus, response
        start += voltage.size / sweep.rate
    link(file, series.values())


def link(file: Any, pairs: Iterable[tuple[Any, Any]]) -> None:
    """Put stimuli and their responses, pynwb series of one sweep each, into a file and its icephys tables."""
    protocols: dict[str, list[int]] = {}
    for stimulus, response in pairs:
        row = file.add_intracellular_recording(electrode=response.electrode, stimulus=stimulus, response=response)
        recording = file.add_icephys_simultaneous_recording(recordings=[row])
        protocols.setdefault(response.stimulus_description, []).append(recording)
    sequences = [
        file.add_icephys_sequential_recording(simultaneous_recordings=members, stimulus_type=protocol)
        for protocol, members in protocols.items()
    ]
    file.add_icephys_repetition(sequential_recordings=sequences)


def _checked(sweep: SweepArrays | Sweep, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Current and voltage of a sweep, both (T,) float64, once they are known to be readable again."""
    if (clamp := getattr(sweep, "clamp", "current")) != "current":
        raise RecordingError(f"{where}: its clamp is '{clamp}', and only current clamp is written; leave it out")
    current, voltage = np.asarray(sweep.current, np.float64), np.asarray(sweep.voltage, np.float64)
    if current.ndim != 1 or current.shape != voltage.shape or not current.size:
        raise RecordingError(
            f"{where}: the current has shape {current.shape} and the voltage {voltage.shape}; give (T,)"
        )
    if not 0 < sweep.rate < math.inf:
        raise RecordingError(f"{where}: the sampling rate is {sweep.rate:g} Hz; give one above 0")
    for quantity, values in (("current", current), ("voltage", voltage)):
        if problem := not_finite(quantity, values, sweep.rate):
            raise RecordingError(f"{where}: {problem}; fill those samples, as where a spike was cut out")
        if problem := out_of_scale(quantity, values):
            raise RecordingError(f"{where}: {problem}; give A and V")
    return current, voltage


def _compressed(values: Float[np.ndarray, " T"], resolution: float) -> Any:
    from hdmf.backends.hdf5 import H5DataIO

    counts = np.rint(values / resolution).astype(np.int32)
    return H5DataIO(
        data=counts, compression="gzip", compression_opts=4, shuffle=True, chunks=(min(counts.size, 2**17),)
    )
