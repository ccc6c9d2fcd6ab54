"""The names of Allen's five levels, and what each has (Teeter et al. 2018); loads no jax."""

from glifjax.errors import InputError

#: Level: whether it has reset rules (R), afterspike currents (ASC), a voltage-dependent threshold (A).
LEVELS = {
    "LIF": (False, False, False),
    "LIF-R": (True, False, False),
    "LIF-ASC": (False, True, False),
    "LIF-R-ASC": (True, True, False),
    "LIF-R-ASC-A": (True, True, True),
}


class LevelError(InputError):
    """A level that does not exist; the message lists those that do."""


ALIASES = {f"glif{i}": level for i, level in enumerate(LEVELS, start=1)}


def level_name(name: str) -> str:
    """A level's name from any spelling of it ("lif-r", "GLIF2", "glif2"); LevelError lists the levels."""
    wanted = str(name).strip().lower()
    for level in LEVELS:
        if wanted in (level.lower(), level.lower().replace("-", "_")):
            return level
    if wanted in ALIASES:
        return ALIASES[wanted]
    raise LevelError(f"level {name!r} is unknown; use one of {', '.join(LEVELS)} (or glif1 ... glif5)")
