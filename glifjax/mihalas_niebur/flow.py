"""The Mihalas-Niebur neuron between spikes, where it is linear, and what a spike makes of it."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from glifjax.mihalas_niebur.overlap import decay, overlap, overlap3


class Point(NamedTuple):
    """Where the neuron is: V - Theta, V; Theta - th_inf, V; and the internal currents I_j, A."""

    excess: Float[Array, ""]
    threshold: Float[Array, ""]
    currents: tuple[Float[Array, ""], ...]


class Equations(eqx.Module):
    """The neuron's parameters as scalars (which vectorise over neurons where arrays do not), relative to th_inf.

    Attributes:
        C, G, a, b, k, R, A: as in MihalasNiebur.
        above_rest: th_inf - El, V.
        V_reset, th_reset: V_reset - th_inf and th_reset - th_inf, V.
    """

    C: Float[Array, ""]
    G: Float[Array, ""]
    a: Float[Array, ""]
    b: Float[Array, ""]
    k: tuple[Float[Array, ""], ...]
    R: tuple[Float[Array, ""], ...]
    A: tuple[Float[Array, ""], ...]
    above_rest: Float[Array, ""]
    V_reset: Float[Array, ""]
    th_reset: Float[Array, ""]

    def drives(self, at: Any, current: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """I - G (V - El), A, without a difference of large numbers at the threshold; and a (V - El) - b Theta, V/s."""
        above = at.excess + at.threshold
        net = (current - self.G * self.above_rest) - self.G * above
        return net, self.a * (above + self.above_rest) - self.b * at.threshold

    def velocity(self, at: Any, current: Float[Array, ""]) -> Point:
        """The derivatives by time of V - Theta, Theta and I_j: V/s, V/s, A/s."""
        net, pull = self.drives(at, current)
        currents = tuple(-k * i for k, i in zip(self.k, at.currents, strict=True))
        return Point((net + sum(at.currents)) / self.C - pull, pull, currents)

    def acceleration(self, at: Point, current: Float[Array, ""]) -> Point:
        """The second derivatives by time: V/s^2, V/s^2, A/s^2."""
        velocity = self.velocity(at, current)
        return jax.jvp(lambda at: self.velocity(at, current), (at,), (velocity,))[1]

    def evolve(self, at: Any, current: Float[Array, ""], over: "Propagator") -> Point:
        """The neuron a propagator later, had there been no spike."""
        net, pull = self.drives(at, current)
        if over.threshold_net is None:
            rise, threshold = over.voltage * (net + sum(at.currents)), over.threshold * pull
        else:
            rise = over.voltage * net + _dot(over.voltage_currents, at.currents)
            threshold = over.threshold * pull + over.threshold_net * net + _dot(over.threshold_currents, at.currents)
        return Point(
            excess=at.excess + (rise - threshold),
            threshold=at.threshold + threshold,
            currents=tuple(decay * i for decay, i in zip(over.decay, at.currents, strict=True)),
        )

    def reset(self, at: Any) -> Point:
        """The neuron right after a spike."""
        threshold = jnp.maximum(self.th_reset, at.threshold)
        currents = tuple(r * i + a for r, a, i in zip(self.R, self.A, at.currents, strict=True))
        return Point(self.V_reset - threshold, threshold, currents)


class Propagator(eqx.Module):
    """What h seconds without a spike do to the state; linear in it, so these numbers depend on h alone.

    With net = I - G (V - El) and pull = a (V - El) - b (Theta - th_inf), both at the start:

        I_j   <- decay_j I_j
        V     <- V + voltage net + sum_j voltage_currents_j I_j
        Theta <- Theta + threshold pull + threshold_net net + sum_j threshold_currents_j I_j

    Exponential Euler holds everything else constant over the step, and has the first three alone:

        V     <- V + voltage (net + sum_j I_j)
        Theta <- Theta + threshold pull
    """

    decay: tuple[Float[Array, ""], ...]
    voltage: Float[Array, ""]
    threshold: Float[Array, ""]
    voltage_currents: tuple[Float[Array, ""], ...] = ()
    threshold_net: Float[Array, ""] | None = None
    threshold_currents: tuple[Float[Array, ""], ...] = ()


def propagator_of(equations: Equations, h: Float[Array, ""], *, exact: bool = True) -> Propagator:
    """The propagator over h seconds, finite and smooth where rates are equal or zero; or exponential Euler's.

    With `overlap` of the exponentials of several rates, and g = G/C:

        voltage = overlap(0, g) / C,              voltage_currents_j = overlap(k_j, g) / C
        threshold_net = a overlap(0, g, b) / C,   threshold_currents_j = a overlap(k_j, g, b) / C
        threshold = overlap(0, b)
    """
    C, still = equations.C, jnp.zeros_like(equations.C)
    leak, back = decay(equations.G / C, h), decay(equations.b, h)
    inputs = decay(jnp.stack([still, *equations.k]), h)  # a constant one, and each internal current
    voltage, *voltage_currents = overlap(inputs, leak, h) / C
    _, *left = inputs.left
    threshold = overlap(decay(still, h), back, h)
    if not exact:
        return Propagator(tuple(left), voltage, threshold)
    threshold_net, *threshold_currents = equations.a / C * overlap3(inputs, leak, back, h)
    return Propagator(
        tuple(left), voltage, threshold, tuple(voltage_currents), threshold_net, tuple(threshold_currents)
    )


def _dot(weights: tuple, values: tuple) -> Float[Array, ""] | float:
    return sum((weight * value for weight, value in zip(weights, values, strict=True)), start=0.0)
