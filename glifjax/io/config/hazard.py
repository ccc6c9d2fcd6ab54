"""A hazard in a config: `escape_noise` {lambda0 (1/s), delta_v (V), jitter (s), lapse (1/s)}, and how it is gathered.

jitter and lapse may be left out; `accumulated_hazard` is {tau (s), threshold (spikes)}.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from glifjax.io.config.values import mapping, not_negative, positive
from glifjax.spike import AccumulatedHazard, EscapeNoise


def read_escape_noise(config: Mapping[str, Any], source: str) -> EscapeNoise | None:
    """The escape noise of a config; None where it has none.

    Raises:
        NeuronConfigError: a number is missing or out of range; `source` names the file.
    """
    if config.get("escape_noise") is None:
        return None
    entry, where = mapping(config, "escape_noise", source), f"{source}, escape_noise"
    needed = {key: positive(entry, key, where) for key in ("lambda0", "delta_v")}
    return EscapeNoise(
        **needed, **{key: not_negative(entry, key, where) for key in ("jitter", "lapse") if key in entry}
    )


def read_accumulated_hazard(config: Mapping[str, Any], source: str) -> AccumulatedHazard | None:
    """How a config's hazard is gathered; None where it is not.

    Raises:
        NeuronConfigError: as read_escape_noise.
    """
    if config.get("accumulated_hazard") is None:
        return None
    entry, where = mapping(config, "accumulated_hazard", source), f"{source}, accumulated_hazard"
    return AccumulatedHazard(positive(entry, "tau", where), not_negative(entry, "threshold", where))


def hazard_entries(**parts: EscapeNoise | AccumulatedHazard | None) -> dict[str, dict[str, float]]:
    """The entries of a config, by key, of those that are there."""
    numbers = lambda part: {field.name: float(getattr(part, field.name)) for field in fields(part)}
    return {key: numbers(part) for key, part in parts.items() if part is not None}
