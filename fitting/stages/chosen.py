"""Stage A in each of several ways, of which the spikes choose: so a level tells no less of them than what it contains.

Stage A follows the voltage, and what fits the voltage may spoil the spikes. The slope of the reset,
V <- slope V + intercept, that a regression on the recorded spikes gives (initial.py) carries the model's own error at
an onset over to after the spike: a reset to one voltage may do better, or one to rest, as levels without resets have
it. Afterspike currents may follow what the voltage does slowly for other reasons: without resets beside them, a neuron
without any may do better. Where the spikes hardly care, the voltage decides: the 537 spikes of a simulated cell were
likelier by 1.6 nats under the wrong reset, and the voltage's misfit was greater by 45.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..data.arrays import FitData
from ..model.coordinates import AbstractCoordinate
from ..model.patched import PatchedNeuron
from .base import AbstractStage, Outcome
from .membrane import Membrane
from .threshold import Threshold

_RESET = lambda model: (model.neuron.voltage_reset.a, model.neuron.voltage_reset.b)
_INTERCEPT = lambda model: model.neuron.voltage_reset.b
_AMPLITUDES = lambda model: model.neuron.asc_amp_array
Moved = tuple[AbstractCoordinate, ...]


class ChosenMembrane(AbstractStage):
    """The membrane under which the recorded spikes are most likely, of those that stage A comes to in several ways.

    With resets: with the one that the model has, one without a slope, or none. Else: with afterspike currents, or none.
    The first of these, which fits the voltage best, stays unless another makes the spikes clearly likelier.

    Attributes:
        membrane: stage A.
        threshold: stage B, which says how likely the spikes are.
        resets: whether the level has resets; their intercept is among what stage A moves.
        clear: by how much another must make the spikes likelier, bits a spike; so far may a level be worse than one
            that it contains, for which .01 would be too far.
    """

    membrane: Membrane
    threshold: Threshold
    resets: bool
    clear: float = 0.008
    name: str = "membrane"

    def __call__(self, model: PatchedNeuron, data: FitData) -> Outcome:
        """The best membrane, with the threshold under which it was the best."""
        best = self.membrane(model, data)
        first = chosen = self.threshold(best.model, data)
        least = first.losses[-1] - self.clear * np.log(2) * data.n_spikes
        # the others start from there, so that the threshold's rates need no search
        polished = replace(self.threshold, search=False)
        for start, moved in self._simpler(model, first.model):
            outcome = replace(self.membrane, moved=moved)(start, data)
            threshold = polished(outcome.model, data)
            if threshold.losses[-1] < least:
                best, chosen, least = outcome, threshold, threshold.losses[-1]
        return best._replace(model=chosen.model)

    def _simpler(self, model: PatchedNeuron, fitted: PatchedNeuron) -> Iterator[tuple[PatchedNeuron, Moved]]:
        """Where each other way starts, and what it moves."""
        moved = self.membrane.moved
        if not self.resets:
            yield _without(_AMPLITUDES, fitted), _held(_AMPLITUDES, model, moved)
            return
        slope, intercept = _RESET(model)
        after = slope * model.neuron.th_inf + intercept
        to_one_voltage = tuple(replace(of, centre=after) if _is(_INTERCEPT, of, model) else of for of in moved)
        yield eqx.tree_at(_RESET, fitted, (jnp.zeros_like(slope), after)), to_one_voltage
        yield _without(_RESET, fitted), _held(_INTERCEPT, model, moved)


def as_chosen(model: PatchedNeuron, moved: Sequence[AbstractCoordinate]) -> Moved:
    """What is moved, less what a membrane was chosen without: a reset, afterspike currents."""
    moved = tuple(moved)
    if not any(float(value) for value in _RESET(model)):
        moved = _held(_INTERCEPT, model, moved)
    return moved if bool(jnp.any(_AMPLITUDES(model))) else _held(_AMPLITUDES, model, moved)


def _held(where: Callable[[PatchedNeuron], Array], model: PatchedNeuron, moved: Moved) -> Moved:
    """What is moved, one of it held at zero."""
    zero = lambda of: replace(of, centre=jnp.zeros_like(of.centre), sd=jnp.zeros_like(of.sd))
    return tuple(zero(of) if _is(where, of, model) else of for of in moved)


def _without(where: Callable, model: PatchedNeuron) -> PatchedNeuron:
    """The model, some of whose arrays are zero."""
    return eqx.tree_at(where, model, jax.tree.map(jnp.zeros_like, where(model)))


def _is(where: Callable[[PatchedNeuron], Array], of: AbstractCoordinate, model: PatchedNeuron) -> bool:
    """Whether a coordinate moves one of the model's arrays."""
    return of.where(model) is where(model)
