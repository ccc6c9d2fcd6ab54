"""Which level is worth its parameters: the training sweeps' own spikes, each predicted by a fit that has not seen them.

The training sweeps are cut into blocks (data/blocks.py); every fourth is kept aside in turn, the stages are refitted to
the rest, and the blocks aside are scored: their spikes by their likelihood, the voltage between them by its squared
error. Spikes stay forced everywhere, since a block's past is known.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from glifjax.spikes.scores import bits_per_spike

from ..checkpoint.registry import register
from ..data.arrays import FitData
from ..data.blocks import FOLDS, blocks
from ..data.masks import observed_steps
from ..levels.base import AbstractLevel
from ..model.compiled import compiled
from ..model.coordinates import AbstractCoordinate
from ..model.likelihood import step_log_likelihoods
from ..model.patched import PatchedNeuron
from ..model.runs import forced_run, predict
from ..stages.base import run_stages


@compiled
def _scored(model, data):
    """Each step's log-likelihood and squared error of the voltage, (S, T) each."""
    run = forced_run(model, data)
    return step_log_likelihoods(model, data, run), (predict(model, data, run) - data.voltage) ** 2


@register
@dataclass(frozen=True)
class Validation:
    """How well a level predicts training spikes that its fit has not seen.

    Attributes:
        bits: bits per spike, cross-validated.
        training_bits: the same of the fit to all of them.
        blocks: log-likelihood of each block when it was kept aside, nats.
        spikes: in all blocks together.
        voltage: summed squared error of the voltage between spikes in each block when it was kept aside, V^2.
        samples: of that voltage, in all blocks together.
    """

    bits: float
    training_bits: float
    blocks: Float[np.ndarray, " b"]
    spikes: int
    voltage: Float[np.ndarray, " b"]
    samples: int

    @property
    def rmse(self) -> float:
        """Root mean squared error of the voltage between spikes, cross-validated, V."""
        return float(np.sqrt(self.voltage.sum() / max(self.samples, 1)))


def cross_validate(
    model: PatchedNeuron, data: FitData, refit: Callable[[PatchedNeuron, FitData], PatchedNeuron]
) -> Validation:
    """Score a fitted model by refitting it to parts of its training data.

    Args:
        model: fitted to all of `data`; where each refit starts.
        data: training sweeps.
        refit: from a start and data (in which only some steps count) to a model.
    """
    block = blocks(data)
    observed = observed_steps(data, float(model.neuron.spike_cut_duration))
    precise = jax.config.read("jax_enable_x64")

    def score_aside(fold: int) -> np.ndarray:
        with jax.enable_x64(precise):  # each thread has its own setting
            aside = block % FOLDS == fold
            fitted = refit(model, replace(data, counted=data.valid & ~aside))
            spikes, voltage = _scored(fitted, replace(data, counted=data.valid))
            return np.stack([np.where(aside, spikes, 0.0), np.where(aside & observed, voltage, 0.0)])

    with ThreadPoolExecutor(2) as pool:
        aside, errors = sum(pool.map(score_aside, range(FOLDS)), start=np.zeros((2, *data.valid.shape)))
    whole = np.asarray(_scored(model, data)[0])
    bits = lambda steps: bits_per_spike(
        float(steps.sum()) - data.n_spikes * np.log(data.dt), data.n_spikes, data.duration
    )
    by_block = lambda steps: np.bincount(block.ravel(), steps.ravel())
    return Validation(bits(aside), bits(whole), by_block(aside), data.n_spikes, by_block(errors), int(observed.sum()))


def validate(
    level: AbstractLevel, model: PatchedNeuron, data: FitData, moved: Sequence[AbstractCoordinate]
) -> Validation:
    """Score a level by refitting it to parts of its training data.

    Args:
        level: what was fitted.
        model: fitted to all of `data`.
        data: training sweeps.
        moved: what its first stage moved.
    """
    stages = level.refit(model, data, moved)
    return cross_validate(model, data, lambda start, part: run_stages(stages, start, part)[0])


class Lag(NamedTuple):
    """How far a fit lies behind another in predicting training spikes kept aside.

    Attributes:
        bits: per spike.
        error: standard error of that, from its scatter over blocks.
    """

    bits: float
    error: float


def lag(fit: Validation, other: Validation) -> Lag:
    """How far a fit lies behind another one of the same data."""
    return Lag(other.bits - fit.bits, _error(other.blocks - fit.blocks) / max(fit.spikes, 1) / math.log(2))


def _error(differences: Float[np.ndarray, " b"]) -> float:
    """Standard error of the sum of differences, from their scatter over blocks."""
    return float(differences.std(ddof=1)) * math.sqrt(len(differences))


def prefer(validations: Mapping[str, Validation], extensions: Mapping[str, str] = MappingProxyType({})) -> str:
    """The simplest level that predicts spikes as well as the best one does, to within the standard error of their
    difference; or a simpler one still that predicts them no worse than that.

    An extension adds to the membrane alone. It is preferred to the level that it extends also where both predict spikes
    equally well, to within that error, and it the voltage between them better, by more than the error of that.

    Args:
        validations: by level, the simplest first; of the same data.
        extensions: the levels that such ones extend, by their names.
    """
    best = max(validations, key=lambda level: validations[level].bits)
    equal = lambda level, other: (behind := lag(validations[level], validations[other])).bits <= behind.error
    close = next(level for level in validations if level == best or equal(level, best))
    preferred = next(level for level in validations if validations[level].bits >= validations[close].bits)
    for level in validations:
        if extensions.get(level) == preferred and equal(level, preferred):
            gain = validations[preferred].voltage - validations[level].voltage
            if gain.sum() > _error(gain):
                return level
    return preferred


def runner_up(validations: Mapping[str, Validation], preferred: str) -> tuple[str, Lag] | None:
    """Of the other levels the one that predicts best, and how far it lies behind; None where there is no other."""
    others = [level for level in validations if level != preferred]
    if not others:
        return None
    second = max(others, key=lambda level: validations[level].bits)
    return second, lag(validations[second], validations[preferred])
