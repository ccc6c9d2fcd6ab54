"""Figures of how well held-out time is predicted: bits a spike, and rescaled intervals."""

import numpy as np
from matplotlib.figure import Figure

from ..scores import Scores
from .drawing import QUIET, SMALL, Units, figure, plain

#: A Kolmogorov-Smirnov distance times the root of the number is below this in 95 of 100 true cases.
KS_95 = 1.358


def bits(score: Scores, units: Units) -> Figure:
    """Held-out bits a spike of each unit."""
    drawn = figure(4.8, 4.2)
    axes = drawn.subplots()
    axes.bar(range(len(units.order)), score.neurons[units.order], color=units.colours)
    axes.axhline(0, color=QUIET, lw=0.8)
    axes.set_ylabel("held-out bits a spike, against a constant rate", fontsize=SMALL)
    units.legend(axes)
    plain(axes)
    units.label(axes.xaxis, 90)
    return drawn


def rescaled(score: Scores, units: Units) -> Figure:
    """Rescaled intervals less what is expected of them, in units of the 95 % bound: within one in 95 of 100 cases."""
    drawn = figure(4.8, 4.2)
    axes = drawn.subplots()
    for unit, colour in zip(units.order, units.colours, strict=True):
        values = score.rescaled[unit]
        if len(values) > 1:
            expected = (np.arange(len(values)) + 0.5) / len(values)
            bound = KS_95 / np.sqrt(len(values))
            axes.plot(expected, (values - expected) / bound, color=colour, lw=0.9, alpha=0.8)
    axes.axhspan(-1, 1, color=QUIET, alpha=0.25, lw=0)
    axes.axhline(0, color=QUIET, lw=0.8)
    axes.set_xlabel("quantile of rescaled intervals", fontsize=SMALL)
    axes.set_ylabel("distance from uniform / 95 % bound", fontsize=SMALL)
    units.legend(axes)
    plain(axes)
    return drawn
