"""How probable counts are, bin by bin, and how that goes with the excess."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from glifjax.glm.observation import AbstractObservation


class Likelihood(eqx.Module):
    """A link and an observation at one dt.

    Attributes:
        link, observation: as a network's.
        dt: s.
    """

    link: Callable
    observation: AbstractObservation
    dt: float = eqx.field(static=True)

    @eqx.filter_jit
    def responses(self, excess: Float[Array, "..."]) -> Float[Array, "..."]:
        """Probabilities or mean counts, in double precision whatever the excess has."""
        return self.link(jnp.asarray(excess, float), self.dt)

    def losses(self, excess: Float[Array, "..."], counts: Num[Array, "..."]) -> Float[Array, "..."]:
        """-log P(count), nats."""
        return -self.observation.log_likelihood(self.link(excess, self.dt), counts)

    def slopes(self, excess: Float[Array, "..."], counts: Num[Array, "..."]) -> Float[Array, "..."]:
        """The losses' derivative by the excess."""
        return jax.jvp(lambda x: self.losses(x, counts), (excess,), (jnp.ones_like(excess),))[1]

    def information(self, excess: Float[Array, "..."]) -> Float[Array, "..."]:
        """The slopes' variance, (d response / d excess)^2 / variance of the count."""
        response, slope = jax.jvp(lambda x: self.link(x, self.dt), (excess,), (jnp.ones_like(excess),))
        variance = self.observation.variance(response)
        tiny = jnp.finfo(variance.dtype).tiny
        return jnp.where(variance > tiny, slope**2 / jnp.maximum(variance, tiny), 0.0)
