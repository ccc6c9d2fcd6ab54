"""A Mihalas-Niebur neuron in words: its values with their units."""

from typing import Any

import numpy as np

from glifjax.mihalas_niebur.units import UNITS

#: The parameters, line by line.
LINES = (("C", "G", "El", "V_reset"), ("th_inf", "th_reset", "a", "b"), ("k", "R", "A"))


def described(neuron: Any) -> str:
    """Lines of text: the integrator, and the parameters of voltage, threshold and internal currents."""
    lines = [f"Mihalas-Niebur neuron, {neuron.integrator}"]
    for names in LINES:
        lines.append("  " + ", ".join(_value(name, getattr(neuron, name)) for name in names))
    return "\n".join(lines)


def _value(name: str, value: Any) -> str:
    unit, scale = UNITS[name]
    numbers = " ".join(f"{number:.4g}" for number in np.ravel(np.asarray(value, float)) * scale)
    return f"{name} {numbers} {unit}".strip()
