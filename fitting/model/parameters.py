"""A patched neuron's parameters as a person writes them: by name, with their units."""

from typing import Any

from glifjax import rules

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
    for rule in (
        neuron.voltage_reset,
        neuron.threshold_reset,
        neuron.threshold_dynamics,
        neuron.afterspike_dynamics,
        neuron.afterspike_reset,
        neuron.voltage_dynamics,
    ):
        named |= rules.quantities(rule, neuron)
    for i, current in enumerate(neuron.membrane_currents, start=1):
        named |= {f"{name}_{i}": entry for name, entry in rules.quantities(current, neuron).items()}
    return named
