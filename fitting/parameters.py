"""A patched neuron's parameters as a person writes them: by name, with their units."""

from typing import Any

from fitting.electrode import PatchedNeuron


def parameters(model: PatchedNeuron) -> dict[str, dict[str, Any]]:
    """The parameters that a fit moves, by name, with value and unit as a person would write them."""
    neuron = model.neuron
    found: dict[str, tuple[Any, float, str]] = {
        "C": (neuron.capacitance, 1e12, "pF"),
        "R_input": (1 / neuron.conductance, 1e-6, "MΩ"),
        "tau_m": (neuron.capacitance / neuron.conductance, 1e3, "ms"),
        "El_reference": (neuron.El_reference, 1e3, "mV"),
        "series_resistance": (model.series_resistance, 1e-6, "MΩ"),
        "th_inf": (neuron.threshold_infinity, 1e3, "mV above El"),
        "spike_cut": (neuron.spike_cut_duration, 1e3, "ms"),
        "spike_latency": (neuron.spike_latency, 1e3, "ms"),
    }
    if neuron.escape_noise is not None:
        found["delta_v"] = (neuron.escape_noise.delta_v, 1e3, "mV")
        found["lambda0"] = (neuron.escape_noise.lambda0, 1.0, "1/s")
    if neuron.has_reset_rules:
        found["reset_slope"] = (neuron.voltage_reset.a, 1.0, "")
        found["reset_intercept"] = (neuron.voltage_reset.b, 1e3, "mV")
        found["a_spike"] = (neuron.threshold_reset.a_spike, 1e3, "mV")
        found["b_spike"] = (neuron.threshold_reset.b_spike, 1.0, "1/s")
    if neuron.has_adapting_threshold:
        found["a_voltage"] = (neuron.threshold_dynamics.a_voltage * neuron.coeffs.a, 1.0, "1/s")
        found["b_voltage"] = (neuron.threshold_dynamics.b_voltage * neuron.coeffs.b, 1.0, "1/s")
    if neuron.has_afterspike_currents:
        for j, (amplitude, tau) in enumerate(
            zip(neuron.afterspike_amplitudes, neuron.asc_tau_array, strict=True), start=1
        ):
            found[f"asc_amp_{j}"] = (amplitude, 1e12, "pA")
            found[f"asc_tau_{j}"] = (tau, 1e3, "ms")
    return {name: {"value": float(value) * scale, "unit": unit} for name, (value, scale, unit) in found.items()}
