"""A neuron's file in the form of another simulator: Allen's config, NEST's glif_psc, SONATA's cell files."""

import json
import os
from typing import Literal

from glifjax.errors import InputError
from glifjax.io.config.nest import neuron_to_nest
from glifjax.io.config.neuron_config import read_neuron_config, write_neuron_config
from glifjax.io.sonata.components import ALLEN_TAU_SYN
from glifjax.io.writing import write_whole


def convert_neuron_config(
    path: str | os.PathLike, out: str | os.PathLike, to: Literal["allen", "nest", "sonata"], *, id: str | None = None
) -> str:
    """Read a neuron in any form, and write it in one.

    Args:
        path: Allen's config of any year, NEST's parameters, or a Mihalas-Niebur neuron.
        out: the file.
        to: "allen", a neuron_config.json; "nest", the dictionary that `nest.Create("glif_psc", params=...)` takes; or
            "sonata", the same with the synaptic time constants that PointNet gives Allen's cells, for the folder
            point_neuron_models_dir.
        id: as in read_neuron_config.

    Returns:
        What to do with the file, in a line; empty where it needs no word.

    Raises:
        NeuronConfigError: as read_neuron_config, write_neuron_config and neuron_to_nest.
        InputError: an unknown form.
    """
    if to not in ("allen", "nest", "sonata"):
        raise InputError(f"to is {to!r}; use allen, nest or sonata")
    neuron = read_neuron_config(path, id=id)
    if to == "allen":
        write_neuron_config(neuron, out)
        return ""
    params = neuron_to_nest(neuron)
    if to == "sonata":
        params["tau_syn"] = list(ALLEN_TAU_SYN)
    write_whole(out, json.dumps(params, indent=2) + "\n")
    if to == "nest":
        return ""
    return f'a node type names it so: model_template "nest:glif_psc", dynamics_params "{os.path.basename(out)}"'
