"""Generalised linear and linear-nonlinear-Poisson networks: a drive that is linear in past spikes, then a response.

    g_j(t) = r_j sum_{i, b} W[i, j, b] sum_k c_b(k) X_i(t - 1 - k) + sum_k o_j(k) X_j(t - 1 - k) + b_j + stimulus_j(t)
    response_j(t) = link(g_j(t) - theta_j, dt), and X_j(t) is drawn from it

with W[i, j] from i to j. Sources: Truccolo et al. 2005, J Neurophysiol 93:1074; Pillow et al. 2008, Nature 454:995;
the parameters of `from_spikeometric` are those of spikeometric 1.0.3.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from glifjax.arrays import as_float
from glifjax.checks import require_part
from glifjax.glm.kernels import AbstractKernel, AbstractOwnKernel, StimulusKernel, Tabulated, TabulatedOwn
from glifjax.glm.links import ExponentialRate, Logit, RectifiedRate
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
from glifjax.glm.weighed import weighed, whole


class GLM(AbstractNetwork):
    """A network of such neurons; see the module's formula. Parameters are leaves, () shared or (n,) one a neuron.

    Attributes:
        coupling: what a spike adds to others' drive for a weight of one.
        own: what it adds to its own neuron's drive, and for how long none can follow; None for nothing.
        stimulus: a kernel for a stimulus of several channels; None, and a stimulus is added to the drive as it is.
        strength_on_own: whether `strength` scales the own-spike kernel too, as in the peer.
    """

    weights: Float[Array, "n n *b"]
    coupling: AbstractKernel
    own: AbstractOwnKernel | None
    threshold: Float[Array, "..."] = eqx.field(converter=as_float)
    strength: Float[Array, "..."] = eqx.field(converter=as_float)
    bias: Float[Array, "..."] = eqx.field(converter=as_float)
    link: Callable
    observation: AbstractObservation
    stimulus: StimulusKernel | None
    dt: float = eqx.field(static=True)
    strength_on_own: bool = eqx.field(static=True, default=False)

    @property
    def history_steps(self) -> int:
        """The longest kernel's steps."""
        own = 0 if self.own is None else max(self.own.taps(self.dt).shape[0], self.own.absolute_steps(self.dt))
        return max(self.coupling.taps(self.dt).shape[0], own)

    @property
    def refractory_steps(self) -> int:
        """The absolute refractory period's, whether it forbids spikes or is a part of the drive."""
        return 0 if self.own is None else self.own.refractory_steps(self.dt)

    def tabulated(self) -> "GLM":
        """The same network with its kernels as arrays."""
        own = self.own
        if own is not None:
            own = TabulatedOwn(own.taps(self.dt), own.absolute_steps(self.dt), own.refractory_steps(self.dt))
        replaced = (Tabulated(self.coupling.taps(self.dt)), own)
        return eqx.tree_at(lambda m: (m.coupling, m.own), self, replaced, is_leaf=lambda leaf: leaf is None)

    def start(self, uniform: Float[Array, " n"]) -> Float[Array, " n"]:
        """A fair coin for each neuron's newest step."""
        return jnp.floor(2 * uniform)

    def init(self, initial: Float[Array, " n"] | None = None) -> Float[Array, "T n"]:
        """The last T steps' spikes, the newest first: silence but for the newest."""
        history = jnp.zeros((self.history_steps, self.size))
        return history if initial is None else history.at[0].set(initial)

    def step(self, state: Float[Array, "T n"], inp: Input, dt: float) -> tuple[Float[Array, "T n"], Sample]:
        """The drive of the history, the response, the draw."""
        taps = self.coupling.taps(dt)
        features = jnp.sum(taps * state[: len(taps), None, :], axis=0)
        drive = self.strength * weighed(self.weights, features) + self.bias + inp.stimulus
        silenced = jnp.zeros_like(drive, bool)
        if self.own is not None:
            taps = self.own.taps(dt)
            own = jnp.sum(taps * state[: len(taps)], axis=0)
            drive += self.strength * own if self.strength_on_own else own
            silenced = jnp.any(state[: self.own.absolute_steps(dt)] > 0, axis=0)
        response = jnp.where(silenced, 0.0, self.respond(drive))
        count = self.observation.draw(response, inp.uniform) if inp.forced is None else inp.forced
        return jnp.concatenate([count[None], state[:-1]]), Sample(count, drive, response)

    def forced_drive(
        self, spikes: Float[Array, "n N"], initial: Float[Array, " n"] | None = None
    ) -> tuple[Float[Array, "n S"], Float[Array, "n S"]]:
        """The drive of given spikes, the first T columns being history: convolutions, no scan."""
        history = self.history_steps
        past = lambda taps: _filtered(spikes[:, history - len(taps) : -1], taps)
        drive = column(self.strength) * whole(self.weights, self.coupling_features(spikes))
        free = jnp.ones_like(drive)
        if self.own is not None:
            taps, absolute = self.own.taps(self.dt), self.own.absolute_steps(self.dt)
            if len(taps):
                own = past(taps[:, None])[0]
                drive += column(self.strength) * own if self.strength_on_own else own
            if absolute:
                free = jnp.where(past(jnp.ones((absolute, 1, 1)))[0] > 0.5, 0.0, 1.0)
        return drive + column(self.bias), free

    def coupling_features(self, spikes: Float[Array, "n N"]) -> Float[Array, "b n S"]:
        """What the weights multiply in `forced_drive`, but for `strength`."""
        taps = self.coupling.taps(self.dt)
        return _filtered(spikes[:, self.history_steps - len(taps) : -1], taps)

    @property
    def channels(self) -> int:
        """One a neuron, or as many as the stimulus kernel has."""
        return self.size if self.stimulus is None else self.stimulus.coefficients.shape[0]

    @property
    def filters_stimulus(self) -> bool:
        """With a stimulus kernel."""
        return self.stimulus is not None

    def stimulus_drive(self, stimulus: Float[Array, "c S"]) -> Float[Array, "n S"]:
        """The stimulus itself, or filtered by its kernel."""
        return stimulus if self.stimulus is None else self.stimulus.drive(stimulus, self.dt)


