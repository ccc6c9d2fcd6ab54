"""Scores: how well a model's spike trains and voltage reproduce a recording.

A spike train is a sorted 1-D float array of spike times in s; a set of trains (the repeats of the data, the
runs of the model) is a sequence of them. Times, windows, widths and durations are in s, scores have no unit.

Every score is 1 for perfect agreement and about 0 for chance. Where its formula has no value the score is nan,
never an exception or a warning: with no spike in the data nor in the model for Md* and Gamma, with none in the
data for the explained variance ratios. A model that is silent where the data are not gets Md* = 0 and an
explained variance ratio of 0; its Gamma, by the formula, is just below 0 (fewer coincidences than by chance).
In a mean over pairs of trains, the pairs without a value (two silent trains) are left out.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float

type_of_trains = Sequence[Float[np.ndarray, " _"]]
