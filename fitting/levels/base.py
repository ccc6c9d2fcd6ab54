"""What a level of neuron is to a fit: where it starts, what is moved, in which stages, and what comes out."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np

from ..data.arrays import FitData
from ..data.shape import SpikeShape
from ..model.coordinates import AbstractCoordinate
from ..model.patched import PatchedNeuron
from ..stages.base import AbstractStage


class Moved(NamedTuple):
    """What a fit moves.

    Attributes:
        membrane: what stage A moves.
        threshold: what stage B moves.
    """

    membrane: list[AbstractCoordinate]
    threshold: list[AbstractCoordinate]


class AbstractLevel(eqx.Module):
    """A level of neuron: a value, whose fields are its tunables.

    Attributes:
        name: what it is called, in files too.
        words: what it adds to the level that it contains, or what it is where there is none.
        contains: the level of which it is an extension; None where there is none.
        allensdk: whether AllenSDK reads the neuron_config.json of its neurons.
    """

    name: eqx.AbstractVar[str]
    words: eqx.AbstractVar[str]
    contains: eqx.AbstractVar[str | None]
    allensdk: eqx.AbstractVar[bool]

    @abstractmethod
    def start(self, data: FitData, shape: SpikeShape) -> PatchedNeuron:
        """A neuron to start from, by training sweeps and what their spikes have in common."""

    @abstractmethod
    def coordinates(self, model: PatchedNeuron, duration: float) -> Moved:
        """What is moved, around where the model is; `duration` is that of the training sweeps, s."""

    @abstractmethod
    def stages(self, moved: Sequence[AbstractCoordinate]) -> tuple[AbstractStage, ...]:
        """The stages of a fit, in their order, whose first moves these coordinates of the membrane."""

    @abstractmethod
    def refit(
        self, model: PatchedNeuron, data: FitData, moved: Sequence[AbstractCoordinate]
    ) -> tuple[AbstractStage, ...]:
        """The stages that refit a model, which was fitted to all of the data, to a part of it."""

    @abstractmethod
    def finish(self, model: PatchedNeuron) -> PatchedNeuron:
        """The neuron that comes out, of the one that the stages work on; the same in another form, if any."""


def describe(value: Any) -> Any:
    """A level, a stage, or what one holds, as JSON can hold it: by class and fields.

    Arrays are lists; functions go by their names.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [describe(item) for item in value]
        case eqx.Module():
            described = {field.name: describe(getattr(value, field.name)) for field in fields(value)}
            return {"class": f"{type(value).__module__}.{type(value).__qualname__}", **described}
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    return np.asarray(value).tolist()
