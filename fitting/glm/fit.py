"""fit(): spike trains in, a network with error bars out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, PRNGKeyArray

from glifjax import glm
from glifjax.errors import InputError
from glifjax.glm.kernels import AbstractKernel
from glifjax.glm.network import checked_step
from glifjax.spikes.trains import SpikeTrains

from .binned import Binned, binned
from .convex import curvature, maximise
from .design import Design, design
from .joint import refine
from .scores import VALIDATED, Scores, blocks, score
from .stability import Stability, stability

#: Precision of the weights' normal prior where none is asked for: a standard deviation of 10.
RIDGE = 0.01
#: Bins of the sample that errors are taken from.
ERROR_SAMPLE = 400_000
#: Half the width of a 90 % interval, standard errors.
NINETY = 1.6449


@dataclass(frozen=True)
class Fit:
    """A fitted network.

    Attributes:
        model: the network, ready for glifjax.glm.simulate.
        weights: W[i, j] from i to j, (n, n), or (n, n, b) where the coupling has b functions.
        standard_errors: of the weights, shaped alike; from the information matrix.
        shared: numbers that all neurons share, by their place in the model: value and standard error.
        ridge: the precision of the weights' prior that was used.
        data: what was fitted.
        warnings: what is to be known before the fit is trusted, in sentences.
    """

    model: glm.GLM
    weights: Float[np.ndarray, "n n *b"]
    standard_errors: Float[np.ndarray, "n n *b"]
    shared: dict[str, tuple[float, float]]
    ridge: float
    data: Binned
    warnings: tuple[str, ...]
    _problem: "_Problem" = field(repr=False)

    @property
    def intervals(self) -> Float[np.ndarray, "n n *b 2"]:
        """Lower and upper ends of the weights' 90 % intervals."""
        half = NINETY * self.standard_errors
        return np.stack([self.weights - half, self.weights + half], axis=-1)

    def score(self) -> Scores:
        """Fitted anew to four fifths of the time, judged on the last fifth of every five blocks; see Scores."""
        return self._score

    @cached_property
    def _score(self) -> Scores:
        held = blocks(self.data)
        training = self.data.only(~held)
        with jax.enable_x64(True):
            partly = self._problem.solved(training, self.ridge, errors=False)
            return score(self._problem.responses(partly.model), self.data.only(held), training, self.model.observation)

    def stability(self, key: PRNGKeyArray | None = None, runs: int = 10, duration: float = 60.0) -> Stability:
        """Free runs of the network beside the data's rates; see Stability."""
        return stability(self.model, self.data, jax.random.key(0) if key is None else key, runs, duration)


def fit(
    spikes: ArrayLike | SpikeTrains,
    dt: float,
    *,
    like: glm.GLM | None = None,
    basis: int | AbstractKernel | None = None,
    own: AbstractKernel | None = None,
    link: str | Callable | None = None,
    absolute: float = 0.0,
    stimulus: ArrayLike | None = None,
    stimulus_basis: int | AbstractKernel | None = None,
    connectivity: ArrayLike | None = None,
    recorded: ArrayLike | None = None,
    duration: float | None = None,
    ridge: float | Sequence[float] = RIDGE,
    key: PRNGKeyArray | None = None,
) -> Fit:
    """Fit a network by maximum likelihood, with a weak normal prior.

    Args:
        spikes: counts of any integer type, (n, steps) or (trials, n, steps), or SpikeTrains.
        dt: bin, s.
        like: a GLM whose kernels, windows, link and numbers are where the fit starts; its weights are not read. What it
            has one number of is shared by all neurons, and fitted together with the weights.
        basis: instead of `like`, functions of the coupling: a kernel, or how many raised cosines over 100 ms; 6
            if None.
        own: functions of the own-spike kernel; the coupling's if None.
        link: "logit" (up to 1 ms), "hazard", "poisson", or a function (excess, dt) -> probability; logit or, in wider
            bins, poisson if None.
        absolute: with a basis, the time after a spike that can hold none and does not count, s.
        stimulus: (channels, steps); or (n, steps), added to the drive as it is, where no `stimulus_basis` is given.
        stimulus_basis: functions that each channel passes through, fitted for each neuron.
        connectivity: (n, n), True for the pairs to fit; all if None.
        recorded: True where a neuron was recorded, shaped as the counts or as one trial's; all if None.
        duration: of a recording given as SpikeTrains, s; up to its last spike if None.
        ridge: precision of the normal prior on all weights; of several, that which predicts every fifth block best.
        key: not needed by the likelihood, which is not random; taken so that every call may have one.

    Raises:
        InputError: what cannot be used, in one sentence.
    """
    del key
    dt = checked_step(dt)
    if like is not None and (basis is not None or link is not None or own is not None):
        raise InputError("like= gives kernels and link; give it alone, or basis=, own= and link=")
    with jax.enable_x64(True):
        like = None if like is None else jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), float), like)
        plan = design(dt, like, basis, own, link, absolute, stimulus_basis)
        most = 1 if isinstance(plan.observation, glm.Bernoulli) else 255
        data = binned(spikes, dt, plan.history, duration=duration, recorded=recorded, most_per_bin=most)
        free = plan.free_bins(data)
        within = int((data.counts * data.counted * ~free).sum())
        if within:
            share = within / max(int(data.spikes.sum()), 1)
            text = f"{within} spikes ({share:.1%}) come within the absolute refractory period, and do not count"
            data = replace(data, warnings=(*data.warnings, text))
        data = data.only(free)
        if data.spikes.sum() == 0:
            raise InputError("no spike counts: none lies behind the first history and outside refractory periods")
        problem = _Problem(plan, data, _laid(stimulus, data, plan.history), _pairs(connectivity, data.counts.shape[1]))
        chosen = float(ridge) if isinstance(ridge, int | float) else _best_ridge(problem, data, ridge)
        return problem.solved(data, chosen)


