"""What the levels are called, as a user may say it; loads no jax."""

from collections.abc import Sequence

from glifjax.glif import names
from glifjax.glif.names import LevelError

#: The levels that are fitted by default, the simplest first.
DEFAULT = (*names.LEVELS, "augmented")
#: These, and those that are fitted where they are named.
NAMES = (*DEFAULT, "augmented-slow")
#: Afterspike currents of a level at most: of more, no recording tells the time constants apart.
MOST_CURRENTS = 10


def level_name(name: str) -> str:
    """A level's name from any spelling of it ("lif-r", "GLIF2", "glif2").

    Raises:
        LevelError: lists the levels.
    """
    if name.strip().lower() in NAMES:
        return name.strip().lower()
    try:
        return names.level_name(name)
    except LevelError as error:
        raise LevelError(f"level {name!r} is unknown; use one of {', '.join(NAMES)} (or glif1 ... glif5)") from error


def level_names(said: Sequence[str]) -> set[str]:
    """The levels that are meant by several names; "all" stands for those of DEFAULT.

    Raises:
        LevelError: one is unknown.
    """
    meant = lambda name: DEFAULT if name.strip().lower() == "all" else (level_name(name),)
    return {level for name in said for level in meant(name)}
