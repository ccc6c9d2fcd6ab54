"""Cell parameters: NEST's own JSON, or Allen's GLIF JSON under a template that names the level.

NEST's numbers are in mV, pA, pF, nS, ms. Allen's are SI; as PointNet converts them, tau_syn is (5.5, 8.5, 2.8, 5.8) ms
and, unless NEST need not be equalled, asc_r (1, 1) whatever the file says.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from glifjax.errors import InputError
from glifjax.glif.names import LEVELS
from glifjax.io.config.nest import DEFAULTS, FLAGS, STATE
from glifjax.io.config.values import array, is_number, mapping, positive

#: Level of a template: spike_dependent_threshold, after_spike_currents, adapting_threshold.
TEMPLATES = {f"glif_{level.lower().replace('-', '_')}_psc": mechanisms for level, mechanisms in LEVELS.items()}
#: What NEST assumes; lists are tuples.
GLIF_DEFAULTS: dict[str, Any] = {
    "tau_syn": (2.0,),
    **{key: tuple(value) if isinstance(value, list) else value for key, value in DEFAULTS.items()},
}
IAF_DEFAULTS: dict[str, Any] = {
    "V_m": -70.0, "E_L": -70.0, "V_th": -55.0, "V_reset": -70.0, "V_min": -np.inf, "tau_m": 10.0, "C_m": 250.0,
    "t_ref": 2.0, "I_e": 0.0, "tau_syn_ex": 2.0, "tau_syn_in": 2.0,
}  # fmt: skip
#: Parameters that are lists: one number a port, or an after-spike current.
LISTS = tuple(key for key, value in GLIF_DEFAULTS.items() if isinstance(value, tuple))
IAF_MODELS = {"iaf_psc_alpha": "alpha", "iaf_psc_exp": "exp", "iaf_psc_delta": "delta"}
#: Time constants of the ports of a cell converted from Allen's JSON, ms.
ALLEN_TAU_SYN = (5.5, 8.5, 2.8, 5.8)
GLIF = "glif_psc"
POSITIVE = ("C_m", "g", "t_ref", "tau_syn", "tau_m", "tau_syn_ex", "tau_syn_in", "th_spike_decay", "th_voltage_decay",
            "asc_decay")  # fmt: skip
FRACTIONS = ("voltage_reset_fraction", "asc_r")


def cell_parameters(
    template: str,
    params: Mapping[str, Any],
    source: str,
    own: Mapping[str, Any] | None = None,
    nest_exact: bool = True,
) -> tuple[str, dict[str, Any]]:
    """The model (glif_psc or one of IAF_MODELS) and all of its parameters, checked.

    Args:
        template: a node type's model_template, with or without "nest:".
        params: the JSON of its dynamics_params.
        source: names it in errors.
        own: parameters of one node, in NEST's names, instead of the file's.
        nest_exact: False, and the asc_r of Allen's JSON counts, too.

    Raises:
        InputError: an unknown model, an unknown key, a value out of range or of another kind.
    """
    model, own = template.removeprefix("nest:"), own or {}
    if model in TEMPLATES:
        if params.get("type") == "GLIF":
            return GLIF, checked(GLIF, {**from_allen(params, model, source, nest_exact), **own}, source)
        return GLIF, checked(GLIF, {**dict(zip(FLAGS, TEMPLATES[model], strict=True)), **params, **own}, source)
    if model == GLIF or model in IAF_MODELS:
        if model == GLIF and params.get("type") == "GLIF":
            raise InputError(
                f"{source}: holds Allen's parameters; a model_template such as nest:glif_lif_asc_psc says which level"
            )
        return model, checked(model, {**params, **own}, source)
    names = ", ".join([GLIF, *TEMPLATES, *IAF_MODELS])
    raise InputError(f"{source}: model_template {template!r} is not simulated here; use one of {names} (after nest:)")


def checked(model: str, params: Mapping[str, Any], source: str) -> dict[str, Any]:
    """A model's parameters with NEST's defaults for those not given, in NEST's ranges."""
    defaults = GLIF_DEFAULTS if model == GLIF else IAF_DEFAULTS
    unknown = [key for key in params if key not in defaults and (model, key) != (GLIF, STATE)]
    if unknown:
        raise InputError(f"{source}: {unknown[0]} is no parameter of {model}; remove it or mend its name")
    values = {key: _value(params.get(key, default), default, key, source) for key, default in defaults.items()}
    for key in POSITIVE:
        if key in values and not np.all(np.asarray(values[key]) > 0):
            raise InputError(f"{source}: {key} is {_shown(values[key])}; it must be above 0")
    for key in FRACTIONS:
        if key in values and not np.all((np.asarray(values[key]) >= 0) & (np.asarray(values[key]) <= 1)):
            raise InputError(f"{source}: {key} is {_shown(values[key])}; it must lie within 0 ... 1")
    if STATE in params:
        values[STATE] = _value(params[STATE], (0.0, 0.0), STATE, source)
    if values["V_reset"] >= values["V_th"]:
        raise InputError(
            f"{source}: V_reset is {values['V_reset']:g} and V_th {values['V_th']:g}; V_reset must be lower"
        )
    if model == GLIF:
        flags = tuple(values[key] for key in FLAGS)
        if flags not in TEMPLATES.values():
            shown = ", ".join(f"{key} {str(flag).lower()}" for key, flag in zip(FLAGS, flags, strict=True))
            raise InputError(f"{source}: {shown} is none of the five levels; set the flags of one")
        lists = ("asc_init", "asc_decay", "asc_amps", "asc_r", *([STATE] if STATE in values else []))
        lengths = {key: len(values[key]) for key in lists}
        if values["after_spike_currents"] and len(set(lengths.values())) > 1:
            shown = ", ".join(f"{key} {length}" for key, length in lengths.items())
            raise InputError(f"{source}: the numbers of after-spike currents differ: {shown}; give all of one length")
    return values


