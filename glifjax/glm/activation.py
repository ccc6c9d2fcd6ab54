"""Synaptic-activation models: each neuron's spikes charge an activation that decays, and synapses pass it on.

    a(t + 1) = a(t) (1 - dt / tau) + (dt / 1 ms) X(t),   g_j(t) = r sum_i W[i, j] a_i(t) + b + stimulus_j(t)

The rectified model draws Poisson counts of mean dt rate max(g - theta, 0); the thresholded one spikes where g > theta,
with b noisy at random steps: b (1 + z m), z normal with standard deviation sigma, m one with probability rho.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from glifjax.arrays import as_float
from glifjax.checks import require, require_not_negative, require_positive
from glifjax.glm.links import UNIT, RectifiedRate
from glifjax.glm.network import (
    AbstractNetwork,
    Input,
    Sample,
    checked_step,
    checked_weights,
    column,
    require_one_a_neuron,
)
from glifjax.glm.observation import AbstractObservation, Bernoulli, Poisson


class SparseNoise(eqx.Module):
    """Noise of the bias: z m, z normal with standard deviation sigma, m one with probability rho, else zero.

    Attributes:
        sigma, rho: without unit.
        squared: z^2 m instead, which never lowers the bias, as in the peer.
    """

    sigma: Float[Array, ""] = eqx.field(converter=as_float)
    rho: Float[Array, ""] = eqx.field(converter=as_float)
    squared: bool = eqx.field(default=False, static=True)

    def __check_init__(self):
        """Refuse a deviation below 0, and what is no probability."""
        require_not_negative(sigma=self.sigma)
        require("rho", self.rho, lambda rho: (rho >= 0) & (rho <= 1), "give a probability, 0 to 1")

    def __call__(self, uniform: Float[Array, " n"]) -> Float[Array, " n"]:
        """Where uniform < rho it is, but for a factor, uniform itself, and makes the normal number."""
        within = uniform < self.rho
        tiny = jnp.finfo(uniform.dtype).eps
        share = jnp.clip(jnp.where(within, uniform / jnp.where(self.rho > 0, self.rho, 1.0), 0.5), tiny, 1 - tiny)
        normal = self.sigma * jax.scipy.special.ndtri(share)
        return jnp.where(within, normal**2 if self.squared else normal, 0.0)


class Step(eqx.Module):
    """The link of a neuron without chance: 1 where the excess is positive."""

    def __call__(self, excess: Float[Array, "..."], dt: float) -> Float[Array, "..."]:
        """1.0 or 0.0."""
        return jnp.where(excess > 0, 1.0, 0.0)


class SAM(AbstractNetwork):
    """A network of synaptic activations; see the module's formula.

    Attributes:
        time_constant: tau, s; () or (n,).
        noise: of the bias; None for none.
    """

    weights: Float[Array, "n n"]
    time_constant: Float[Array, "..."] = eqx.field(converter=as_float)
    threshold: Float[Array, "..."] = eqx.field(converter=as_float)
    strength: Float[Array, "..."] = eqx.field(converter=as_float)
    bias: Float[Array, "..."] = eqx.field(converter=as_float)
    link: Callable
    observation: AbstractObservation
    noise: SparseNoise | None
    dt: float = eqx.field(static=True)

    def __check_init__(self):
        """Refuse a time constant of 0 or below."""
        require_positive(time_constant=self.time_constant)

    @property
    def history_steps(self) -> int:
        """0: the activation holds all of the past."""
        return 0

    @property
    def refractory_steps(self) -> int:
        """0."""
        return 0

    def tabulated(self) -> "SAM":
        """Itself: it has no kernels."""
        return self

    def start(self, uniform: Float[Array, " n"]) -> Float[Array, " n"]:
        """Activations between 0 and 1."""
        return uniform

    def init(self, initial: Float[Array, " n"] | None = None) -> Float[Array, " n"]:
        """Each neuron's activation, ms."""
        return jnp.zeros(self.size) if initial is None else jnp.asarray(initial, float)

    def step(self, state: Float[Array, " n"], inp: Input, dt: float) -> tuple[Float[Array, " n"], Sample]:
        """Spikes by the activation, then its update."""
        noise = 0.0 if self.noise is None else self.noise(inp.uniform)
        drive = self.strength * (state @ self.weights) + self.bias * (1 + noise) + inp.stimulus
        response = self.respond(drive)
        count = self.observation.draw(response, inp.uniform) if inp.forced is None else inp.forced
        return state * (1 - dt / self.time_constant) + count * (dt / UNIT), Sample(count, drive, response)

    def forced_drive(
        self, spikes: Float[Array, "n N"], initial: Float[Array, " n"] | None = None
    ) -> tuple[Float[Array, "n S"], Float[Array, "n S"]]:
        """The drive of given spikes, without noise: an associative recurrence, all steps at once.

        a(t) = sum_s (1 - dt / tau)^(t - 1 - s) (dt / 1 ms) X(s), doubling what is summed.
        """
        remaining = jnp.broadcast_to(1 - self.dt / self.time_constant, (self.size,))[:, None]
        charges = jnp.concatenate([self.init(initial)[:, None], spikes[:, :-1] * (self.dt / UNIT)], axis=1)
        activation, reach = charges, 1
        while reach < charges.shape[1]:
            behind = jnp.pad(activation, ((0, 0), (reach, 0)))[:, : charges.shape[1]]
            activation, reach = activation + remaining**reach * behind, 2 * reach
        synaptic = jnp.tensordot(self.weights, activation, ((0,), (0,)))
        drive = column(self.strength) * synaptic + column(self.bias)
        return drive, jnp.ones_like(drive)

    @property
    def channels(self) -> int:
        """A stimulus has one for each neuron."""
        return self.size

    @property
    def filters_stimulus(self) -> bool:
        """Never."""
        return False

    def stimulus_drive(self, stimulus: Float[Array, "c S"]) -> Float[Array, "n S"]:
        """The stimulus itself."""
        return stimulus


