"""Parameters and rules that do not go together: refused on reading, where AllenSDK fails during a run."""

import numpy as np

from glifjax.glif.glif import GLIF
from glifjax.io.config.values import NeuronConfigError
from glifjax.rules import afterspike, threshold, threshold_kernels


def check_consistent(neuron: GLIF, source: str) -> None:
    """Nothing, or a NeuronConfigError that says which parameters of the neuron do not go together."""
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
