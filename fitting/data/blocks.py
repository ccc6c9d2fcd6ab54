"""Training sweeps in blocks, every so many of which are kept aside in turn: those that belong together.

Sweeps that repeat a stimulus are kept aside together, since a fit that has seen one of them has seen the others' like.
Where as many stimuli as there are folds hold spikes, each stimulus is a block; else a block is a piece of time.
"""

import numpy as np
from jaxtyping import Int

from .arrays import FitData
from .stimulus import envelope, same_stimulus

#: How many parts take turns at being kept aside.
FOLDS = 4
#: How long a piece of time is at most, s.
BLOCK = 5.0
#: How many pieces there are at least.
FEWEST = 12


def blocks(data: FitData) -> Int[np.ndarray, "S T"]:
    """The number of the block that each step lies in; pieces of time run on from stimulus to stimulus."""
    stimulus = stimuli(data)
    spikes = np.bincount(stimulus, data.forced.sum(axis=1))
    if np.count_nonzero(spikes) >= FOLDS:
        # by their spikes, so that every fold has its share of them
        rank = np.argsort(np.argsort(-spikes, kind="stable"))
        return np.broadcast_to(rank[stimulus][:, None], data.valid.shape)
    first = [int(np.flatnonzero(stimulus == number)[0]) for number in range(len(spikes))]
    steps = data.valid[first].sum(axis=1)
    before = np.cumsum(steps) - steps
    time = (before[stimulus][:, None] + np.cumsum(data.valid, axis=1)) * data.dt
    return (time / min(BLOCK, steps.sum() * data.dt / FEWEST)).astype(int)


def stimuli(data: FitData) -> Int[np.ndarray, " S"]:
    """The number of the stimulus that each sweep plays, in the order of their first sweeps."""
    firsts: list[np.ndarray] = []
    numbers = []
    for current, valid in zip(data.current, data.valid, strict=True):
        means = envelope(current[valid], 1 / data.dt)
        same = next((number for number, first in enumerate(firsts) if same_stimulus(means, first)), len(firsts))
        if same == len(firsts):
            firsts.append(means)
        numbers.append(same)
    return np.array(numbers)
