"""Currents through the membrane that the voltage drives, beside the leak; a neuron may have any number of them.

Each is an AbstractMembraneCurrent: `current(voltage, gates)` is what it adds to the membrane, in A, `init` and
`advance` make and move its gates, `spike` takes them through a spike, while the rest of the neuron is held.
Voltages are relative to the neuron's El_reference, as everywhere.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from glifjax.arrays import as_float
from glifjax.checks import Part, require, require_time_constants
from glifjax.errors import InputError, shown

Gates = Any


class AbstractMembraneCurrent(Part):
    """A current into the cell that depends on the voltage, and on gates of its own."""

    @abstractmethod
    def __call__(self, voltage: Float[Array, ""], gates: Gates) -> Float[Array, ""]:
        """The current into the cell, A, at a voltage, V."""

    @abstractmethod
    def init(self, voltage: Float[Array, ""]) -> Gates:
        """The gates of a cell that has long been at this voltage, V."""

    @abstractmethod
    def advance(self, gates: Gates, voltage: Float[Array, ""], dt: Float[Array, ""]) -> Gates:
        """The gates dt seconds later, at a voltage, V."""

    @abstractmethod
    def spike(self, gates: Gates, waveform: Float[Array, " w"], duration: Float[Array, ""]) -> Gates:
        """The gates at the end of a spike of this duration, s, whose voltage is `waveform`, V, evenly spaced."""


class Instantaneous(AbstractMembraneCurrent):
    """I = function(V): a current without gates, such as a small network that is trained with the rest.

    Attributes:
        function: from V to A; a module if it has parameters.
    """

    function: Callable[[Float[Array, ""]], Float[Array, ""]]

    def __call__(self, voltage: Float[Array, ""], gates: Gates) -> Float[Array, ""]:
        """The current into the cell, A."""
        return self.function(voltage)

    def init(self, voltage: Float[Array, ""]) -> Gates:
        """None."""
        return ()

    def advance(self, gates: Gates, voltage: Float[Array, ""], dt: Float[Array, ""]) -> Gates:
        """None."""
        return gates

    def spike(self, gates: Gates, waveform: Float[Array, " w"], duration: Float[Array, ""]) -> Gates:
        """None."""
        return gates


class Gate(Part):
    """dx/dt = (x_inf(V) - x) / tau,    x_inf(V) = 1 / (1 + exp(-(V - V_half) / slope)).

    Attributes:
        V_half: where it is half open, V.
        slope: V; positive opens with depolarisation, negative closes.
        tau: s.
    """

    V_half: Float[Array, ""] = eqx.field(converter=as_float)
    slope: Float[Array, ""] = eqx.field(converter=as_float)
    tau: Float[Array, ""] = eqx.field(converter=as_float)

    def __check_init__(self):
        """Refuse a time constant that is none, and a gate that the voltage does not open."""
        require_time_constants(tau=self.tau)
        require("slope", self.slope, lambda slope: slope != 0, "it must not be 0")

    def steady(self, voltage: Float[Array, "..."]) -> Float[Array, "..."]:
        """x_inf at a voltage, V."""
        return jax.nn.sigmoid((voltage - self.V_half) / self.slope)

    def advance(self, x: Float[Array, ""], voltage: Float[Array, ""], dt: Float[Array, ""]) -> Float[Array, ""]:
        """Exact for a voltage that stays, V, for dt seconds."""
        steady = self.steady(voltage)
        return steady + (x - steady) * jnp.exp(-dt / self.tau)

    def spike(self, x: Float[Array, ""], waveform: Float[Array, " w"], duration: Float[Array, ""]) -> Float[Array, ""]:
        """`advance` over every sample of a waveform: its first sample has decayed longest."""
        step = duration / len(waveform)
        ago = step * jnp.arange(len(waveform) - 1, -1, -1)
        arrived = -jnp.expm1(-step / self.tau) * jnp.sum(self.steady(waveform) * jnp.exp(-ago / self.tau))
        return x * jnp.exp(-duration / self.tau) + arrived


class GatedCurrent(AbstractMembraneCurrent):
    """I = conductance * product of the gates * (reversal - V).

    Source: Hodgkin & Huxley 1952, J Physiol 117:500, with gates to the first power and fixed time constants.

    Attributes:
        conductance: with all gates open, S.
        reversal: V, relative to El_reference.
        gates: any number of them.
    """

    conductance: Float[Array, ""] = eqx.field(converter=as_float)
    reversal: Float[Array, ""] = eqx.field(converter=as_float)
    gates: tuple[Gate, ...]

    def __check_init__(self):
        """Refuse what is no tuple of gates."""
        if not isinstance(self.gates, tuple) or not all(isinstance(gate, Gate) for gate in self.gates):
            raise InputError(f"gates is {shown(self.gates)}; give a tuple of glifjax.rules.membrane.Gate")

    def __call__(self, voltage: Float[Array, ""], gates: Gates) -> Float[Array, ""]:
        """The current into the cell, A."""
        opened = self.conductance
        for x in gates:
            opened = opened * x
        return opened * (self.reversal - voltage)

    def init(self, voltage: Float[Array, ""]) -> Gates:
        """Each gate at its steady state."""
        return tuple(gate.steady(voltage) for gate in self.gates)

    def advance(self, gates: Gates, voltage: Float[Array, ""], dt: Float[Array, ""]) -> Gates:
        """Each gate dt seconds later."""
        return tuple(gate.advance(x, voltage, dt) for gate, x in zip(self.gates, gates, strict=True))

    def spike(self, gates: Gates, waveform: Float[Array, " w"], duration: Float[Array, ""]) -> Gates:
        """Each gate after the spike."""
        return tuple(gate.spike(x, waveform, duration) for gate, x in zip(self.gates, gates, strict=True))


def gated(currents: Sequence[AbstractMembraneCurrent]) -> dict[int, GatedCurrent]:
    """Those of a neuron's membrane currents that have gates, by their place among them."""
    return {i: current for i, current in enumerate(currents) if isinstance(current, GatedCurrent)}


def require_currents(currents: Any) -> None:
    """A tuple of membrane currents; else an InputError."""
    if not isinstance(currents, tuple) or not all(isinstance(current, AbstractMembraneCurrent) for current in currents):
        raise InputError(
            f"membrane_currents is {shown(currents)}; give a tuple of currents of glifjax.rules.membrane, in which "
            "Instantaneous(function) makes one of a function of V"
        )
