"""What a rule is: of the voltage, the threshold or the afterspike currents, its dynamics or its reset.

    dynamics:  rule(neuron, state, current, dt)     from the state before the step (no rule sees what another updates)
    reset:     rule(neuron, state)                  from the state after the spiking step's dynamics

Each gives its own part of the new state. The built-in rules are of the classes here. One's own may be, and need not:
any module or function of these arguments is a rule, see `glifjax.rules.own`.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from glifjax.checks import Part

if TYPE_CHECKING:  # any callable; its parameters are its own
    Rule = Any
else:
    Rule = Callable[..., Any]

#: What rules are called with.
DYNAMICS = ("neuron", "state", "current", "dt")
RESET = ("neuron", "state")

#: The attributes of a GLIF neuron that hold its six rules.
PLACES = (
    "voltage_dynamics",
    "threshold_dynamics",
    "afterspike_dynamics",
    "voltage_reset",
    "threshold_reset",
    "afterspike_reset",
)


class AbstractDynamics(Part):
    """How a part of the state moves in a step without a spike.

    Attributes:
        mechanism: the part of the name of Allen's levels that says so: "R", "ASC", "A"; empty for none.
    """

    mechanism: ClassVar[str]

    @abstractmethod
    def __call__(self, neuron, state, current: Float[Array, ""], dt: Float[Array, ""]) -> Any:
        """This part one step of dt seconds later, under a current, A."""


class AbstractReset(Part):
    """Where a part of the state is after a spike.

    Attributes:
        mechanism: as in AbstractDynamics.
    """

    mechanism: ClassVar[str]

    @abstractmethod
    def __call__(self, neuron, state) -> Any:
        """This part at the end of the spike cut, which starts now."""


class AbstractThreshold(AbstractDynamics):
    """Dynamics of the threshold, whose part of the state has `total`, `spike` and `voltage`, V.

    Attributes:
        stops_above: whether a neuron without noise stops where a reset leaves the voltage above the threshold, as
            AllenSDK's does; else it spikes again after the cut.
    """

    stops_above: ClassVar[bool]

    @abstractmethod
    def init(self, neuron) -> Any:
        """This part before the first step."""


class AbstractAfterspike(AbstractDynamics):
    """Dynamics of the afterspike currents, whose part of the state iterates over them, A."""

    @abstractmethod
    def init(self, neuron) -> Any:
        """This part before the first step."""

    @abstractmethod
    def decay_rates(self, neuron) -> Float[Array, " n"]:
        """At which the currents decay within a step, 1/s; zeros where they are constant in it."""


class Threshold(eqx.Module):
    """The threshold's part of the state, V: what a spike must exceed, and its two components above th_inf."""

    total: Float[Array, ""]
    spike: Float[Array, ""]
    voltage: Float[Array, ""]


def first_threshold(neuron) -> Threshold:
    """init_threshold, without components."""
    zero = jnp.zeros_like(neuron.init_threshold)
    return Threshold(neuron.init_threshold, zero, zero)


def first_currents(neuron) -> tuple[Float[Array, ""], ...]:
    """init_AScurrents, one scalar each: scalars vectorise over neurons where an array does not."""
    return tuple(neuron.init_AScurrents)
