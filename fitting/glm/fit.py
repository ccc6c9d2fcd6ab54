"""fit(): spike trains in, a network with error bars out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Float, PRNGKeyArray

from glifjax import glm
from glifjax.errors import InputError
from glifjax.glm.kernels import AbstractKernel
from glifjax.glm.network import checked_step
from glifjax.spikes.trains import SpikeTrains

from ..model.confidence import SIDES
from .binned import Binned, binned
from .choice import best_design, best_prior, strengths
from .design import Design, design, design_like, possible_links
from .kernels import Kernels, kernels
from .prior import Prior, checked_signs
from .problem import Problem, Solution, checked_pairs, laid
from .scores import Scores, blocks, score
from .shares import shares
from .stabilise import Stabilised, best_share, held
from .stability import Stability, stability

#: Precision of the weights' normal prior where none is asked for: a standard deviation of 10.
RIDGE = 0.01
#: Cosines of a basis that is not given.
BASIS = 6


@dataclass(frozen=True)
class Fit:
    """A fitted network.

    Attributes:
        prior: what was asked of the weights before any data.
        data: what was fitted.
        stabilised: what it took to keep free runs from running away; None where that was not asked for.
        warnings: what is to be known before the fit is trusted, in sentences.
    """

    prior: Prior
    data: Binned
    stabilised: Stabilised | None
    warnings: tuple[str, ...]
    _problem: Problem = field(repr=False)
    _solution: Solution = field(repr=False)

    @property
    def model(self) -> glm.GLM:
        """The network, ready for glifjax.glm.simulate."""
        return self._solution.model

    @property
    def weights(self) -> Float[np.ndarray, "n n *b"]:
        """W[i, j] from i to j, (n, n), or (n, n, b) where the coupling has b functions."""
        return np.asarray(self.model.weights)

    @property
    def standard_errors(self) -> Float[np.ndarray, "n n *b"]:
        """Of the weights, shaped alike."""
        return self._solution.standard_errors

    @property
    def shared(self) -> dict[str, tuple[float, float]]:
        """Numbers that all neurons share, by their place in the model: value and standard error."""
        return self._solution.shared

    @property
    def ridge(self) -> float:
        """The precision of the weights' prior that was used."""
        return self.prior.ridge

    @property
    def intervals(self) -> Float[np.ndarray, "n n *b 2"]:
        """Lower and upper ends of the weights' 90 % intervals."""
        half = SIDES * self.standard_errors
        return np.stack([self.weights - half, self.weights + half], axis=-1)

    @cached_property
    def kernels(self) -> Kernels:
        """What each spike does to each neuron by lag, with errors."""
        return kernels(self._solution, self._problem.design)

    def responses(self) -> Float[np.ndarray, "T n"]:
        """The probability or mean count of every bin, given the recorded past."""
        with jax.enable_x64(True):
            return np.asarray(self._problem.responses(self._solution))

    def score(self) -> Scores:
        """Fitted anew to four fifths of the time, judged on the last fifth of every five blocks; see Scores."""
        return self._score

    @cached_property
    def _score(self) -> Scores:
        scored = blocks(self.data)
        training, held_out = self.data.only(~scored), self.data.only(scored)
        with jax.enable_x64(True):
            partly = self._problem.solved(training, self.prior)
            share = 0.0 if self.stabilised is None else self.stabilised.share
            responses = self._problem.responses(held(self._problem, partly, training, share))
            scores = score(responses, held_out, training, self.model.observation, self._problem.design.absolute_steps)
            parts = shares(self._problem, training, held_out, self.prior, partly)
            return replace(scores, shares=parts, warnings=(*partly.warnings, *scores.warnings))

    def stability(self, key: PRNGKeyArray | None = None, runs: int = 10, duration: float = 60.0) -> Stability:
        """Free runs of the network beside the data's rates; see Stability."""
        return stability(self.model, self.data, jax.random.key(0) if key is None else key, runs, duration)


