"""What validation blocks choose: basis and link, and how strong the prior is.

Fitted to three fifths of the time, judged on the fourth block of every five; the fifth is left for the score. Where a
recording is too short for blocks of 10 s, each of the first four judges in turn: one alone would hold too few spikes.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Array, Float

from glifjax.errors import InputError

from .binned import Binned
from .design import Design
from .prior import Prior
from .problem import Problem
from .scores import BLOCK, SCORED, VALIDATED, block_bins, blocks, log_likelihood

Theta = Float[Array, "p n"]
#: Where more than this share of the bins with spikes hold several, only counts are fitted.
MANY_SEVERAL = 0.01


def training_and_validation(data: Binned, judged: int = VALIDATED) -> tuple[Binned, Binned]:
    """Three fifths of the time, and one."""
    judges, scored = blocks(data, judged), blocks(data)
    return data.only(~judges & ~scored), data.only(judges)


def validated(problem: Problem, data: Binned, prior: Prior, start: Theta | None = None) -> tuple[float, Theta | None]:
    """How probable validation blocks are under a fit to the others, nats, and where it ended; started at theta."""
    short, value = block_bins(data) < round(BLOCK / data.dt), 0.0
    for judged in range(SCORED) if short else (VALIDATED,):
        training, validation = training_and_validation(data, judged)
        solution = problem.solved(training, prior, start=start)
        value += log_likelihood(problem.responses(solution), validation, problem.design.observation).sum()
        start = solution.theta
    return value, start


def best_prior(problem: Problem, data: Binned, priors: Sequence[Prior]) -> Prior:
    """The prior whose fit predicts validation blocks best; each starts where the one before ended."""
    if len(priors) == 1:
        return priors[0]
    values, start = [], None
    for prior in priors:
        value, start = validated(problem, data, prior, start)
        values.append(value)
    return priors[int(np.argmax(values))]


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
    values = [validated(replace(problem, design=plan, data=common), common, prior)[0] for plan in designs]
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
