"""Afterspike-current rules: exponentials that each spike adds to."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from glifjax.arrays import as_float
from glifjax.rules.base import AbstractAfterspike, AbstractReset, first_currents


class Exponential(AbstractAfterspike):
    """I_j' = I_j exp(-dt / tau_j). AllenSDK's `exp`; Teeter et al. 2018, eq. 2."""

    mechanism: ClassVar[str] = "ASC"

    def init(self, neuron) -> tuple[Float[Array, ""], ...]:
        """The neuron's init_AScurrents, A each."""
        return first_currents(neuron)

    def decay_rates(self, neuron) -> Float[Array, " n"]:
        """1 / tau_j, 1/s."""
        return 1 / neuron.asc_tau_array

    def __call__(self, neuron, state, current, dt) -> tuple[Float[Array, ""], ...]:
        """The currents one step later, A each."""
        decay = jnp.exp(-dt / neuron.asc_tau_array)
        return tuple(current * decay[j] for j, current in enumerate(state.afterspike_currents))


class NoCurrents(AbstractAfterspike):
    """I_j' = 0, whatever it was. AllenSDK's `none`."""

    mechanism: ClassVar[str] = ""

    def init(self, neuron) -> tuple[Float[Array, ""], ...]:
        """The neuron's init_AScurrents, A each: the first step still sees them."""
        return first_currents(neuron)

    def decay_rates(self, neuron) -> Float[Array, " n"]:
        """Zeros, 1/s."""
        return jnp.zeros_like(neuron.asc_tau_array)

    def __call__(self, neuron, state, current, dt) -> tuple[Float[Array, ""], ...]:
        """Zeros, A."""
        return tuple(jnp.zeros_like(current) for current in state.afterspike_currents)


class ResetBySum(AbstractReset):
    """I_j <- A_j + r_j I_j exp(-cut / tau_j): the old current decays through the spike cut, the new does not.

    AllenSDK's `sum`: the amplitude is defined at the end of the cut.

    Attributes:
        r: fraction of the old current that survives a spike, (n,), dimensionless.
    """

    mechanism: ClassVar[str] = "ASC"

    r: Float[Array, "*n"] = eqx.field(converter=as_float)

    def one_per_current(self) -> dict[str, Float[Array, " n"]]:
        """r, as it is called in messages."""
        return {"AScurrent_reset_method r": self.r}

    def __call__(self, neuron, state) -> tuple[Float[Array, ""], ...]:
        """The currents at the end of the spike cut, A each."""
        amplitude = neuron.afterspike_amplitudes
        remaining = self.r * jnp.exp(-neuron.spike_cut_duration / neuron.asc_tau_array)
        return tuple(amplitude[j] + current * remaining[j] for j, current in enumerate(state.afterspike_currents))


class ResetToNone(AbstractReset):
    """I_j <- 0. AllenSDK's `none`."""

    mechanism: ClassVar[str] = ""

    def __call__(self, neuron, state) -> tuple[Float[Array, ""], ...]:
        """Zeros, A."""
        return tuple(jnp.zeros_like(current) for current in state.afterspike_currents)
