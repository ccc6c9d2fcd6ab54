"""Recordings in ABF, WinWCP and Spike2 files, read through neo.

The voltage is the channel in mV or V; the current is a channel recorded beside it, what the protocol commanded (ABF 2),
or that of a text file. Samples stay on disk until a sweep is asked for them.
"""

import logging
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np

from glifjax.io.formats.abf_protocol import waveforms
from glifjax.io.formats.claimed_sizes import check_abf, check_smr, check_wcp
from glifjax.io.formats.endings import NEO_READERS
from glifjax.io.formats.shared import VOLTS, chosen_electrode, given_currents, held, not_installed
from glifjax.io.formats.stimulus_file import AMPERES
from glifjax.io.nwb.channel import Channel, Quantity
from glifjax.io.nwb.sweep import RecordingError, Sweep, first_line
from glifjax.io.nwb.sweeps import Recording

#: What is looked at before neo reads a file, by its ending.
CLAIMS = {".abf": check_abf, ".wcp": check_wcp, ".smr": check_smr}


class _Signal(NamedTuple):
    """A recorded channel: which, of which of neo's streams, and its unit in V or A."""

    name: str
    unit: str
    scale: float
    gain: float
    offset: float
    stream: int
    place: int


class _Samples:
    """A channel in one sweep, sliced as an array (T,) of what is stored."""

    def __init__(self, reader: Any, signal: _Signal, segment: int):
        self.reader, self.signal, self.segment = reader, signal, segment

    def __getitem__(self, stretch: slice) -> np.ndarray:
        """The samples of a stretch."""
        return self.reader.get_analogsignal_chunk(
            block_index=0,
            seg_index=self.segment,
            i_start=stretch.start,
            i_stop=min(stretch.stop, self.size),
            stream_index=self.signal.stream,
            channel_indexes=[self.signal.place],
        )[:, 0]

    @property
    def size(self) -> int:
        return int(self.reader.get_signal_size(0, self.segment, self.signal.stream))

    def channel(self, quantity: Quantity) -> Channel:
        signal = self.signal
        return Channel(
            where=f"channel '{signal.name}'",
            quantity=quantity,
            unit="volts" if quantity == "voltage" else "amperes",
            data=self,
            n_samples=self.size,
            conversion=signal.gain * signal.scale,
            offset=signal.offset * signal.scale,
            stated_rate=float(self.reader.get_signal_sampling_rate(signal.stream)),
        )


def read_amplifier_file(path: Path, electrode: str | None = None, stimulus: str | Path | None = None) -> Recording:
    """The recording in a file of an amplifier's program; see ``read_recording``.

    Raises:
        RecordingError: neo is not installed or cannot read the file, no channel is a voltage, several are and
            ``electrode`` names none, or nothing tells the current.
    """
    reader = _opened(path)
    signals = _signals(reader)
    voltages = [signal for signal in signals if signal.unit in VOLTS]
    currents = [signal for signal in signals if signal.unit in AMPERES]
    voltage = _chosen(path, voltages, signals, electrode)
    segments = range(int(reader.segment_count(0)))
    responses = [_Samples(reader, voltage, segment) for segment in segments]
    stimuli, source = _stimuli(path, reader, responses, currents, stimulus, voltages.index(voltage), len(voltages))
    protocol = _protocol(reader)
    sweeps = [
        Sweep(
            file=path.name,
            number=segment,
            protocol=protocol,
            clamp="current",
            response=responses[segment].channel("voltage"),
            stimulus=stimuli[segment],
            start_time=float(reader.get_signal_t_start(0, segment, voltage.stream)),
            electrode=voltage.name,
        )
        for segment in segments
    ]
    return Recording(
        path,
        sweeps,
        identifier=path.stem,
        session_description=f"{path.name}, {protocol}".rstrip(", "),
        remarks=[source],
    )


