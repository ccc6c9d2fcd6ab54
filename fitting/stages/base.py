"""What every stage of a fit is: a value whose fields are its tunables, and one call from a model to a better one."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx

from ..checkpoint.registry import register
from ..data.arrays import FitData
from ..model.patched import PatchedNeuron


@register
class Outcome(NamedTuple):
    """What a stage returns.

    Attributes:
        model: the patched neuron with this stage's parameters moved.
        name: the stage, in words.
        unit: what `losses` is measured in.
        losses: the objective after each iteration, first the start's; or at each value tried.
        tried: what was tried, mV, where the stage is a search along one line.
        taken: False where what the stage came to was not taken.
        gains_over: stages before it whose last losses, summed, this one's last must lie below; else its model is not
            taken. Those that were not run ask for nothing.
    """

    model: PatchedNeuron
    name: str
    unit: str
    losses: list[float]
    tried: list[float] | None = None
    taken: bool = True
    gains_over: tuple[str, ...] = ()


class AbstractStage(eqx.Module):
    """A stage of a fit; its fields are its tunables.

    Attributes:
        name: in words; no two stages of a level share one.
    """

    name: eqx.AbstractVar[str]

    @abstractmethod
    def __call__(self, model: PatchedNeuron, data: FitData) -> Outcome:
        """A better model on training sweeps, of which only the steps that are `counted` count."""


Clock = Callable[..., Any]


def run_stages(
    stages: Sequence[AbstractStage],
    model: PatchedNeuron,
    data: FitData,
    clock: Clock = lambda name, task, *arguments: task(*arguments),
) -> tuple[PatchedNeuron, list[Outcome]]:
    """Run stages one after the other, each from where the last one ended.

    Args:
        stages: in their order.
        model: where the first one starts.
        data: training sweeps.
        clock: runs `task(*arguments)` under a name; it may tell the time, announce, or keep what comes back.

    Returns:
        The last model, and what each stage came to.
    """
    outcomes: list[Outcome] = []
    for stage in stages:
        outcome = _compared(clock(stage.name, stage, model, data), model, outcomes)
        outcomes.append(outcome)
        model = outcome.model
    return model, outcomes


def _compared(outcome: Outcome, before: PatchedNeuron, earlier: Sequence[Outcome]) -> Outcome:
    """The outcome, with the model before it where it does not gain over the stages that it names."""
    losses = [stage.losses[-1] for stage in earlier if stage.name in outcome.gains_over]
    if not losses:
        return outcome
    apart = sum(losses)
    taken = bool(outcome.losses[-1] < apart)
    model = outcome.model if taken else before
    return outcome._replace(model=model, losses=[apart, *outcome.losses], taken=taken)
