"""How well a network predicts spikes that it was not fitted to: bits a spike, and time rescaled."""

from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.stats import kstest

from glifjax.glm.observation import AbstractObservation

from .binned import Binned

#: Time is cut into blocks of this, s, or of a tenth of the recording where that is less.
BLOCK = 10.0
#: Of every so many blocks, one is scored and one may choose among fits.
CYCLE = 5
SCORED = 4
VALIDATED = 3
#: Below this probability a neuron's rescaled intervals are not uniform.
DOUBTFUL = 0.05


@dataclass(frozen=True)
class Scores:
    """Of held-out blocks.

    Attributes:
        bits_per_spike: (log L - log L of constant rates) / (spikes log 2), all neurons together.
        neurons: the same of each neuron, (n,).
        spikes: held-out spikes of each neuron, (n,).
        ks_distance: of each neuron's rescaled intervals from a uniform distribution, (n,); NaN without any.
        ks_probability: of such a distance or a larger one were the model true, (n,).
        rescaled: each neuron's rescaled intervals, in order; see `rescaled`.
        shares: bits a spike that are lost where own spikes, coupling or the stimulus are left out of the fit, by name.
        warnings: in sentences.
    """

    bits_per_spike: float
    neurons: Float[np.ndarray, " n"]
    spikes: Float[np.ndarray, " n"]
    ks_distance: Float[np.ndarray, " n"]
    ks_probability: Float[np.ndarray, " n"]
    rescaled: tuple[Float[np.ndarray, " k"], ...] = field(repr=False)
    shares: dict[str, float]
    warnings: tuple[str, ...]


def blocks(data: Binned, which: int = SCORED) -> Bool[np.ndarray, "T 1"]:
    """One of every five blocks of time, True in it; the last is scored."""
    total = len(data.counts)
    length = max(1, min(round(BLOCK / data.dt), total // (2 * CYCLE)))
    return ((np.arange(total) // length) % CYCLE == which)[:, None]


def score(
    responses: Float[Array, "T n"], held_out: Binned, training: Binned, observation: AbstractObservation
) -> Scores:
    """Scores of a model's responses, with the constant rates of the training data to compare with."""
    gains = _gains(responses, held_out, training, observation)
    spikes = np.maximum(held_out.spikes, 1)
    uniform = rescaled(np.asarray(responses), held_out)
    tests = [kstest(sums, "uniform") if len(sums) > 1 else None for sums in uniform]
    distances = np.array([np.nan if test is None else test.statistic for test in tests])
    probabilities = np.array([np.nan if test is None else test.pvalue for test in tests])
    warnings = []
    worse = [held_out.units[i] for i in np.flatnonzero(gains < 0)]
    if worse:
        warnings.append(f"a constant rate predicts {', '.join(worse)} better than the model does, on held-out time")
    doubtful = int(np.sum(probabilities < DOUBTFUL))
    if doubtful:
        warnings.append(
            f"rescaled intervals of {doubtful} of {len(spikes)} neurons are not uniform (KS, p < {DOUBTFUL})"
        )
    bits = gains / spikes / np.log(2)
    total, counts = _bits(gains, held_out), held_out.spikes.astype(float)
    return Scores(total, bits, counts, distances, probabilities, tuple(uniform), {}, tuple(warnings))


def bits_per_spike(
    responses: Float[Array, "T n"], held_out: Binned, training: Binned, observation: AbstractObservation
) -> float:
    """The first of the scores alone; arguments as `score`'s."""
    return _bits(_gains(responses, held_out, training, observation), held_out)


def _bits(gains: Float[np.ndarray, " n"], held_out: Binned) -> float:
    return float(gains.sum() / max(held_out.spikes.sum(), 1) / np.log(2))


def _gains(responses, held_out, training, observation) -> Float[np.ndarray, " n"]:
    """By how much each neuron's spikes are likelier than under constant rates, nats."""
    counts, counted = jnp.asarray(held_out.counts), jnp.asarray(held_out.counted)
    constant = jnp.asarray(np.maximum(training.rates * training.dt, 1e-9))
    gains = observation.log_likelihood(responses, counts) - observation.log_likelihood(constant, counts)
    return np.asarray(jnp.sum(jnp.where(counted, gains, 0.0), axis=0))


def rescaled(responses: Float[np.ndarray, "T n"], data: Binned) -> list[Float[np.ndarray, " k"]]:
    """Each neuron's intervals as they would be uniform in [0, 1] were the responses true, in order.

    With q = -log(1 - p) (of a mean count, mu itself) summed over the bins between two spikes, and the spike's own bin
    counted up to a random place in it, 1 - exp(-sum) is uniform; intervals that leave the bins which count are left
    out. Source: Haslinger, Pipa & Brown 2010, Neural Comput 22:2477 (time rescaling in discrete time).
    """
    random, intervals = np.random.default_rng(0), []
    for j, (train, counted) in enumerate(zip(data.counts.T, data.counted.T, strict=True)):
        hazard = np.where(counted, -np.log1p(-np.clip(responses[:, j], 0.0, 1 - 1e-12)), 0.0)
        total, missing = np.cumsum(hazard), np.cumsum(~counted)
        places = np.flatnonzero((train > 0) & counted)
        before, after = places[:-1], places[1:]
        whole = missing[after] - missing[before] <= _refractory(counted, before)
        chance = -np.expm1(-hazard[after])
        within = -np.log1p(-random.uniform(size=len(after)) * chance)
        sums = (total[after - 1] - total[before] + within)[whole]
        intervals.append(np.sort(-np.expm1(-sums)))
    return intervals


def _refractory(counted: np.ndarray, before: np.ndarray) -> np.ndarray:
    """How many bins right behind each spike do not count: its refractory period."""
    following = np.zeros(len(before), int)
    running = np.ones(len(before), bool)
    for lag in range(1, 50):
        running &= ~counted[np.minimum(before + lag, len(counted) - 1)]
        if not running.any():
            break
        following += running
    return following
