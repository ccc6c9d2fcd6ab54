"""What a fit is asked: every setting with its type, validated once, in and out of JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import optax

from glifjax.errors import InputError

from ..data.choices import DriftChoice, Electrode, check_choices
from ..levels import LEVELS, NAMED, AbstractLevel, SomeLevels, candidates_beside, describe, levels_of
from ..tuning.descent import DEFAULT_LOSS, FineTuning, default_optimizer
from ..tuning.objective import AnyLoss, check_loss, check_parameters


class SettingsError(InputError):
    """Settings that no fit can follow; the message says which and what to do."""


@dataclass(frozen=True)
class FitSettings:
    """What a fit is asked, beside its recording.

    Attributes:
        level: one of fitting.LEVELS (aliases glif1 ... glif5), a candidate beside them ("augmented-slow"), a level of
            one's own, or several; None or "all" is all six, and the candidate where the level that it extends is
            preferred. Of several, the simplest is preferred that predicts training spikes kept aside as well as the
            best does (fitting.assess.crossvalidate).
        train_sweeps, test_sweeps: sweeps by number, range or protocol name; guessed where None (see
            fitting.choose_sweeps).
        optimizer: any optax optimiser, or "default"; after the fit it moves parameters through surrogate spikes, and
            the result is kept where it predicts a part of the training data better that it has not seen
            (fitting.FineTuning).
        train: the parameters it moves, by their names in fitting.tuning.objective.PARAMETERS; the threshold's if None.
            A level moves those that it has.
        loss: what it minimises, one of fitting.losses.LOSSES by name, a loss of one's own, or several.
        starts: how many places it starts from; the best is kept.
        seed: of the simulations that the scores rest on, and of those places.
        uncertainty: add standard errors of the preferred level's parameters (fitting.assess.uncertainty).
        electrode: what the recorded voltage holds of it: "none", "series" (a resistance that the fit finds), "aec" (its
            kernel, measured and convolved out), or "auto", which chooses on the training sweeps.
        drift: of the training sweeps' baseline: "keep", "remove", or "auto", which removes it where that predicts
            training spikes kept aside better (fitting.preprocessing).
        currents: how many afterspike currents a level has that has any, their time constants fitted; None is two, and
            four at the augmented level. What "auto" chooses rests on fits with two.
        runs: with escape noise, that the scores average over.
        cell: the electrode to take, of a recording that holds several; None where there is one.
        stimulus: a .csv or .atf file of the current, for a recording that does not hold it (glifjax.read_recording).

    Raises:
        ValueError: an unknown level, parameter or loss, parameters without an optimizer, a number below one.

    Example:
        >>> settings = fitting.FitSettings(level="glif3", train_sweeps="noise training", runs=20)
        >>> [level.name for level in settings.levels]
        ['LIF-ASC']
    """

    level: SomeLevels = "all"
    train_sweeps: str | None = None
    test_sweeps: str | None = None
    optimizer: optax.GradientTransformation | str | None = None
    train: Sequence[str] | None = None
    loss: AnyLoss = DEFAULT_LOSS
    starts: int = 1
    seed: int = 0
    uncertainty: bool = False
    electrode: Electrode = "auto"
    drift: DriftChoice = "auto"
    currents: int | None = None
    runs: int = 500
    cell: str | None = None
    stimulus: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no fit can follow."""
        _ = self.levels
        if not -(2**63) <= self.seed < 2**63:
            raise SettingsError(f"`seed={self.seed}`: give a whole number from {-(2**63)} to {2**63 - 1}")
        for name in ("starts", "runs"):
            if getattr(self, name) < 1:
                raise SettingsError(f"`{name}={getattr(self, name)}`: give 1 or more")
        if self.train is not None and self.optimizer is None:
            raise SettingsError(
                "train names the parameters that an optimizer moves, and none was given: add "
                "optimizer=optax.adam(0.02); sweeps are chosen with train_sweeps"
            )
        if isinstance(self.optimizer, str) and self.optimizer != "default":
            raise SettingsError(
                f'`optimizer={self.optimizer!r}` is unknown; give an optax optimiser, "default" or None'
            )
        check_parameters(self.train or ())
        check_loss(self.loss)
        check_choices(self.electrode, self.drift)

    @property
    def levels(self) -> tuple[AbstractLevel, ...]:
        """The levels that are fitted, the simplest first."""
        return levels_of(self.level, self.currents)

    @property
    def candidates(self) -> Mapping[str, AbstractLevel]:
        """The level that is fitted beside those where one of them is preferred, by that one's name."""
        return candidates_beside(self.levels, self.currents)

    @property
    def fine_tuning(self) -> FineTuning | None:
        """The stage that moves parameters by gradient, where an optimiser is given."""
        if self.optimizer is None:
            return None
        optimizer = default_optimizer() if isinstance(self.optimizer, str) else self.optimizer
        return FineTuning(optimizer, self.train, self.loss, self.starts, seed=self.seed)

    def as_json(self) -> dict[str, Any]:
        """The settings as JSON can hold them; what is of one's own by its class and fields."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        own = None if self.optimizer is None or isinstance(self.optimizer, str) else {"own": "an optax optimiser"}
        levels = [level.name if level.name in NAMED else describe(level) for level in self.levels]
        names = [level for level in levels if isinstance(level, str)]
        return values | {
            "level": "all" if levels == list(LEVELS) else ",".join(names) if names == levels else levels,
            "optimizer": own or self.optimizer,
            "train": None if self.train is None else list(self.train),
            "loss": self.loss if isinstance(self.loss, str) else describe(self.loss),
        }

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> "FitSettings":
        """The settings that `as_json` gave; those that are left out are the defaults.

        Raises:
            SettingsError: one is unknown, of another type, or of one's own, which no file can bring back.
        """
        if unknown := [name for name in settings if name not in {field.name for field in fields(cls)}]:
            raise SettingsError(f"setting {unknown[0]} is not one of this version of glifjax")
        for name, value in settings.items():
            parts = value if isinstance(value, list) else [value]
            if own := next((part for part in parts if isinstance(part, Mapping)), None):
                what = own.get("class", own.get("own", "of its own"))
                raise SettingsError(
                    f"setting {name} is {what}, which no file can bring back; repeat the fit in Python, with "
                    f"fitting.fit(recording, {name}=...)"
                )
            if not isinstance(value, TYPES[name]) or (isinstance(value, bool) and name != "uncertainty"):
                raise SettingsError(f"setting {name} is {value!r}, which is of the wrong type")
        values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in settings.items()}
        return cls(**values)


#: What a setting may be in a file.
TYPES: dict[str, tuple[type, ...]] = {
    "level": (str, list, type(None)),
    "train_sweeps": (str, type(None)),
    "test_sweeps": (str, type(None)),
    "optimizer": (str, type(None)),
    "train": (list, type(None)),
    "loss": (str, list),
    "starts": (int,),
    "seed": (int,),
    "uncertainty": (bool,),
    "electrode": (str,),
    "drift": (str,),
    "currents": (int, type(None)),
    "runs": (int,),
    "cell": (str, type(None)),
    "stimulus": (str, type(None)),
}
