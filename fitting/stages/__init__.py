"""The stages of a fit: each takes a patched neuron and training data, and returns a better one.

initial: closed-form starting values. voltage: the membrane, with spikes forced where they were recorded.
threshold: when the neuron spikes, given that membrane. joint: both again, together. deterministic: the hard threshold
that agrees with it. finetune: gradient descent on the running neuron, where an optimiser is given.
"""

from typing import NamedTuple

from ..model.patched import PatchedNeuron


class Stage(NamedTuple):
    """What a stage returns.

    Attributes:
        model: the patched neuron with this stage's parameters moved.
        name: the stage, in words.
        unit: what `losses` is measured in.
        losses: the objective after each iteration, first the start's; or at each value tried.
        tried: what was tried, mV, where the stage is a search along one line.
        kept: False where what the stage found was not taken.
    """

    model: PatchedNeuron
    name: str
    unit: str
    losses: list[float]
    tried: list[float] | None = None
    kept: bool = True
