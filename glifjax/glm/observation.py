"""From a step's response to spikes: drawn by a uniform number, and how probable given ones are."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln, xlogy
from jaxtyping import Array, Float, Num

#: The largest count that uint8 holds; one more is what a draw gives where it is exceeded.
MOST = 255


class AbstractObservation(eqx.Module):
    """How many spikes a step holds, given its response."""

    @abstractmethod
    def draw(self, response: Float[Array, "..."], uniform: Float[Array, "..."]) -> Float[Array, "..."]:
        """The count that a number in [0, 1) decides on; MOST + 1 where it is above MOST."""

    @abstractmethod
    def log_likelihood(self, response: Float[Array, "..."], count: Num[Array, "..."]) -> Float[Array, "..."]:
        """log P(count), nats."""

    @abstractmethod
    def variance(self, response: Float[Array, "..."]) -> Float[Array, "..."]:
        """Of the count."""


class Bernoulli(AbstractObservation):
    """One spike with probability p, else none."""

    def draw(self, response: Float[Array, "..."], uniform: Float[Array, "..."]) -> Float[Array, "..."]:
        """1 where uniform < p."""
        return (uniform < response).astype(response.dtype)

    def log_likelihood(self, response: Float[Array, "..."], count: Num[Array, "..."]) -> Float[Array, "..."]:
        """count log p + (1 - count) log(1 - p): of a count of 0 or 1, or the mean over many such draws."""
        spike, silence = jnp.where(count > 0, response, 1.0), jnp.where(count < 1, response, 0.0)
        count = jnp.asarray(count, response.dtype)
        return count * jnp.log(spike) + (1 - count) * jnp.log1p(-silence)

    def variance(self, response: Float[Array, "..."]) -> Float[Array, "..."]:
        """p (1 - p)."""
        return response * (1 - response)


class Poisson(AbstractObservation):
    """A Poisson count of mean mu."""

    def draw(self, response: Float[Array, "..."], uniform: Float[Array, "..."]) -> Float[Array, "..."]:
        """The smallest count whose cumulative probability is at least uniform.

        P(k + 1) = P(k) mu / (k + 1), summed until there; beyond the mean also until a term no longer matters.
        """
        tiny = jnp.finfo(response.dtype).eps / 16
        log_mean = jnp.log(jnp.maximum(response, jnp.finfo(response.dtype).tiny))

        def going(carry):
            count, log_term, below = carry
            return (below < uniform) & (count <= MOST) & ((count < response) | (jnp.exp(log_term) > tiny))

        def further(carry):
            count, log_term, below = carry
            more = going(carry)
            log_next = log_term + log_mean - jnp.log(count + 1)
            return tuple(
                jnp.where(more, new, old)
                for new, old in zip((count + 1, log_next, below + jnp.exp(log_next)), carry, strict=True)
            )

        start = (jnp.zeros_like(response), -response, jnp.exp(-response))
        count, *_ = jax.lax.while_loop(lambda carry: jnp.any(going(carry)), further, start)
        return jnp.where(jnp.isfinite(response), count, MOST + 1.0)

    def log_likelihood(self, response: Float[Array, "..."], count: Num[Array, "..."]) -> Float[Array, "..."]:
        """count log mu - mu - log count!."""
        count = jnp.asarray(count, response.dtype)
        return xlogy(count, response) - response - gammaln(count + 1)

    def variance(self, response: Float[Array, "..."]) -> Float[Array, "..."]:
        """mu."""
        return response
