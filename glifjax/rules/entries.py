"""A rule's parameters as a person writes them: by name, as value (SI), what it is multiplied with, and unit.

What is not registered here, a rule of one's own, goes by the names of its fields that hold one number, in SI units.
"""

from dataclasses import fields, is_dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from glifjax.rules.afterspike import Exponential, ResetBySum
from glifjax.rules.membrane import GatedCurrent
from glifjax.rules.threshold import ResetThreeComponents, SpikeComponent, ThreeComponents, ThreeComponentsEuler
from glifjax.rules.threshold_kernels import Kernels, ResetKernels
from glifjax.rules.voltage import ResetFromVoltage

#: By name: value (an array, differentiable), what it is multiplied with, unit.
Quantities = dict[str, tuple[Any, float, str]]


@singledispatch
def quantities(rule: Any, neuron: Any) -> Quantities:
    """The parameters of one of a neuron's rules, in the order in which they are written."""
    values = {field.name: getattr(rule, field.name) for field in fields(rule)} if is_dataclass(rule) else {}
    return {name: (value, 1.0, "") for name, value in values.items() if np.shape(value) == () and _is_number(value)}


def _is_number(value: Any) -> bool:
    return np.issubdtype(getattr(value, "dtype", type(value)), np.floating)


@quantities.register
def _(rule: ResetFromVoltage, neuron: Any) -> Quantities:
    return {"reset_slope": (rule.a, 1.0, ""), "reset_intercept": (rule.b, 1e3, "mV")}


@quantities.register
def _(rule: ResetThreeComponents, neuron: Any) -> Quantities:
    return {"a_spike": (rule.a_spike, 1e3, "mV"), "b_spike": (rule.b_spike, 1.0, "1/s")}


@quantities.register(SpikeComponent)
@quantities.register(ThreeComponentsEuler)
@quantities.register(ResetBySum)
def _(rule: Any, neuron: Any) -> Quantities:
    return {}  # the decay rate stands with its reset; fractions that survive a spike are not fitted


@quantities.register
def _(rule: ThreeComponents, neuron: Any) -> Quantities:
    return {
        "a_voltage": (rule.a_voltage * neuron.coeffs.a, 1.0, "1/s"),
        "b_voltage": (rule.b_voltage * neuron.coeffs.b, 1.0, "1/s"),
    }


@quantities.register
def _(rule: Exponential, neuron: Any) -> Quantities:
    entries: Quantities = {}
    for j, (amplitude, tau) in enumerate(zip(neuron.afterspike_amplitudes, neuron.asc_tau_array, strict=True), start=1):
        entries[f"asc_amp_{j}"] = (amplitude, 1e12, "pA")
        entries[f"asc_tau_{j}"] = (tau, 1e3, "ms")
    return entries


@quantities.register
def _(rule: GatedCurrent, neuron: Any) -> Quantities:
    rest = float(neuron.El_reference)
    entries: Quantities = {"g": (rule.conductance, 1e9, "nS")}
    for gate in rule.gates:
        kind = "activation" if float(gate.slope) > 0 else "inactivation"
        entries[f"{kind}_V_half"] = (gate.V_half + rest, 1e3, "mV")
        entries[f"{kind}_tau"] = (gate.tau, 1e3, "ms")
    return entries


@quantities.register
def _(rule: Kernels, neuron: Any) -> Quantities:
    taus = np.asarray(rule.voltage_tau)
    return {f"coupling_{_ms(tau)}": (rule.weights[:, k].sum(), 1.0, "mV/mV") for k, tau in enumerate(taus)}


@quantities.register
def _(rule: ResetKernels, neuron: Any) -> Quantities:
    taus = np.asarray(neuron.threshold_dynamics.spike_tau)
    return {f"a_spike_{_ms(tau)}": (a, 1e3, "mV") for a, tau in zip(rule.a_spike, taus, strict=True)}


def _ms(tau: float) -> str:
    return f"{1e3 * float(tau):.0f}ms"
