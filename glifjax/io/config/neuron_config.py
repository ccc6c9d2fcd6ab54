"""neuron_config.json: Allen's file format for a GLIF neuron, read and written.

Keys that AllenSDK does not know: `escape_noise` {lambda0 (1/s), delta_v (V), jitter (s), lapse (1/s)},
`accumulated_hazard` {tau (s), threshold (spikes)}, `spike_latency` (s), `membrane_currents` (a list of rules),
`spike_waveform` (a list, V) and `convention` ("nest", of a neuron that was read from NEST's parameters). Where hazard
is accumulated AllenSDK simulates the hard threshold. Older configs and NEST's are recognised: glifjax.io.config.older,
glifjax.io.config.nest.
"""

import inspect
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer

from glifjax.errors import InputError, shown
from glifjax.glif.glif import GLIF, Coefficients
from glifjax.io.config.absolute import absolute_voltages
from glifjax.io.config.checks import check_consistent
from glifjax.io.config.files import load, neuron_ids, with_changes
from glifjax.io.config.forms import (
    ARRAYS,
    NUMBERS,
    RULES,
    is_mihalas_niebur,
    is_nest,
    is_several,
    values_of_any_level,
)
from glifjax.io.config.hazard import hazard_entries, read_accumulated_hazard, read_escape_noise
from glifjax.io.config.mihalas_niebur import mihalas_niebur_from_config, mihalas_niebur_to_config
from glifjax.io.config.nest import neuron_from_nest
from glifjax.io.config.older import modernise
from glifjax.io.config.rule_entries import find_rule, read_rule, write_rule
from glifjax.io.config.values import NeuronConfigError, array, mapping, number
from glifjax.io.writing import write_whole
from glifjax.mihalas_niebur.neuron import MihalasNiebur
from glifjax.rules import afterspike, membrane, threshold, threshold_kernels, voltage

#: The one place that knows Allen's names: (method, name) -> rule. `register_rule` adds a user's own.
METHODS: dict[tuple[str, str], Callable] = {
    ("voltage_dynamics_method", "linear_forward_euler"): voltage.ForwardEuler,
    ("voltage_dynamics_method", "linear_exact"): voltage.LinearExact,
    ("threshold_dynamics_method", "inf"): threshold.Constant,
    ("threshold_dynamics_method", "spike_component"): threshold.SpikeComponent,
    ("threshold_dynamics_method", "three_components_exact"): threshold.ThreeComponents,
    ("threshold_dynamics_method", "three_components_forward"): threshold.ThreeComponentsEuler,
    ("threshold_dynamics_method", "kernels"): threshold_kernels.Kernels,
    ("AScurrent_dynamics_method", "exp"): afterspike.Exponential,
    ("AScurrent_dynamics_method", "none"): afterspike.NoCurrents,
    ("voltage_reset_method", "zero"): voltage.ResetToZero,
    ("voltage_reset_method", "v_before"): voltage.ResetFromVoltage,
    ("threshold_reset_method", "inf"): threshold.ResetToInfinity,
    ("threshold_reset_method", "three_components"): threshold.ResetThreeComponents,
    ("threshold_reset_method", "kernels"): threshold_kernels.ResetKernels,
    ("AScurrent_reset_method", "sum"): afterspike.ResetBySum,
    ("AScurrent_reset_method", "none"): afterspike.ResetToNone,
    ("membrane_currents", "gated"): membrane.GatedCurrent,
}

#: Parameters that AllenSDK's function signatures demand, and that have no effect.
IGNORED: dict[Callable, tuple[str, ...]] = {
    threshold.SpikeComponent: ("a_spike", "a_voltage", "b_voltage"),
    threshold.ThreeComponents: ("a_spike",),
    threshold.ThreeComponentsEuler: ("a_spike",),
}

#: Steps of a spike cut at most: it is counted in 32 bits.
MOST_STEPS = 1e9
COEFFICIENTS = ("th_inf", "C", "G", "a", "b", "asc_amp_array")
#: keys that AllenSDK's reader demands or its files hold, and its simulation does not use, as all published files have
_NOT_SIMULATED = {"type": "GLIF", "th_adapt": None, "dt_multiplier": 10, "extrapolation_method_name": "endpoints"}


