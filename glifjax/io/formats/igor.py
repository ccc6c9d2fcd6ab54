"""Recordings of Igor Pro: packed experiments (.pxp) and single waves (.ibw), read through igor2.

A wave whose unit is V or mV is a voltage, one in A, nA or pA a current; of a wave of several columns each is a sweep.
A name and its number at the end, as in ad0_12, are an electrode and a sweep. Currents belong to voltages by that
number, or by their order where as many are there; else they come from a text file. Format: WaveMetrics, TN003, PTN003.
"""

import logging
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from glifjax.io.formats.claimed_sizes import check_igor
from glifjax.io.formats.shared import VOLTS, chosen_electrode, given_currents, held, not_installed
from glifjax.io.formats.stimulus_file import AMPERES
from glifjax.io.nwb.channel import Channel
from glifjax.io.nwb.sweep import RecordingError, Sweep, first_line
from glifjax.io.nwb.sweeps import Recording

#: One of each unit in s.
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "": 1.0}


class _Wave(NamedTuple):
    """A column of a wave in V or A, its sampling rate (Hz), and what its name says."""

    name: str
    electrode: str
    number: int | None
    samples: Float[np.ndarray, " T"]
    rate: float


def read_igor(path: Path, electrode: str | None = None, stimulus: str | Path | None = None) -> Recording:
    """The recording in a packed experiment or a wave; see ``read_recording``.

    Raises:
        RecordingError: igor2 is not installed or cannot read the file, no wave is a voltage, several electrodes are and
            ``electrode`` names none, or nothing tells the current.
    """
    waves = _waves(path)
    voltages = list(_columns(waves, VOLTS))
    if not voltages:
        names = ", ".join(f"{name} ({unit or 'no unit'})" for name, unit, *_ in waves[:8]) or "none"
        raise RecordingError(f"{path.name}: none of its waves is a voltage ({names}); give one in V or mV")
    chosen = chosen_electrode(path.name, list(dict.fromkeys(wave.electrode for wave in voltages)), electrode)
    voltages = [wave for wave in voltages if wave.electrode == chosen]
    if stimulus is None:
        currents = _paired(path.name, voltages, list(_columns(waves, AMPERES)))
        source = f"the current is that of the waves {currents[0].name} ..."
        stimuli = [held(wave.samples, wave.rate) for wave in currents]
    else:
        given = given_currents(stimulus, len(voltages))
        source = f"the current is that of {Path(stimulus).name}"
        stimuli = [held(current, wave.rate) for current, wave in zip(given, voltages, strict=True)]
    numbers = [wave.number for wave in voltages]
    distinct = None not in numbers and len(set(numbers)) == len(numbers)
    sweeps = [
        Sweep(
            file=path.name,
            number=number if distinct and number is not None else place,
            protocol="",
            clamp="current",
            response=Channel(
                f"wave '{wave.name}'", "voltage", "volts", wave.samples, len(wave.samples), stated_rate=wave.rate
            ),
            stimulus=current,
            electrode=chosen,
        )
        for place, (number, wave, current) in enumerate(zip(numbers, voltages, stimuli, strict=True), start=1)
    ]
    return Recording(path, sweeps, identifier=path.stem, session_description=path.name, remarks=[source])


def _waves(path: Path) -> list[tuple[str, str, float, np.ndarray]]:
    """Name, unit, sampling rate (Hz) and data, (T,) or (T, columns), of every wave of numbers over time."""
    try:
        from igor2 import binarywave, packed
    except ImportError as error:
        raise not_installed(path, "Igor's files are", "igor2") from error
    logging.getLogger("igor2").addHandler(logging.NullHandler())  # it logs the bytes of what it cannot read
    try:
        content, single = path.read_bytes(), path.suffix.lower() == ".ibw"
        check_igor(content, packed=not single)
        if single:
            contents = [binarywave.load(BytesIO(content))]
        else:
            contents = [record.wave for record in packed.load(BytesIO(content))[0] if hasattr(record, "wave")]
        return [wave for content in contents if (wave := _wave(content["version"], content["wave"])) is not None]
    except Exception as error:  # igor2 raises many kinds
        raise RecordingError(f"{path.name}: igor2 cannot read it ({first_line(error)}); export it again") from error


def _wave(version: int, wave: dict[str, Any]) -> tuple[str, str, float, np.ndarray] | None:
    header, data = wave["wave_header"], np.asarray(wave["wData"])
    if data.ndim not in (1, 2) or data.dtype.kind not in "fiu" or not data.size:
        return None
    if version == 5:  # units and steps by dimension
        step = float(header["sfA"][0])
        unit, time = (_text(header[key]) for key in ("dataUnits", "dimUnits"))
    else:
        step = float(header["hsA"])
        unit, time = (_text(header[key]) for key in ("dataUnits", "xUnits"))
    if time not in SECONDS or not step > 0:
        return None
    return _text(header["bname"]), unit, 1 / (step * SECONDS[time]), data


def _text(value: Any) -> str:
    """The first string of a field of bytes."""
    raw = value if isinstance(value, bytes) else np.asarray(value).ravel().tobytes()
    return raw.split(b"\0")[0].decode("latin-1").strip()


def _columns(waves: list[tuple[str, str, float, np.ndarray]], units: dict[str, float]) -> Iterator[_Wave]:
    """Every column of the waves in these units, in V or A."""
    for name, unit, rate, data in waves:
        if (scale := units.get(unit.lower())) is None:
            continue
        base, number = re.sub(r"[_ ]?\d*$", "", name), "".join(re.findall(r"\d+$", name))
        for place, samples in enumerate(data.T if data.ndim == 2 else [data]):
            sweep = place if data.ndim == 2 else int(number) if number else None
            yield _Wave(name, name if data.ndim == 2 else base or name, sweep, scale * samples, rate)


def _paired(file: str, voltages: list[_Wave], currents: list[_Wave]) -> list[_Wave]:
    """The current of each voltage: of the same number, or in the same order."""
    electrodes = list(dict.fromkeys(wave.electrode for wave in currents))
    if len(electrodes) > 1:
        fault = f"several outputs are currents ({', '.join(electrodes)})"
    elif not currents:
        fault = "holds no current"
    else:
        by_number = {wave.number: wave for wave in currents}
        if len(by_number) == len(currents) and all(wave.number in by_number for wave in voltages):
            return [by_number[wave.number] for wave in voltages]
        if len(currents) == len(voltages):
            return currents
        fault = f"holds {len(currents)} currents for {len(voltages)} voltages"
    raise RecordingError(f'{file}: {fault}; give the current with `stimulus="current.csv"`')