def _opened(path: Path) -> Any:
    """neo's reader of a file, its header read."""
    try:
        from neo import rawio
    except ImportError as error:
        raise not_installed(path, f"{path.suffix} files are", "neo") from error
    try:
        if check := CLAIMS.get(path.suffix.lower()):
            check(path)
        logging.getLogger("neo").addHandler(logging.NullHandler())  # what it wonders at is no user's concern
        reader = getattr(rawio, NEO_READERS[path.suffix.lower()])(filename=str(path))
        reader.parse_header()
        if reader.segment_count(0) < 1:
            raise ValueError("it holds no sweeps")
    except Exception as error:  # neo raises many kinds
        raise RecordingError(f"{path.name}: neo cannot read it ({first_line(error)}); export it again") from error
    return reader


def _signals(reader: Any) -> list[_Signal]:
    streams = list(reader.header["signal_streams"]["id"])
    places = dict.fromkeys(streams, -1)
    signals = []
    for channel in reader.header["signal_channels"]:
        stream = channel["stream_id"]
        places[stream] += 1
        unit = str(channel["units"]).strip().lower()
        scale = VOLTS.get(unit, AMPERES.get(unit, 1.0))
        gain, offset = float(channel["gain"]), float(channel["offset"])
        signals.append(_Signal(str(channel["name"]), unit, scale, gain, offset, streams.index(stream), places[stream]))
    return signals


def _chosen(path: Path, voltages: Sequence[_Signal], signals: Sequence[_Signal], electrode: str | None) -> _Signal:
    names = [signal.name for signal in voltages]
    if not voltages:
        channels = ", ".join(f"{signal.name} ({signal.unit})" for signal in signals) or "none"
        raise RecordingError(
            f"{path.name}: none of its channels is a voltage ({channels}); give a recording in current clamp"
        )
    return voltages[names.index(chosen_electrode(path.name, names, electrode))]


def _stimuli(
    path: Path,
    reader: Any,
    responses: Sequence[_Samples],
    currents: Sequence[_Signal],
    stimulus: str | Path | None,
    rank: int,
    electrodes: int,
) -> tuple[list[Channel], str]:
    """The current of every sweep, and where it comes from, in words.

    Of as many currents as there are electrodes, that of the same rank is taken: an amplifier's channels stand in pairs.
    """
    lengths = [response.size for response in responses]
    rate = float(reader.get_signal_sampling_rate(responses[0].signal.stream))
    if stimulus is not None:
        given = given_currents(stimulus, len(responses))
        return [held(current, rate) for current in given], f"the current is that of {Path(stimulus).name}"
    if currents and len(currents) in (1, electrodes):
        current = currents[rank if len(currents) > 1 else 0]
        recorded = [_Samples(reader, current, response.segment).channel("current") for response in responses]
        return recorded, f"the current is the recorded channel '{current.name}'"
    if len(currents) > 1:
        names = ", ".join(signal.name for signal in currents)
        raise RecordingError(
            f'{path.name}: several channels are currents ({names}); give the injected one with `stimulus="current.csv"`'
        )
    commanded = waveforms(getattr(reader, "_axon_info", {}), path.name)
    if not commanded or len(commanded) not in (1, electrodes):
        what = "several outputs commanded a current" if commanded else "it holds no current, recorded or commanded"
        raise RecordingError(f'{path.name}: {what}; give the current with `stimulus="current.csv"`')
    waveform = commanded[rank if len(commanded) > 1 else 0]
    scale = AMPERES[waveform.unit.strip().lower()]
    sweeps = [scale * sweep for sweep in waveform.sweeps(len(lengths), max(lengths))]
    return [held(sweep[:n], rate) for sweep, n in zip(sweeps, lengths, strict=True)], (
        f"the current is what the protocol commanded at the output '{waveform.name}'"
    )


def _protocol(reader: Any) -> str:
    """The name of the protocol that an ABF file was recorded with; "" for other files."""
    stated = getattr(reader, "_axon_info", {}).get("sProtocolPath", "")
    return PureWindowsPath(stated.strip("\0 ")).stem
