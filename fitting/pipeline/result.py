"""What a fit leaves: the neurons of all its levels, and the preferred one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import glifjax as gj

from ..assess.crossvalidate import Validation, runner_up
from ..assess.evaluate import Scores
from ..assess.trust import Trust
from ..assess.uncertainty import Uncertainty
from ..data.arrays import FitData
from ..data.protocols import Split
from ..data.shape import SpikeShape
from ..fitted import FittedNeuron
from ..model.patched import PatchedNeuron
from ..preprocessing import Preprocessing
from ..stages.base import Outcome


@dataclass(frozen=True)
class Fit:
    """Every level that was fitted to a recording, and the one that is preferred.

    Attributes:
        levels: the simplest first.
        preferred: one of them.
    """

    levels: tuple[FittedNeuron, ...]
    preferred: FittedNeuron

    @property
    def level(self) -> str:
        """The preferred level's name."""
        return self.preferred.level

    @property
    def recording(self) -> gj.Recording:
        """What was fitted."""
        return self.preferred.recording

    @property
    def model(self) -> PatchedNeuron:
        """The preferred neuron, and the series resistance that it is seen through."""
        return self.preferred.model

    @property
    def neuron(self) -> gj.GLIF:
        """The preferred neuron."""
        return self.preferred.neuron

    @property
    def scores(self) -> Scores:
        """Its scores on the held-out sweeps."""
        return self.preferred.scores

    @property
    def trust(self) -> Trust:
        """Whether to trust it, and why not."""
        return self.preferred.trust

    @property
    def validation(self) -> Validation | None:
        """How well it predicts training spikes kept aside; None where levels were not compared."""
        return self.preferred.validation

    @property
    def uncertainty(self) -> Uncertainty | None:
        """Of its parameters, where it was asked for."""
        return self.preferred.uncertainty

    @property
    def split(self) -> Split:
        """The sweeps that were trained on and those held out."""
        return self.preferred.split

    @property
    def train(self) -> FitData:
        """The training sweeps."""
        return self.preferred.train

    @property
    def test(self) -> tuple[FitData, ...]:
        """The held-out sweeps, one FitData for each group of repeats."""
        return self.preferred.test

    @property
    def shape(self) -> SpikeShape:
        """What the cell's spikes have in common."""
        return self.preferred.shape

    @property
    def preprocessing(self) -> Preprocessing | None:
        """What was done to the sweeps before the fit."""
        return self.preferred.preprocessing

    @property
    def stages(self) -> tuple[Outcome, ...]:
        """What each stage of the preferred level came to."""
        return self.preferred.stages

    @property
    def seconds(self) -> dict[str, float]:
        """By stage of the preferred level."""
        return self.preferred.seconds

    @property
    def warnings(self) -> Sequence[str]:
        """What a reader of the results should know."""
        return self.preferred.warnings

    def as_dict(self) -> dict[str, Any]:
        """What fit.json holds of the fit: the preferred level, and all of them by name where there are several."""
        levels = {fitted.level: fitted.as_dict() for fitted in self.levels}
        several = {"levels": levels, "runner_up": self._runner_up()} if len(levels) > 1 else {}
        return self.preferred.as_dict() | several

    def _runner_up(self) -> dict[str, Any] | None:
        """The level that comes nearest to the preferred one in predicting training spikes kept aside, and how near."""
        validations = {fitted.level: fitted.validation for fitted in self.levels if fitted.validation is not None}
        if (second := runner_up(validations, self.level)) is None:
            return None
        level, (bits, error) = second
        return {"level": level, "behind_bits_per_spike": bits, "standard_error": error}

    def figures(self, folder: str | Path, kind: str = "svg") -> list[Path]:
        """Write the preferred level's figures, figure_<name>.<kind> ("svg" or "pdf") each, into a folder."""
        from ..report.export import write_figures

        return write_figures(self.preferred, Path(folder), kind)

    def report(self, path: str | Path) -> None:
        """Write the report to `path`, an HTML page, and beside it <name>_explorer.html, to which it links."""
        from ..report.page import write_report

        write_report(self.levels, self.level, path)
