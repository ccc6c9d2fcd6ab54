"""A search without gradients, to hold gradient descent against: differential evolution of the same objective.

Storn & Price 1997, Journal of Global Optimization 11:341, as scipy has it; the candidates of a generation are simulated
side by side.
"""

from collections.abc import Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import differential_evolution

from ..data.arrays import FitData
from ..model.patched import PatchedNeuron
from ..stages.base import AbstractStage, Outcome
from .descent import refit_hazard
from .objective import AnyLoss, Objective, coordinates, movable


class GlobalSearch(AbstractStage):
    """Move parameters to the best place that differential evolution finds.

    Attributes:
        train: what it moves, of fitting.tuning.objective.PARAMETERS; the threshold's parameters if None.
        loss: one of fitting.losses.LOSSES by name, or a loss of one's own; or several, whose sum is minimised.
        generations: at most.
        population: candidates for each number that moves.
        reach: how far from the model it looks, in coordinates.
        bounds: by name, low and high in the parameter's own unit.
        batch: candidates that are simulated side by side.
        seed: of the search.
    """

    train: Sequence[str] | None = None
    loss: AnyLoss = "van Rossum"
    generations: int = 30
    population: int = 10
    reach: float = eqx.field(default=5.0, kw_only=True)
    bounds: Mapping[str, tuple[float, float]] | None = eqx.field(default=None, kw_only=True)
    batch: int = eqx.field(default=20, kw_only=True)
    seed: int = eqx.field(default=0, kw_only=True)
    name: str = eqx.field(default="global search", kw_only=True)

    def __call__(self, model: PatchedNeuron, data: FitData) -> Outcome:
        """The best candidate, its hazard refitted; the model itself is among the first. Nothing is validated.

        Losses are the best candidate's after each generation, on all training data but the part that gradient descent
        keeps aside too.
        """
        moved = coordinates(model, movable(model) if self.train is None else self.train, self.bounds)
        objective = Objective.of(model, data, moved, self.loss)
        losses: list[float] = []

        def loss_of(candidates):
            values = np.asarray(_losses(jnp.asarray(candidates.T), objective, self.batch))
            return np.where(np.isfinite(values), values, np.finfo(float).max)

        best = differential_evolution(
            loss_of,
            [(-self.reach, self.reach)] * len(objective.start),
            x0=np.asarray(objective.start),
            maxiter=self.generations,
            popsize=self.population,
            polish=False,
            rng=self.seed,
            vectorized=True,
            updating="deferred",
            callback=lambda intermediate_result: losses.append(float(intermediate_result.fun)),
        )
        model = refit_hazard(objective.at(jnp.asarray(best.x)), data)
        return Outcome(model, self.name, "loss per spike", losses)


@eqx.filter_jit
def _losses(candidates, objective, batch):
    return jax.lax.map(lambda x: objective(x)[0], candidates, batch_size=batch)
