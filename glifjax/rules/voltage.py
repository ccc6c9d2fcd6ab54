"""Voltage rules: how the membrane moves, and where it restarts after a spike."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from glifjax.arrays import as_float
from glifjax.rules.base import AbstractDynamics, AbstractReset
from glifjax.rules.own import decay_rates
from glifjax.rules.threshold import phi


class ForwardEuler(AbstractDynamics):
    """V' = V + (I + sum_j I_j - G (V - El) + I_m(V)) dt / C, with the currents before the step.

    I_m are the neuron's membrane currents, where it has some. AllenSDK's `linear_forward_euler`; Teeter et al. 2018,
    eq. 1.
    """

    mechanism: ClassVar[str] = ""

    def largest_step(self, neuron) -> Float[Array, ""]:
        """2 C / G, s: beyond it the voltage swings and grows."""
        return 2 * neuron.capacitance / neuron.conductance

    def __call__(self, neuron, state, current, dt) -> Float[Array, ""]:
        """The voltage one step later, V."""
        total = current + sum(state.afterspike_currents)
        leak = neuron.conductance * (state.voltage - neuron.El) - neuron.membrane_current(state, state.voltage)
        return state.voltage + (total - leak) * dt / neuron.capacitance


class LinearExact(AbstractDynamics):
    """The exact solution of C dV/dt = I + sum_j I_j - G (V - El) over a step of constant I and decaying I_j:

        V' = V + F dt phi(rate dt) + sum_j (I_j / C) dt e^(-rate dt) phi((1/tau_j - rate) dt)
        F = (I - G (V - El)) / C,    rate = G / C,    phi(y) = (1 - e^-y) / y

    AllenSDK names it `linear_exact` and leaves it undone. I_j decay where the neuron's afterspike rule lets them, and
    are constant elsewhere.

    With membrane currents I_m(V), F holds them and rate = -dF/dV: exponential Euler (Rosenbrock form), exact for gates
    that stand still. There F also holds the mean of each I_j over the step, I_j phi(dt / tau_j), and not its decay:
    the last part in (rate dt) (dt / tau_j) / 12 of what it does.
    """

    mechanism: ClassVar[str] = ""

    def __call__(self, neuron, state, current, dt) -> Float[Array, ""]:
        """The voltage one step later, V."""
        decay = decay_rates(neuron.afterspike_dynamics, neuron)
        afterspike = list(enumerate(state.afterspike_currents))
        if neuron.membrane_currents:
            current += sum(amplitude * phi(decay[j] * dt) for j, amplitude in afterspike)
            afterspike = []

        def flow(voltage):
            leak = neuron.conductance * (voltage - neuron.El)
            return (current - leak + neuron.membrane_current(state, voltage)) / neuron.capacitance

        moved, slope = jax.jvp(flow, (state.voltage,), (jnp.ones_like(state.voltage),))
        rate = -slope
        voltage = state.voltage + moved * dt * phi(rate * dt)
        for j, amplitude in afterspike:
            voltage += amplitude / neuron.capacitance * dt * jnp.exp(-rate * dt) * phi((decay[j] - rate) * dt)
        return voltage


class ResetToZero(AbstractReset):
    """V <- 0 (not El: the two differ where a config is in absolute volts). AllenSDK's `zero`."""

    mechanism: ClassVar[str] = ""

    def __call__(self, neuron, state) -> Float[Array, ""]:
        """The voltage after the spike, V."""
        return jnp.zeros_like(state.voltage)


class ResetFromVoltage(AbstractReset):
    """V <- a V + b, from the voltage that the spiking step reached. AllenSDK's `v_before`.

    Attributes:
        a: slope, dimensionless.
        b: intercept, V.
    """

    mechanism: ClassVar[str] = "R"

    a: Float[Array, ""] = eqx.field(converter=as_float)
    b: Float[Array, ""] = eqx.field(converter=as_float)

    def voltages(self) -> tuple[Float[Array, "..."]]:
        """b, V."""
        return (self.b,)

    def __call__(self, neuron, state) -> Float[Array, ""]:
        """The voltage after the spike, V."""
        return self.a * state.voltage + self.b
