"""Afterspike-current rules: exponentials that each spike adds to."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from glifjax.arrays import as_float


class Exponential(eqx.Module):
    """I_j' = I_j exp(-dt / tau_j). AllenSDK's `exp`; Teeter et al. 2018, eq. 2."""

    def __call__(self, neuron, state, current, dt) -> tuple[Float[Array, ""], ...]:
        """The currents one step later, A each."""
        decay = jnp.exp(-dt / neuron.asc_tau_array)
        return tuple(current * decay[j] for j, current in enumerate(state.afterspike_currents))


class NoCurrents(eqx.Module):
    """I_j' = 0, whatever it was. AllenSDK's `none`."""

    def __call__(self, neuron, state, current, dt) -> tuple[Float[Array, ""], ...]:
        """Zeros, A."""
        return tuple(jnp.zeros_like(current) for current in state.afterspike_currents)


class ResetBySum(eqx.Module):
    """I_j <- A_j + r_j I_j exp(-cut / tau_j): the old current decays through the spike cut, the new does not.

    AllenSDK's `sum`: the amplitude is defined at the end of the cut.

    Attributes:
        r: fraction of the old current that survives a spike, (n,), dimensionless.
    """

    r: Float[Array, " n"] = eqx.field(converter=as_float)

    def __call__(self, neuron, state) -> tuple[Float[Array, ""], ...]:
        """The currents at the end of the spike cut, A each."""
        amplitude = neuron.afterspike_amplitudes
        kept = self.r * jnp.exp(-neuron.spike_cut_duration / neuron.asc_tau_array)
        return tuple(amplitude[j] + current * kept[j] for j, current in enumerate(state.afterspike_currents))


class ResetToNone(eqx.Module):
    """I_j <- 0. AllenSDK's `none`."""

    def __call__(self, neuron, state) -> tuple[Float[Array, ""], ...]:
        """Zeros, A."""
        return tuple(jnp.zeros_like(current) for current in state.afterspike_currents)