def _best_ridge(problem: "_Problem", data: Binned, ridges: Sequence[float]) -> float:
    """The precision whose fit to three fifths of the time predicts the fourth best; the last is left for the score."""
    validated, scored = blocks(data, VALIDATED), blocks(data)
    training, validation = data.only(~validated & ~scored), data.only(validated)
    if not len(ridges):
        raise InputError("there is no ridge to choose from; give a number, or several")
    if len(ridges) == 1:
        return float(ridges[0])
    results = []
    for ridge in ridges:
        responses = problem.responses(problem.solved(training, ridge, errors=False).model)
        results.append(score(responses, validation, training, problem.design.observation).bits_per_spike)
    return float(ridges[int(np.argmax(results))])


@dataclass(frozen=True)
class _Problem:
    """All that is fitted, whichever bins count."""

    design: Design
    data: Binned
    stimulus: Float[np.ndarray, "c T"] | None
    connectivity: Bool[np.ndarray, "n n"]

    @cached_property
    def terms(self):
        return self.design.terms(self.data, self.stimulus, self.connectivity)

    def solved(self, data: Binned, ridge: float, errors: bool = True) -> Fit:
        maximum = maximise(self.terms, data, self.design.likelihood, ridge)
        warnings = list(data.warnings)
        if maximum.decrement.max() > 1e-3:
            warnings.append(
                f"the maximum was not reached: a decrement of {maximum.decrement.max():.2g} nats a spike is left"
            )
        if self.design.like is not None:
            return self._joint(data, ridge, maximum, tuple(warnings))
        model = self.design.model(maximum.theta, self.terms.parts(maximum.theta))
        standard = np.zeros(model.weights.shape)
        if errors:
            information = curvature(self.terms, data, self.design.likelihood, maximum.excess, ridge, ERROR_SAMPLE)
            variances = np.linalg.inv(np.asarray(information)).diagonal(axis1=1, axis2=2).T * self.terms.connected
            coupling = np.moveaxis(np.asarray(self.terms.parts(jnp.sqrt(jnp.asarray(variances)))[3]), 1, 2)
            standard = coupling.reshape(model.weights.shape)
        return Fit(model, np.asarray(model.weights), standard, {}, ridge, data, tuple(warnings), self)

    def _joint(self, data: Binned, ridge: float, maximum: Any, warnings: tuple[str, ...]) -> Fit:
        start = _started(self.design, self.terms.parts(maximum.theta))
        stimulus = None if self.stimulus is None else jnp.asarray(self.stimulus)
        ending = refine(start, data, stimulus, ridge, self.connectivity)
        weights = np.asarray(ending.model.weights)
        return Fit(ending.model, weights, ending.errors, ending.shared, ridge, data, warnings, self)

    def responses(self, model: glm.GLM) -> Float[Array, "T n"]:
        """A model's response to the data in every bin."""
        padded = jnp.asarray(np.pad(self.data.counts.T, ((0, 0), (model.history_steps, 0))))
        return _responses(model, padded, None if self.stimulus is None else jnp.asarray(self.stimulus))


@eqx.filter_jit
def _responses(model, padded, stimulus):
    drive, _ = model.forced_drive(padded.astype(float))
    return model.respond(drive if stimulus is None else drive + model.stimulus_drive(stimulus)).T


def _started(design: Design, parts: tuple[Array, ...]) -> glm.GLM:
    """`like` with the convex stage's weights; numbers that all neurons share are the means of its."""
    like = design.like
    assert like is not None
    constant, _, own, coupling = parts
    spread = lambda value, leaf: jnp.mean(value) if leaf.ndim == 0 else value
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


def _pairs(connectivity: ArrayLike | None, size: int) -> Bool[np.ndarray, "n n"]:
    if connectivity is None:
        return np.ones((size, size), bool)
    pairs = np.asarray(connectivity) != 0
    if pairs.shape != (size, size):
        raise InputError(f"connectivity has shape {pairs.shape}; give ({size}, {size}), True from i to j where fitted")
    return pairs


def _laid(stimulus: ArrayLike | None, data: Binned, history: int) -> Float[np.ndarray, "c T"] | None:
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
