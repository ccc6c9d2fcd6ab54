"""The stages that `glifjax fit` is to go through, known before it starts: what "12 of 48 stages" counts."""

from typing import NamedTuple

from ..levels import AbstractLevel
from ..stages.deterministic import HardThreshold
from .settings import FitSettings


class Plan(NamedTuple):
    """The stages of a fit, by name, in their order.

    Attributes:
        before: what all levels share.
        levels: each level's own.
        after: of the preferred level, and what is written.
        candidates: each one's own; one of them, or none, is fitted after the levels.
    """

    before: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]
    after: tuple[str, ...]
    candidates: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, settings: FitSettings) -> "Plan":
        """What is ahead of a fit with these settings."""
        compared = ("cross-validation",) if len(settings.levels) > 1 else ()
        last = (HardThreshold(), settings.fine_tuning)
        finishing = [stage.name for stage in last if stage is not None]
        doubt = ("uncertainty", "predictive bands") if settings.uncertainty else ()

        def own(level: AbstractLevel) -> tuple[str, ...]:
            stages = [stage.name for stage in level.stages(())]
            return ("starting values", *stages, *compared, *finishing, "spikes without noise", "scores")

        return cls(
            ("choosing sweeps", "preparing the data", "electrode and drift", "what the cell tells of itself"),
            {level.name: own(level) for level in settings.levels},
            ("change of the cell", "steps of current", *doubt, "writing the report"),
            {level.name: own(level) for level in settings.candidates.values()},
        )