def _filtered(spikes: Float[Array, "n N"], taps: Float[Array, "T b m"]) -> Float[Array, "b n S"]:
    """sum_k taps[k, b, i] spikes[i, t + T - 1 - k] for t = 0 ... N - T."""
    taps = jnp.broadcast_to(taps, (*taps.shape[:2], len(spikes)))
    by_neuron = jax.vmap(lambda one, kernel: jnp.convolve(one, kernel, mode="valid"), (0, 1))
    return jax.vmap(by_neuron, (None, 1))(spikes, taps)


def BernoulliGLM(
    weights: ArrayLike,
    *,
    coupling: AbstractKernel,
    own: AbstractOwnKernel | None = None,
    threshold: ArrayLike = 0.0,
    strength: ArrayLike = 1.0,
    bias: ArrayLike = 0.0,
    link: Callable | None = None,
    stimulus: StimulusKernel | None = None,
    dt: float = 1e-3,
) -> GLM:
    """At most one spike a step, with probability link(g - theta, dt).

    Args:
        weights: (n, n), W[i, j] from i to j; (n, n, b) where the coupling has b functions.
        coupling, own, stimulus: see GLM.
        threshold, strength, bias: () or (n,).
        link: Logit() if None; or Hazard(), or any callable link(excess, dt) -> probability.
        dt: step, s; at most 1 ms with the logit.

    Raises:
        InputError: weights that cannot be used, a window below a step, a dt above 1 ms with the logit.
    """
    return _checked(weights, coupling, own, threshold, strength, bias, link or Logit(), Bernoulli(), stimulus, dt)


def PoissonGLM(
    weights: ArrayLike,
    *,
    coupling: AbstractKernel,
    own: AbstractOwnKernel | None = None,
    threshold: ArrayLike = 0.0,
    strength: ArrayLike = 1.0,
    bias: ArrayLike = 0.0,
    link: Callable | None = None,
    stimulus: StimulusKernel | None = None,
    dt: float = 1e-3,
) -> GLM:
    """A Poisson count a step, of mean link(g - theta, dt): ExponentialRate() if None. Arguments as BernoulliGLM's."""
    return _checked(
        weights, coupling, own, threshold, strength, bias, link or ExponentialRate(), Poisson(), stimulus, dt
    )


def RectifiedLNP(
    weights: ArrayLike,
    *,
    coupling: AbstractKernel,
    own: AbstractOwnKernel | None = None,
    threshold: ArrayLike = 0.0,
    strength: ArrayLike = 1.0,
    bias: ArrayLike = 0.0,
    rate: ArrayLike = 1e3,
    stimulus: StimulusKernel | None = None,
    dt: float = 1e-3,
) -> GLM:
    """A Poisson count of mean dt rate max(g - theta, 0), rate in 1/s. Other arguments as BernoulliGLM's."""
    link = RectifiedRate(rate)
    return _checked(weights, coupling, own, threshold, strength, bias, link, Poisson(), stimulus, dt)


def _checked(weights, coupling, own, threshold, strength, bias, link, observation, stimulus, dt) -> GLM:
    require_part("coupling", coupling, AbstractKernel)
    require_part("own", own, AbstractOwnKernel, optional=True)
    require_part("stimulus", stimulus, StimulusKernel, optional=True)
    weights = checked_weights(weights)
    require_one_a_neuron(weights.shape[1], threshold=threshold, strength=strength, bias=bias)
    model = GLM(
        weights=weights,
        coupling=coupling,
        own=own,
        threshold=threshold,
        strength=strength,
        bias=bias,
        link=link,
        observation=observation,
        stimulus=stimulus,
        dt=checked_step(dt),
    )
    link(jnp.zeros(()), model.dt)  # what it refuses, it refuses now
    _ = model.history_steps
    return model