def fit(
    spikes: ArrayLike | SpikeTrains,
    dt: float,
    *,
    like: glm.GLM | None = None,
    basis: int | AbstractKernel | Sequence[int | AbstractKernel] | None = None,
    own: AbstractKernel | None = None,
    link: str | Callable | None = None,
    absolute: float = 0.0,
    stimulus: ArrayLike | None = None,
    stimulus_basis: int | AbstractKernel | Sequence[int | AbstractKernel] | None = None,
    connectivity: ArrayLike | None = None,
    recorded: ArrayLike | None = None,
    regions: Sequence[str] | None = None,
    duration: float | None = None,
    ridge: float | Sequence[float] = RIDGE,
    lasso: float | Sequence[float] = 0.0,
    group_lasso: float | Sequence[float] = 0.0,
    signs: ArrayLike | None = None,
    errors: str = "information",
    stable: bool = False,
    key: PRNGKeyArray | None = None,
    progress: Callable[[str], None] | None = None,
) -> Fit:
    """Fit a network by maximum likelihood, with a weak normal prior.

    Args:
        spikes: counts of any integer type, (n, steps) or (trials, n, steps), or SpikeTrains.
        dt: bin, s.
        like: a GLM whose kernels, windows, link and numbers are where the fit starts; its weights are not read. What it
            has one number of is shared by all neurons, and fitted together with the weights.
        basis: instead of `like`, functions of the coupling: a kernel, or how many raised cosines over 100 ms; 6
            if None; of several, the one that predicts every fifth block of time best.
        own: functions of the own-spike kernel; the coupling's if None.
        link: "logit" (up to 1 ms), "hazard", "poisson", or a function (excess, dt) -> probability; if None, chosen
            likewise.
        absolute: with a basis, the time after a spike that can hold none and does not count, s.
        stimulus: (channels, steps); or (n, steps), added to the drive as it is, where no `stimulus_basis` is given.
        stimulus_basis: functions that each channel passes through, fitted for each neuron; of several, chosen likewise.
        connectivity: (n, n), True for the pairs to fit; all if None.
        recorded: True where a neuron was recorded, shaped as the counts or as one trial's; all if None.
        regions: where each neuron is; the populations of SpikeTrains if None.
        duration: of a recording given as SpikeTrains, s; up to its last spike if None.
        ridge: precision of the normal prior on all weights.
        lasso: nats for a coupling weight of one, of either sign: keeps few weights.
        group_lasso: the same for the length of a pair's weights: keeps few pairs.
        signs: (n,), 1 where a neuron excites, -1 where it inhibits, 0 where it may do both; held in the fit.
        errors: "information", or "sandwich", which also holds where the model is not quite right; see errors.py.
        stable: hold responses at what the recorded past makes of them, so that free runs do not run away; see
            stabilise.py.
        key: of the free runs of a stable fit; the likelihood itself is not random.
        progress: is called with a few words now and then.

    Of several numbers as ridge, lasso or group_lasso that combination is taken which predicts every fifth block best.

    Raises:
        InputError: what cannot be used, in one sentence.
    """
    dt = checked_step(dt)
    key = jax.random.key(0) if key is None else key
    if like is not None and (basis is not None or link is not None or own is not None):
        raise InputError("like= gives kernels and link; give it alone, or basis=, own= and link=")
    if errors not in ("information", "sandwich"):
        raise InputError(f"there are no errors {errors!r}; give information or sandwich")
    grid = [strengths(*pair) for pair in ((ridge, "ridge"), (lasso, "lasso"), (group_lasso, "group_lasso"))]
    with jax.enable_x64(True):
        like = None if like is None else jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), float), like)
        plans = [design_like(like, dt)] if like is not None else _plans(dt, basis, own, link, absolute, stimulus_basis)
        history, most = max(plan.history for plan in plans), max(plan.most_per_bin for plan in plans)
        options = {"duration": duration, "recorded": recorded, "regions": regions}
        data = binned(spikes, dt, history, **options, most_per_bin=most)
        size = data.counts.shape[1]
        signed = checked_signs(signs, size)
        priors = [Prior(*strength, signs=signed) for strength in product(*grid)]
        if like is not None and not all(prior.smooth for prior in priors):
            raise InputError("lasso=, group_lasso= and signs= need a basis=; with like= all weights move freely")
        pairs, plan = checked_pairs(connectivity, size), plans[0]
        if len(plans) > 1:
            counting = data.only(plan.free_bins(data))
            candidate = Problem(plan, counting, laid(stimulus, data, history), pairs, progress=progress)
            plan = best_design(candidate, counting, priors[0], plans)
            data = binned(spikes, dt, plan.history, **options, most_per_bin=plan.most_per_bin)
        laid_stimulus = laid(stimulus, data, plan.history)
        data = _outside_refractory_periods(data, plan)
        problem = Problem(plan, data, laid_stimulus, pairs, errors == "sandwich", progress)
        prior = best_prior(problem, data, priors)
        chosen = best_share(problem, data, prior, key) if stable else None
        solution = problem.solved(data, prior, errors=True)
        if chosen is not None:
            solution = held(problem, solution, data, chosen.share)
    said = (str(chosen),) if chosen is not None and chosen.before.unstable.any() else ()
    return Fit(prior, data, chosen, (*data.warnings, *solution.warnings, *said), problem, solution)


def _plans(dt, basis, own, link, absolute, stimulus_basis) -> list[Design]:
    """A design for each basis, link and stimulus basis to choose from; arguments as `fit`'s."""
    several = lambda value: list(value) if isinstance(value, Sequence) else [value]
    bases, stimulus_bases = several(BASIS if basis is None else basis), several(stimulus_basis)
    if not bases or not stimulus_bases:
        raise InputError("there is no basis to choose from; give one, or several")
    links = possible_links(dt) if link is None else [link]
    return [
        design(dt, one, own, other, absolute, stimulated)
        for one, other, stimulated in product(bases, links, stimulus_bases)
    ]


def _outside_refractory_periods(data: Binned, plan: Design) -> Binned:
    """The bins that count, less those in which no spike can be."""
    free = plan.free_bins(data)
    within = int((data.counts * data.counted * ~free).sum())
    if within:
        share = within / max(int(data.spikes.sum()), 1)
        text = f"{within} spikes ({share:.1%}) come within the absolute refractory period, and do not count"
        data = replace(data, warnings=(*data.warnings, text))
    data = data.only(free)
    if data.spikes.sum() == 0:
        raise InputError("no spike counts: none lies behind the first history and outside refractory periods")
    return data
