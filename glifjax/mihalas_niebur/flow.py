"""The Mihalas-Niebur neuron between spikes, where it is linear: over a whole step, and inside one."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from glifjax.mihalas_niebur.crossing import AbstractInside
from glifjax.mihalas_niebur.overlap import decay, overlap, overlap3

#: Order of the Taylor series inside a step that holds a spike, and the highest rate in it, times dt.
TERMS, MAX_RATE = 10, 2.0


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


def propagator_of(neuron, h: Float[Array, ""]) -> Propagator:
    """The propagator over h seconds, finite and smooth where rates are equal or zero.

    With `overlap` of the exponentials of several rates, and g = G/C:

        voltage = overlap(0, g) / C,              voltage_currents_j = overlap(k_j, g) / C
        threshold_net = a overlap(0, g, b) / C,   threshold_currents_j = a overlap(k_j, g, b) / C
        threshold = overlap(0, b)
    """
    still, leak, back = decay(jnp.zeros_like(neuron.G), h), decay(neuron.G / neuron.C, h), decay(neuron.b, h)
    currents = tuple(decay(k, h) for k in neuron.k)
    left = tuple(current.left for current in currents)
    voltage, threshold = overlap(still, leak, h) / neuron.C, overlap(still, back, h)
    if neuron.integrator == "exponential_euler":
        return Propagator(left, voltage, threshold)
    return Propagator(
        decay=left,
        voltage=voltage,
        threshold=threshold,
        voltage_currents=tuple(overlap(current, leak, h) / neuron.C for current in currents),
        threshold_net=neuron.a / neuron.C * overlap3(still, leak, back, h),
        threshold_currents=tuple(neuron.a / neuron.C * overlap3(current, leak, back, h) for current in currents),
    )


class Inside(AbstractInside):
    """The neuron inside a step: dx/dt = matrix x + constant + current / C, x = (V - Theta, Theta - th_inf, I_1, ...).

    After a spike, x is keeps x + gains, but for its first two elements, which V_reset and th_reset (above th_inf) give.

    Attributes:
        numbers: all of these; one array, so that a gradient, which is summed over all steps, is one sum a step.
    """

    numbers: Float[Array, " p"]

    def __init__(self, matrix, constant, injected, keeps, gains, V_reset, th_reset):
        """Pack the parts: (m, m), four of (m,), two scalars; m is two more than the internal currents are."""
        self.numbers = jnp.concatenate(
            [matrix.ravel(), constant, injected, keeps, gains, jnp.stack([V_reset, th_reset])]
        )

    def _parts(self):
        m = int((self.numbers.size + 2) ** 0.5) - 2  # p = m^2 + 4 m + 2
        matrix, vectors, ends = jnp.split(self.numbers, [m * m, m * (m + 4)])
        return matrix.reshape(m, m), *vectors.reshape(4, m), ends

    def rate(self, x: Float[Array, " m"], current: Float[Array, ""]) -> Float[Array, " m"]:
        """dx/dt."""
        matrix, constant, injected, *_ = self._parts()
        return jnp.sum(matrix * x, axis=1) + (constant + injected * current)

    def series(self, x: Float[Array, " m"], current: Float[Array, ""]) -> Float[Array, "n m"]:
        """Taylor coefficients of x over time, had there been no spike, without the propagator's special cases."""
        matrix, *_ = self._parts()
        terms = [x, self.rate(x, current)]
        for n in range(2, TERMS + 1):
            terms.append(jnp.sum(matrix * (terms[-1] / n), axis=1))
        return jnp.stack(terms)

    def reset(self, x: Float[Array, " m"]) -> Float[Array, " m"]:
        """x right after a spike."""
        *_, keeps, gains, (V_reset, th_reset) = self._parts()
        threshold = jnp.maximum(th_reset, x[1])
        return (keeps * x + gains).at[:2].set(jnp.stack([V_reset - threshold, threshold]))


def inside_of(neuron, dt: Float[Array, ""]) -> Inside:
    """The neuron inside a step of dt seconds, which is only computed where a spike is.

    It is advanced there by a Taylor series of order TERMS. With rates up to 1/dt that is exact to 3e-8 of what a
    rate changes, up to 0.2/dt to the last digits of float64; a rate above MAX_RATE/dt counts as MAX_RATE/dt.
    """
    leak, back, *decays = (jnp.minimum(rate, MAX_RATE / dt) for rate in (neuron.G / neuron.C, neuron.b, *neuron.k))
    n, above_rest = neuron.k.size, neuron.th_inf - neuron.El
    inputs, still = jnp.full(n, 1 / neuron.C), jnp.zeros(n)
    row = lambda excess, threshold, currents: jnp.concatenate([jnp.stack([excess, threshold]), currents])
    return Inside(
        matrix=jnp.vstack(
            [
                row(-leak - neuron.a, -leak - neuron.a + back, inputs),
                row(neuron.a, neuron.a - back, still),
                jnp.hstack([jnp.zeros((n, 2)), -jnp.diag(jnp.asarray(decays))]),
            ]
        ),
        constant=row(-(leak + neuron.a) * above_rest, neuron.a * above_rest, still),
        injected=row(1 / neuron.C, jnp.zeros_like(neuron.C), still),
        keeps=row(jnp.zeros_like(neuron.C), jnp.zeros_like(neuron.C), neuron.R),
        gains=row(jnp.zeros_like(neuron.C), jnp.zeros_like(neuron.C), neuron.A),
        V_reset=neuron.V_reset - neuron.th_inf,
        th_reset=neuron.th_reset - neuron.th_inf,
    )
