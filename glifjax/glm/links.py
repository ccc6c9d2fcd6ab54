"""From the excess of the drive over the threshold to a probability, or to a mean count, of a step.

A link is any callable link(excess, dt) -> response, dt in s; those here are modules, so that their parameters can be
tuned. Rates refer to 1/ms where the formula has no scale of its own: UNIT = 1 ms.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from glifjax.arrays import as_float
from glifjax.checks import require_not_negative
from glifjax.errors import InputError

#: The time that the logit's and the hazard's formulas refer to, s.
UNIT = 1e-3
#: An excess beyond this counts as this: its exponential is large and finite in single precision.
LARGEST = 60.0


class Logit(eqx.Module):
    """p = (dt / 1 ms) sigmoid(x); a probability only up to dt = 1 ms, and refused beyond."""

    def __call__(self, excess: Float[Array, "..."], dt: float) -> Float[Array, "..."]:
        """The probability of a spike."""
        if dt > UNIT * (1 + 1e-9):
            raise InputError(
                f"the logit's probability (dt / 1 ms) sigmoid(x) exceeds 1 for dt = {dt:g} s; "
                "give a dt of at most 0.001 s, or the hazard as link"
            )
        return jnp.minimum(dt / UNIT, 1.0) * jax.nn.sigmoid(excess)


class Hazard(eqx.Module):
    """p = 1 - exp(-lambda dt), lambda = 1 / (1 / e + jitter) + lapse, e = exp(x) / 1 ms.

    A rate that does not depend on dt. Jitter and lapses are those of glifjax.EscapeNoise, none by default.

    Attributes:
        jitter: how long a spike waits on average, however strong the drive, s.
        lapse: rate of spikes however weak it is, 1/s.
    """

    jitter: Float[Array, ""] = eqx.field(default=0.0, converter=as_float)
    lapse: Float[Array, ""] = eqx.field(default=0.0, converter=as_float)

    def __check_init__(self):
        """Refuse what is below 0."""
        require_not_negative(jitter=self.jitter, lapse=self.lapse)

    def expected(self, excess: Float[Array, "..."], dt: float) -> Float[Array, "..."]:
        """lambda dt."""
        exponential = jnp.exp(jnp.minimum(excess, LARGEST))
        return exponential * (dt / UNIT) / (1 + exponential * (self.jitter / UNIT)) + self.lapse * dt

    def __call__(self, excess: Float[Array, "..."], dt: float) -> Float[Array, "..."]:
        """The probability of a spike."""
        return -jnp.expm1(-self.expected(excess, dt))


class ExponentialRate(eqx.Module):
    """mu = dt rate exp(gain x).

    Attributes:
        rate: 1/s.
        gain: without unit.
    """

    rate: Float[Array, "..."] = eqx.field(default=1.0 / UNIT, converter=as_float)
    gain: Float[Array, "..."] = eqx.field(default=1.0, converter=as_float)

    def __check_init__(self):
        """Refuse a rate below 0."""
        require_not_negative(rate=self.rate)

    def __call__(self, excess: Float[Array, "..."], dt: float) -> Float[Array, "..."]:
        """The mean count."""
        return dt * self.rate * jnp.exp(self.gain * excess)


class Capped(eqx.Module):
    """min(link(x, dt), highest): a response that grows no further, however strong the drive.

    Attributes:
        link: any.
        highest: a step's largest probability or mean count; () or (n,).
    """

    link: Callable
    highest: Float[Array, "..."] = eqx.field(converter=as_float)

    def __check_init__(self):
        """Refuse what is below 0."""
        require_not_negative(highest=self.highest)

    def __call__(self, excess: Float[Array, "..."], dt: float) -> Float[Array, "..."]:
        """The response."""
        return jnp.minimum(self.link(excess, dt), self.highest)


class RectifiedRate(eqx.Module):
    """mu = dt rate max(x, 0).

    Attributes:
        rate: 1/s for an excess of 1.
    """

    rate: Float[Array, "..."] = eqx.field(default=1.0 / UNIT, converter=as_float)

    def __check_init__(self):
        """Refuse a rate below 0."""
        require_not_negative(rate=self.rate)

    def __call__(self, excess: Float[Array, "..."], dt: float) -> Float[Array, "..."]:
        """The mean count."""
        return dt * self.rate * jnp.maximum(excess, 0.0)
