"""The neuron that a command is given: a config, or a downloaded model."""

from pathlib import Path

import glifjax as gj
from glifjax.errors import InputError


def read_neuron(config: Path) -> "gj.GLIF | gj.MihalasNiebur":
    """The neuron of a neuron_config.json, or of a model's .zip.

    Raises:
        InputError: it is none.
    """
    return gj.read_model_zip(config).neuron if config.suffix == ".zip" else gj.read_neuron_config(config)


def read_glif(config: Path) -> "gj.GLIF":
    """The same, for commands that run GLIF neurons alone.

    Raises:
        InputError: it is none, or another neuron.
    """
    neuron = read_neuron(config)
    if not isinstance(neuron, gj.GLIF):
        raise InputError(f"{config}: holds a {type(neuron).__name__}; this command runs GLIF neurons, gj.simulate any")
    return neuron
