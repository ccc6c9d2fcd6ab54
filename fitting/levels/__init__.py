"""The levels that are fitted: Allen's five and the augmented GIF, each a value; and what one of one's own must be."""

from .base import AbstractLevel, Moved, describe
from .registry import CANDIDATES, LEVELS, NAMED, SomeLevels, level_name, levels_of

__all__ = [
    "CANDIDATES",
    "LEVELS",
    "NAMED",
    "AbstractLevel",
    "Moved",
    "SomeLevels",
    "describe",
    "level_name",
    "levels_of",
]
