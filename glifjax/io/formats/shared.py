"""What the readers of amplifiers' files share: units, which electrode is meant, currents that a file does not hold."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from glifjax.errors import to_install
from glifjax.io.formats.stimulus_file import read_stimulus
from glifjax.io.nwb.channel import Channel
from glifjax.io.nwb.electrodes import check_electrode
from glifjax.io.nwb.sweep import RecordingError

#: One of each unit in V.
VOLTS = {"v": 1.0, "mv": 1e-3, "uv": 1e-6, "µv": 1e-6, "μv": 1e-6}


def not_installed(path: Path, files_are: str, library: str) -> RecordingError:
    """What is said of a file whose reader is missing; `files_are` names its kind, with the verb."""
    return RecordingError(
        f"{path.name}: {files_are} read through {library}, which is not installed: {to_install('formats')}"
    )


def chosen_electrode(file: str, names: Sequence[str], electrode: str | None) -> str:
    """The electrode that is asked for, or the only one.

    Raises:
        RecordingError: it is none of them, or there are several and none is asked for.
    """
    if electrode is None and len(names) > 1:
        raise RecordingError(
            f'{file}: holds the electrodes {list(names)}, as of several cells; choose one with `electrode="{names[0]}"`'
        )
    if electrode is None:
        return names[0]
    check_electrode(file, names, electrode)
    return electrode


def given_currents(stimulus: str | Path, sweeps: int) -> list[Float[np.ndarray, " T"]]:
    """A current for each sweep, A, out of a text file that holds one for all, or one each.

    Raises:
        RecordingError: it holds another number, or is no such file.
    """
    given = read_stimulus(stimulus)
    if len(given) not in (1, sweeps):
        raise RecordingError(
            f"{stimulus}: holds {len(given)} currents for {sweeps} sweep{'s' * (sweeps > 1)}; give one, or one each"
        )
    return given * (sweeps // len(given))


def held(current: Float[np.ndarray, " T"], rate: float) -> Channel:
    """A channel out of a current, A, sampled at a rate, Hz."""
    return Channel("current", "current", "amperes", current, len(current), stated_rate=rate)
