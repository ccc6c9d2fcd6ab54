"""A threshold with any number of time constants: kernels that spikes start, and hinges of the voltage, low-passed.

Sources: Pozzorini et al. 2015, PLoS Comput Biol 11:e1004275 (spike-triggered threshold movement in a basis of
exponentials); Mensi et al. 2016, PLoS Comput Biol 12:e1004761 (coupling to the voltage through a hinge).
"""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from glifjax.arrays import as_float
from glifjax.checks import require_time_constants
from glifjax.errors import InputError
from glifjax.rules.base import AbstractReset, AbstractThreshold


class KernelState(eqx.Module):
    """The threshold's part of the state, V: the total, and each kernel's share of it above th_inf."""

    total: Float[Array, ""]
    from_spikes: tuple[Float[Array, ""], ...]
    from_voltage: tuple[Float[Array, ""], ...]

    @property
    def spike(self) -> Float[Array, ""]:
        """What spikes add, V."""
        return sum(self.from_spikes, start=jnp.zeros_like(self.total))

    @property
    def voltage(self) -> Float[Array, ""]:
        """What the voltage adds, V."""
        return sum(self.from_voltage, start=jnp.zeros_like(self.total))

    def with_total(self, th_inf: Float[Array, ""]) -> "KernelState":
        """The same kernels above th_inf, V."""
        return KernelState(th_inf + self.spike + self.voltage, self.from_spikes, self.from_voltage)


class Kernels(AbstractThreshold):
    """Theta' = th_inf + sum_i s_i' + sum_k w_k', with

        s_i' = s_i exp(-dt / spike_tau_i)
        w_k' = w_k exp(-dt / voltage_tau_k) + (1 - exp(-dt / voltage_tau_k)) sum_j weight_jk h(V - knot_j)
        h(x) = (x + sqrt(x^2 + softness^2)) / 2, a hinge with a soft corner.

    A reset to above the threshold does not stop the neuron, as it does with AllenSDK's rules: it spikes again after the
    cut, in a doublet.

    Attributes:
        spike_tau: (n,), s.
        voltage_tau: (k,), s.
        knots: where the hinges bend, (j,), V.
        weights: threshold per voltage above a knot, (j, k), dimensionless.
        softness: of the corner: h(0) is half of it, V.
    """

    mechanism: ClassVar[str] = ""
    stops_above: ClassVar[bool] = False

    spike_tau: Float[Array, " n"] = eqx.field(converter=as_float)
    voltage_tau: Float[Array, " k"] = eqx.field(converter=as_float)
    knots: Float[Array, " j"] = eqx.field(converter=as_float)
    weights: Float[Array, "j k"] = eqx.field(converter=as_float)
    softness: Float[Array, ""] = eqx.field(converter=as_float)

    def __check_init__(self):
        """Refuse time constants that are none, and weights that are not one for each knot and time constant."""
        require_time_constants(spike_tau=self.spike_tau, voltage_tau=self.voltage_tau)
        expected = (*np.shape(self.knots)[-1:], *np.shape(self.voltage_tau)[-1:])
        if len(expected) == 2 and np.shape(self.weights)[-2:] != expected:
            raise InputError(
                f"weights has shape {np.shape(self.weights)}; give one for each of knots and of voltage_tau, {expected}"
            )

    def init(self, neuron) -> KernelState:
        """Kernels at zero after spikes, and where the initial voltage would hold them."""
        zero = jnp.zeros_like(neuron.init_threshold)
        held = self.drive(neuron.init_voltage)
        return KernelState(
            neuron.init_threshold,
            tuple(zero for _ in self.spike_tau),
            tuple(zero + held[k] for k in range(len(self.voltage_tau))),
        )

    def drive(self, voltage: Float[Array, ""]) -> list[Float[Array, ""]]:
        """Where each of the voltage's components goes to at a voltage, V."""
        above = [voltage - knot for knot in self.knots]
        hinges = [(x + jnp.sqrt(x**2 + self.softness**2)) / 2 for x in above]
        return [
            sum((self.weights[j, k] * hinge for j, hinge in enumerate(hinges)), start=jnp.zeros_like(voltage))
            for k in range(len(self.voltage_tau))
        ]

    def __call__(self, neuron, state, current, dt) -> KernelState:
        """The threshold one step later."""
        remaining, decay = jnp.exp(-dt / self.spike_tau), jnp.exp(-dt / self.voltage_tau)
        drive, old = self.drive(state.voltage), state.threshold
        moved = KernelState(
            old.total,
            tuple(s * remaining[i] for i, s in enumerate(old.from_spikes)),
            tuple(w * decay[k] + (1 - decay[k]) * drive[k] for k, w in enumerate(old.from_voltage)),
        )
        return moved.with_total(neuron.threshold_infinity)


class ResetKernels(AbstractReset):
    """s_i <- s_i exp(-cut / spike_tau_i) + a_spike_i; w_k stay, frozen during the cut; Theta <- their sum and th_inf.

    Attributes:
        a_spike: what a spike adds, defined at the end of its cut, (n,), V.
    """

    mechanism: ClassVar[str] = ""

    a_spike: Float[Array, " n"] = eqx.field(converter=as_float)

    def voltages(self) -> tuple[Float[Array, "..."]]:
        """a_spike, V."""
        return (self.a_spike,)

    def __call__(self, neuron, state) -> KernelState:
        """The threshold after the spike."""
        remaining = jnp.exp(-neuron.spike_cut_duration / neuron.threshold_dynamics.spike_tau)
        old = state.threshold
        raised = tuple(s * remaining[i] + self.a_spike[i] for i, s in enumerate(old.from_spikes))
        return KernelState(old.total, raised, old.from_voltage).with_total(neuron.threshold_infinity)
