"""Allen's five levels (Teeter et al. 2018), fitted as one.

Each is fitted as a LIF-R-ASC-A neuron in which whatever the level lacks is without effect and held. So they share their
compiled functions; `finish` then gives the neuron that is made of the level's own rules.
"""

from collections.abc import Sequence
from dataclasses import replace

import glifjax as gj

from ..data.arrays import FitData
from ..data.shape import SpikeShape
from ..model.coordinates import AbstractCoordinate
from ..model.patched import PatchedNeuron
from ..stages.base import AbstractStage
from ..stages.chosen import ChosenMembrane, as_chosen
from ..stages.initial import ClosedForm
from ..stages.membrane import Membrane
from ..stages.threshold import Threshold
from .base import AbstractLevel, Moved
from .membrane import MembranePrior

#: What a neuron of any level is made with, beside its rules.
SHARED = (
    "C", "R_input", "th_inf", "asc_tau_array", "asc_amp_array", "init_threshold", "init_AScurrents", "coeffs", "El",
    "El_reference", "init_voltage", "spike_cut_length", "dt", "spike_latency", "escape_noise", "spike", "detach_reset",
)  # fmt: skip


class AllenLevel(AbstractLevel):
    """One of Allen's five levels.

    Attributes:
        name, words, contains: see AbstractLevel.
        resets: spikes leave something behind in voltage and threshold (R).
        currents: spikes leave currents behind (ASC).
        adapts: the voltage drags the threshold along (A).
        n_currents: how many afterspike currents there are, if any.
        closed_form: starting values.
        prior: how far the membrane may move.
        membrane, threshold: stages A and B; their coordinates, and what the level has, are filled in.
        refit_evaluations: of the membrane, in a refit to a part of the data, at most.
    """

    name: str
    words: str
    contains: str | None
    resets: bool
    currents: bool
    adapts: bool
    n_currents: int = 2
    closed_form: ClosedForm = ClosedForm()
    prior: MembranePrior = MembranePrior()
    membrane: Membrane = Membrane()
    threshold: Threshold = Threshold()
    refit_evaluations: int = 6
    allensdk: bool = True

    def start(self, data: FitData, shape: SpikeShape) -> PatchedNeuron:
        """By least squares on the voltage between spikes."""
        return self.closed_form(data, shape, self.n_currents, self.resets)

    def coordinates(self, model: PatchedNeuron, duration: float) -> Moved:
        """The membrane of a linear neuron, and Allen's threshold."""
        membrane = self.prior.linear(model, self.resets, self.currents) + self.prior.resting(model)
        return Moved(membrane, self._threshold().coordinates(model))

    def stages(self, moved: Sequence[AbstractCoordinate]) -> tuple[AbstractStage, ...]:
        """The membrane, of which the spikes choose among several, each with its threshold; then the threshold."""
        membrane, threshold = replace(self.membrane, moved=tuple(moved)), self._threshold()
        chosen = ChosenMembrane(membrane=membrane, threshold=threshold, resets=self.resets, currents=self.currents)
        return chosen, self._threshold(search=False)

    def refit(
        self, model: PatchedNeuron, data: FitData, moved: Sequence[AbstractCoordinate]
    ) -> tuple[AbstractStage, ...]:
        """The same, in few steps, from the rates that are there."""
        # near where the search starts, what coarse steps add is known
        moved = as_chosen(model, moved)
        membrane = replace(self.membrane, moved=moved, evaluations=self.refit_evaluations, searches=1)
        return membrane, self._threshold(search=False)

    def _threshold(self, search: bool = True) -> Threshold:
        """Stage B of what the level has."""
        return replace(self.threshold, resets=self.resets, adapts=self.adapts, search=search)

    def finish(self, model: PatchedNeuron) -> PatchedNeuron:
        """The same neuron, made of the rules of its level alone."""
        neuron = model.neuron
        return PatchedNeuron(
            gj.from_level(
                self.name,
                **{name: getattr(neuron, name) for name in SHARED},
                r=neuron.afterspike_reset.r,
                reset_slope=neuron.voltage_reset.a,
                reset_intercept=neuron.voltage_reset.b,
                a_spike=neuron.threshold_reset.a_spike,
                b_spike=neuron.threshold_reset.b_spike,
                a_voltage=neuron.threshold_dynamics.a_voltage,
                b_voltage=neuron.threshold_dynamics.b_voltage,
            ),
            model.series_resistance,
        )
