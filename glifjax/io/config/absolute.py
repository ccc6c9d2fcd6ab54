"""A neuron in absolute voltages: the same neuron with its zero at 0 V, not at the measured resting potential."""

import dataclasses
from functools import singledispatch
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from glifjax.glif.glif import GLIF
from glifjax.io.config.values import NeuronConfigError
from glifjax.rules import afterspike, membrane, threshold, threshold_kernels, voltage
from glifjax.rules.base import PLACES


def absolute_voltages(neuron: GLIF, source: str = "neuron") -> GLIF:
    """The neuron with all its voltages shifted by El_reference, which becomes 0.

    Spikes stay what they are, voltage and threshold are El_reference higher. V <- 0 becomes V <- El_reference,
    V <- a V + b becomes V <- a V + b + (1 - a) El_reference.

    Raises:
        NeuronConfigError: a rule of one's own, which may hold voltages that nobody else knows of.
    """
    by = neuron.El_reference

    def moved(rule: Any) -> Any:
        try:
            return shifted(rule, by)
        except NotImplementedError as error:
            raise NeuronConfigError(f"{source}: {error}") from None

    return dataclasses.replace(
        neuron,
        El=neuron.El + by,
        El_reference=jnp.zeros_like(by),
        init_voltage=neuron.init_voltage + by,
        init_threshold=neuron.init_threshold + by,
        th_inf=neuron.th_inf + by / neuron.coeffs.th_inf,
        spike_waveform=neuron.spike_waveform + by,
        membrane_currents=tuple(moved(current) for current in neuron.membrane_currents),
        **{slot: moved(getattr(neuron, slot)) for slot in PLACES},
    )


@singledispatch
def shifted(rule: Any, by: Float[Array, ""]) -> Any:
    """The rule that does the same where all voltages are `by` volts higher."""
    name = getattr(getattr(rule, "func", rule), "__name__", type(rule).__name__)
    raise NotImplementedError(
        f"what {name} is in absolute voltages is not known; use voltages relative to El_reference, or register it with "
        "glifjax.io.config.absolute.shifted"
    )


for _rule in (
    voltage.ForwardEuler,
    voltage.LinearExact,
    threshold.Constant,
    threshold.SpikeComponent,
    threshold.ThreeComponents,
    threshold.ThreeComponentsEuler,
    threshold.ResetToInfinity,
    threshold.ResetThreeComponents,
    threshold_kernels.ResetKernels,
    afterspike.Exponential,
    afterspike.NoCurrents,
    afterspike.ResetBySum,
    afterspike.ResetToNone,
):
    shifted.register(_rule, lambda rule, by: rule)


@shifted.register
def _(rule: voltage.ResetToZero, by):
    return voltage.ResetFromVoltage(jnp.zeros_like(by), by)


@shifted.register
def _(rule: voltage.ResetFromVoltage, by):
    return voltage.ResetFromVoltage(rule.a, rule.b + (1 - rule.a) * by)


@shifted.register
def _(rule: threshold_kernels.Kernels, by):
    return eqx.tree_at(lambda kernels: kernels.knots, rule, rule.knots + by)


@shifted.register
def _(rule: membrane.GatedCurrent, by):
    gates = tuple(eqx.tree_at(lambda gate: gate.V_half, gate, gate.V_half + by) for gate in rule.gates)
    return membrane.GatedCurrent(rule.conductance, rule.reversal + by, gates)
