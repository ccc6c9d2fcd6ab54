"""Threshold rules: a constant, a component that spikes raise, a component that the voltage drags along."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from glifjax.arrays import as_float
from glifjax.rules.base import AbstractReset, AbstractThreshold, Threshold, first_threshold


class AllensThreshold(AbstractThreshold):
    """A threshold of two components that starts at init_threshold without them, and stops at a bad reset."""

    stops_above: ClassVar[bool] = True

    def init(self, neuron) -> Threshold:
        """The neuron's init_threshold, V."""
        return first_threshold(neuron)


class Constant(AllensThreshold):
    """Theta' = th_inf; components stay as they are. AllenSDK's `inf`."""

    mechanism: ClassVar[str] = ""

    def __call__(self, neuron, state, current, dt) -> Threshold:
        """The threshold one step later."""
        return Threshold(neuron.threshold_infinity, state.threshold.spike, state.threshold.voltage)


class SpikeComponent(AllensThreshold):
    """s' = s exp(-b_spike dt); Theta' = th_inf + s'. AllenSDK's `spike_component`.

    Attributes:
        b_spike: decay rate of what a spike adds, 1/s.
    """

    mechanism: ClassVar[str] = "R"

    b_spike: Float[Array, ""] = eqx.field(converter=as_float)

    def __call__(self, neuron, state, current, dt) -> Threshold:
        """The threshold one step later."""
        spike = state.threshold.spike * jnp.exp(-self.b_spike * dt)
        return Threshold(spike + neuron.threshold_infinity, spike, jnp.zeros_like(spike))


class ThreeComponents(AllensThreshold):
    """Theta' = th_inf + s' + w', with s as in SpikeComponent and dw/dt = a (V - El) - b w.

    w is advanced by its exact solution for a voltage that relaxes with rate G/C towards El + I/G:

        w' = w e^(-b dt) + a (beta - El) dt phi(b dt) + a (V - beta) dt e^(-G dt/C) phi((b - G/C) dt)
        beta = El + I/G,    phi(y) = (1 - e^-y) / y

    AllenSDK's `three_components_exact` without its cancellation at b = G/C; finite there and at b = 0.

    Attributes:
        b_spike: decay rate of what a spike adds, 1/s.
        a_voltage: coupling to the voltage, 1/s (times coeffs.a).
        b_voltage: decay rate of the voltage component, 1/s (times coeffs.b).
    """

    mechanism: ClassVar[str] = "A"

    b_spike: Float[Array, ""] = eqx.field(converter=as_float)
    a_voltage: Float[Array, ""] = eqx.field(converter=as_float)
    b_voltage: Float[Array, ""] = eqx.field(converter=as_float)

    def __call__(self, neuron, state, current, dt) -> Threshold:
        """The threshold one step later."""
        a, b = self.a_voltage * neuron.coeffs.a, self.b_voltage * neuron.coeffs.b
        rate = neuron.conductance / neuron.capacitance
        above_rest = (current + sum(state.afterspike_currents)) / neuron.conductance  # beta - El
        relaxing = state.voltage - neuron.El - above_rest  # V - beta
        voltage = (
            state.threshold.voltage * jnp.exp(-b * dt)
            + above_rest * (a * dt * phi(b * dt))
            + relaxing * (a * dt * jnp.exp(-rate * dt) * phi((b - rate) * dt))
        )
        spike = state.threshold.spike * jnp.exp(-self.b_spike * dt)
        return Threshold(voltage + spike + neuron.threshold_infinity, spike, voltage)


class ThreeComponentsEuler(AllensThreshold):
    """s' = s - b_spike s dt; w' = w + (a (V - El) - b w) dt; Theta' = th_inf + s' + w'.

    The forward-Euler form of ThreeComponents, AllenSDK's `three_components_forward`; kept for comparison.

    Attributes:
        b_spike, a_voltage, b_voltage: as in ThreeComponents, 1/s.
    """

    mechanism: ClassVar[str] = "A"

    b_spike: Float[Array, ""] = eqx.field(converter=as_float)
    a_voltage: Float[Array, ""] = eqx.field(converter=as_float)
    b_voltage: Float[Array, ""] = eqx.field(converter=as_float)

    def largest_step(self, neuron) -> Float[Array, ""]:
        """Two of the shorter time constant, s: beyond it a component swings and grows."""
        return 2 / jnp.maximum(self.b_spike, self.b_voltage * neuron.coeffs.b)

    def __call__(self, neuron, state, current, dt) -> Threshold:
        """The threshold one step later."""
        a, b = self.a_voltage * neuron.coeffs.a, self.b_voltage * neuron.coeffs.b
        old = state.threshold
        spike = old.spike - self.b_spike * old.spike * dt
        voltage = old.voltage + (a * (state.voltage - neuron.El) - b * old.voltage) * dt
        return Threshold(voltage + spike + neuron.threshold_infinity, spike, voltage)


def phi(y: Float[Array, "..."]) -> Float[Array, "..."]:
    """(1 - e^-y) / y, smooth through y = 0."""
    small = jnp.abs(y) < 1e-4
    safe = jnp.where(small, 1.0, y)
    return jnp.where(small, 1 - y / 2 + y**2 / 6 - y**3 / 24, -jnp.expm1(-safe) / safe)


class ResetToInfinity(AbstractReset):
    """Theta <- th_inf; components stay as they are. AllenSDK's `inf`."""

    mechanism: ClassVar[str] = ""

    def __call__(self, neuron, state) -> Any:
        """The threshold after the spike, in the form that the threshold's dynamics keep it."""
        return eqx.tree_at(lambda threshold: threshold.total, state.threshold, neuron.threshold_infinity)


class ResetThreeComponents(AbstractReset):
    """s <- s e^(-b_spike cut) + a_spike; w stays, frozen during the cut; Theta <- th_inf + s + w.

    AllenSDK's `three_components`: a_spike is defined at the end of the spike cut.

    Attributes:
        a_spike: what a spike adds, V.
        b_spike: decay rate during the cut, 1/s.
    """

    mechanism: ClassVar[str] = "R"

    a_spike: Float[Array, ""] = eqx.field(converter=as_float)
    b_spike: Float[Array, ""] = eqx.field(converter=as_float)

    def voltages(self) -> tuple[Float[Array, "..."]]:
        """a_spike, V."""
        return (self.a_spike,)

    def __call__(self, neuron, state) -> Threshold:
        """The threshold after the spike."""
        spike = state.threshold.spike * jnp.exp(-self.b_spike * neuron.spike_cut_duration) + self.a_spike
        voltage = state.threshold.voltage
        return Threshold(spike + voltage + neuron.threshold_infinity, spike, voltage)
