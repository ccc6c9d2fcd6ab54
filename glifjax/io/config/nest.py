"""NEST's glif_psc: its parameters (mV, pF, nS, pA, ms) read as a GLIF neuron, and written.

Source: NEST 3.10, models/glif_psc.cpp. Its equations are those of Allen's five levels, solved in another way, so
that spike times agree only as dt goes to zero; with an injected current:

- the voltage is advanced by the exact solution for a current that is constant over a step; afterspike currents
  enter as their mean over the step (`linear_forward_euler` takes their value before it);
- `voltage_reset_fraction` multiplies the voltage before the spiking step, `v_before` the one after it;
- the injected current acts one step later;
- the refractory time t_ref is rounded to 1 us, then up to whole steps; so it is here, for neurons read from NEST;
- a reset to above the threshold spikes again, here too for neurons read from NEST (Allen's stop).

A LIF neuron with the voltage rule `linear_exact` is the same up to the shift by one step. Synapses (tau_syn) are no
part of a neuron here.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from glifjax.checks import require_time_step
from glifjax.errors import shown
from glifjax.glif.glif import GLIF
from glifjax.glif.levels import from_level
from glifjax.glif.names import LEVELS
from glifjax.io.config.absolute import absolute_voltages
from glifjax.io.config.values import NeuronConfigError, array, number
from glifjax.neuron import AbstractNeuron
from glifjax.rules import afterspike, threshold, voltage

#: glif_psc's mechanisms, in the order of LEVELS' (R, ASC, A).
FLAGS = ("spike_dependent_threshold", "after_spike_currents", "adapting_threshold")

#: What NEST assumes where a parameter is not given; voltages are these whatever E_L is.
DEFAULTS: dict[str, Any] = {
    "V_m": -78.85, "V_th": -51.68, "g": 9.43, "E_L": -78.85, "C_m": 58.72, "t_ref": 3.75, "V_reset": -78.85,
    "th_spike_add": 0.37, "th_spike_decay": 0.009, "voltage_reset_fraction": 0.2, "voltage_reset_add": 18.51,
    "th_voltage_index": 0.005, "th_voltage_decay": 0.09, "asc_init": [0.0, 0.0], "asc_decay": [0.003, 0.1],
    "asc_amps": [-9.18, -198.94], "asc_r": [1.0, 1.0], **dict.fromkeys(FLAGS, False),
}  # fmt: skip

#: The currents that a neuron starts with; asc_init where they are not given. (NEST 3.10 starts from these alone,
#: whatever asc_init.)
STATE = "ASCurrents"

#: Without effect on a neuron that is driven by an injected current: synapses, and what `nest.Create("glif_psc").get()`
#: tells beside the parameters.
WITHOUT_EFFECT = (
    "tau_syn", "Ca", "archiver_length", "beta_Ca", "element_type", "frozen", "global_id", "has_connections",
    "ignore_and_spike", "ignore_and_spike_interval", "ignore_and_spike_offset", "local", "model", "model_id",
    "node_uses_wfr", "post_trace", "recordables", "synaptic_elements", "t_spike", "tau_Ca", "tau_minus",
    "tau_minus_triplet", "thread", "thread_local_id", "threshold_spike", "threshold_voltage", "vp", "I", "I_syn",
    "ASCurrents_sum", "threshold",
)  # fmt: skip

#: Another model of NEST: its name, and a parameter of its synapses.
CONDUCTANCES = "glif_cond", "E_rev"

#: ms; the longest t_ref that is believed.
LONGEST = 1e5

#: s; NEST counts time in these, and t_ref is a whole number of them.
TIC = 1e-6


def neuron_from_nest(params: Mapping[str, Any], source: str = "NEST parameters", dt: float = 5e-5) -> GLIF:
    """The GLIF neuron with glif_psc's parameters and voltage rule `linear_exact`.

    Voltages are relative to E_L (to V_reset, at the levels that reset to it). Parameters that are not given
    are NEST's defaults.

    Args:
        params: NEST's names and units.
        source: names it in errors.
        dt: the step that the spike cut is counted in, s; 1 us where t_ref is no multiple of it.

    Raises:
        NeuronConfigError: a parameter of the wrong kind, out of NEST's range, or that glif_psc does not have; or
            mechanisms that are none of the five levels.
    """
    if not isinstance(params, Mapping):
        raise NeuronConfigError(
            f"{source}: {shown(params)} is no dictionary of parameters; read files by read_neuron_config"
        )
    require_time_step(dt)
    plain = {key: _plain(value) for key, value in params.items()}
    with jax.enable_x64(True):  # the numbers in all their digits
        return _neuron(plain, source, float(dt))


def _plain(value: Any) -> Any:
    """numpy's and JAX's arrays of no dimension as numbers, JAX's others as numpy's."""
    value = np.asarray(value) if isinstance(value, jax.Array) else value
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _neuron(params: Mapping[str, Any], source: str, dt: float) -> GLIF:
    model, parameter = CONDUCTANCES
    if params.get("model") == model or parameter in params:
        raise NeuronConfigError(
            f"{source}: these are parameters of NEST's {model}, whose synapses are conductances; give those of "
            f"glif_psc, without model and {parameter}"
        )
    unknown = [str(key) for key in params if key not in (*DEFAULTS, STATE, *WITHOUT_EFFECT)]
    if unknown:
        raise NeuronConfigError(
            f"{source}: these look like NEST's glif_psc parameters, but {', '.join(unknown)} is none of "
            "them; remove what is not meant for it, or use the cell's neuron_config.json"
        )
    given = {**DEFAULTS, **params}
    if STATE in params:
        given["asc_init"] = array(params, STATE, source, units="NEST's units")
    level = _level(given, source)
    resets, currents, adapts = LEVELS[level]
    is_list = {key: isinstance(value, list) for key, value in DEFAULTS.items()}
    p: dict[str, Any] = {
        key: (array if is_list[key] else number)(given, key, source, units="NEST's units")
        for key in DEFAULTS
        if key not in FLAGS
    }
    _check_range(p, level, source)
    E_L = p["E_L"] * 1e-3
    reference = E_L if resets else p["V_reset"] * 1e-3
    t_ref = round(p["t_ref"] * 1e-3 / TIC) * TIC
    cut = round(t_ref / dt)
    if not math.isclose(cut * dt, t_ref, rel_tol=1e-9):
        cut, dt = round(t_ref / TIC), TIC
    others: dict[str, Any] = {}
    if resets:
        others |= {"reset_slope": p["voltage_reset_fraction"], "reset_intercept": p["voltage_reset_add"] * 1e-3}
        others |= {"a_spike": p["th_spike_add"] * 1e-3, "b_spike": p["th_spike_decay"] * 1e3}
    if adapts:
        others |= {"a_voltage": p["th_voltage_index"] * 1e3, "b_voltage": p["th_voltage_decay"] * 1e3}
    if currents:
        others |= {"asc_tau_array": jnp.asarray(1e-3 / p["asc_decay"]), "r": jnp.asarray(p["asc_r"])}
        others |= {
            "asc_amp_array": jnp.asarray(p["asc_amps"] * 1e-12),
            "init_AScurrents": jnp.asarray(p["asc_init"] * 1e-12),
        }
    neuron = from_level(
        level,
        C=p["C_m"] * 1e-12,
        R_input=1e9 / p["g"],
        El=E_L - reference,
        El_reference=reference,
        th_inf=p["V_th"] * 1e-3 - reference,
        init_voltage=p["V_m"] * 1e-3 - reference,
        spike_cut_length=cut,
        dt=dt,
        **others,
    )
    return dataclasses.replace(neuron, voltage_dynamics=voltage.LinearExact(), convention="nest")


def neuron_to_nest(neuron: AbstractNeuron) -> dict[str, Any]:
    """glif_psc's parameters of a neuron: `nest.Create("glif_psc", params=neuron_to_nest(neuron))`.

    See above for how NEST's simulation differs, whatever the neuron's voltage rule. Coefficients are multiplied in.
    escape_noise, accumulated_hazard and spike_latency, which NEST does not have, are left out, as AllenSDK does.

    Raises:
        NeuronConfigError: what glif_psc cannot express: other rules than those of the five levels, membrane
            currents, two different b_spike, no spike cut, a reset slope outside 0 ... 1 (as some published cells have),
            a reset above the threshold (without reset rules), or rates that are not above 0.
    """
    source = "NEST's glif_psc"
    if not isinstance(neuron, GLIF):
        raise NeuronConfigError(f"{source} has no {type(neuron).__name__}; give a GLIF neuron")
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(neuron)):
        raise NeuronConfigError(f"{source}: inside jit, vmap or grad there are no numbers; return the neuron")
    if np.ndim(neuron.C):
        raise NeuronConfigError(f"{source} is one neuron, but C has shape {np.shape(neuron.C)}; give one of the batch")
    with jax.enable_x64(True):
        return _parameters(neuron, source)


def _parameters(neuron: GLIF, source: str) -> dict[str, Any]:
    level = _level_of(neuron)
    resets, currents, adapts = LEVELS[level]
    neuron = absolute_voltages(neuron)
    El = float(neuron.El)
    reset: Any = neuron.voltage_reset  # V <- a V + b
    params: dict[str, Any] = {
        "C_m": float(neuron.capacitance) * 1e12,
        "g": float(neuron.conductance) * 1e9,
        "E_L": El * 1e3,
        "V_m": float(neuron.init_voltage) * 1e3,
        "V_th": float(neuron.threshold_infinity) * 1e3,
        "V_reset": (El if resets else float(reset.b)) * 1e3,
        "t_ref": float(neuron.spike_cut_duration) * 1e3,
        **dict(zip(FLAGS, (resets, currents, adapts), strict=True)),
    }
    if resets:
        dynamics, jump = neuron.threshold_dynamics, neuron.threshold_reset
        if dynamics.b_spike != jump.b_spike:
            raise NeuronConfigError(
                f"{source} has one th_spike_decay, but b_spike is {dynamics.b_spike:g} in the threshold's dynamics and "
                f"{jump.b_spike:g} in its reset"
            )
        params |= {
            "voltage_reset_fraction": float(reset.a),
            "voltage_reset_add": float(reset.b - (1 - reset.a) * El) * 1e3,
            "th_spike_add": float(jump.a_spike) * 1e3,
            "th_spike_decay": float(dynamics.b_spike) * 1e-3,
        }
    if adapts:
        dynamics = neuron.threshold_dynamics
        params |= {
            "th_voltage_index": float(dynamics.a_voltage * neuron.coeffs.a) * 1e-3,
            "th_voltage_decay": float(dynamics.b_voltage * neuron.coeffs.b) * 1e-3,
        }
    if currents:
        after: Any = neuron.afterspike_reset
        params |= {
            "asc_init": (np.asarray(neuron.init_AScurrents, float) * 1e12).tolist(),
            "ASCurrents": (np.asarray(neuron.init_AScurrents, float) * 1e12).tolist(),
            "asc_decay": (1e-3 / np.asarray(neuron.asc_tau_array, float)).tolist(),
            "asc_amps": (np.asarray(neuron.afterspike_amplitudes, float) * 1e12).tolist(),
            "asc_r": np.asarray(after.r, float).tolist(),
        }
    _check_range({**DEFAULTS, **params}, level, source)
    return params


def _level(params: Mapping[str, Any], source: str) -> str:
    flags = tuple(params[key] for key in FLAGS)
    for level, mechanisms in LEVELS.items():
        if flags == mechanisms:
            return level
    flags_given = ", ".join(f"{key}: {shown(params[key])}" for key in FLAGS)
    raise NeuronConfigError(f"{source}: {flags_given} are the mechanisms of none of NEST's five GLIF models")


def _level_of(neuron: GLIF) -> str:
    """The level whose rules a neuron has."""
    rules = [type(rule) for rule in (
        neuron.threshold_dynamics, neuron.voltage_reset, neuron.threshold_reset, neuron.afterspike_dynamics,
        neuron.afterspike_reset)]  # fmt: skip
    plain = [threshold.Constant, voltage.ResetToZero, threshold.ResetToInfinity]
    jumps = [voltage.ResetFromVoltage, threshold.ResetThreeComponents]
    spiking, adapting = [threshold.SpikeComponent, *jumps], [threshold.ThreeComponents, *jumps]
    none = [afterspike.NoCurrents, afterspike.ResetToNone]
    some = [afterspike.Exponential, afterspike.ResetBySum]
    made_of = [plain + none, spiking + none, plain + some, spiking + some, adapting + some]
    linear = type(neuron.voltage_dynamics) in (voltage.ForwardEuler, voltage.LinearExact)
    if rules not in made_of or not linear or neuron.membrane_currents:
        own = [type(neuron.voltage_dynamics), *rules, *map(type, neuron.membrane_currents)]
        raise NeuronConfigError(
            f"NEST's glif_psc has the rules of {', '.join(LEVELS)} only; this neuron's are "
            f"{', '.join(rule.__name__ for rule in own)}"
        )
    return list(LEVELS)[made_of.index(rules)]


def _check_range(params: Mapping[str, Any], level: str, source: str) -> None:
    """What NEST refuses to set."""
    resets, currents, adapts = LEVELS[level]
    above_zero = ["C_m", "g", "t_ref"] + ["th_spike_decay"] * resets + ["th_voltage_decay"] * adapts
    fractions = ["voltage_reset_fraction"] * resets + ["asc_r"] * currents
    for key in above_zero + ["asc_decay"] * currents:
        if not np.all(np.asarray(params[key]) > 0):
            raise NeuronConfigError(f"{source}: {key} is {params[key]}; NEST takes numbers above 0")
    for key in fractions:
        if not np.all((np.asarray(params[key]) >= 0) & (np.asarray(params[key]) <= 1)):
            raise NeuronConfigError(f"{source}: {key} is {params[key]}; NEST takes numbers from 0 to 1")
    if params["V_reset"] >= params["V_th"]:
        raise NeuronConfigError(
            f"{source}: V_reset is {params['V_reset']:g} and V_th {params['V_th']:g}; NEST takes V_reset < V_th"
        )
    if params["t_ref"] > LONGEST:
        raise NeuronConfigError(f"{source}: t_ref is {params['t_ref']:g} ms; it must be below {LONGEST:g}")
    lists = {key: len(params[key]) for key in ("asc_init", "asc_decay", "asc_amps", "asc_r")}
    if currents and len(set(lists.values())) != 1:
        unequal = ", ".join(f"{key}: {length}" for key, length in lists.items())
        raise NeuronConfigError(f"{source}: these must have one length: {unequal}")