def _value(value: Any, default: Any, key: str, source: str) -> Any:
    """A flag, a number or a list of numbers, as the default is."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise InputError(f"{source}: {key} is {value!r}; it must be true or false")
        return value
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple) or not len(value):
            raise InputError(f"{source}: {key} is {value!r}; it must be a list of numbers")
        return tuple(_number(item, key, source) for item in value)
    return _number(value, key, source, infinite=bool(np.isinf(default)))


def _number(value: Any, key: str, source: str, infinite: bool = False) -> float:
    if not is_number(value) and not (infinite and value in (np.inf, -np.inf)):
        raise InputError(f"{source}: {key} is {value!r}; it must be a finite number")
    return float(value)


def _shown(value: Any) -> str:
    return ", ".join(f"{item:g}" for item in value) if isinstance(value, tuple) else f"{value:g}"


def from_allen(params: Mapping[str, Any], template: str, source: str, nest_exact: bool = True) -> dict[str, Any]:
    """NEST's parameters of Allen's JSON (SI units) at the template's level, as PointNet converts them.

    PointNet's asc_r is 1 whatever the file says; with `nest_exact` False it is the file's.
    """
    spiking, currents, adapts = TEMPLATES[template]
    coeffs = mapping(params, "coeffs", source)

    def number(key: str, of: Mapping[str, Any] = params) -> float:
        return _number(of.get(key), key, source)

    def method(name: str) -> Mapping[str, Any]:
        value = params.get(name)
        inner = value.get("params") if isinstance(value, Mapping) else None
        if not isinstance(inner, Mapping):
            raise InputError(f"{source}: {name} has no params, which {template} needs; use the file of that level")
        return inner

    def numbers(key: str, of: Mapping[str, Any] = params, default: Any = ()) -> np.ndarray:
        return array(of, key, source) if key in of else np.asarray(default, float)

    def scale(key: str) -> float:
        return _number(coeffs.get(key, 1.0), f"coeffs.{key}", source)

    E = 1e3 * (number("El") + number("El_reference"))
    values: dict[str, Any] = {
        "V_m": E,
        "E_L": E,
        "V_th": 1e3 * (number("th_inf") * scale("th_inf") + number("El_reference")),
        "g": 1e9 * scale("G") / positive(params, "R_input", source),
        "C_m": 1e12 * scale("C") * number("C"),
        "t_ref": 1e3 * number("spike_cut_length") * number("dt"),
        "tau_syn": ALLEN_TAU_SYN,
        **dict(zip(FLAGS, TEMPLATES[template], strict=True)),
    }
    if not spiking:
        values["V_reset"] = 1e3 * number("El_reference")
    if currents:
        tau, amps = numbers("asc_tau_array"), numbers("asc_amp_array")
        by, ones = numbers("asc_amp_array", coeffs, np.ones(len(amps))), np.ones(len(tau))
        if not len(tau) == len(amps) == len(by) or not (tau > 0).all():
            raise InputError(
                f"{source}: asc_tau_array, asc_amp_array and coeffs.asc_amp_array have {len(tau)}, {len(amps)} and "
                f"{len(by)} numbers; give one length, and time constants above 0"
            )
        values |= {"asc_decay": tuple(1e-3 / tau), "asc_amps": tuple(1e12 * amps * by), "asc_r": tuple(ones)}
        if not nest_exact and isinstance(params.get("AScurrent_reset_method"), Mapping):
            values["asc_r"] = tuple(numbers("r", method("AScurrent_reset_method"), ones))
        values["asc_init"] = tuple(1e12 * numbers("init_AScurrents", default=0.0 * ones))
    if spiking:
        threshold, reset = method("threshold_dynamics_method"), method("voltage_reset_method")
        values |= {
            "th_spike_add": 1e3 * number("a_spike", threshold),
            "th_spike_decay": 1e-3 * number("b_spike", threshold),
            "voltage_reset_fraction": number("a", reset),
            "voltage_reset_add": 1e3 * number("b", reset),
        }
    if adapts:
        threshold = method("threshold_dynamics_method")
        values["th_voltage_index"] = 1e-3 * number("a_voltage", threshold) * scale("a")
        values["th_voltage_decay"] = 1e-3 * number("b_voltage", threshold) * scale("b")
    return values
