"""A patched neuron's parameters as a person writes them: by name, with their units."""

from typing import Any

import numpy as np

from glifjax.rules.membrane import GatedCurrent
from glifjax.rules.threshold import ResetThreeComponents
from glifjax.rules.threshold_kernels import Kernels

from .patched import PatchedNeuron


def parameters(model: PatchedNeuron) -> dict[str, dict[str, Any]]:
    """The parameters that a fit moves, by name, with value and unit as a person would write them."""
    entries = quantities(model).items()
    return {name: {"value": float(value) * scale, "unit": unit} for name, (value, scale, unit) in entries}


def quantities(model: PatchedNeuron) -> dict[str, tuple[Any, float, str]]:
    """The same before they are written: SI value (an array, differentiable), what it is multiplied with, unit."""
    neuron = model.neuron
    named: dict[str, tuple[Any, float, str]] = {
        "C": (neuron.capacitance, 1e12, "pF"),
        "R_input": (1 / neuron.conductance, 1e-6, "MΩ"),
        "tau_m": (neuron.capacitance / neuron.conductance, 1e3, "ms"),
        "El_reference": (neuron.El_reference + neuron.El, 1e3, "mV"),
        "series_resistance": (model.series_resistance, 1e-6, "MΩ"),
        "th_inf": (neuron.threshold_infinity, 1e3, "mV above El"),
        "spike_cut": (neuron.spike_cut_duration, 1e3, "ms"),
        "spike_latency": (neuron.spike_latency, 1e3, "ms"),
    }
    if neuron.escape_noise is not None:
        named["delta_v"] = (neuron.escape_noise.delta_v, 1e3, "mV")
        named["lambda0"] = (neuron.escape_noise.lambda0, 1.0, "1/s")
        named["jitter"] = (neuron.escape_noise.jitter, 1e3, "ms")
        named["lapse"] = (neuron.escape_noise.lapse, 1.0, "1/s")
    if neuron.has_reset_rules:
        named["reset_slope"] = (neuron.voltage_reset.a, 1.0, "")
        named["reset_intercept"] = (neuron.voltage_reset.b, 1e3, "mV")
    if isinstance(neuron.threshold_reset, ResetThreeComponents):
        named["a_spike"] = (neuron.threshold_reset.a_spike, 1e3, "mV")
        named["b_spike"] = (neuron.threshold_reset.b_spike, 1.0, "1/s")
    if neuron.has_adapting_threshold:
        named["a_voltage"] = (neuron.threshold_dynamics.a_voltage * neuron.coeffs.a, 1.0, "1/s")
        named["b_voltage"] = (neuron.threshold_dynamics.b_voltage * neuron.coeffs.b, 1.0, "1/s")
    if neuron.has_afterspike_currents:
        currents = zip(neuron.afterspike_amplitudes, neuron.asc_tau_array, strict=True)
        for j, (amplitude, tau) in enumerate(currents, start=1):
            named[f"asc_amp_{j}"] = (amplitude, 1e12, "pA")
            named[f"asc_tau_{j}"] = (tau, 1e3, "ms")
    for i, current in enumerate(neuron.membrane_currents, start=1):
        if isinstance(current, GatedCurrent):
            named |= _gated(i, current, float(neuron.El_reference))
    if isinstance(neuron.threshold_dynamics, Kernels):
        named |= _kernels(neuron.threshold_dynamics, neuron.threshold_reset.a_spike)
    return named


def _gated(i: int, current: GatedCurrent, rest: float) -> dict[str, tuple[Any, float, str]]:
    """A gated current's conductance, and the place and time constant of its gates."""
    named: dict[str, tuple[Any, float, str]] = {f"g_{i}": (current.conductance, 1e9, "nS")}
    for gate in current.gates:
        kind = "activation" if float(gate.slope) > 0 else "inactivation"
        named[f"{kind}_V_half_{i}"] = (gate.V_half + rest, 1e3, "mV")
        named[f"{kind}_tau_{i}"] = (gate.tau, 1e3, "ms")
    return named


def _kernels(rule: Kernels, a_spike) -> dict[str, tuple[Any, float, str]]:
    """What a spike adds to the threshold, by time constant; and how far the voltage drags it, all hinges together."""
    named: dict[str, tuple[Any, float, str]] = {}
    for amplitude, tau in zip(a_spike, np.asarray(rule.spike_tau), strict=True):
        named[f"a_spike_{1e3 * float(tau):.0f}ms"] = (amplitude, 1e3, "mV")
    for k, tau in enumerate(np.asarray(rule.voltage_tau)):
        named[f"coupling_{1e3 * float(tau):.0f}ms"] = (rule.weights[:, k].sum(), 1.0, "mV/mV")
    return named
