"""A GLIF neuron in words: its level, its rules, its values with their units."""

from typing import Any

import numpy as np

from glifjax.rules.base import PLACES
from glifjax.rules.entries import quantities
from glifjax.rules.own import rule_name


def level_of(neuron: Any) -> str:
    """The name of Allen's level with a neuron's mechanisms."""
    mechanisms = {
        "-R": neuron.has_reset_rules,
        "-ASC": neuron.has_afterspike_currents,
        "-A": neuron.has_adapting_threshold,
    }
    return "LIF" + "".join(name for name, there in mechanisms.items() if there)


def described(neuron: Any) -> str:
    """Lines of text: the level, electrical parameters with their coefficients multiplied in, and each rule's own."""
    tau = neuron.capacitance / neuron.conductance
    lines = [
        f"GLIF neuron, {neuron.level}",
        f"  C {_number(neuron.capacitance, 1e12)} pF, R_input {_number(1 / neuron.conductance, 1e-6)} MOhm, "
        f"membrane time constant {_number(tau, 1e3)} ms",
        f"  El {_number(neuron.El, 1e3)} mV, th_inf {_number(neuron.threshold_infinity, 1e3)} mV, both above "
        f"El_reference {_number(neuron.El_reference, 1e3)} mV",
        f"  spike cut {int(neuron.spike_cut_length)} steps of {_number(neuron.dt, 1e6)} us, "
        f"spike latency {_number(neuron.spike_latency, 1e3)} ms",
    ]
    rules = [(name, getattr(neuron, name)) for name in PLACES]
    rules += [("membrane_current", current) for current in neuron.membrane_currents]
    for name, rule in rules:
        values = [
            " ".join(filter(None, [key, _number(value, scale), unit]))
            for key, (value, scale, unit) in quantities(rule, neuron).items()
        ]
        lines.append(f"  {name} {rule_name(rule)}" + (f": {', '.join(values)}" if values else ""))
    if neuron.escape_noise is not None:
        noise = neuron.escape_noise
        lines.append(
            f"  escape noise lambda0 {_number(noise.lambda0, 1)} 1/s, delta_v {_number(noise.delta_v, 1e3)} mV, "
            f"jitter {_number(noise.jitter, 1e3)} ms, lapse {_number(noise.lapse, 1)} 1/s"
        )
    if neuron.accumulated_hazard is not None:
        hazard = neuron.accumulated_hazard
        lines.append(
            f"  accumulated hazard tau {_number(hazard.tau, 1e3)} ms, threshold {_number(hazard.threshold, 1)} spikes"
        )
    return "\n".join(lines)


def _number(value: Any, scale: float) -> str:
    return f"{float(np.asarray(value)) * scale:.4g}"
