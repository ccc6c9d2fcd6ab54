"""Whether a GLIF neuron's numbers are those of a cell, in SI units."""

from jaxtyping import Array, Bool

from glifjax.arrays import none_beyond
from glifjax.checks.magnitudes import (
    LARGEST_C,
    LARGEST_LATENCY,
    LARGEST_PULSE,
    LARGEST_R,
    LARGEST_TAU,
    LARGEST_VOLTAGE,
    SMALLEST_R,
)
from glifjax.rules.own import voltages


def is_meant(neuron) -> Bool[Array, ""]:
    """False where a number has the size that it has in mV, pA, pF, Mohm or ms."""
    potentials = neuron.El, neuron.El_reference, neuron.init_voltage, neuron.init_threshold, neuron.threshold_infinity
    of_rules = voltages(neuron.voltage_reset, neuron.threshold_reset)
    return (
        (neuron.capacitance < LARGEST_C)
        & (neuron.R_input > SMALLEST_R)
        & (neuron.R_input < LARGEST_R)
        & none_beyond(LARGEST_VOLTAGE, *potentials, *of_rules)
        & none_beyond(LARGEST_PULSE, neuron.afterspike_amplitudes, neuron.init_AScurrents)
        & none_beyond(LARGEST_TAU, neuron.asc_tau_array)
        & none_beyond(LARGEST_LATENCY, neuron.spike_latency)
    )
