"""What commands refuse before jax is loaded, in a fraction of a second: files that are not what they should be."""

from pathlib import Path

from glifjax.errors import InputError, shown
from glifjax.io.config.files import load, neuron_ids
from glifjax.io.config.forms import check_config
from glifjax.io.formats.endings import AMPLIFIERS
from glifjax.io.json_text import parse_json
from glifjax.io.nwb.recordings import read_recording
from glifjax.io.regular import check_file


def check_neuron_config(path: Path, id: str | None = None) -> None:
    """Refuse what is neither a neuron's config nor an archive, which is not looked into; and an id that names none.

    Raises:
        InputError: says what it is, and what to do; of several neurons, an id that the file holds.
    """
    check_file(path)
    if path.suffix != ".zip":
        check_config(load(path)[0], str(path))
    ids = [] if path.suffix == ".zip" else neuron_ids(path)
    if id is None and len(ids) > 1:
        raise InputError(f"{path}: holds {len(ids)} neurons; choose one by its id, such as --id {ids[0]}")
    if id is not None and not ids:
        raise InputError(f"{path}: holds one neuron without an id; leave --id {shown(id)} out")
    if id is not None and id not in ids:
        raise InputError(f"{path}: holds no neuron {shown(id)}; give one that it holds, such as --id {ids[0]}")


def check_recording(
    path: Path, *selections: str | None, electrode: str | None = None, stimulus: str | Path | None = None
) -> None:
    """Refuse what is no NWB file, and sweeps that it does not hold; an amplifier's file is read later.

    Args:
        path: the file.
        selections: of its sweeps; None selects none.
        electrode, stimulus: as in `glifjax.read_recording`.

    Raises:
        RecordingError: says what it is, and what to do.
    """
    check_file(path)
    if path.suffix.lower() not in AMPLIFIERS:
        with read_recording(path, electrode=electrode, stimulus=stimulus) as recording:
            for which in selections:
                if which is not None:
                    recording.select(which)


def check_json(path: Path) -> None:
    """Refuse what holds no JSON.

    Raises:
        InputError: says why not, and what to do.
    """
    check_file(path)
    try:
        parse_json(path, finite=False)
    except ValueError as error:
        raise InputError(f"{path}: is not JSON ({error}); give the file that the config is in") from error
