"""The levels that there are, by name, and those that are meant by what a user says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import glifjax as gj
from glifjax.glif.names import LevelError

from ..stages.augment import POTASSIUM, SLOW_INWARD, Augment
from ..stages.membrane import Membrane
from .allen import AllenLevel
from .augmented import AugmentedLevel
from .base import AbstractLevel
from .names import MOST_CURRENTS, level_names

#: What each of Allen's levels adds to which.
ADDS = {
    "LIF": (None, "a leaky membrane and a fixed threshold"),
    "LIF-R": ("LIF", "a reset that keeps some of the voltage, and a threshold that spikes raise"),
    "LIF-ASC": ("LIF", "currents that spikes leave behind"),
    "LIF-R-ASC": ("LIF-ASC", "the reset and the raised threshold beside the currents"),
    "LIF-R-ASC-A": ("LIF-R-ASC", "a threshold that the voltage drags along"),
}
#: The levels that are fitted by default, the simplest first.
LEVELS: Mapping[str, AbstractLevel] = MappingProxyType(
    {
        name: AllenLevel(name=name, words=words, contains=contains, resets=resets, currents=currents, adapts=adapts)
        for (name, (contains, words)), (resets, currents, adapts) in zip(ADDS.items(), gj.LEVELS.values(), strict=True)
    }
    | {"augmented": AugmentedLevel()}
)
#: Each adds to the membrane of the level that it contains. It is fitted where it is named, and beside all of LEVELS
#: where that one is preferred; the choice takes it where it predicts training spikes better, or as well and the voltage
#: between them better.
CANDIDATES: Mapping[str, AbstractLevel] = MappingProxyType(
    {
        "augmented-slow": AugmentedLevel(
            name="augmented-slow",
            words="a slow inward current, which hyperpolarisation opens",
            contains="augmented",
            augment=Augment(currents=(*POTASSIUM, SLOW_INWARD)),
            membrane=Membrane(settle=0.1),
            held=(),
        )
    }
)
#: The levels that candidates extend, by their names.
EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {name: level.contains for name, level in CANDIDATES.items() if level.contains is not None}
)
#: Both, by name.
NAMED: Mapping[str, AbstractLevel] = MappingProxyType({**LEVELS, **CANDIDATES})

#: What a user may say: "all", one level or several by name, levels of one's own.
SomeLevels = str | AbstractLevel | Sequence[str | AbstractLevel] | None


def levels_of(said: SomeLevels, currents: int | None = None) -> tuple[AbstractLevel, ...]:
    """The levels that are meant by None or "all", by one's name, by several (a list, or with commas between), or by
    levels of one's own.

    Args:
        said: what a user said.
        currents: how many afterspike currents a level has that has any; None: as many as it has by itself.

    Returns:
        Them, each once: those of LEVELS and CANDIDATES, the simplest first, then one's own, in their order.

    Raises:
        LevelError: one is unknown, or two share a name.
        ValueError: less than one current or more than MOST_CURRENTS, or a number of them for a level of one's own.
    """
    if currents is not None and currents < 1:
        raise ValueError(f"{currents} afterspike currents: give 1 or more, or a level without them (LIF, LIF-R)")
    if currents is not None and currents > MOST_CURRENTS:
        raise ValueError(f"{currents} afterspike currents: give {MOST_CURRENTS} or fewer, which can be told apart")
    parts = said.split(",") if isinstance(said, str) else [said] if isinstance(said, AbstractLevel) else said
    parts = ["all"] if parts is None else list(parts) or [""]
    own = [part for part in parts if isinstance(part, AbstractLevel)]
    names = [part for part in parts if isinstance(part, str)]
    if own and currents is not None:
        raise ValueError(f"currents={currents} is for fitting.LEVELS; {own[0].name} says itself how many it has")
    meant = level_names(names)
    all_names = [*meant, *(level.name for level in own)]
    if twice := [name for name in all_names if all_names.count(name) > 1]:
        raise LevelError(f"two levels are called {twice[0]!r}; give your own a name of its own")
    return (*(_with_currents(level, currents) for name, level in NAMED.items() if name in meant), *own)


def candidates_beside(levels: Sequence[AbstractLevel], currents: int | None = None) -> Mapping[str, AbstractLevel]:
    """The candidates that are fitted beside some levels if these are all of LEVELS, by the one that each extends.

    Args:
        levels: those that are fitted in any case.
        currents: see levels_of.
    """
    if [level.name for level in levels] != list(LEVELS):
        return {}
    return {EXTENSIONS[name]: _with_currents(level, currents) for name, level in CANDIDATES.items()}


def _with_currents(level: AbstractLevel, currents: int | None) -> AbstractLevel:
    return level if currents is None else replace(level, n_currents=currents)
