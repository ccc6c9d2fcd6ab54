"""Training sweeps in blocks, every so many of which are kept aside in turn: those that belong together.

Sweeps that repeat a stimulus are kept aside together, since a fit that has seen one of them has seen the others' like.
Where as many stimuli as there are folds hold spikes, each stimulus is a block; else a block is a piece of time.
"""

import numpy as np
from jaxtyping import Int

from .arrays import FitData

#: How many parts take turns at being kept aside.
FOLDS = 4
#: How long a piece of time is at most, s.
BLOCK = 5.0
#: How many pieces there are at least.
FEWEST = 12
#: Sweeps repeat a stimulus where their currents differ by less than this share of their size (RMS).
ALIKE = 0.1
#: Currents are compared in means over this, s.
MEAN = 1e-3


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
    every = max(1, round(MEAN / data.dt))
    means = data.current[:, : data.current.shape[1] // every * every].reshape(len(data.current), -1, every).mean(axis=2)
    lengths = data.valid.sum(axis=1)
    firsts: list[int] = []
    numbers = []
    for sweep, current in enumerate(means):
        alike = lambda first, current=current, length=lengths[sweep]: (
            lengths[first] == length
            and np.sqrt(np.mean((means[first] - current) ** 2)) <= ALIKE * np.std(means[first]) + 1e-15
        )
        same = next((number for number, first in enumerate(firsts) if alike(first)), len(firsts))
        if same == len(firsts):
            firsts.append(sweep)
        numbers.append(same)
    return np.array(numbers)
