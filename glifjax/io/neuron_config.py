"""neuron_config.json: Allen's file format for a GLIF neuron (2017 and later), read and written.

Keys that AllenSDK does not know: `escape_noise` {lambda0 (1/s), delta_v (V)} and `spike_latency` (s).
"""

import json
import math
import os
from collections.abc import Callable, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from glifjax.errors import InputError
from glifjax.glif import GLIF, Coefficients
from glifjax.rules import afterspike, threshold, voltage
from glifjax.spike import EscapeNoise

#: The one place that knows Allen's names: (method, name) -> (rule, its parameters in the file, ignored ones).
METHODS: dict[tuple[str, str], tuple[Callable, tuple[str, ...], tuple[str, ...]]] = {
    ("voltage_dynamics_method", "linear_forward_euler"): (voltage.ForwardEuler, (), ()),
    ("threshold_dynamics_method", "inf"): (threshold.Constant, (), ()),
    ("threshold_dynamics_method", "spike_component"): (
        threshold.SpikeComponent, ("b_spike",), ("a_spike", "a_voltage", "b_voltage")),
    ("threshold_dynamics_method", "three_components_exact"): (
        threshold.ThreeComponents, ("b_spike", "a_voltage", "b_voltage"), ("a_spike",)),
    ("AScurrent_dynamics_method", "exp"): (afterspike.Exponential, (), ()),
    ("AScurrent_dynamics_method", "none"): (afterspike.NoCurrents, (), ()),
    ("voltage_reset_method", "zero"): (voltage.ResetToZero, (), ()),
    ("voltage_reset_method", "v_before"): (voltage.ResetFromVoltage, ("a", "b"), ()),
    ("threshold_reset_method", "inf"): (threshold.ResetToInfinity, (), ()),
    ("threshold_reset_method", "three_components"): (
        threshold.ResetThreeComponents, ("a_spike", "b_spike"), ()),
    ("AScurrent_reset_method", "sum"): (afterspike.ResetBySum, ("r",), ()),
    ("AScurrent_reset_method", "none"): (afterspike.ResetToNone, (), ()),
}  # fmt: skip

#: Allen's method -> the neuron's attribute.
RULES = {
    "voltage_dynamics_method": "voltage_dynamics",
    "threshold_dynamics_method": "threshold_dynamics",
    "AScurrent_dynamics_method": "afterspike_dynamics",
    "voltage_reset_method": "voltage_reset",
    "threshold_reset_method": "threshold_reset",
    "AScurrent_reset_method": "afterspike_reset",
}

_NUMBERS = ("El", "C", "R_input", "th_inf", "dt", "init_voltage", "init_threshold")
_ARRAYS = ("asc_tau_array", "asc_amp_array", "init_AScurrents")
_COEFFICIENTS = ("th_inf", "C", "G", "a", "b", "asc_amp_array")


class NeuronConfigError(InputError):
    """A neuron_config.json that cannot be read; the message names file, key, value and what to do."""


def read_neuron_config(path: str | os.PathLike) -> GLIF:
    """The neuron in a neuron_config.json, plain or wrapped as {"<id>": {...}}.

    Voltages stay relative to El_reference, as in the file. float64 needs jax_enable_x64; otherwise float32.

    Raises:
        NeuronConfigError: not a file, not JSON, a key missing or of the wrong kind, or an unknown rule.
    """
    path = Path(path)
    try:
        config = json.loads(path.read_text())
    except OSError as error:
        raise NeuronConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise NeuronConfigError(f"{path}: is not JSON ({error}); expected a GLIF neuron_config.json") from error
    if isinstance(config, dict) and len(config) == 1 and isinstance(next(iter(config.values())), dict):
        config = next(iter(config.values()))
    if not isinstance(config, dict):
        raise NeuronConfigError(f"{path}: holds a {type(config).__name__}, not an object with parameters")
    return neuron_from_config(config, str(path))


def neuron_from_config(config: Mapping[str, Any], source: str = "neuron config") -> GLIF:
    """The neuron that a config's dictionary describes; `source` names it in errors.

    Raises:
        NeuronConfigError: as read_neuron_config.
    """
    needed = (*_NUMBERS, *_ARRAYS, "spike_cut_length", *RULES)
    missing = [key for key in needed if key not in config]
    if missing:
        raise NeuronConfigError(
            f"{source}: lacks {', '.join(missing)}; a neuron_config.json of 2017 or later has these keys"
        )
    numbers: dict[str, Any] = {key: _number(config, key, source) for key in _NUMBERS}
    arrays = {key: _array(config, key, source) for key in _ARRAYS}
    given = _object(config, "coeffs", source)
    coefficients: dict[str, Any] = {
        key: (_array if key == "asc_amp_array" else _number)(given, key, f"{source}, coeffs")
        for key in _COEFFICIENTS
        if key in given
    }
    coefficients.setdefault("asc_amp_array", np.ones(len(arrays["asc_amp_array"])))
    rules: dict[str, Any] = {attribute: _rule(config, method, source) for method, attribute in RULES.items()}
    lengths = {key: len(array) for key, array in arrays.items()}
    lengths["coeffs.asc_amp_array"] = len(coefficients["asc_amp_array"])
    if isinstance(rules["afterspike_reset"], afterspike.ResetBySum):
        lengths["AScurrent_reset_method r"] = len(rules["afterspike_reset"].r)
    if len(set(lengths.values())) != 1:
        found = ", ".join(f"{key}: {length}" for key, length in lengths.items())
        raise NeuronConfigError(f"{source}: these must have one length: {found}")
    noise = None
    if config.get("escape_noise") is not None:
        hazard, where = _object(config, "escape_noise", source), f"{source}, escape_noise"
        noise = EscapeNoise(_number(hazard, "lambda0", where), _number(hazard, "delta_v", where))
    return GLIF(
        **numbers,
        **arrays,
        **rules,
        El_reference=_number(config, "El_reference", source) if "El_reference" in config else 0.0,
        spike_cut_length=int(_number(config, "spike_cut_length", source)),  # truncated, as AllenSDK
        coeffs=Coefficients(**coefficients),
        escape_noise=noise,
        spike_latency=_number(config, "spike_latency", source) if "spike_latency" in config else 0.0,
    )


