"""The neuron that a command is given: a config, one of several in a config, or a downloaded model."""

from pathlib import Path

import glifjax as gj


def read_neuron(config: Path, id: str | None = None) -> "gj.GLIF | gj.MihalasNiebur":
    """The neuron of a neuron_config.json, the one of that id where it holds several, or of a model's .zip.

    Raises:
        InputError: it is none, or which one is not said.
    """
    return gj.read_model_zip(config).neuron if config.suffix == ".zip" else gj.read_neuron_config(config, id=id)


def reference(neuron: "gj.GLIF | gj.MihalasNiebur") -> float:
    """What makes a neuron's voltages those of an electrode, V; a Mihalas-Niebur neuron's are."""
    return 0.0 if isinstance(neuron, gj.MihalasNiebur) else float(neuron.El_reference)
