"""What a fit leaves: neurons, how they came about, and how well they predict."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import glifjax as gj

from .assess.crossvalidate import Validation
from .assess.evaluate import Scores
from .assess.trust import Trust
from .assess.uncertainty import Uncertainty
from .data.arrays import FitData
from .data.protocols import Split
from .data.shape import SpikeShape
from .levels import AbstractLevel, describe
from .model.parameters import parameters
from .model.patched import PatchedNeuron
from .preprocessing import Preprocessing
from .stages.base import Outcome


@dataclass(frozen=True)
class FittedNeuron:
    """A neuron of one level, fitted: how it came about, and how well it predicts what it has not seen.

    Attributes:
        recording: the file it was fitted to.
        recipe: the level as it was fitted.
        model: the neuron and the series resistance that it is seen through.
        shape: what the cell's spikes have in common.
        split: the sweeps it was trained on and those held out.
        train, test: the same as arrays; one FitData for each group of repeats held out.
        stages: what each stage came to, in order.
        scores: on the held-out sweeps.
        validation: how well the level predicts training spikes kept aside; None where levels were not compared.
        uncertainty: of its parameters; None for a level that another was preferred to.
        seed: of the simulations that the scores rest on.
        seconds: by stage.
        trust: whether to trust it, and why not.
        warnings: what a reader of the results should know.
    """

    recording: gj.Recording
    recipe: AbstractLevel
    model: PatchedNeuron
    shape: SpikeShape
    split: Split
    train: FitData
    test: tuple[FitData, ...]
    stages: tuple[Outcome, ...]
    scores: Scores
    seed: int
    seconds: dict[str, float]
    trust: Trust
    warnings: list[str] = field(default_factory=list)
    validation: Validation | None = None
    uncertainty: Uncertainty | None = None
    preprocessing: Preprocessing | None = None

    @property
    def level(self) -> str:
        """The level's name."""
        return self.recipe.name

    @property
    def neuron(self) -> gj.GLIF:
        """The fitted neuron."""
        return self.model.neuron

    def as_dict(self) -> dict[str, Any]:
        """What fit.json holds of a level."""
        return {
            "level": self.level,
            "recipe": describe(self.recipe),
            "train_sweeps": [part.number for part in self.split.train],
            "test_sweeps": [[part.number for part in group] for group in self.split.test],
            "split": self.split.reasons,
            "parameters": parameters(self.model),
            "uncertainty": None if self.uncertainty is None else self.uncertainty.as_dict(),
            "spike_shape": vars(self.shape),
            "preprocessing": None if self.preprocessing is None else self.preprocessing.as_dict(),
            "trust": self.trust.as_dict(),
            "scores": self.scores.as_dict(),
            "validation": None
            if self.validation is None
            else {"bits_per_spike": self.validation.bits, "training_bits_per_spike": self.validation.training_bits},
            "stages": [
                {
                    "name": stage.name,
                    "objective": stage.unit,
                    "losses": stage.losses,
                    "tried_mv": stage.tried,
                    "kept": stage.taken,
                }
                for stage in self.stages
            ],
            "seeds": {"scores": self.seed},
            "seconds": self.seconds,
            "warnings": self.warnings,
            "versions": {name: version(name) for name in ("glifjax", "jax", "equinox", "optax", "scipy")},
        }


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
        return self.preferred.as_dict() | ({"levels": levels} if len(levels) > 1 else {})

    def report(self, path: str | Path) -> None:
        """Write the report, one self-contained HTML page, to `path`."""
        from .report import write_report

        write_report(self.levels, self.level, path)
