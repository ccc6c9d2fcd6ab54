"""Gradient descent on the running neuron: any optax optimiser, through surrogate spikes.

The neuron runs freely, with its hard threshold, or with spikes forced, as the loss asks (fitting.losses). Part of the
training data is kept from the gradient: it decides which iteration is kept, and whether any is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..data.arrays import FitData
from ..losses import Likelihood, VanRossum
from ..model.coordinates import Coordinate
from ..model.patched import PatchedNeuron
from ..stages.base import AbstractStage, Outcome
from ..stages.fisher_scoring import FisherScoring
from .objective import AnyLoss, Objective, coordinates, movable

#: Hard threshold and escape noise share their parameters, so both are asked for.
DEFAULT_LOSS = ("van Rossum", "likelihood")
#: Starts other than the first lie about so far from it, in coordinates.
SPREAD = 0.5
#: Gains in different stretches of this length are held to be independent, s.
WINDOW = 1.0

_LAMBDA0 = lambda model: model.noise.lambda0
_DELTA_V = lambda model: model.noise.delta_v


def default_optimizer(steps: int = 60) -> optax.GradientTransformation:
    """Adam with its gradient clipped and its rate falling to zero over so many steps."""
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(0.05, steps)))


class FineTuning(AbstractStage):
    """Move parameters by gradient until the part kept aside has not gained for `patience` steps.

    A spike's effect on the state is left out of the gradient or not as the neuron's `detach_reset` says.

    Attributes:
        optimizer: any optax optimiser; it sees coordinates of order one (see fitting.tuning.objective), in which 0.1 is
            0.1 mV of threshold or 3 % of a coefficient or a time constant.
        train: what it moves, of fitting.tuning.objective.PARAMETERS; the threshold's parameters if None.
        loss: one of fitting.losses.LOSSES by name, or a loss of one's own; or several, whose sum is minimised.
        starts: how many descents there are, each from another place; the first starts from the model itself.
        steps: iterations at most.
        patience: iterations without a gain.
        bounds: by name, low and high in the parameter's own unit.
        batch: descents that are run side by side (vmap); the rest follow one another.
        checkpoint: see glifjax.simulate: steps between the states that a gradient keeps.
        seed: of the places that the other starts are at.
        hazard: keep what escape noise predicts, too; False tunes a neuron for its hard threshold alone.
    """

    optimizer: optax.GradientTransformation
    train: Sequence[str] | None = None
    loss: AnyLoss = DEFAULT_LOSS
    starts: int = 1
    steps: int = 60
    patience: int = 15
    bounds: Mapping[str, tuple[float, float]] | None = eqx.field(default=None, kw_only=True)
    batch: int = eqx.field(default=1, kw_only=True)
    checkpoint: int | None = eqx.field(default=100, kw_only=True)
    seed: int = eqx.field(default=0, kw_only=True)
    hazard: bool = eqx.field(default=True, kw_only=True)
    name: str = eqx.field(default="fine-tuning", kw_only=True)

    def __call__(self, model: PatchedNeuron, data: FitData) -> Outcome:
        """The tuned model; the one given unless the tuned one has, on the part kept aside: a smaller loss, by more than
        its standard error; run freely, spikes no further from the recorded ones (van Rossum); and, where `hazard`,
        escape noise that predicts them as well.

        Losses are those of the best descent on that part. The hazard is refitted.

        Args:
            model: a neuron with its deterministic threshold chosen.
            data: training sweeps.
        """
        moved = coordinates(model, movable(model) if self.train is None else self.train, self.bounds)
        objective = Objective.of(model, data, moved, self.loss, self.checkpoint)
        schedule = (self.starts, self.steps, self.patience, self.batch, self.seed)
        best, losses = descend(objective, self.optimizer, *schedule)
        tuned = refit_hazard(objective.at(best), data)
        taken = _agrees(objective, best, tuned, self.hazard)
        unit = "loss per spike on the part kept aside"
        return Outcome(tuned if taken else model, self.name, unit, losses, taken=taken)


def refit_hazard(model: PatchedNeuron, data: FitData) -> PatchedNeuron:
    """The model with the lambda0 and delta_v that its threshold, where it is, makes most likely."""
    hazard = [
        Coordinate(_LAMBDA0, model.noise.lambda0, 1.0, log=True),
        Coordinate(_DELTA_V, model.noise.delta_v, 1.0, log=True),
    ]
    return FisherScoring()(model, hazard, data)[0]


def descend(
    objective: Objective, optimizer, starts: int, steps: int, patience: int, batch: int, seed: int
) -> tuple[jax.Array, list[float]]:
    """The coordinates that did best on the part kept aside, and the losses there of the descent that met them."""
    away = SPREAD * jax.random.normal(jax.random.key(seed), (starts, len(objective.start)))
    x = objective.start + away.at[0].set(0.0)
    state = jax.vmap(optimizer.init)(x)
    seen, losses = [], np.empty((0, starts))
    for _ in range(steps + 1):
        seen.append(x)
        x, state, aside = _step(x, state, objective, optimizer, batch)
        losses = np.vstack([losses, np.where(np.isfinite(aside), aside, np.inf)])
        if len(losses) - np.argmin(losses.min(axis=1)) > patience:
            break
    best, which = np.unravel_index(np.argmin(losses), losses.shape)
    return seen[best][which], losses[:, which].tolist()


@eqx.filter_jit
def _step(x, state, objective, optimizer, batch):
    """One step of every descent, and its loss on the part kept aside, before the step."""
    update = optax.with_extra_args_support(optimizer).update

    def one(x, state):
        (value, aside), gradient = jax.value_and_grad(objective, has_aux=True)(x)
        # where a run explodes, that step is skipped rather than all the parameters lost
        gradient = jnp.where(jnp.isfinite(gradient), gradient, 0.0)
        updates, state = update(gradient, state, x, value=value, grad=gradient, value_fn=lambda x: objective(x)[0])
        return optax.apply_updates(x, updates), state, aside

    return jax.lax.map(lambda start: one(*start), (x, state), batch_size=None if batch == 1 else batch)


def _agrees(objective: Objective, x, tuned: PatchedNeuron, hazard: bool) -> bool:
    """Whether the part kept aside does better at x than at the start: see FineTuning."""
    start = objective.start
    gain, error = _gain(_steps(start, objective), _steps(x, objective), objective)
    # at the start itself there is neither
    if not gain > error:
        return False
    spikes = replace(objective, losses=(VanRossum(),))
    if not _gain(_steps(start, spikes), _steps(x, spikes), objective)[0] >= 0:
        return False
    noise = replace(objective, losses=(Likelihood(),), moved=[])
    nothing = jnp.zeros(0)
    gain, _ = _gain(_steps(nothing, noise), _steps(nothing, replace(noise, model=tuned)), objective)
    return bool(gain >= 0) or not hazard


def _gain(before, after, objective: Objective) -> tuple[float, float]:
    """How much smaller a loss is on the part kept aside, and the standard error of that, from stretches of WINDOW."""
    data = objective.data
    aside = objective.aside & data.counted
    window = (np.cumsum(data.valid).reshape(data.valid.shape) * data.dt / WINDOW).astype(int)
    _, window = np.unique(window[aside], return_inverse=True)
    gains = np.bincount(window, (np.asarray(before) - np.asarray(after))[aside])
    return gains.sum(), gains.std() * np.sqrt(len(gains))


@eqx.filter_jit
def _steps(x, objective):
    return objective.steps(x)
