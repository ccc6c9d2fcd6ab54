"""All that is fitted, whichever bins count: solved, and its responses."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from glifjax import glm
from glifjax.errors import InputError

from .binned import Binned
from .convex import Maximum, excess_at, maximise
from .design import Design
from .errors import covariances
from .joint import refine
from .prior import Prior
from .proximal import maximise_with_corners
from .terms import Terms

#: A neuron whose decrement is above this is not at its maximum, nats a spike.
UNFINISHED = 1e-3


@dataclass(frozen=True)
class Solution:
    """A problem's answer.

    Attributes:
        model: the network.
        theta: the convex stage's answer, (p, n); see Terms.
        shared: numbers that all neurons share, by their place in the model: value and standard error.
        standard_errors: of the model's weights, shaped as these; zeros where none were asked for.
        covariances: of each neuron's parameters, in the order of theta, (n, p, p); what is not fitted has none.
        warnings: in sentences.
    """

    model: glm.GLM
    theta: Float[Array, "p n"]
    shared: dict[str, tuple[float, float]]
    standard_errors: Float[np.ndarray, "n n *b"]
    covariances: Float[np.ndarray, "n p p"] | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """What is fitted to what.

    Attributes:
        design: kernels and link.
        data: all bins that there are.
        stimulus: laid as the bins are.
        connectivity: the pairs that are fitted.
        robust: errors by the sandwich; see errors.py.
        progress: is called with a few words now and then.
    """

    design: Design
    data: Binned
    stimulus: Float[np.ndarray, "c T"] | None
    connectivity: Bool[np.ndarray, "n n"]
    robust: bool = False
    progress: Callable[[str], None] | None = None

    @cached_property
    def terms(self) -> Terms:
        """The convex stage's design."""
        return self.design.terms(self.data, self.stimulus, self.connectivity)

    def maximum(
        self,
        data: Binned,
        prior: Prior,
        start: Float[Array, "p n"] | None = None,
        without: Bool[np.ndarray, " p"] | None = None,
    ) -> Maximum:
        """The convex stage's.

        Args:
            data: the problem's, of which some bins count.
            prior: on the weights.
            start: where to begin.
            without: rows of theta that are left out.
        """
        terms = self.terms
        if without is not None:
            terms = eqx.tree_at(lambda t: t.connected, terms, terms.connected & ~jnp.asarray(without)[:, None])
            start = None if start is None else start * terms.connected
        if prior.smooth:
            return maximise(terms, data, self.design.likelihood, prior.ridge, start, self.progress)
        return maximise_with_corners(terms, data, self.design.likelihood, prior, start, self.progress)

    def solved(
        self, data: Binned, prior: Prior, *, errors: bool = False, start: Float[Array, "p n"] | None = None
    ) -> Solution:
        """Both stages' answer; arguments as `maximum`'s, and whether errors are wanted."""
        maximum = self.maximum(data, prior, start)
        warnings: tuple[str, ...] = ()
        if maximum.decrement.max() > UNFINISHED:
            left = maximum.decrement.max()
            warnings = (f"the maximum was not reached: a decrement of {left:.2g} nats a spike is left",)
        if self.design.like is not None:
            solution = self._joint(data, prior, maximum)
            return replace(solution, warnings=(*warnings, *solution.warnings))
        parts = self.terms.parts(maximum.theta)
        model = self.design.model(maximum.theta, parts)
        if not errors:
            return Solution(model, maximum.theta, {}, np.zeros(model.weights.shape), None, warnings)
        covariance = covariances(self.terms, data, self.design.likelihood, maximum.excess, prior.ridge, self.robust)
        standard = jnp.asarray(np.sqrt(np.maximum(covariance.diagonal(axis1=1, axis2=2), 0.0)).T)
        coupling = np.moveaxis(np.asarray(self.terms.parts(standard)[3]), 1, 2)
        return Solution(model, maximum.theta, {}, coupling.reshape(model.weights.shape), covariance, warnings)

    def _joint(self, data: Binned, prior: Prior, maximum: Maximum) -> Solution:
        start = _started(self.design, self.terms.parts(maximum.theta), data.spikes)
        stimulus = None if self.stimulus is None else jnp.asarray(self.stimulus)
        ending = refine(start, data, stimulus, prior.ridge, self.connectivity, self.robust)
        first = self.terms.count - ending.covariances.shape[1]
        covariance = np.pad(ending.covariances, ((0, 0), (first, 0), (first, 0)))
        short = "weights and shared numbers together stopped short of their maximum; start nearer, or give a ridge"
        untold = [name for name, (_, error) in ending.shared.items() if np.isinf(error)]
        nothing = f"the spikes do not determine {', '.join(untold)}, whose value means nothing"
        warnings = (*(() if ending.finished else (short,)), *((nothing,) if untold else ()))
        return Solution(ending.model, maximum.theta, ending.shared, ending.errors, covariance, warnings)

    def responses(self, solution: Solution) -> Float[Array, "T n"]:
        """The response to the data in every bin."""
        if self.design.like is None:
            likelihood = replace(self.design.likelihood, link=solution.model.link)
            return likelihood.responses(excess_at(self.terms, solution.theta))
        model = solution.model
        padded = jnp.asarray(np.pad(self.data.counts.T, ((0, 0), (model.history_steps, 0))))
        return _responses(model, padded, None if self.stimulus is None else jnp.asarray(self.stimulus))


