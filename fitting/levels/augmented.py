"""The augmented GIF: gated membrane currents, and a threshold made of kernels.

It is fitted with the slow inward current of the level that extends it, held at no conductance: so both share their
compiled functions. `finish` leaves it out.
"""

from collections.abc import Sequence
from dataclasses import replace

import equinox as eqx

from ..data.arrays import FitData
from ..data.shape import SpikeShape
from ..model.coordinates import AbstractCoordinate
from ..model.patched import PatchedNeuron, strong_types
from ..stages.augment import SLOW_INWARD, Augment, Start
from ..stages.base import AbstractStage
from ..stages.initial import ClosedForm
from ..stages.joint import Joint, SpikeRows
from ..stages.kernels import KernelThreshold
from ..stages.membrane import Membrane
from .base import AbstractLevel, Moved
from .membrane import MembranePrior


class AugmentedLevel(AbstractLevel):
    """The augmented GIF, whose membrane and threshold are fitted one after the other, then together.

    Attributes:
        name, words, contains, allensdk: see AbstractLevel.
        n_currents: how many afterspike currents there are.
        closed_form: starting values of a linear neuron, C by the voltage between spikes; augment: what is added.
        prior: how far the membrane may move.
        membrane, threshold: stages A and B; the membrane's coordinates are filled in.
        joint_evaluations: of the membrane, where both are fitted together, at most.
        held: gated currents beside those of `augment`, which the neuron is fitted with and has not.
    """

    name: str = "augmented"
    words: str = "voltage-gated currents, and a threshold that follows the voltage in many ways"
    contains: str | None = "LIF-R-ASC-A"
    allensdk: bool = False
    n_currents: int = 4
    closed_form: ClosedForm = ClosedForm(first=False)
    augment: Augment = Augment()
    prior: MembranePrior = MembranePrior()
    membrane: Membrane = Membrane()
    threshold: KernelThreshold = KernelThreshold()
    joint_evaluations: int = 8
    held: tuple[Start, ...] = (SLOW_INWARD,)

    def start(self, data: FitData, shape: SpikeShape) -> PatchedNeuron:
        """A linear neuron, augmented."""
        without_effect = (replace(current, conductance=0.0) for current in self.held)
        augment = replace(self.augment, currents=(*self.augment.currents, *without_effect))
        return strong_types(augment(self.closed_form(data, shape, self.n_currents), data, shape))

    def coordinates(self, model: PatchedNeuron, duration: float) -> Moved:
        """The membrane with its gated currents, and the threshold's kernels."""
        gated = self.prior.gated(model, duration, len(self.held))
        return Moved(self.prior.linear(model, resets=True, currents=True) + gated, self.threshold.coordinates(model))

    def stages(self, moved: Sequence[AbstractCoordinate]) -> tuple[AbstractStage, ...]:
        """The membrane, the threshold, then both together."""
        return replace(self.membrane, moved=tuple(moved)), self.threshold, self._joint(moved)

    def refit(
        self, model: PatchedNeuron, data: FitData, moved: Sequence[AbstractCoordinate]
    ) -> tuple[AbstractStage, ...]:
        """Both together, by what the spikes tell of the model on all of the data."""
        return (self._joint(moved, SpikeRows.of(model, data, moved)),)

    def _joint(self, moved: Sequence[AbstractCoordinate], rows: SpikeRows | None = None) -> Joint:
        membrane = replace(self.membrane, moved=tuple(moved), evaluations=self.joint_evaluations, searches=1)
        return Joint(membrane=membrane, threshold=self.threshold, rows=rows)

    def finish(self, model: PatchedNeuron) -> PatchedNeuron:
        """The model without the currents that were held."""
        currents = model.neuron.membrane_currents
        own = currents[: len(currents) - len(self.held)]
        return eqx.tree_at(lambda m: m.neuron.membrane_currents, model, own)
