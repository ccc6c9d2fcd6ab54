"""Post-synaptic currents, and the exact solution of a membrane driven by them over one step.

An alpha-shaped current peaks tau after a spike's arrival at exactly the weight: its state y1 jumps by (e / tau) weight,
and dy1/dt = -y1/tau, dy2/dt = y1 - y2/tau; y2 is the current. An exponential one is y2 alone, and jumps by the weight.
A membrane of C dU/dt = -g U + y2 then has, after a step h,

    y1' = P11 y1,   y2' = P21 y1 + P11 y2,   U' = P33 U + P31 y1 + P32 y2

Source: Rotter & Diesmann (1999), doi:10.1007/s004220050570; NEST 3.10, models/glif_psc.cpp.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

#: Below this the quotients are series: their formulas lose digits, and have no value at 0.
SMALL = 0.1
#: Terms of the series: the first that is left out is below 1e-16 at SMALL.
TERMS = 11


class Propagators(NamedTuple):
    """The factors of one step, each (ports, cells): see above."""

    P11: Float[Array, "ports n"]
    P21: Float[Array, "ports n"]
    P31: Float[Array, "ports n"]
    P32: Float[Array, "ports n"]


def propagators(tau: Float[Array, "ports n"], rate: Float[Array, " n"], C: Float[Array, " n"], h: float) -> Propagators:
    """The factors for time constants `tau` (ms), membranes of `rate` g/C (1/ms) and C (pF), and a step of h ms.

    Finite and smooth at tau = C/g too, with D = (1/tau - g/C) h:
    P32 = (h/C) exp(-g h/C) (1 - exp(-D))/D, P31 = (h^2/C) exp(-g h/C) (1 - (1 + D) exp(-D))/D^2.
    """
    P11 = jnp.exp(-h / tau)
    D = (1 / tau - rate) * h
    membrane = (h / C) * jnp.exp(-rate * h)
    return Propagators(P11, h * P11, h * membrane * mean_ramp(D), membrane * mean_decay(D))


def mean_decay(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """(1 - exp(-x))/x, the mean of exp(-s) over 0 ... x; 1 at x = 0."""
    safe = jnp.where(jnp.abs(x) < SMALL, 1.0, x)
    series = _series(x, [(-1) ** n / math.factorial(n + 1) for n in range(TERMS)])
    return jnp.where(jnp.abs(x) < SMALL, series, -jnp.expm1(-safe) / safe)


def mean_ramp(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """(1 - (1 + x) exp(-x))/x^2; 1/2 at x = 0."""
    safe = jnp.where(jnp.abs(x) < SMALL, 1.0, x)
    series = _series(x, [(-1) ** n / (math.factorial(n) * (n + 2)) for n in range(TERMS)])
    return jnp.where(jnp.abs(x) < SMALL, series, (-jnp.expm1(-safe) - safe * jnp.exp(-safe)) / safe**2)


def _series(x: Float[Array, "..."], coefficients: list[float]) -> Float[Array, "..."]:
    total = jnp.zeros_like(x)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total
