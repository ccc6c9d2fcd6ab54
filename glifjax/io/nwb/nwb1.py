"""NWB 1 as the Allen Cell Types database publishes it (``*_ephys.nwb``), read and overwritten through h5py.

The response of sweep 7 is the group ``/acquisition/timeseries/Sweep_7``, its stimulus
``/stimulus/presentation/Sweep_7``; both hold ``data`` and ``starting_time`` (attribute ``rate``, Hz), and their type
is the last word of the attribute ``ancestry``. ``/epochs/Experiment_7/stimulus`` gives ``idx_start`` and ``count`` of
the samples from the end of the test pulse to where the recording broke off, ``/analysis/spike_times/Sweep_7`` the
spikes in s from the start of the sweep. A scalar may be an array of one. AllenSDK's NwbDataSet reads by these rules.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from glifjax.io.nwb.channel import Channel, Quantity
from glifjax.io.nwb.electrodes import check_electrode
from glifjax.io.nwb.fields import attribute, dataset, group, listed, number, place, text, values, within
from glifjax.io.nwb.hdf5_file import readable_hdf5, writable_hdf5
from glifjax.io.nwb.selection import name_sweeps
from glifjax.io.nwb.series import timestamps, vector
from glifjax.io.nwb.sweep import Clamp, RecordingError, Sweep, first_line
from glifjax.io.nwb.sweeps import Recording

_RESPONSES = "/acquisition/timeseries"
_STIMULI = "/stimulus/presentation"
_SPIKE_TIMES = "/analysis/spike_times"
_OLD_SPIKE_TIMES = "/analysis/aibs_spike_times"
_PROTOCOLS = ("aibs_stimulus_name", "aibs_stimulus_description", "stimulus_description")
_CLAMPS: dict[str, Clamp] = {
    "CurrentClampSeries": "current",
    "VoltageClampSeries": "voltage",
    "IZeroClampSeries": "zero",
}


def read_nwb1(path: Path, electrode: str | None = None, *, trim: bool = True) -> Recording:
    """The recording in an NWB 1 file of the Allen Cell Types database; see ``read_recording``, which looks first.

    With ``trim`` a sweep ends with its experiment: what the file holds after that, zeros as a rule, is no response.
    Raises RecordingError for a damaged file, for sweeps without ``/epochs`` and for an ``electrode`` without sweeps.
    """
    with ExitStack() as stack:
        file: Any = stack.enter_context(readable_hdf5(path))
        try:
            sweeps, others, remarks = _sweeps(file, trim)
            identifier, description = (text(dataset(file, key)) for key in ("identifier", "session_description"))
        except (OSError, KeyError, RuntimeError) as error:  # what h5py raises where a file is damaged
            raise RecordingError(
                f"{path.name}: a part of it cannot be read ({first_line(error)}); fetch the file again"
            ) from error
        if sweeps and group(file, "epochs") is None:
            raise RecordingError(
                f"{path.name}: it has no /epochs, which say where each response ends; fetch the file again"
            )
        if electrode is not None:
            check_electrode(path.name, sorted({sweep.electrode for sweep in sweeps}), electrode)
            sweeps = [sweep for sweep in sweeps if sweep.electrode == electrode]
        unpaired = [sweep.number for sweep in sweeps if not sweep.paired]
        return Recording(
            path,
            sweeps,
            identifier=identifier,
            session_description=description,
            remarks=remarks,
            unpaired=f"no stimulus is found for {name_sweeps(unpaired)} in {_STIMULI}" if unpaired else "",
            other_content=" and ".join(f"{n} {kind}" for kind, n in others.items()),
            close=stack.pop_all().close,
        )


def write_responses(
    path: str | Path,
    responses: Mapping[int, tuple[Float[np.ndarray, " T"], Float[np.ndarray, " n"]]],
) -> None:
    """Overwrite sweeps of an NWB 1 file with a model's voltages and spike times, as AllenSDK's simulate_neuron does.

    ``responses`` maps the number of a current-clamp sweep to its voltage (T,) in V and its spike times (n,) in s from
    the start of the sweep. Of such a sweep

    - the voltage replaces the samples of the response, stored so that reading gives V again (AllenSDK ignores the
      conversion here); its NaN stay NaN; if it is shorter than the response, zeros fill the rest;
    - the spike times, float64, replace ``/analysis/spike_times/Sweep_N``.

    All else stays: the stimulus, the epochs (so reading trims the model's voltage where the recording broke off),
    other sweeps and, in the oldest files, the recorded spike times in ``/analysis/aibs_spike_times``, which are read
    only where the new ones are missing. The file is changed in place: give it a copy, and drop the copy on an error.

    Raises RecordingError for a sweep that the file does not have, that is not in current clamp, is shorter than the
    voltage, or is stored as integers.
    """
    path = Path(path)
    with writable_hdf5(path, "r+") as opened:
        file: Any = opened
        for sweep, (voltage, spike_times) in responses.items():
            response = group(file, f"{_RESPONSES}/Sweep_{sweep}")
            if response is None or _CLAMPS.get(_type(response)) != "current":
                raise RecordingError(f"{path.name}: it has no sweep {sweep} in current clamp; leave that sweep out")
            data = vector(response)
            if voltage.size > data.size or not np.issubdtype(data.dtype, np.floating):
                raise RecordingError(
                    f"{path.name}, sweep {sweep}: {voltage.size} samples of voltage do not fit into {data.size} of "
                    f"type {data.dtype}; give no more than the sweep has, stored as floating-point numbers"
                )
            padded = np.zeros(data.size)
            padded[: voltage.size] = voltage / _conversion(file, data)
            data[...] = padded
            times = file.require_group(_SPIKE_TIMES)
            times.attrs.setdefault("neurodata_type", "Custom")
            times.pop(f"Sweep_{sweep}", None)
            times.create_dataset(f"Sweep_{sweep}", data=spike_times, dtype="f8", maxshape=(None,))


def _sweeps(file: Any, trim: bool) -> tuple[list[Sweep], Counter[str], list[str]]:
    """The sweeps of a file, how many of its series are none, by their type, and what was left out.

    Raises:
        RecordingError: no sweep can be read; it says why of the first.
    """
    sweeps, others, refused = [], Counter(), {}
    folder = group(file, _RESPONSES)
    for name in map(str, () if folder is None else folder):
        try:
            series = listed(folder, name)
            kind, match = _type(series), re.fullmatch(r"Sweep_(\d{1,9})", name)
            if match and kind in _CLAMPS:
                sweeps.append(_sweep(file, int(match[1]), _CLAMPS[kind], trim))
            else:
                others[f"{kind} not named Sweep_N" if kind in _CLAMPS else kind] += 1
        except RecordingError as error:
            refused[name] = error
    if refused and not sweeps:
        raise next(iter(refused.values()))
    return sweeps, others, [f"{name} is left out: {error}" for name, error in refused.items()]


def _sweep(file: Any, number: int, clamp: Clamp, trim: bool) -> Sweep:
    recorded, commanded = ("current", "voltage") if clamp == "voltage" else ("voltage", "current")
    response: Any = group(file, f"{_RESPONSES}/Sweep_{number}")
    stimulus = None if clamp == "zero" else group(file, f"{_STIMULI}/Sweep_{number}")
    stop = _experiment_end(file, number) if trim else None
    described = [text(dataset(series, key)) for key in _PROTOCOLS for series in (stimulus, response) if series]
    stored = (dataset(file, f"{folder}/Sweep_{number}") for folder in (_SPIKE_TIMES, _OLD_SPIKE_TIMES))
    spike_times = next((times for times in stored if times is not None), None)
    bridge = _number(response, "bridge_balance")
    return Sweep(
        file=_name(file),
        number=number,
        protocol=next(filter(None, described), ""),
        clamp=clamp,
        response=_channel(file, response, recorded, stop),
        stimulus=None if stimulus is None else _channel(file, stimulus, commanded, stop),
        start_time=0.0 if math.isnan(start := _number(response, "starting_time")) else start,
        electrode=text(dataset(response, "electrode_name")).rpartition("/")[2],
        bridge_balance=None if math.isnan(bridge) else bridge,
        spike_times=None if spike_times is None else values(spike_times, "iuf", "times in s").astype(np.float64),
    )


def _channel(file: Any, series: Any, quantity: Quantity, stop: int | None) -> Channel:
    try:
        data, start = vector(series), dataset(series, "starting_time")
        times = timestamps(series) if start is None else None
        rate = None if times is not None else number(attribute(start, "rate"), f"{place(series)} rate")
        return Channel(
            where=f"{series.name}/data",
            quantity=quantity,
            unit=text(attribute(data, "unit", attribute(data, "units"))),
            data=data,
            n_samples=len(data) if stop is None else min(stop, len(data)),
            conversion=_conversion(file, data),
            stated_rate=rate,
            timestamps=times,
        )
    except RecordingError as error:
        return Channel(f"{series.name}/data", quantity, "", np.empty(0), 0, fault=within(error))


def _conversion(file: Any, data: Any) -> float:
    """Factor from stored samples to SI units: before version 1.1, Allen's pipeline stored SI and stated another.

    ``/general/generated_by`` lists keys and values in turn, among them the version; it is missing in older files.
    """
    stated = dataset(file, "general/generated_by")
    words = [] if stated is None else [text(word) for word in values(stated, "SUO", "texts")]
    version = re.match(r"(\d{1,9})\.(\d{1,9})", dict(zip(words[::2], words[1::2], strict=False)).get("version", ""))
    early = version is None or (int(version[1]), int(version[2])) < (1, 1)
    return 1.0 if early else number(attribute(data, "conversion", 1.0), f"{_name(file)}: the conversion")


def _experiment_end(file: Any, number: int) -> int | None:
    """One past the last sample of a sweep's experiment; None if the sweep has none, such as a test."""
    span = group(file, f"epochs/Experiment_{number}/stimulus")
    if span is None:
        return None
    end = _number(span, "idx_start") + _number(span, "count")
    if not 0 <= end < 2**53:
        raise RecordingError(f"{place(span)}: idx_start and count give {end:g} samples; expected a number of them")
    return int(end)


def _number(series: Any, key: str) -> float:
    return number(dataset(series, key), f"{place(series)}/{key}")


def _type(series: Any) -> str:
    ancestry = np.ravel(attribute(series, "ancestry", []))
    return text(ancestry[-1]) if ancestry.size else "series of no type"


def _name(file: Any) -> str:
    return Path(file.filename).name
