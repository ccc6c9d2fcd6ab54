"""What commands refuse before jax is loaded, in a fraction of a second: files that are not what they should be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glifjax.errors import InputError, shown
from glifjax.io.config.files import load, neuron_ids
from glifjax.io.config.forms import check_config, is_mihalas_niebur
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


def check_form(path: Path, id: str | None, to: str) -> None:
    """Refuse a neuron that is to be written in a form which has none such.

    Raises:
        InputError: a Mihalas-Niebur neuron for any form but its own.
    """
    if to != "allen" and is_mihalas_niebur(_dictionary(path, id)):
        raise InputError(f"{path}: is a Mihalas-Niebur neuron, and NEST's glif_psc has none such; give a GLIF neuron")


def check_choices(
    path: Path, id: str | None, seed: int | None, absolute: bool, spike_cut: str, spike_cut_value: float | None
) -> None:
    """Refuse how a neuron is to be simulated, where its config says that it cannot be; of an archive nothing is known.

    Raises:
        InputError: says which option, and what to do.
    """
    check_seed(seed)
    if path.suffix != ".zip":
        config = _dictionary(path, id)
        noisy = config.get("escape_noise") is not None
        own = is_mihalas_niebur(config)
        refuse_choices(str(path), own, noisy, seed, absolute, spike_cut, spike_cut_value)


def refuse_choices(
    source: str,
    mihalas_niebur: bool,
    noisy: bool,
    seed: int | None,
    absolute: bool,
    spike_cut: str,
    spike_cut_value: float | None,
) -> None:
    """Refuse options that a neuron of this kind, with or without escape noise, has no use for; see `check_choices`."""
    if spike_cut_value is not None and not abs(spike_cut_value) < 1:
        raise InputError(f"--spike-cut-value {spike_cut_value:g} is no voltage in V; give one such as 0.05")
    if mihalas_niebur and (absolute or spike_cut != "duration" or spike_cut_value is not None):
        raise InputError(
            f"{source}: a Mihalas-Niebur neuron has absolute voltages and no spike cut; leave --absolute, --spike-cut "
            "and --spike-cut-value out"
        )
    if seed is not None and not noisy:
        raise InputError(f"{source}: has no escape_noise to draw spikes from; leave --seed out for a hard threshold")


def check_seed(seed: int | None, least: int = -(2**63)) -> None:
    """Refuse a seed that no generator takes.

    Raises:
        InputError: below `least`, or beyond 64 bits.
    """
    if seed is not None and not least <= seed < 2**63:
        raise InputError(f"--seed {seed}: give a whole number from {least} to {2**63 - 1}")


def _dictionary(path: Path, id: str | None) -> Mapping[str, Any]:
    """The config of the neuron that is meant in a file of one or several."""
    config = load(path)[0]
    part = None if id is None else config.get(id)
    return part if isinstance(part, Mapping) else config


def check_recording(
    path: Path, *selections: str | None, electrode: str | None = None, stimulus: str | Path | None = None
) -> list[set[int]]:
    """Refuse what is no NWB file, and sweeps that it does not hold; an amplifier's file is read later.

    Returns:
        The numbers that each selection names; none of an amplifier's file.

    Args:
        path: the file.
        selections: of its sweeps; None selects none.
        electrode, stimulus: as in `glifjax.read_recording`.

    Raises:
        RecordingError: says what it is, and what to do.
    """
    check_file(path)
    if path.suffix.lower() in AMPLIFIERS:
        return [set() for _ in selections]
    with read_recording(path, electrode=electrode, stimulus=stimulus) as recording:
        named = [[] if which is None else recording.select(which) for which in selections]
        return [{sweep.number for sweep in sweeps} for sweeps in named]


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
