"""Stochastic spiking networks fitted to spike trains by maximum likelihood, and judged on what was held out."""

from .fit import Fit, fit
from .report import write_report
from .scores import Scores
from .stability import Stability

__all__ = ["Fit", "Scores", "Stability", "fit", "write_report"]