def _number(config: Mapping, key: str, source: str) -> float:
    if key not in config:
        raise NeuronConfigError(f"{source}: lacks {key}")
    if not _is_number(config[key]):
        raise NeuronConfigError(f"{source}: {key} is {config[key]!r}; expected a finite number in SI units")
    return float(config[key])


def _array(config: Mapping, key: str, source: str) -> np.ndarray:
    value = config[key]
    if not isinstance(value, list | tuple | np.ndarray) or not all(_is_number(each) for each in value):
        raise NeuronConfigError(f"{source}: {key} is {value!r}; expected a list of finite numbers in SI units")
    return np.asarray(value, dtype=float)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _object(config: Mapping, key: str, source: str) -> Mapping:
    """The object under a key; empty where there is none."""
    value = config.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise NeuronConfigError(f"{source}: {key} is {value!r}; expected an object {{...}}")
    return value or {}


def _rule(config: Mapping, method: str, source: str) -> Callable:
    entry = config[method]
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise NeuronConfigError(f'{source}: {method} is {entry!r}; expected {{"name": ..., "params": {{...}}}}')
    if (method, entry["name"]) not in METHODS:
        known = ", ".join(name for kind, name in METHODS if kind == method)
        raise NeuronConfigError(f"{source}: {method} {entry['name']!r} is unknown; known are: {known}")
    rule, names, _ = METHODS[method, entry["name"]]
    where = f"{source}, {method} {entry['name']!r}"
    params = _object(entry, "params", where)
    missing = [name for name in names if name not in params]
    if missing:
        raise NeuronConfigError(f"{where}: its params lack {', '.join(missing)}")
    return rule(**{name: (_array if name == "r" else _number)(params, name, where) for name in names})


def write_neuron_config(neuron: GLIF, path: str | os.PathLike) -> None:
    """Write a neuron as a neuron_config.json that AllenSDK reads too.

    Raises:
        NeuronConfigError: a rule that has no name in the file format.
    """
    text = json.dumps(neuron_to_config(neuron), indent=2)
    Path(path).write_text(text + "\n")


def neuron_to_config(neuron: GLIF) -> dict[str, Any]:
    """The config dictionary of a neuron.

    Raises:
        NeuronConfigError: a rule that has no name in the file format.
    """
    config: dict[str, Any] = {key: float(getattr(neuron, key)) for key in (*_NUMBERS, "El_reference")}
    config |= {key: _numbers(getattr(neuron, key)) for key in _ARRAYS}
    config["spike_cut_length"] = int(neuron.spike_cut_length)
    amplitudes = np.broadcast_to(np.asarray(neuron.coeffs.asc_amp_array), np.shape(neuron.asc_amp_array))
    coefficients = {key: float(getattr(neuron.coeffs, key)) for key in _COEFFICIENTS[:-1]}
    config["coeffs"] = coefficients | {"asc_amp_array": _numbers(amplitudes)}
    for method, attribute in RULES.items():
        config[method] = _method(neuron, method, getattr(neuron, attribute))
    # keys that AllenSDK's reader demands and its simulation does not use
    config |= {"type": "GLIF", "th_adapt": None, "dt_multiplier": 1, "extrapolation_method_name": "endpoints"}
    if neuron.escape_noise is not None:
        noise = neuron.escape_noise
        config["escape_noise"] = {"lambda0": float(noise.lambda0), "delta_v": float(noise.delta_v)}
    config["spike_latency"] = float(neuron.spike_latency)
    return config


def _numbers(array) -> list[float]:
    return [float(number) for number in np.atleast_1d(np.asarray(array))]


def _method(neuron: GLIF, method: str, rule: Callable) -> dict[str, Any]:
    for (kind, name), (known, names, ignored) in METHODS.items():
        if kind == method and type(rule) is known:
            params: dict[str, Any] = {key: (_numbers if key == "r" else float)(getattr(rule, key)) for key in names}
            # AllenSDK's function signatures demand these too, and do nothing with them
            reset = neuron.threshold_reset
            unused = {"a_spike": float(getattr(reset, "a_spike", 0.0))}
            return {"name": name, "params": params | {key: unused.get(key, 0.0) for key in ignored}}
    raise NeuronConfigError(
        f"{method}: {rule!r} has no name in neuron_config.json; only the built-in rules can be written"
    )