def register_rule(method: str, name: str, rule: Callable) -> None:
    """Give a rule of one's own a name in files, so that neurons with it can be written and read.

    Args:
        method: which of the six rules it stands for ("voltage_reset_method" ...), or "membrane_currents".
        name: its name in the file.
        rule: an equinox.Module class, or a plain function (with parameters: the function inside equinox.Partial).
            Registering another rule under the same name replaces it; built-in names cannot be replaced.

    Raises:
        NeuronConfigError: an unknown method, the name of a built-in rule, or something that is no rule.
    """
    if method not in (*RULES, "membrane_currents"):
        raise NeuronConfigError(f"method {method!r} is unknown; use one of {', '.join(RULES)}, membrane_currents")
    registered = METHODS.get((method, name))
    if registered is not None and registered is not rule and registered.__module__.startswith("glifjax.rules."):
        raise NeuronConfigError(f"{method} {name!r} is a built-in rule; give yours another name")
    if method == "membrane_currents":
        base, expected = membrane.AbstractMembraneCurrent, "an AbstractMembraneCurrent class"
    else:
        base, expected = eqx.Module, "an equinox.Module class or a function"
    is_function = inspect.isfunction(rule) and base is eqx.Module
    if not is_function and not (inspect.isclass(rule) and issubclass(rule, base)):
        raise NeuronConfigError(f"{method} {name!r}: {rule!r} is no rule; give {expected}")
    METHODS[method, name] = rule


def read_neuron_configs(path: str | os.PathLike, *, absolute: bool = False) -> dict[str, GLIF | MihalasNiebur]:
    """All neurons of a file that holds several, as {"<id>": {...}, "<id>": {...}}, by id.

    Args:
        path: the file.
        absolute: as in read_neuron_config.

    Raises:
        NeuronConfigError: as read_neuron_config; a file of one neuron without an id.
    """
    ids = neuron_ids(path)
    if not ids:
        raise NeuronConfigError(f'{path}: holds one neuron without an id; read it with read_neuron_config("{path}")')
    return {name: read_neuron_config(path, id=name, absolute=absolute) for name in ids}


def read_neuron_config(
    path: str | os.PathLike, *, id: str | int | None = None, absolute: bool = False
) -> GLIF | MihalasNiebur:
    """The neuron in a neuron_config.json, plain or wrapped as {"<id>": {...}}; its numbers are float64, as in the file.

    A run is in JAX's float type of the moment all the same: float64 needs jax_enable_x64. A file of a Mihalas-Niebur
    neuron gives that one (glifjax.io.config.mihalas_niebur). Configs from before 2017 are converted
    (glifjax.io.config.older), NEST's glif_psc parameters imported (glifjax.io.config.nest). What the neuron does not
    hold (unknown keys, notes) stays in the file: give the file to `write_neuron_config` as `like` to keep it.

    Args:
        path: the file.
        id: of the neuron, where the file holds several as {"<id>": {...}, "<id>": {...}}.
        absolute: voltages as an electrode measures them; else relative to El_reference, as in the file.

    Raises:
        NeuronConfigError: not a file, not JSON; a key missing, of the wrong kind, or out of range; an unknown rule;
            or rules that do not go together (where AllenSDK would fail during a run).

    Example:
        >>> neuron = gj.read_neuron_config("neuron_config.json")
        >>> float(neuron.R_input)
        100000000.0
    """
    config, wrapped = load(path)
    several = config if is_several(config) else {} if wrapped is None else {wrapped: config}
    if id is not None and str(id) not in several:
        ids = f"neurons {', '.join(several)}" if several else "one neuron without an id"
        raise NeuronConfigError(f"{path}: holds no neuron {id}, but {ids}")
    config = config if id is None else several[str(id)]
    neuron = neuron_from_config(config, str(path) if len(several) < 2 else f"{path}, neuron {id}")
    if not absolute or isinstance(neuron, MihalasNiebur):  # whose voltages are absolute
        return neuron
    if "El_reference" not in config and not is_nest(config):
        raise NeuronConfigError(f"{path}: lacks El_reference, so that its voltages cannot be made absolute")
    with jax.enable_x64(True):
        return absolute_voltages(neuron, str(path))


