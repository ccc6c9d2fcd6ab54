"""A fitted neuron: how it came about, and how well it predicts."""

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import glifjax as gj

from .assess import predictive
from .assess.crossvalidate import Validation
from .assess.evaluate import Scores
from .assess.predictive import Bands
from .assess.readout import HARD, Readout
from .assess.steps import Step
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
        readout: how the neuron decides without noise.
        bands: of its predictions, one for each group of repeats held out; None where there is no uncertainty.
        seed: of the simulations that the scores rest on.
        seconds: by stage.
        trust: whether to trust it, and why not.
        warnings: what a reader of the results should know.
        steps: what it does at steps of current, beside the cell; of the preferred level.
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
    bands: tuple[Bands, ...] | None = None
    steps: tuple[Step, ...] = ()
    preprocessing: Preprocessing | None = None
    readout: Readout = HARD

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
            "predictive": predictive.as_dict(self.bands) if self.bands else None,
            "steps": [step.as_dict() for step in self.steps],
            "spike_shape": vars(self.shape),
            "preprocessing": None if self.preprocessing is None else self.preprocessing.as_dict(),
            "trust": self.trust.as_dict(),
            "scores": self.scores.as_dict(),
            "without_noise": self.readout.as_dict(),
            "validation": None
            if self.validation is None
            else {
                "bits_per_spike": self.validation.bits,
                "training_bits_per_spike": self.validation.training_bits,
                "voltage_rmse_mv": 1e3 * self.validation.rmse,
            },
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
