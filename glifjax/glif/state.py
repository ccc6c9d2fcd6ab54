"""What a GLIF neuron carries from step to step."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int

from glifjax.arrays import MOST_STEPS

#: Steps since the last spike, where there has been none; half the range of an int32, so that counting on is safe.
NEVER = MOST_STEPS


class GLIFState(eqx.Module):
    """Voltage, threshold and currents, and what the last spike left.

    Attributes:
        voltage: V, relative to El_reference.
        threshold: the threshold and its components, V: a Threshold, or what the threshold rule's `init` makes.
        afterspike_currents: A, one scalar each (scalars vectorise over neurons where an array does not); or what the
            afterspike rule's `init` makes, which iterates over them.
        membrane: the gates of each membrane current.
        since_spike: steps since the last spike; everything is held until they exceed the spike cut. NEVER and more
            where there has been none.
        halted: the reset left the voltage above the threshold, where AllenSDK stops.
        accumulated: hazard, spikes; None for a neuron that does not gather it.
    """

    voltage: Float[Array, ""]
    threshold: Any
    afterspike_currents: Any
    membrane: tuple[Any, ...]
    since_spike: Int[Array, ""]
    halted: Bool[Array, ""]
    accumulated: Float[Array, ""] | None = None
