"""Fit glifjax neurons to recordings, and score them on what they have not seen."""

from .assess.evaluate import Scores
from .checkpoint import Checkpoint
from .data.arrays import DataError
from .levels.names import LEVELS
from .many.study import fit_many
from .model.patched import PatchedNeuron
from .pipeline import Fit, fit

__all__ = ["LEVELS", "Checkpoint", "DataError", "Fit", "PatchedNeuron", "Scores", "fit", "fit_many"]
