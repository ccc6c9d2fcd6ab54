"""What validation blocks choose: basis and link, and how strong the prior is.

Fitted to three fifths of the time, judged on the fourth block of every five; the fifth is left for the score.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from glifjax.errors import InputError

from .binned import Binned
from .design import Design
from .prior import Prior
from .problem import Problem
from .scores import VALIDATED, bits_per_spike, blocks, log_likelihood

#: Where more than this share of the bins with spikes hold several, only counts are fitted.
MANY_SEVERAL = 0.01


def training_and_validation(data: Binned) -> tuple[Binned, Binned]:
    """Three fifths of the time, and one."""
    validated, scored = blocks(data, VALIDATED), blocks(data)
    return data.only(~validated & ~scored), data.only(validated)


def best_prior(problem: Problem, data: Binned, priors: Sequence[Prior]) -> Prior:
    """The prior whose fit predicts validation blocks best; each starts where the one before ended."""
    if len(priors) == 1:
        return priors[0]
    training, validation = training_and_validation(data)
    bits, start = [], None
    for prior in priors:
        solution = problem.solved(training, prior, start=start)
        start = solution.theta
        responses = problem.responses(solution)
        bits.append(bits_per_spike(responses, validation, training, problem.design.observation))
    return priors[int(np.argmax(bits))]


def best_design(problem: Problem, data: Binned, prior: Prior, designs: Sequence[Design]) -> Design:
    """The design under which validation blocks are most probable.

    A bin's spikes are cut to one for all of them where one has room for no more.

    Args:
        problem: of counts, not cut to one a bin.
        data: which bins count.
        prior: on the weights.
        designs: to choose from, none with a longer history than the problem's.
    """
    several = np.sum((data.counts > 1) & data.counted) / max(np.sum((data.counts > 0) & data.counted), 1)
    of_counts = [plan for plan in designs if plan.most_per_bin > 1]
    if several > MANY_SEVERAL and of_counts:
        designs = of_counts
    if len(designs) == 1:
        return designs[0]
    common = replace(data, counts=np.minimum(data.counts, min(plan.most_per_bin for plan in designs)))
    training, validation = training_and_validation(common)
    values = []
    for plan in designs:
        candidate = replace(problem, design=plan, data=common)
        responses = candidate.responses(candidate.solved(training, prior))
        values.append(log_likelihood(responses, validation, plan.observation).sum())
    return designs[int(np.argmax(values))]


def strengths(value: float | Sequence[float], name: str) -> list[float]:
    """One number or several, not negative.

    Raises:
        InputError: none, or others.
    """
    numbers = [float(value)] if isinstance(value, int | float) else [float(item) for item in value]
    if not numbers:
        raise InputError(f"there is no {name} to choose from; give a number, or several")
    if not all(np.isfinite(numbers)) or min(numbers) < 0:
        raise InputError(f"{name} is {value}; give finite numbers from 0 on")
    return numbers
