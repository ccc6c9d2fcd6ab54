"""Stage A with each of several voltage resets, of which the spikes choose.

The slope of the reset, V <- slope V + intercept, is that of a regression on the recorded spikes (initial.py). It
carries the model's own error at an onset over to after the spike, so that a steep one may spoil the voltage, and with
it the spikes. Then a reset to one voltage does better, or one to rest, as levels without resets have it.
"""

from collections.abc import Sequence
from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp

from ..data.arrays import FitData
from ..model.coordinates import AbstractCoordinate
from ..model.patched import PatchedNeuron
from .base import AbstractStage, Outcome
from .membrane import Membrane
from .threshold import Threshold

_RESET = lambda model: (model.neuron.voltage_reset.a, model.neuron.voltage_reset.b)
_THRESHOLD = lambda model: (
    model.neuron.th_inf,
    model.neuron.escape_noise,
    model.neuron.threshold_reset,
    model.neuron.threshold_dynamics,
)


class ResetMembrane(AbstractStage):
    """The membrane with the reset under which the recorded spikes are most likely: the one that the model has, one
    without a slope, or none at all. So a level with resets tells no less of the training spikes than one without.

    Attributes:
        membrane: stage A, the reset's intercept among what it moves.
        threshold: stage B, which says how likely the spikes are.
    """

    membrane: Membrane
    threshold: Threshold
    name: str = "membrane"

    def __call__(self, model: PatchedNeuron, data: FitData) -> Outcome:
        """The best membrane; the threshold is as it was."""
        best = self.membrane(model, data)
        first = self.threshold(best.model, data)
        least = first.losses[-1]
        # the others start from there, so that the threshold's rates need no search
        polished = replace(self.threshold, search=False)
        for intercept, holds in ((_after(model), False), (jnp.zeros_like(_after(model)), True)):
            moved = _with_intercept(self.membrane.moved, model, intercept, holds)
            start = eqx.tree_at(_RESET, first.model, (jnp.zeros_like(intercept), intercept))
            outcome = replace(self.membrane, moved=moved)(start, data)
            loss = polished(outcome.model, data).losses[-1]
            if loss < least:
                best, least = outcome, loss
        return best._replace(model=eqx.tree_at(_THRESHOLD, best.model, _THRESHOLD(model)))


def resets(model: PatchedNeuron) -> bool:
    """Whether the voltage's reset leads anywhere but to rest."""
    return any(float(value) != 0 for value in _RESET(model))


def without_reset(model: PatchedNeuron, moved: Sequence[AbstractCoordinate]) -> tuple[AbstractCoordinate, ...]:
    """What is moved, the reset held at rest."""
    return _with_intercept(moved, model, jnp.zeros_like(_after(model)), True)


def _after(model: PatchedNeuron):
    """Where the voltage comes to after a spike at the threshold, V."""
    slope, intercept = _RESET(model)
    return slope * model.neuron.th_inf + intercept


def _with_intercept(moved, model, intercept, holds: bool) -> tuple[AbstractCoordinate, ...]:
    """What is moved, the reset's intercept around another value, or held there."""
    around = lambda of: replace(of, centre=intercept, sd=jnp.zeros_like(of.sd) if holds else of.sd)
    ours = lambda of: of.where(model) is model.neuron.voltage_reset.b
    return tuple(around(of) if ours(of) else of for of in moved)
