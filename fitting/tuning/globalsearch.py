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
from ..stages import Stage
from .descent import refit_hazard
from .objective import AnyLoss, Objective, coordinates, movable


def search(
    model: PatchedNeuron,
    data: FitData,
    train: Sequence[str] | None = None,
    loss: AnyLoss = "van Rossum",
    generations: int = 30,
    population: int = 10,
    *,
    reach: float = 5.0,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    batch: int = 20,
    seed: int = 0,
) -> Stage:
    """Move parameters to the best place that differential evolution finds.

    Args:
        model: a neuron, among the first candidates.
        data: training sweeps.
        train: what it moves, of fitting.tuning.objective.PARAMETERS; the threshold's parameters if None.
        loss: one of fitting.losses.LOSSES by name, or a loss of one's own; or several, whose sum is minimised.
        generations: at most.
        population: candidates for each number that moves.
        reach: how far from the model it looks, in coordinates.
        bounds: by name, low and high in the parameter's own unit.
        batch: candidates that are simulated side by side.
        seed: of the search.

    Returns:
        The stage; its losses are the best candidate's after each generation, on all training data but the part that
        gradient descent keeps aside too. Nothing is validated. The hazard is refitted.
    """
    moved = coordinates(model, movable(model) if train is None else train, bounds)
    objective = Objective.of(model, data, moved, loss)
    losses: list[float] = []

    def loss_of(candidates):
        found = np.asarray(_losses(jnp.asarray(candidates.T), objective, batch))
        return np.where(np.isfinite(found), found, np.finfo(float).max)

    found = differential_evolution(
        loss_of,
        [(-reach, reach)] * len(objective.start),
        x0=np.asarray(objective.start),
        maxiter=generations,
        popsize=population,
        polish=False,
        rng=seed,
        vectorized=True,
        updating="deferred",
        callback=lambda intermediate_result: losses.append(float(intermediate_result.fun)),
    )
    model = refit_hazard(objective.at(jnp.asarray(found.x)), data)
    return Stage(model, "global search", "loss per spike", losses)


@eqx.filter_jit
def _losses(candidates, objective, batch):
    return jax.lax.map(lambda x: objective(x)[0], candidates, batch_size=batch)
