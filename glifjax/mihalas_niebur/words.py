"""A Mihalas-Niebur neuron in words: its values with their units."""

from typing import Any

import numpy as np

#: Line by line, each parameter with what its SI value is multiplied with, and the unit that makes.
LINES: tuple[dict[str, tuple[float, str]], ...] = (
    {"C": (1e12, "pF"), "G": (1e9, "nS"), "El": (1e3, "mV"), "V_reset": (1e3, "mV")},
    {"th_inf": (1e3, "mV"), "th_reset": (1e3, "mV"), "a": (1.0, "1/s"), "b": (1.0, "1/s")},
    {"k": (1.0, "1/s"), "R": (1.0, ""), "A": (1e12, "pA")},
)


def described(neuron: Any) -> str:
    """Lines of text: the integrator, and the parameters of voltage, threshold and internal currents."""
    lines = [f"Mihalas-Niebur neuron, {neuron.integrator}"]
    for line in LINES:
        values = [f"{name} {_numbers(getattr(neuron, name), scale)} {unit}" for name, (scale, unit) in line.items()]
        lines.append("  " + ", ".join(value.strip() for value in values))
    return "\n".join(lines)


def _numbers(value: Any, scale: float) -> str:
    return " ".join(f"{number:.4g}" for number in np.ravel(np.asarray(value, float)) * scale)
