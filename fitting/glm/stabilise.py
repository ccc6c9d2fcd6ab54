"""A fit whose free runs do not run away.

A network that is fitted to spikes has never seen what it does once it fires too much. So it is let run; stretches
where it ran away are laid behind the recording, with the recorded mean counts as what is asked for there, and it is
fitted again, a few times:

    -log likelihood of the recording + weight sum over stretches of cross entropy(recorded mean count, response)

which is as convex as before. The weight is that under which the fewest runs run away, and of several such the one that
predicts validation blocks best.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np
from jaxtyping import PRNGKeyArray, UInt8

from ..data.arrays import padded_length
from .binned import Binned, Runaway
from .choice import training_and_validation
from .prior import Prior
from .problem import Problem, Solution
from .scores import bits_per_spike
from .stability import Stability, stability

#: Weights that are tried, up to the first under which no run runs away.
WEIGHTS = (0.001, 0.01, 0.1, 1.0)
#: Times that free runs are looked at, how many and how long they are, s.
ROUNDS = 4
RUNS = 8
DURATION = 40.0
#: A run has left all that was recorded where a window of this holds more spikes than any recorded one, s.
WINDOW = 1.0
#: A stretch begins so long before the first such window, and ends when all kernels reach no further back than it, s.
BEFORE = 1.0


@dataclass(frozen=True)
class Stabilised:
    """What it took.

    Attributes:
        weight: of the runaway stretches.
        before, after: free runs of the plain fit, and of this one, from another key.
        bits: a spike, on validation blocks, of the plain fit and of this one.
    """

    weight: float
    before: Stability
    after: Stability
    bits: tuple[float, float]

    def __str__(self) -> str:
        """In one sentence."""
        runs = len(self.after.unstable)
        if not self.before.unstable.any():
            return f"none of {runs} free runs ran away"
        if not self.weight:
            return f"{int(self.before.unstable.sum())} of {runs} free runs ran away, and no weight of theirs did better"
        return (
            f"{int(self.before.unstable.sum())} of {runs} free runs ran away, {int(self.after.unstable.sum())} after "
            f"runaway stretches joined the training data with weight {self.weight:g}; bits a spike on validation "
            f"blocks went from {self.bits[0]:.3f} to {self.bits[1]:.3f}"
        )


def stabilised(
    problem: Problem,
    data: Binned,
    prior: Prior,
    weight: float,
    key: PRNGKeyArray,
    plain: Solution | None = None,
    errors: bool = False,
) -> Solution:
    """The fit to these bins and to its own runaway stretches; `plain` is the one without these."""
    solution = problem.solved(data, prior) if plain is None else plain
    stretches: list[UInt8[np.ndarray, "n K"]] = []
    for number in range(ROUNDS):
        free = stability(solution.model, data, jax.random.fold_in(key, number), RUNS, DURATION)
        more = runaway_stretches(free, data, problem.design.history)
        if not more:
            break
        stretches += more
        wider, bins = with_stretches(problem, data, stretches, weight)
        solution = wider.solved(bins, prior)  # from rest: where the last one ended, these stretches overflow
    if errors:
        wider, bins = with_stretches(problem, data, stretches, weight) if stretches else (problem, data)
        solution = wider.solved(bins, prior, start=solution.theta, errors=True)
    return solution


def best_weight(problem: Problem, data: Binned, prior: Prior, key: PRNGKeyArray) -> Stabilised:
    """The weight under which the fewest free runs run away, and of several such the one that predicts best.

    Smaller weights cost less, and come first, 0 (the plain fit) before all; the first under which all runs stay is it.
    What predicts is judged on validation blocks; nothing of the scored ones is seen.
    """
    training, validation = training_and_validation(data)
    look = jax.random.fold_in(key, 2**20)
    judged: list[tuple[int, float, float, Stability]] = []
    plain = problem.solved(training, prior)
    for weight in (0.0, *WEIGHTS):
        solution = stabilised(problem, training, prior, weight, key, plain) if weight else plain
        free = stability(solution.model, training, look, RUNS, DURATION)
        responses = problem.responses(solution)
        bits = bits_per_spike(responses, validation, training, problem.design.observation)
        judged.append((int(free.unstable.sum()), -bits, weight, free))
        if not judged[-1][0]:
            break
    _, lost, weight, after = min(judged, key=lambda row: row[:2])
    return Stabilised(weight, judged[0][3], after, (-judged[0][1], -lost))


def runaway_stretches(free: Stability, data: Binned, history: int) -> list[UInt8[np.ndarray, "n K"]]:
    """Of each run that ran away, the seconds around where it first left all that was recorded."""
    width = max(1, round(WINDOW / data.dt))
    recorded = np.convolve((data.counts * data.counted).sum(axis=1), np.ones(width), "valid").max()
    stretches = []
    for spikes in free.spikes[free.unstable]:
        beyond = np.convolve(spikes.sum(axis=0), np.ones(width), "valid") > recorded
        first = int(np.argmax(beyond)) if beyond.any() else 0
        start = max(0, first - round(BEFORE / data.dt) - history)
        stretches.append(spikes[:, start : first + width + history])
    return stretches


def with_stretches(
    problem: Problem, data: Binned, stretches: Sequence[UInt8[np.ndarray, "n K"]], weight: float
) -> tuple[Problem, Binned]:
    """The problem with stretches behind its bins, silence between them.

    A neuron's spikes are cut to the most that a recorded bin holds: a run that has gone for good tells no more.
    """
    history, most = problem.design.history, data.counts.max(axis=0)
    silence = np.zeros((history, data.counts.shape[1]), np.uint8)
    rows, asked = [data.counts], [np.zeros(data.counts.shape, bool)]
    for spikes in stretches:
        rows += [silence, np.minimum(spikes.T, most)]
        within = np.ones(spikes.T.shape, bool)
        within[:history] = False
        asked += [silence.astype(bool), within]
    laid = sum(map(len, rows))
    added = padded_length(laid) - len(data.counts)  # a length that other rounds have, too
    at_end = ((0, padded_length(laid) - laid), (0, 0))
    counts, free = np.pad(np.concatenate(rows), at_end), np.pad(np.concatenate(asked), at_end)
    joined = replace(data, counts=counts, counted=np.pad(data.counted, ((0, added), (0, 0))))
    free &= problem.design.free_bins(joined)
    means = data.rates * data.dt  # of a bin that counts
    runaway = Runaway(np.where(free, means, counts).astype(np.float32), np.where(free, weight, 0.0).astype(np.float32))
    joined = replace(joined, runaway=runaway)
    stimulus = None if problem.stimulus is None else np.pad(problem.stimulus, ((0, 0), (0, added)))
    return replace(problem, data=joined, stimulus=stimulus), joined
