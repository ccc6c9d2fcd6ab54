"""What own spikes, coupling and stimulus are worth: bits a spike that are lost where one is left out.

Nested models of the convex stage, the kernels' shapes as fitted, with a constant for every neuron.
"""

from dataclasses import replace

import numpy as np

from .binned import Binned
from .design import design_like
from .prior import Prior
from .problem import Problem, Solution
from .scores import bits_per_spike
from .terms import Terms


def shares(problem: Problem, training: Binned, held_out: Binned, prior: Prior, solution: Solution) -> dict[str, float]:
    """Bits a spike on held-out time that each part adds to the others, by name.

    Args:
        problem: what was fitted.
        training, held_out: the bins of either.
        prior: on the weights.
        solution: to the training bins.
    """
    if problem.design.like is not None:
        problem = replace(problem, design=design_like(solution.model, problem.data.dt))

    def bits(without=None) -> float:
        excess = problem.maximum(training, prior, solution.theta, without).excess
        responses = problem.design.likelihood.responses(excess)
        return bits_per_spike(responses, held_out, training, problem.design.observation)

    parts = {
        name: rows for name, rows in _rows(problem.terms).items() if np.asarray(problem.terms.connected)[rows].any()
    }
    whole = bits()
    return {name: whole - bits(rows) for name, rows in parts.items()}


def _rows(terms: Terms) -> dict[str, np.ndarray]:
    """Which rows of theta are of which part."""
    widths = {"stimulus": terms.stimulus.shape[1], "own spikes": terms.own.shape[1]}
    first, rows = 1, {}
    for name, width in widths.items():
        rows[name] = np.isin(np.arange(terms.count), np.arange(first, first + width))
        first += width
    return rows | {"coupling": np.arange(terms.count) >= first}
