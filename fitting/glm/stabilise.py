"""A fit whose free runs do not run away.

A network that is fitted to spikes has never seen what it does once it fires more than they did, and a link without an
upper end lets it. So responses are held at what the recorded past made of them:

    response_j = min(link(excess_j, dt), highest_j)

where highest_j is exceeded in a small share of the recorded bins, the same for all neurons. Weights and kernels stay
those of the likelihood, and so do their errors. The share is that under which the fewest free runs run away, and of
several such the one that predicts validation blocks best.
"""

from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from glifjax import glm

from .binned import Binned
from .choice import training_and_validation
from .prior import Prior
from .problem import Problem, Solution
from .scores import bits_per_spike
from .stability import Stability, stability

#: Shares of bins with a held response that are tried.
SHARES = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3)
#: Free runs of each, how many and how long they are, s.
RUNS = 20
DURATION = 60.0


@dataclass(frozen=True)
class Stabilised:
    """What it took.

    Attributes:
        share: of recorded bins in which the response is held; 0 where holding it did no good, or was not needed.
        before, after: free runs of the plain fit to training blocks, and of the one that is held.
        bits: a spike, on validation blocks, of both.
    """

    share: float
    before: Stability
    after: Stability
    bits: tuple[float, float]

    def __str__(self) -> str:
        """In one sentence."""
        runs = len(self.after.unstable)
        if not self.before.unstable.any():
            return f"none of {runs} free runs ran away"
        if not self.share:
            return f"{int(self.before.unstable.sum())} of {runs} free runs ran away, and held responses did no better"
        return (
            f"{int(self.before.unstable.sum())} of {runs} free runs ran away, {int(self.after.unstable.sum())} with "
            f"responses held at what the recorded past exceeds in {self.share:.2%} of the bins; bits a spike on "
            f"validation blocks went from {self.bits[0]:.3f} to {self.bits[1]:.3f}"
        )


def held(problem: Problem, solution: Solution, data: Binned, share: float) -> Solution:
    """The solution with the response of each neuron held where it exceeds what it does in this share of the bins."""
    if not share:
        return solution
    columns = zip(np.asarray(problem.responses(solution)).T, data.counted.T, strict=True)
    highest = [np.quantile(own[counted] if counted.any() else own, 1 - share) for own, counted in columns]
    link = glm.Capped(solution.model.link, jnp.asarray(highest))
    return replace(solution, model=replace(solution.model, link=link))


def best_share(problem: Problem, data: Binned, prior: Prior, key: PRNGKeyArray) -> Stabilised:
    """The share under which the fewest free runs run away, and of several such the one that predicts best.

    What predicts is judged on validation blocks; nothing of the scored ones is seen.
    """
    training, validation = training_and_validation(data)
    plain = problem.solved(training, prior)

    def judged(share: float) -> tuple[Stability, float]:
        solution = held(problem, plain, training, share)
        responses = problem.responses(solution)
        bits = bits_per_spike(responses, validation, training, problem.design.observation)
        return stability(solution.model, training, key, RUNS, DURATION), bits

    before, had = judged(0.0)
    best = Stabilised(0.0, before, before, (had, had))
    for share in SHARES if before.unstable.any() else ():
        after, has = judged(share)
        other = Stabilised(share, before, after, (had, has))
        best = min(best, other, key=lambda one: (one.after.unstable.sum(), -one.bits[1]))
    return best