def neuron_from_config(config: Mapping[str, Any], source: str = "neuron config") -> GLIF | MihalasNiebur:
    """The neuron that a config's dictionary describes; `source` names it in errors.

    Raises:
        NeuronConfigError: as read_neuron_config.
    """
    with jax.enable_x64(True):  # the file's numbers, in all their digits
        return (mihalas_niebur_from_config if is_mihalas_niebur(config) else _glif_from_config)(config, source)


def glif_from_config(config: Mapping[str, Any], source: str) -> GLIF:
    """The same where nothing but a GLIF neuron will do, in Allen's form of any year or NEST's."""
    with jax.enable_x64(True):
        return _glif_from_config(config, source)


def _glif_from_config(config: Mapping[str, Any], source: str) -> GLIF:
    if is_several(config):
        raise NeuronConfigError(
            f"{source}: holds several neurons, {', '.join(config)}; read one with read_neuron_config(path, id=...) or "
            "all with read_neuron_configs(path)"
        )
    if is_nest(config):
        return neuron_from_nest(config, source)
    config = modernise(config, source)
    numbers, arrays = values_of_any_level(config, source)
    currents = config.get("membrane_currents", [])
    if not isinstance(currents, list | tuple):
        raise NeuronConfigError(f"{source}: membrane_currents is {shown(currents)}; expected a list of rules")
    entries = [(method, config[method]) for method in RULES] + [("membrane_currents", item) for item in currents]
    for method, entry in entries:
        find_rule(METHODS, method, entry, source)
    numbers |= {key: number(config, key, source) for key in ("El_reference", "spike_latency") if key in config}
    given, where = mapping(config, "coeffs", source), f"{source}, coeffs"
    coefficients: dict[str, Any] = {
        key: (array if key == "asc_amp_array" else number)(given, key, where) for key in COEFFICIENTS if key in given
    }
    coefficients.setdefault("asc_amp_array", np.ones(len(arrays["asc_amp_array"])))
    others: dict[str, Any] = {key: config[key] for key in ("convention",) if key in config}
    if "spike_waveform" in config:
        others["spike_waveform"] = array(config, "spike_waveform", source)
    cut = number(config, "spike_cut_length", source)
    if abs(cut) > MOST_STEPS:
        raise NeuronConfigError(f"{source}: spike_cut_length is {cut:g}; it is a number of steps, below {MOST_STEPS:g}")
    rules = [_read(method, entry, source) for method, entry in entries]
    neuron = _made(
        source,
        **numbers,
        **arrays,
        **others,
        **dict(zip(RULES.values(), rules[: len(RULES)], strict=True)),
        membrane_currents=tuple(rules[len(RULES) :]),
        spike_cut_length=int(cut),  # truncated, as AllenSDK
        coeffs=Coefficients(**coefficients),
        escape_noise=read_escape_noise(config, source),
        accumulated_hazard=read_accumulated_hazard(config, source),
    )
    check_consistent(neuron, source)
    return neuron


def _made(source: str, **attributes: Any) -> GLIF:
    """The neuron; what it is refused for is told with the file's name."""
    try:
        return GLIF(**attributes)
    except InputError as error:
        raise NeuronConfigError(f"{source}: {error}") from error


def _read(method: str, entry: Mapping[str, Any], source: str) -> Any:
    ignored = IGNORED.get(METHODS[method, entry["name"]], ())
    return read_rule(METHODS, method, entry, source, ignored)


