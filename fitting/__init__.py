"""Fit glifjax neurons to recordings, and score them on what they have not seen."""

from fitting.data import DataError
from fitting.electrode import PatchedNeuron
from fitting.evaluate import Scores
from fitting.fit import DEFAULT_LEVEL, Fit, fit

__all__ = ["DEFAULT_LEVEL", "DataError", "Fit", "PatchedNeuron", "Scores", "fit"]
