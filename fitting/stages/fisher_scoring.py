"""The recorded spikes' likelihood, maximised over any coordinates of a neuron."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..data.arrays import FitData, coarsen
from ..model.compiled import compiled
from ..model.coordinates import AbstractCoordinate, place, positions
from ..model.hazard import STEP, jittered
from ..model.likelihood import counted_score_and_information, log_hazard, spike_log_likelihood
from ..model.patched import PatchedNeuron
from ..model.sweeps import sum_over_sweeps
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


@compiled
def _expand(x, problem):
    """At coordinates x the loss, its gradient g and the Fisher information F."""
    model, moved, data = problem
    placed = place(model, moved, x)

    def share(data: FitData):
        log_expected, slopes, refractory = log_hazard(placed, data, moved)
        expected = jnp.exp(log_expected)
        score, information = counted_score_and_information(expected, data, refractory)
        counted = jnp.asarray(data.counted)
        loss = -spike_log_likelihood(expected, counted & data.forced, counted & ~refractory)
        gradient = jnp.einsum("st,stx->x", score, slopes)
        return loss, gradient, jnp.einsum("st,stx,sty->xy", information, slopes, slopes)

    loss, gradient, fisher = sum_over_sweeps(share, data)
    return jnp.sum(x**2) / 2 + loss, x + gradient, jnp.eye(len(x)) + fisher


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
