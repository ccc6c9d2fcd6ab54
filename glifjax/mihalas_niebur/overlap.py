"""What exponentials that follow one another leave after a time: divided differences of exp, without cancellation.

    overlap(x, y)    = int_0^h e^(-x t) e^(-y (h - t)) dt = (e^(-x h) - e^(-y h)) / (y - x)
    overlap3(x, y, z) = the same of three = (overlap(x, y) - overlap(y, z)) / (z - x)

They are symmetric, and smooth where rates meet (h e^(-x h) and h^2/2 e^(-x h)): there a Taylor series takes over.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

#: Where the series takes over, as a difference of rates times h.
NEAR = 0.125
#: Terms of the series, which leave less than 1e-16.
TERMS = 10


class Decay(NamedTuple):
    """A rate, 1/s, and what is left after h seconds of it, e^(-rate h)."""

    rate: Float[Array, "..."]
    left: Float[Array, "..."]


def decay(rate: Float[Array, "..."], h: Float[Array, "..."]) -> Decay:
    """A rate and what h seconds leave."""
    return Decay(rate, jnp.exp(-rate * h))


def overlap(x: Decay, y: Decay, h: Float[Array, "..."]) -> Float[Array, "..."]:
    """overlap(x, y), s."""
    near = jnp.abs(y.rate - x.rate) * h < NEAR
    z = jnp.where(near, (y.rate - x.rate) * h, 0.0)
    series = jnp.zeros_like(z)
    for n in range(TERMS, 0, -1):  # (e^z - 1) / z
        series = (1 + series * z) / n
    apart = (x.left - y.left) / jnp.where(near, 1.0, y.rate - x.rate)
    return jnp.where(near, h * y.left * series, apart)


def overlap3(x: Decay, y: Decay, z: Decay, h: Float[Array, "..."]) -> Float[Array, "..."]:
    """overlap3(x, y, z), s^2."""
    low, middle, high = _sorted(*_of_one_shape(x, y, z))
    spread = high.rate - low.rate
    near = spread * h < NEAR
    # of (-x h, -y h, -z h) above -z h: the complete symmetric polynomials of two, p_n = alpha p_(n-1) + beta^n
    alpha, beta = (jnp.where(near, (z.rate - other.rate) * h, 0.0) for other in (x, y))
    polynomial, power, series, factorial = jnp.ones_like(alpha), jnp.ones_like(alpha), jnp.ones_like(alpha) / 2, 2
    for n in range(1, TERMS):
        power = beta * power
        polynomial = alpha * polynomial + power
        factorial *= n + 2
        series += polynomial / factorial
    lower, upper = (Decay(*map(jnp.stack, zip(*pair, strict=True))) for pair in ((low, middle), (middle, high)))
    first, second = overlap(lower, upper, h)
    apart = (first - second) / jnp.where(near, 1.0, spread)
    return jnp.where(near, h**2 * z.left * series, apart)


def _of_one_shape(*decays: Decay) -> list[Decay]:
    values = jnp.broadcast_arrays(*(value for one in decays for value in one))
    return [Decay(*values[i : i + 2]) for i in range(0, len(values), 2)]


def _sorted(x: Decay, y: Decay, z: Decay) -> tuple[Decay, Decay, Decay]:
    """By rate."""
    a, b = _ordered(x, y)
    b, high = _ordered(b, z)
    low, middle = _ordered(a, b)
    return low, middle, high


def _ordered(x: Decay, y: Decay) -> tuple[Decay, Decay]:
    is_so = x.rate <= y.rate
    pick = lambda a, b: Decay(*(jnp.where(is_so, one, other) for one, other in zip(a, b, strict=True)))
    return pick(x, y), pick(y, x)
