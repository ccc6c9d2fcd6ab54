"""Fit glifjax neurons to recordings, and score them on what they have not seen."""

from fitting.checkpoint import Checkpoint
from fitting.data import DataError
from fitting.electrode import PatchedNeuron
from fitting.evaluate import Scores
from fitting.fit import Fit, fit
from fitting.levels import LEVELS
from fitting.many import fit_many

__all__ = ["LEVELS", "Checkpoint", "DataError", "Fit", "PatchedNeuron", "Scores", "fit", "fit_many"]
