"""Which form a config's dictionary is in, and what Allen's holds whatever its rules; loads no jax."""

from collections.abc import Mapping
from typing import Any

from glifjax.io.config.older import modernise
from glifjax.io.config.values import NeuronConfigError, array, number, positive

#: Allen's method -> the neuron's attribute.
RULES = {
    "voltage_dynamics_method": "voltage_dynamics",
    "threshold_dynamics_method": "threshold_dynamics",
    "AScurrent_dynamics_method": "afterspike_dynamics",
    "voltage_reset_method": "voltage_reset",
    "threshold_reset_method": "threshold_reset",
    "AScurrent_reset_method": "afterspike_reset",
}
NUMBERS = ("El", "C", "R_input", "th_inf", "dt", "init_voltage", "init_threshold")
POSITIVE = ("C", "R_input", "dt")
ARRAYS = ("asc_tau_array", "asc_amp_array", "init_AScurrents")
#: The "type" of a Mihalas-Niebur neuron's config.
MIHALAS_NIEBUR = "MihalasNiebur"


def is_mihalas_niebur(config: Mapping[str, Any]) -> bool:
    """Whether a dictionary holds a Mihalas-Niebur neuron."""
    return config.get("type") == MIHALAS_NIEBUR


def is_nest(config: Mapping[str, Any]) -> bool:
    """Whether a dictionary holds NEST's parameters, not Allen's."""
    return "C_m" in config and "C" not in config


def is_several(config: Mapping[str, Any]) -> bool:
    """Whether a dictionary is one of neurons by id."""
    return len(config) > 1 and all(isinstance(value, Mapping) and value for value in config.values())


def check_config(config: Mapping[str, Any], source: str) -> None:
    """Refuse a dictionary of Allen's form, of any year, whose keys or numbers are not what every neuron has.

    Raises:
        NeuronConfigError: names `source`, the key and what to do.
    """
    if not (is_several(config) or is_mihalas_niebur(config) or is_nest(config)):
        values_of_any_level(modernise(config, source), source)


def values_of_any_level(config: Mapping[str, Any], source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The numbers and the arrays that Allen's form of today has at every level.

    Raises:
        NeuronConfigError: as check_config.
    """
    missing = [key for key in (*NUMBERS, *ARRAYS, "spike_cut_length", *RULES) if key not in config]
    if missing:
        raise NeuronConfigError(
            f"{source}: lacks {', '.join(missing)}; a neuron_config.json of 2017 or later has these keys"
        )
    numbers = {key: (positive if key in POSITIVE else number)(config, key, source) for key in NUMBERS}
    return numbers, {key: array(config, key, source) for key in ARRAYS}
