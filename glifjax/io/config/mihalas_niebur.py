"""The Mihalas-Niebur neuron's file form: its parameters by their names, SI units, under "type": "MihalasNiebur".

    {"type": "MihalasNiebur", "C": 1e-9, "G": 5e-8, "El": -0.07, ..., "k": [200.0, 20.0], "R": [0.0, 1.0], ...}

What is not given is as in glifjax.MihalasNiebur; `escape_noise` holds lambda0 (1/s), delta_v (V), jitter (s) and
lapse (1/s).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from glifjax.errors import InputError, shown
from glifjax.io.config.forms import MIHALAS_NIEBUR
from glifjax.io.config.hazard import hazard_entries, read_escape_noise
from glifjax.io.config.values import NeuronConfigError, array, number
from glifjax.mihalas_niebur.neuron import INTEGRATORS, MihalasNiebur

NUMBERS = ("C", "G", "El", "V_reset", "th_inf", "th_reset", "a", "b", "init_voltage", "init_threshold", "spike_latency")
ARRAYS = ("k", "R", "A", "init_currents")
OTHERS = ("type", "integrator", "max_spikes_per_step", "escape_noise")


def mihalas_niebur_from_config(config: Mapping[str, Any], source: str) -> MihalasNiebur:
    """The neuron that a config's dictionary describes; `source` names it in errors.

    Raises:
        NeuronConfigError: an unknown key, a value of the wrong kind or without meaning, arrays of different lengths.
    """
    unknown = [key for key in config if key not in (*NUMBERS, *ARRAYS, *OTHERS)]
    if unknown:
        raise NeuronConfigError(
            f"{source}: {unknown[0]} is no parameter of a {MIHALAS_NIEBUR} neuron; remove it or mend its name"
        )
    values: dict[str, Any] = {key: number(config, key, source) for key in NUMBERS if key in config}
    values |= {key: array(config, key, source) for key in ARRAYS if key in config}
    if "integrator" in config:
        if config["integrator"] not in INTEGRATORS:
            integrator = shown(config["integrator"])
            raise NeuronConfigError(f"{source}: integrator is {integrator}; use one of {', '.join(INTEGRATORS)}")
        values["integrator"] = config["integrator"]
    if "max_spikes_per_step" in config:
        values["max_spikes_per_step"] = config["max_spikes_per_step"]
    try:
        return MihalasNiebur(**values, escape_noise=read_escape_noise(config, source))
    except NeuronConfigError:
        raise
    except InputError as error:
        raise NeuronConfigError(f"{source}: {error}") from error


def mihalas_niebur_to_config(neuron: MihalasNiebur) -> dict[str, Any]:
    """The config dictionary of a neuron.

    Raises:
        NeuronConfigError: a batch of neurons.
    """
    if np.ndim(neuron.C):
        raise NeuronConfigError(
            f"C has shape {np.shape(neuron.C)}, but a file holds one neuron; write one of the batch, "
            "jax.tree.map(lambda leaf: leaf[0], neurons)"
        )
    config: dict[str, Any] = {"type": MIHALAS_NIEBUR}
    config |= {key: float(getattr(neuron, key)) for key in NUMBERS}
    config |= {key: np.asarray(getattr(neuron, key), float).tolist() for key in ARRAYS}
    config |= {"integrator": neuron.integrator, "max_spikes_per_step": neuron.max_spikes_per_step}
    return config | hazard_entries(escape_noise=neuron.escape_noise)
