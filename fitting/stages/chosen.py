"""Stage A in each of several ways, of which the spikes choose: so a level tells no less of them than what it contains.

Stage A follows the voltage, and what fits the voltage may spoil the spikes. The slope of the reset,
V <- slope V + intercept, that a regression on the recorded spikes gives (initial.py) carries the model's own error at
an onset over to after the spike: a reset to one voltage may do better, or one to rest, as levels without resets have
it. Afterspike currents may follow what the voltage does slowly for other reasons: without resets beside them, a neuron
without any may do better. Where the spikes hardly care, the voltage decides: the 537 spikes of a simulated cell were
likelier by 1.6 nats under the wrong reset, and the voltage's misfit was greater by 45.

So it is with the capacitance. What a level lacks, slow currents above all, makes the voltage between spikes slower than
the membrane is, and a capacitance that follows it is too large, by up to six times in five real cells at level LIF.
Held where the voltage first follows the current (data/capacitance.py), it makes their spikes likelier.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..data.arrays import FitData
from ..model.coordinates import AbstractCoordinate
from ..model.patched import PatchedNeuron
from .base import AbstractStage, Outcome
from .membrane import Membrane
from .threshold import Threshold

_C = lambda model: model.neuron.C
_RESET = lambda model: (model.neuron.voltage_reset.a, model.neuron.voltage_reset.b)
_INTERCEPT = lambda model: model.neuron.voltage_reset.b
_AMPLITUDES = lambda model: model.neuron.asc_amp_array
Moved = tuple[AbstractCoordinate, ...]
#: Slope and intercept of the reset that stage A starts with, and what it moves.
Way = tuple[tuple[Array, Array], Moved]


class ChosenMembrane(AbstractStage):
    """The membrane under which the recorded spikes are most likely, of those that stage A comes to in several ways.

    With a capacitance that it moves, or with the one that it starts from; and with resets: with the one that the model
    has, one without a slope, or none; or else with afterspike currents, or none. The first of these, which fits the
    voltage best, stays unless another makes the spikes clearly likelier. With the capacitance that it starts from, more
    than the simplest way is tried only while that tells no less than with one that it moves.

    Attributes:
        membrane: stage A.
        threshold: stage B, which says how likely the spikes are.
        resets: whether the level has resets; their intercept is among what stage A moves.
        currents: whether it has afterspike currents.
        clear: by how much another must make the spikes likelier, bits a spike; so far may a level be worse than one
            that it contains, for which .01 would be too far.
        rough: the others' thresholds are known to about so many nats; the next stage has the chosen one's exactly.
    """

    membrane: Membrane
    threshold: Threshold
    resets: bool
    currents: bool
    clear: float = 0.008
    rough: float = 0.5
    name: str = "membrane"

    def __call__(self, model: PatchedNeuron, data: FitData) -> Outcome:
        """The best membrane, with the threshold under which it was the best."""
        first = self.membrane(model, data)
        threshold = self.threshold(first.model, data)
        tried = [(threshold.losses[-1], first._replace(model=threshold.model))]
        polish = replace(self.threshold.polish, enough=self.rough)
        polished = replace(self.threshold, search=False, polish=polish)

        def attempt(way: Way) -> float:
            """How unlikely the spikes are in another way; from the last one, near which its threshold's rates are."""
            reset, moved = way
            start = eqx.tree_at(_RESET, tried[-1][1].model, reset)
            outcome = replace(self.membrane, moved=moved)(start, data)
            threshold = polished(outcome.model, data)
            tried.append((threshold.losses[-1], outcome._replace(model=threshold.model)))
            return threshold.losses[-1]

        ways = [(_RESET(model), self.membrane.moved), *self._simpler(model)]
        simplest = [threshold.losses[-1], *map(attempt, ways[1:])][-1]
        for reset, moved in reversed(ways):
            if attempt((reset, with_capacitance_held(model, moved))) > simplest:
                break
        loss, other = min(tried[1:], key=lambda way: way[0])
        clearly = self.clear * np.log(2) * data.n_spikes
        return other if loss < tried[0][0] - clearly else tried[0][1]

    def _simpler(self, model: PatchedNeuron) -> Iterator[Way]:
        """The ways in which a spike does less to the membrane."""
        reset, moved = _RESET(model), self.membrane.moved
        if self.resets:
            slope, intercept = reset
            after, none = slope * model.neuron.th_inf + intercept, jnp.zeros_like(slope)
            to_one_voltage = tuple(replace(of, centre=after) if _is(_INTERCEPT, of, model) else of for of in moved)
            yield (none, after), to_one_voltage
            yield (none, none), _held_at_zero(_INTERCEPT, model, moved)
        elif self.currents:
            yield reset, _held_at_zero(_AMPLITUDES, model, moved)


def as_chosen(model: PatchedNeuron, moved: Sequence[AbstractCoordinate]) -> Moved:
    """What is moved, less what a membrane was chosen without: a reset, afterspike currents, another capacitance than
    the one that it starts from.
    """
    moved = tuple(moved)
    if any(_is(_C, of, model) and float(of.centre) == float(_C(model)) for of in moved):
        moved = with_capacitance_held(model, moved)
    if not any(float(value) for value in _RESET(model)):
        moved = _held_at_zero(_INTERCEPT, model, moved)
    return moved if bool(jnp.any(_AMPLITUDES(model))) else _held_at_zero(_AMPLITUDES, model, moved)


def with_capacitance_held(model: PatchedNeuron, moved: Sequence[AbstractCoordinate]) -> Moved:
    """What is moved, the capacitance held at its centre."""
    held = lambda of: replace(of, sd=jnp.zeros_like(of.sd))
    return tuple(held(of) if _is(_C, of, model) else of for of in moved)


def _held_at_zero(where: Callable[[PatchedNeuron], Array], model: PatchedNeuron, moved: Moved) -> Moved:
    """What is moved, one of it held at zero."""
    zero = lambda of: replace(of, centre=jnp.zeros_like(of.centre), sd=jnp.zeros_like(of.sd))
    return tuple(zero(of) if _is(where, of, model) else of for of in moved)


def _is(where: Callable[[PatchedNeuron], Array], of: AbstractCoordinate, model: PatchedNeuron) -> bool:
    """Whether a coordinate moves one of the model's arrays."""
    return of.where(model) is where(model)
