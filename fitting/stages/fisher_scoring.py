"""The recorded spikes' likelihood, maximised over any coordinates of a neuron."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..data.arrays import FitData, coarsen
from ..model.compiled import compiled
from ..model.coordinates import AbstractCoordinate, place, positions
from ..model.hazard import STEP, jittered
from ..model.likelihood import counted_score_and_information, hazard_slopes, log_likelihoods
from ..model.patched import PatchedNeuron
from ..model.sweeps import gram
from .base import AbstractStage, Outcome
from .levenberg_marquardt import levenberg_marquardt


class FisherScoring(eqx.Module):
    """The spikes' likelihood and the prior, over every step of the recording, at their maximum.

    Attributes:
        steps: at most.
        enough: the least gain that is looked for, nats.
    """

    steps: int = 30
    enough: float = 0.05

    def __call__(
        self, model: PatchedNeuron, moved: Sequence[AbstractCoordinate], data: FitData
    ) -> tuple[PatchedNeuron, list[float]]:
        """The model at the maximum, and the objective (nats) after each step that gained."""
        problem = (model, list(moved), data)
        at = lambda x: _expand(x, problem)
        x, losses = levenberg_marquardt(at, np.asarray(positions(model, moved)), self.steps + 1, self.enough)
        return place(model, moved, x), losses


def _expand(x, problem):
    """At coordinates x the loss, its gradient g and the Fisher information F."""
    model, moved, data = problem
    products = gram(lambda data: _rows(x, (model, moved, data)), data)
    loss, gradient, fisher = products[-1, -1], products[:-2, -2], products[:-2, :-2]
    return x @ x / 2 + loss, x + gradient, np.eye(len(x)) + fisher


@compiled
def _rows(x, problem):
    """A row a step, whose products with each other sum to F, g and the loss: sqrt(i) u, s / sqrt(i) and sqrt(-log P).

    u are the derivatives of log lambda, s is the derivative of -log P by it, and i the variance of that.
    """
    model, moved, data = problem
    expected, slopes, refractory = hazard_slopes(place(model, moved, x), data, moved)
    score, information = counted_score_and_information(expected, data, refractory)
    root = jnp.sqrt(information)
    counted = jnp.asarray(data.counted)
    surprises = -log_likelihoods(expected, counted & data.forced, counted & ~refractory)
    columns = [jnp.where(root > 0, score / jnp.where(root > 0, root, 1.0), 0.0), jnp.sqrt(surprises)]
    rows = jnp.concatenate([slopes * root[..., None], *(column[..., None] for column in columns)], axis=-1)
    return rows.reshape(-1, rows.shape[-1])


class SpikeLikelihood(AbstractStage):
    """Whatever a level's threshold is made of, moved to where the recorded spikes are most likely; the membrane stays.

    Attributes:
        moved: from a model to the coordinates that are moved, around where it is.
        polish: the maximisation.
        name: of the stage.
    """

    moved: Callable[[PatchedNeuron], Sequence[AbstractCoordinate]] = eqx.field(static=True)
    polish: FisherScoring = FisherScoring()
    name: str = "threshold"

    def __call__(self, model: PatchedNeuron, data: FitData) -> Outcome:
        """The model at the maximum; if its hazard has no jitter or no lapses, with those that a fit starts from."""
        model, data = jittered(model, data), coarsen(data, STEP)
        model, losses = self.polish(model, self.moved(model), data)
        return Outcome(model, self.name, "negative log-likelihood and prior (nats)", losses)
