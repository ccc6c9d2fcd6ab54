"""The current that an ABF 2 file's protocol commanded, sweep by sweep, from its table of epochs.

A sweep of T samples starts with T/64 samples of holding, as pClamp pads it. Then the epochs of the waveform follow one
another: sweep k holds the level L + k dL for D + k dD samples (type 1), or ramps to it from where the last epoch ended
(type 2). After the last epoch comes the holding level again, or the last level where the protocol says so
(``nInterEpisodeLevel``), with which the next sweep then starts. (Axon ABF 2 file format, as pyABF reads it.)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from glifjax.io.formats.stimulus_file import AMPERES
from glifjax.io.nwb.sweep import RecordingError

#: The share of a sweep before its first epoch.
BEFORE = 1 / 64
STEP = 1
RAMP = 2
#: Waveforms made of epochs; others are in a file of their own.
OF_EPOCHS = 1


@dataclass(frozen=True)
class Epoch:
    """A piece of a waveform.

    Attributes:
        kind: STEP or RAMP.
        level, level_increment: in the waveform's unit, and more of it in each sweep.
        duration, duration_increment: samples, likewise.
    """

    kind: int
    level: float
    level_increment: float
    duration: int
    duration_increment: int


@dataclass(frozen=True)
class Waveform:
    """What an output commanded in every sweep.

    Attributes:
        name, unit: of the output.
        holding: its level outside of epochs.
        stays: whether the last epoch's level stays until the next sweep.
        epochs: in their order.
    """

    name: str
    unit: str
    holding: float
    stays: bool
    epochs: tuple[Epoch, ...]

    def sweeps(self, count: int, n_samples: int) -> list[Float[np.ndarray, " T"]]:
        """The commands of the first `count` sweeps, (T,) each, in the waveform's unit."""
        commands, before = [], self.holding
        for number in range(count):
            command = self._sweep(number, n_samples, before)
            commands.append(command)
            before = float(command[-1]) if self.stays and len(command) else self.holding
        return commands

    def _sweep(self, number: int, n_samples: int, before: float) -> Float[np.ndarray, " T"]:
        command = np.full(n_samples, before)
        first, level = int(n_samples * BEFORE), before
        for epoch in self.epochs:
            start, level = level, epoch.level + number * epoch.level_increment
            length = max(0, epoch.duration + number * epoch.duration_increment)
            stretch = command[first : first + length]
            ramp = start + (level - start) * np.arange(length) / max(1, length - 1)
            stretch[:] = ramp[: len(stretch)] if epoch.kind == RAMP else level
            first += length
        command[first:] = level if self.stays else self.holding
        return command


def waveforms(info: Any, where: str) -> list[Waveform]:
    """The waveforms of an ABF 2 file's current outputs, from its header as neo gives it; none of an ABF 1 file.

    Raises:
        RecordingError: one is no steps and ramps, and so not rebuilt here.
    """
    outputs = info.get("listDACInfo", ())
    return [_waveform(info, output, where) for output in outputs if output["nWaveformEnable"] and _is_current(output)]


def _waveform(info: Any, output: Any, where: str) -> Waveform:
    name = output["DACChNames"].decode(errors="replace")
    give = 'give the current with `stimulus="current.csv"`'
    if output["nWaveformSource"] != OF_EPOCHS:
        raise RecordingError(f"{where}: its output '{name}' played a waveform from another file; {give}")
    table = info["dictEpochInfoPerDAC"].get(output["nDACNum"], {})
    rows = [row for _, row in sorted(table.items()) if row["nEpochType"]]
    if other := next((row["nEpochType"] for row in rows if row["nEpochType"] not in (STEP, RAMP)), None):
        raise RecordingError(f"{where}: its protocol has epochs of type {other}, and steps and ramps are read; {give}")
    epochs = tuple(
        Epoch(
            row["nEpochType"],
            row["fEpochInitLevel"],
            row["fEpochLevelInc"],
            row["lEpochInitDuration"],
            row["lEpochDurationInc"],
        )
        for row in rows
    )
    unit = output["DACChUnits"].decode(errors="replace")
    return Waveform(name, unit, output["fDACHoldingLevel"], bool(output["nInterEpisodeLevel"]), epochs)


def _is_current(output: Any) -> bool:
    return output["DACChUnits"].decode(errors="replace").strip().lower() in AMPERES
