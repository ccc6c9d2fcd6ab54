"""Parameters and rules that do not go together: refused on reading, where AllenSDK fails during a run."""

import numpy as np

from glifjax.glif.glif import GLIF
from glifjax.io.config.values import NeuronConfigError
from glifjax.rules import afterspike, threshold, threshold_kernels


def check_consistent(neuron: GLIF, source: str) -> None:
    """Nothing, or a NeuronConfigError that says which parameters of the neuron do not go together."""
    _check_lengths(neuron, source)
    _check_values(neuron, source)
    _check_threshold(neuron, source)
    init = np.asarray(neuron.init_AScurrents)
    if (
        isinstance(neuron.afterspike_dynamics, afterspike.Exponential)
        and isinstance(neuron.afterspike_reset, afterspike.ResetToNone)
        and np.any(init != 0)
    ):
        raise NeuronConfigError(
            f"{source}: init_AScurrents is {init.tolist()}, but AScurrent_reset_method 'none' is only for currents "
            "that are zero; set them to 0, use the reset 'sum', or the dynamics 'none'"
        )


def _check_lengths(neuron: GLIF, source: str) -> None:
    lengths = {key: len(getattr(neuron, key)) for key in ("asc_tau_array", "asc_amp_array", "init_AScurrents")}
    lengths["coeffs.asc_amp_array"] = len(neuron.coeffs.asc_amp_array)
    if isinstance(neuron.afterspike_reset, afterspike.ResetBySum):
        lengths["AScurrent_reset_method r"] = len(neuron.afterspike_reset.r)
    if len(set(lengths.values())) != 1:
        unequal = ", ".join(f"{key}: {length}" for key, length in lengths.items())
        raise NeuronConfigError(f"{source}: these must have one length: {unequal}")


def _check_values(neuron: GLIF, source: str) -> None:
    if neuron.spike_cut_length < 0:
        raise NeuronConfigError(
            f"{source}: spike_cut_length is {int(neuron.spike_cut_length)}; it must be 0 or more steps"
        )
    if np.any(np.asarray(neuron.asc_tau_array) <= 0):
        taus = np.asarray(neuron.asc_tau_array).tolist()
        raise NeuronConfigError(f"{source}: asc_tau_array is {taus}; time constants must be greater than 0 s")
    if neuron.coeffs.C <= 0:
        raise NeuronConfigError(f"{source}: coeffs.C is {neuron.coeffs.C:g}; it multiplies C and must be above 0")
    if neuron.coeffs.G < 0:
        raise NeuronConfigError(f"{source}: coeffs.G is {neuron.coeffs.G:g}; it multiplies 1/R_input, 0 or more")


def _check_threshold(neuron: GLIF, source: str) -> None:
    dynamics, reset = neuron.threshold_dynamics, neuron.threshold_reset
    where = f"{source}: threshold_reset_method"
    if isinstance(reset, threshold.ResetThreeComponents) and isinstance(dynamics, threshold.Constant):
        raise NeuronConfigError(
            f"{where} 'three_components' adds to a component that threshold_dynamics_method 'inf' does not keep; use "
            "the reset 'inf', or the dynamics 'spike_component' or 'three_components_exact'"
        )
    if isinstance(reset, threshold_kernels.ResetKernels) != isinstance(dynamics, threshold_kernels.Kernels):
        raise NeuronConfigError(f"{where} and threshold_dynamics_method: 'kernels' is for both or for none of the two")
    if isinstance(reset, threshold_kernels.ResetKernels) and len(reset.a_spike) != len(dynamics.spike_tau):
        raise NeuronConfigError(
            f"{where}: these must have one length: a_spike: {len(reset.a_spike)}, spike_tau: {len(dynamics.spike_tau)}"
        )
    if isinstance(dynamics, threshold.ThreeComponents):
        for value, name in [
            (dynamics.b_voltage * neuron.coeffs.b, "b_voltage times coeffs.b"),
            (neuron.conductance, "coeffs.G"),
        ]:
            if value == 0:
                raise NeuronConfigError(
                    f"{source}: threshold_dynamics_method 'three_components_exact': {name} is 0, which AllenSDK "
                    "divides by; for a threshold that the voltage does not move use 'spike_component'"
                )
