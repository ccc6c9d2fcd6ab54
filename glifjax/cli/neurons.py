"""The neuron that a command is given: a config, one of several in a config, or a downloaded model."""

from pathlib import Path

import glifjax as gj
from glifjax.errors import InputError, shown
from glifjax.io.config.neuron_config import neuron_ids


def read_neuron(config: Path, id: str | None = None) -> "gj.GLIF | gj.MihalasNiebur":
    """The neuron of a neuron_config.json, the one of that id where it holds several, or of a model's .zip.

    Raises:
        InputError: it is none, or which one is not said.
    """
    check_id(config, id)
    return gj.read_model_zip(config).neuron if config.suffix == ".zip" else gj.read_neuron_config(config, id=id)


def check_id(config: Path, id: str | None) -> None:
    """Refuse a file of several neurons without --id, and --id that names none of a file's.

    Raises:
        InputError: names an id that stands in the file, if any does.
    """
    ids = [] if config.suffix == ".zip" else neuron_ids(config)
    if id is None and len(ids) > 1:
        raise InputError(f"{config}: holds {len(ids)} neurons; choose one by its id, such as --id {ids[0]}")
    if id is not None and not ids:
        raise InputError(f"{config}: holds one neuron without an id; leave --id {shown(id)} out")
    if id is not None and id not in ids:
        raise InputError(f"{config}: holds no neuron {shown(id)}; give one that it holds, such as --id {ids[0]}")


def reference(neuron: "gj.GLIF | gj.MihalasNiebur") -> float:
    """What makes a neuron's voltages those of an electrode, V; a Mihalas-Niebur neuron's are."""
    return 0.0 if isinstance(neuron, gj.MihalasNiebur) else float(neuron.El_reference)