@eqx.filter_jit
def _responses(model, padded, stimulus):
    drive, _ = model.forced_drive(padded.astype(float))
    return model.respond(drive if stimulus is None else drive + model.stimulus_drive(stimulus)).T


def _started(design: Design, parts: tuple[Array, ...], spikes: Int[np.ndarray, " n"]) -> glm.GLM:
    """`like` with the convex stage's weights; numbers that all neurons share are its means over spikes."""
    like = design.like
    assert like is not None
    constant, _, own, coupling = parts
    spread = lambda value, leaf: jnp.average(value, weights=jnp.asarray(spikes)) if leaf.ndim == 0 else value
    weights = jnp.moveaxis(coupling, 1, 2) / like.strength
    changes: dict[str, Any] = {"weights": weights[:, :, 0] if weights.shape[2] == 1 else weights}
    if isinstance(like.link, glm.ExponentialRate):
        above = constant - (like.bias - like.threshold)
        rate = like.link.rate * jnp.exp(like.link.gain * spread(above, like.link.rate))
        changes["link"] = replace(like.link, rate=rate)
    else:
        changes["threshold"] = spread(like.bias - constant, like.threshold)
    scale = like.strength if like.strength_on_own else jnp.ones(())
    if isinstance(like.own, glm.Refractory):
        strength = spread(own[0] / scale, like.own.strength) if len(own) else like.own.strength
        changes["own"] = replace(like.own, strength=strength, absolute_strength=None)
    elif isinstance(like.own, glm.OwnKernel):
        changes["own"] = replace(like.own, coefficients=own / scale)
    return replace(like, **changes)


def checked_pairs(connectivity: ArrayLike | None, size: int) -> Bool[np.ndarray, "n n"]:
    """The pairs to fit; refused where they are not one boolean for each."""
    if connectivity is None:
        return np.ones((size, size), bool)
    pairs = np.asarray(connectivity) != 0
    if pairs.shape != (size, size):
        raise InputError(f"connectivity has shape {pairs.shape}; give ({size}, {size}), True from i to j where fitted")
    return pairs


def laid(stimulus: ArrayLike | None, data: Binned, history: int) -> Float[np.ndarray, "c T"] | None:
    """A stimulus laid end to end as the counts are."""
    if stimulus is None:
        return None
    values = np.asarray(stimulus, float)
    values = values[None] if values.ndim == 1 else values
    if not np.isfinite(values).all():
        raise InputError("the stimulus holds a NaN or an infinity; give finite numbers")
    trials = len(data.starts)
    steps = (len(data.counts) + history) // trials - history
    if values.shape[-1] != steps or (values.ndim == 3 and len(values) != trials):
        raise InputError(f"the stimulus has shape {values.shape}; give (channels, {steps}), or one for each trial")
    per_trial = np.broadcast_to(values, (trials, *values.shape[-2:]))
    padded = np.pad(per_trial, ((0, 0), (0, 0), (0, history)))
    return np.moveaxis(padded, 0, 1).reshape(values.shape[-2], -1)[:, : len(data.counts)]
