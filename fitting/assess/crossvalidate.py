"""Which level is worth its parameters: the training sweeps' own spikes, each predicted by a fit that has not seen them.

The training sweeps are cut into blocks (data/blocks.py); every fourth is kept aside in turn, the stages are refitted to
the rest, and the spikes of the blocks aside are scored by their likelihood. Spikes stay forced everywhere, since a
block's past is known.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from glifjax.spikes.scores import bits_per_spike

from ..checkpoint.registry import register
from ..data.arrays import FitData
from ..data.blocks import FOLDS, blocks
from ..levels.base import AbstractLevel
from ..model.coordinates import AbstractCoordinate
from ..model.likelihood import step_log_likelihoods
from ..model.patched import PatchedNeuron
from ..stages.base import run_stages

_likelihoods = eqx.filter_jit(step_log_likelihoods)


@register
@dataclass(frozen=True)
class Validation:
    """How well a level predicts training spikes that its fit has not seen.

    Attributes:
        bits: bits per spike, cross-validated.
        training_bits: the same of the fit to all of them.
        blocks: log-likelihood of each block when it was kept aside, nats.
        spikes: in all blocks together.
    """

    bits: float
    training_bits: float
    blocks: Float[np.ndarray, " b"]
    spikes: int


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
    precise = jax.config.read("jax_enable_x64")

    def score_aside(fold: int) -> np.ndarray:
        with jax.enable_x64(precise):  # each thread has its own setting
            aside = block % FOLDS == fold
            fitted = refit(model, replace(data, counted=data.valid & ~aside))
            return np.where(aside, _likelihoods(fitted, replace(data, counted=data.valid)), 0.0)

    with ThreadPoolExecutor(2) as pool:
        aside = sum(pool.map(score_aside, range(FOLDS)), start=np.zeros(data.valid.shape))
    whole = np.asarray(_likelihoods(model, data))
    bits = lambda steps: bits_per_spike(
        float(steps.sum()) - data.n_spikes * np.log(data.dt), data.n_spikes, data.duration
    )
    return Validation(bits(aside), bits(whole), np.bincount(block.ravel(), aside.ravel()), data.n_spikes)


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
    difference = other.blocks - fit.blocks
    error = difference.std(ddof=1) * math.sqrt(len(difference)) / max(fit.spikes, 1) / math.log(2)
    return Lag(other.bits - fit.bits, float(error))


def prefer(validations: Mapping[str, Validation]) -> str:
    """The simplest level that predicts as well as the best one does, to within the standard error of their difference.

    Args:
        validations: by level, the simplest first; of the same data.
    """
    best = max(validations, key=lambda level: validations[level].bits)
    behind = {level: lag(validation, validations[best]) for level, validation in validations.items()}
    return next(level for level, (bits, error) in behind.items() if level == best or bits <= error)


def runner_up(validations: Mapping[str, Validation], preferred: str) -> tuple[str, Lag] | None:
    """Of the other levels the one that predicts best, and how far it lies behind; None where there is no other."""
    others = [level for level in validations if level != preferred]
    if not others:
        return None
    second = max(others, key=lambda level: validations[level].bits)
    return second, lag(validations[second], validations[preferred])
