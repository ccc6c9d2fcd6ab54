"""Numbers with units on the command line, and numbers that were meant in another unit."""

import re

import numpy as np

from glifjax.checks.magnitudes import LARGEST_C, LARGEST_CURRENT, LARGEST_DT
from glifjax.errors import InputError, shown

#: One of each unit in A, and in s.
AMPERES = {"pA": 1e-12, "nA": 1e-9, "uA": 1e-6, "µA": 1e-6, "A": 1.0}
SECONDS = {"ms": 1e-3, "s": 1.0}


def quantity(option: str, text: str, units: dict[str, float]) -> float:
    """A number with its unit, such as "200pA" or "1.5 nA", in SI units.

    Raises:
        InputError: no number, or none of the units behind it.
    """
    match = re.fullmatch(r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(\S+)\s*", text)
    try:
        return float(match[1]) * units[match[2]]  # pyright: ignore[reportOptionalSubscript]
    except (TypeError, KeyError, ValueError):
        names = ", ".join(units)
        raise InputError(f"{option} {shown(text)} is no number with a unit; give one in {names}") from None


def check_units(neuron, currents, dt: float, source: str) -> None:
    """Refuse a neuron, currents (A) or a time step (s) that were not meant in SI units.

    Raises:
        InputError: C above 1 uF, a current above 1 uA, a step above 10 ms.
    """
    if (C := float(getattr(neuron, "C", 0.0))) > LARGEST_C:
        raise InputError(f"{source}: C is {C:g} F, and no cell's is above 1 µF; give it in F: 100 pF are 1e-10")
    if dt > LARGEST_DT:
        raise InputError(f"{source}: the time step is {1e3 * dt:g} ms, and none above 10 ms is run; give dt in s")
    for current in currents:
        if (peak := float(np.abs(current).max(initial=0.0))) > LARGEST_CURRENT:
            raise InputError(
                f"{source}: the stimulus reaches {1e12 * peak:.3g} pA, and no cell takes 1 µA (1e6 pA); "
                "give it in A: 100 pA are 1e-10"
            )