def write_neuron_config(
    neuron: GLIF | MihalasNiebur, path: str | os.PathLike, like: str | os.PathLike | Mapping[str, Any] | None = None
) -> None:
    """Write a neuron as a neuron_config.json that AllenSDK reads too.

    Args:
        neuron: with built-in or registered rules; or a MihalasNiebur, in its own form.
        path: the file.
        like: a config, or a file with one: what is written is this config with only those values changed in which
            the neuron differs from it. Notes, unknown keys, and the wrapping {"<id>": ...} of a file stay.

    Raises:
        NeuronConfigError: a rule that has no name in the file format, or values that could not be read again.
        WritingError: the file cannot be written; what was there is there still.

    Example:
        >>> neuron = gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02)
        >>> gj.write_neuron_config(neuron, "new.json", like="neuron_config.json")
        >>> float(gj.read_neuron_config("new.json").th_inf)
        0.02
    """
    if like is not None and isinstance(neuron, MihalasNiebur):
        raise NeuronConfigError("like is for GLIF neurons; a MihalasNiebur neuron's file holds nothing else")
    written = neuron_to_config(neuron)
    if like is not None:
        config, wrapped = (like, None) if isinstance(like, Mapping) else load(like)
        source = "like" if isinstance(like, Mapping) else str(like)
        if is_nest(config) or is_mihalas_niebur(config):
            form = "NEST" if is_nest(config) else "Mihalas and Niebur"
            raise NeuronConfigError(f"{source}: is {form}'s form, and Allen's alone can be kept; leave `like` out")
        config = modernise(config, source)
        written = with_changes(config, neuron_to_config(glif_from_config(config, source)), written)
        written = written if wrapped is None else {wrapped: written}
    write_whole(path, json.dumps(written, indent=2) + "\n")


def neuron_to_config(neuron: GLIF | MihalasNiebur) -> dict[str, Any]:
    """The config dictionary of a neuron; a MihalasNiebur's in its own form.

    Raises:
        NeuronConfigError: as write_neuron_config.
    """
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(neuron)):
        raise NeuronConfigError("inside jit, vmap or grad a neuron has no numbers; return it, and write it after")
    if isinstance(neuron, MihalasNiebur):
        return mihalas_niebur_to_config(neuron)
    if not isinstance(neuron, GLIF):
        raise NeuronConfigError(
            f"a neuron_config.json holds a GLIF or MihalasNiebur neuron, not a {type(neuron).__name__}; give one of "
            "those, and pickle others"
        )
    if np.ndim(neuron.C):
        raise NeuronConfigError(
            f"C has shape {np.shape(neuron.C)}, but a neuron_config.json holds one neuron; write one of the batch, "
            "jax.tree.map(lambda leaf: leaf[0], neurons)"
        )
    config: dict[str, Any] = {key: float(getattr(neuron, key)) for key in (*NUMBERS, "El_reference")}
    config |= {key: np.asarray(getattr(neuron, key), float).tolist() for key in ARRAYS}
    config["spike_cut_length"] = int(neuron.spike_cut_length)
    amplitudes = np.broadcast_to(np.asarray(neuron.coeffs.asc_amp_array, float), np.shape(neuron.asc_amp_array))
    coefficients = {key: float(getattr(neuron.coeffs, key)) for key in COEFFICIENTS[:-1]}
    config["coeffs"] = coefficients | {"asc_amp_array": amplitudes.tolist()}
    for method, attribute in RULES.items():
        config[method] = _entry(neuron, method, getattr(neuron, attribute))
    config |= _NOT_SIMULATED
    config |= hazard_entries(escape_noise=neuron.escape_noise, accumulated_hazard=neuron.accumulated_hazard)
    if neuron.convention != "allen":
        config["convention"] = neuron.convention
    if float(neuron.spike_latency) != 0:
        config["spike_latency"] = float(neuron.spike_latency)
    if neuron.membrane_currents:
        currents = neuron.membrane_currents
        config["membrane_currents"] = [write_rule(METHODS, "membrane_currents", current) for current in currents]
    if len(neuron.spike_waveform):
        config["spike_waveform"] = np.asarray(neuron.spike_waveform, float).tolist()
    neuron_from_config(config, "this neuron cannot be written")
    return config


def _entry(neuron: GLIF, method: str, rule: Callable) -> dict[str, Any]:
    entry = write_rule(METHODS, method, rule)
    reset = neuron.threshold_reset
    a_spike = float(reset.a_spike) if isinstance(reset, threshold.ResetThreeComponents) else 0.0
    for key in IGNORED.get(METHODS[method, entry["name"]], ()):
        entry["params"][key] = a_spike if key == "a_spike" else 0.0
    return entry
