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


class FisherScoring(eqx.Module):
    """Damped Fisher scoring on the spikes' likelihood and the prior, over every step of the recording:

        x <- x - (F + damping diag F)^-1 g

    with g the gradient and F the Fisher information, the prior's share in both.

    Attributes:
        steps: at most.
        enough: it stops when a step would gain less, by half the Newton decrement g^T F^-1 g, or gained less, nats.
        damping: what it starts with, and the least: less makes no difference to a step.
        eased, tightened: what multiplies the damping after a step that gained, and after one that did not.
    """

    steps: int = 30
    enough: float = 0.05
    damping: float = 1e-3
    eased: float = 0.1
    tightened: float = 10.0

    def __call__(
        self, model: PatchedNeuron, moved: Sequence[AbstractCoordinate], data: FitData
    ) -> tuple[PatchedNeuron, list[float]]:
        """The model at the maximum, and the objective (nats) after each step that gained."""
        x, problem, damping = np.asarray(positions(model, moved)), (model, list(moved), data), self.damping
        at = lambda x: tuple(map(np.asarray, _expand(x, problem)))
        loss, gradient, fisher = at(x)
        losses = [float(loss)]
        for _ in range(self.steps):
            step = -np.linalg.solve(fisher + damping * np.diag(np.diag(fisher)), gradient)
            if -gradient @ step / 2 < self.enough:
                break
            there = at(x + step)
            gain = losses[-1] - float(there[0])
            if gain > 0:
                x, (loss, gradient, fisher) = x + step, there
                losses.append(float(loss))
            damping = max(self.damping, damping * (self.eased if gain > 0 else self.tightened))
            if abs(gain) < self.enough:
                break
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
