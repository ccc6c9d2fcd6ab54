"""Neuron configs written before 2017, brought to today's form where a rule of today does the same.

Sources: allensdk.model.glif of AllenSDK 0.9 and 0.10 (2015), 0.11 and 0.12 (2016), and 0.13 (2017, today's form).
Files of 2016 differ in one thing that acts: the threshold reset `three_components` has no b_spike, because what
spikes had added to the threshold did not decay during the spike cut. That is b_spike = 0 in the reset. Files of 2015
also have other names for parameters and rules. Their simulators resumed one step earlier after a cut than
AllenSDK does since 2017; the converted neuron follows the later one.
"""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glifjax.io.config.values import NeuronConfigError
from glifjax.io.json_text import parse_json

#: Bytes of such a file at most; those of 2015 have some 1e4.
LARGEST = 1_000_000

#: Keys of 2015 and what they are called since.
KEYS = {"tau": "asc_tau_array", "asc_vector": "asc_amp_array"}

#: Rules of 2015 and what they are called since.
NAMES = {
    ("voltage_dynamics_method", "linear"): "linear_forward_euler",
    ("voltage_dynamics_method", "euler_exact"): "linear_exact",
}

#: Rules that nothing does any more, with the reason.
DROPPED = {
    ("AScurrent_dynamics_method", "exp_glm"): "it decays by forward Euler",
    ("AScurrent_dynamics_method", "vector"): "it sums the currents of all spikes from a table",
    ("threshold_dynamics_method", "adapt_sum_slow_fast"): "it scales the summed voltage component by coeffs.a",
    ("threshold_dynamics_method", "adapt_rebound"): "it scales the summed voltage component by coeffs.a",
    ("threshold_dynamics_method", "adapt_standard"): "it lets the whole threshold follow the voltage",
    ("threshold_dynamics_method", "fixed"): "its threshold ignores th_inf",
    ("threshold_reset_method", "adapt_sum_slow_fast"): "it belongs to a threshold of 2015",
    ("threshold_reset_method", "max_v_th"): "it lifts the threshold to the voltage",
    ("threshold_reset_method", "th_before"): "AllenSDK never ran it",
    ("threshold_reset_method", "fixed"): "AllenSDK never ran it",
    ("voltage_reset_method", "i_v_before"): "AllenSDK never ran it",
    ("voltage_dynamics_method", "quadratic_forward_euler"): "its leak is quadratic in the voltage",
    ("voltage_dynamics_method", "piecewise_linear_forward_euler"): "its leak changes with the voltage",
    ("voltage_dynamics_method", "piecewise_linear_exact"): "its leak changes with the voltage",
}  # fmt: skip


def parse_older(path: Path) -> Any:
    """What a Python literal holds, as some files of 2014 and 2015 are written; ValueError where a file holds none.

    A literal is numbers, texts, lists and dictionaries: nothing of it is run.
    """
    if path.stat().st_size > LARGEST:
        raise ValueError("too large for a config")
    try:
        return parse_json(json.dumps(ast.literal_eval(path.read_text(encoding="utf-8"))), finite=False)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError("not a Python literal") from error


def modernise(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """A config in today's form; one that is in it already is returned as it is.

    Raises:
        NeuronConfigError: a rule that no rule of today can stand for, with the reason.
    """
    config = {KEYS.get(key, key): value for key, value in config.items()}
    if isinstance(config.get("coeffs"), Mapping):
        config["coeffs"] = {KEYS.get(key, key): value for key, value in config["coeffs"].items()}
    for method, entry in config.items():
        if method.endswith("_method") and isinstance(entry, Mapping) and isinstance(entry.get("name"), str):
            config[method] = _modern_entry(method, entry, source)
    return config


def _modern_entry(method: str, entry: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    name, params = entry["name"], entry.get("params")
    if (method, name) in DROPPED:
        raise NeuronConfigError(
            f"{source}: {method} {name!r} is a rule of AllenSDK before 2017 that cannot be converted: "
            f"{DROPPED[method, name]}; use the cell's model of 2017 or later"
        )
    if (method, name) in NAMES:
        return {**entry, "name": NAMES[method, name]}
    if (method, name) == ("voltage_reset_method", "fixed") and isinstance(params, Mapping) and "value" in params:
        return {**entry, "name": "v_before", "params": {"a": 0.0, "b": params["value"]}}
    if (method, name) == ("threshold_reset_method", "three_components") and isinstance(params, Mapping):
        return {**entry, "params": {"b_spike": 0.0, **params}} if "b_spike" not in params else entry
    return entry