def RectifiedSAM(
    weights: ArrayLike,
    *,
    time_constant: ArrayLike,
    rate: ArrayLike,
    threshold: ArrayLike = 0.0,
    strength: ArrayLike = 1.0,
    bias: ArrayLike = 0.0,
    dt: float = 1e-4,
) -> SAM:
    """Poisson counts of mean dt rate max(g - theta, 0).

    Args:
        weights: (n, n), W[i, j] from i to j.
        time_constant: of the activation, s.
        rate: 1/s for an excess of 1.
        threshold, strength, bias: () or (n,).
        dt: step, s.

    Raises:
        InputError: weights that cannot be used, or a dt that is not positive.
    """
    return _checked(weights, time_constant, threshold, strength, bias, RectifiedRate(rate), Poisson(), None, dt)


def ThresholdSAM(
    weights: ArrayLike,
    *,
    time_constant: ArrayLike,
    threshold: ArrayLike,
    strength: ArrayLike = 1.0,
    bias: ArrayLike = 0.0,
    noise: SparseNoise | None = None,
    dt: float = 1e-4,
) -> SAM:
    """A spike where the drive exceeds the threshold; noise of the bias is all its chance.

    Arguments as RectifiedSAM's.
    """
    return _checked(weights, time_constant, threshold, strength, bias, Step(), Bernoulli(), noise, dt)


def _checked(weights, time_constant, threshold, strength, bias, link, observation, noise, dt) -> SAM:
    weights = checked_weights(weights)
    require_one_a_neuron(len(weights), time_constant=time_constant, threshold=threshold, strength=strength, bias=bias)
    return SAM(
        weights=weights,
        time_constant=time_constant,
        threshold=threshold,
        strength=strength,
        bias=bias,
        link=link,
        observation=observation,
        noise=noise,
        dt=checked_step(dt),
    )
