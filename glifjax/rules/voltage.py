"""Voltage rules: how the membrane moves, and where it restarts after a spike."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class ForwardEuler(eqx.Module):
    """V' = V + (I + sum_j I_j - G (V - El)) dt / C, with the currents before the step.

    AllenSDK's `linear_forward_euler`; Teeter et al. 2018, eq. 1.
    """

    def __call__(self, neuron, state, current, dt) -> Float[Array, ""]:
        """The voltage one step later, V."""
        total = current + sum(state.afterspike_currents)
        leak = neuron.conductance * (state.voltage - neuron.El)
        return state.voltage + (total - leak) * dt / neuron.capacitance


class ResetToZero(eqx.Module):
    """V <- 0 (not El: the two differ where a config is in absolute volts). AllenSDK's `zero`."""

    def __call__(self, neuron, state) -> Float[Array, ""]:
        """The voltage after the spike, V."""
        return jnp.zeros_like(state.voltage)


class ResetFromVoltage(eqx.Module):
    """V <- a V + b, from the voltage that the spiking step reached. AllenSDK's `v_before`.

    Attributes:
        a: slope, dimensionless.
        b: intercept, V.
    """

    a: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    b: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def __call__(self, neuron, state) -> Float[Array, ""]:
        """The voltage after the spike, V."""
        return self.a * state.voltage + self.b
