"""What commands refuse before jax is loaded, in a fraction of a second: files that are not what they should be."""

from pathlib import Path

from glifjax.errors import InputError
from glifjax.io.config.files import load
from glifjax.io.config.forms import check_config
from glifjax.io.formats.endings import AMPLIFIERS
from glifjax.io.json_text import parse_json
from glifjax.io.nwb.recordings import nwb_version
from glifjax.io.regular import check_file


def check_neuron_config(path: Path) -> None:
    """Refuse what is neither a neuron's config nor an archive, which is not looked into.

    Raises:
        InputError: says what it is, and what to do.
    """
    check_file(path)
    if path.suffix != ".zip":
        check_config(load(path)[0], str(path))


def check_recording(path: Path) -> None:
    """Refuse what is no NWB file, by a look at its first datasets; an amplifier's file is read later.

    Raises:
        RecordingError: says what it is, and what to do.
    """
    if path.suffix.lower() not in AMPLIFIERS:
        nwb_version(path)


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
