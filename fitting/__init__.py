"""Fit glifjax neurons to recordings, and score them on what they have not seen."""

from fitting.data import DataError
from fitting.electrode import PatchedNeuron
from fitting.evaluate import Scores
from fitting.fit import Fit, fit
from fitting.levels import LEVELS

__all__ = ["LEVELS", "DataError", "Fit", "PatchedNeuron", "Scores", "fit"]
