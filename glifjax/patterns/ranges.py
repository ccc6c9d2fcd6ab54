"""A parameter of a pattern's neuron, with a range or without, as a reader types it: "a", "a=0:20"; loads no jax."""

import math
import re

from glifjax.errors import InputError
from glifjax.mihalas_niebur.units import UNITS

#: What only numbers above 0 mean something of.
POSITIVE = {"C": "capacitance", "G": "leak conductance"}


def read_range(text: str) -> tuple[str, tuple[float, float] | None]:
    """The name of a parameter, and the ends of its range in its unit, if they are given.

    Raises:
        InputError: a name that no Mihalas-Niebur neuron has, or what is no range.
    """
    name, given, limits = text.partition("=")
    field = name if name in UNITS else name.rstrip("0123456789")
    if field not in UNITS:
        raise InputError(f"the neuron has no parameter {name!r}; it has {', '.join(UNITS)}, numbered as in A1")
    if not given:
        return name, None
    ends = re.fullmatch(r"([^:]+):([^:]+)", limits)
    try:
        low, high = (float(part) for part in ends.groups()) if ends else (math.nan, math.nan)
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        unit = f", in {UNITS[field][0]}" if UNITS[field][0] else ""
        raise InputError(f"{text!r} is no range; write {name}=LOW:HIGH with LOW below HIGH{unit}, as in {name}=0:20")
    if field in POSITIVE and low <= 0:
        raise InputError(f"{text!r}: {POSITIVE[field]} must be above 0; begin the range there")
    return name, (low, high)
