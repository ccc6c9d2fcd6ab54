"""How well a network predicts spikes that it was not fitted to: bits a spike, and time rescaled."""

from dataclasses import dataclass, field

import equinox as eqx
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
#: A hazard beyond this is certainty.
CERTAIN = 40.0


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
    """One of every five blocks of recorded time, which stands still between trials, True in it; the last is scored."""
    places = np.arange(len(data.counts))
    trial = np.searchsorted(data.starts, places, "right") - 1
    return (((places - _gap(data) * trial) // block_bins(data)) % CYCLE == which)[:, None]


def block_bins(data: Binned) -> int:
    """A block's bins: those of BLOCK seconds, or a tenth of the recorded ones where that is less."""
    recorded = len(data.counts) - _gap(data) * (len(data.starts) - 1)
    return max(1, min(round(BLOCK / data.dt), recorded // (2 * CYCLE)))


def _gap(data: Binned) -> int:
    """Bins between two trials."""
    trials = len(data.starts)
    return trials * data.starts[1] - len(data.counts) if trials > 1 else 0


def score(
    responses: Float[Array, "T n"],
    held_out: Binned,
    training: Binned,
    observation: AbstractObservation,
    refractory: int = 0,
) -> Scores:
    """Scores of a model's responses.

    Args:
        responses: of every bin.
        held_out: of which bins.
        training: its constant rates are what to compare with.
        observation: the network's.
        refractory: bins behind a spike that can hold none, and do not count.
    """
    gains = _gains(responses, held_out, training, observation)
    spikes = np.maximum(held_out.spikes, 1)
    uniform = rescaled(np.asarray(_hazards(observation, responses)), held_out, refractory)
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
    constant = jnp.asarray(np.maximum(training.rates * training.dt, 1e-9))
    return log_likelihood(responses, held_out, observation) - log_likelihood(constant, held_out, observation)


def log_likelihood(
    responses: Float[Array, "*T n"], data: Binned, observation: AbstractObservation
) -> Float[np.ndarray, " n"]:
    """Of each neuron's counts in bins that count, nats; responses of every bin, or the same in all."""
    return np.asarray(_sums(observation, responses, jnp.asarray(data.counts), jnp.asarray(data.counted)))


@eqx.filter_jit
def _sums(observation, responses, counts, counted):
    return jnp.sum(jnp.where(counted, observation.log_likelihood(responses, counts), 0.0), axis=0)


@eqx.filter_jit
def _hazards(observation, responses):
    """-log P(no spike)."""
    return -observation.log_likelihood(responses, jnp.zeros(()))


def rescaled(hazards: Float[np.ndarray, "T n"], data: Binned, refractory: int = 0) -> list[Float[np.ndarray, " k"]]:
    """Each neuron's intervals as they would be uniform in [0, 1] were the hazards true, in order.

    With a bin's hazard -log P(no spike) summed over the bins between two with spikes, and the latter bin counted up to
    a random place in it, 1 - exp(-sum) is uniform. Intervals that leave the bins which count are left out, but for the
    refractory bins behind a spike. Source: Haslinger, Pipa & Brown 2010, Neural Comput 22:2477.
    """
    random, intervals = np.random.default_rng(0), []
    for hazard, train, counted in zip(hazards.T, data.counts.T, data.counted.T, strict=True):
        hazard = np.where(counted, np.minimum(hazard, CERTAIN), 0.0)
        total, missing = np.cumsum(hazard), np.cumsum(~counted)
        places = np.flatnonzero((train > 0) & counted)
        before, after = places[:-1], places[1:]
        whole = missing[after] == missing[np.minimum(before + refractory, after)]
        chance = -np.expm1(-hazard[after])
        within = -np.log1p(-random.uniform(size=len(after)) * chance)
        sums = (total[after - 1] - total[before] + within)[whole]
        intervals.append(np.sort(-np.expm1(-sums)))
    return intervals
