"""The neuron's parameters as a reader wants them: their symbols, their units, their usual ranges."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from glifjax.errors import InputError
from glifjax.mihalas_niebur import MihalasNiebur
from glifjax.mihalas_niebur.units import UNITS
from glifjax.patterns.ranges import read_range


@dataclass(frozen=True)
class Parameter:
    """A field of MihalasNiebur.

    Attributes:
        symbol: with an underscore before what is set lower.
        unit, scale: SI times scale is in that unit.
        meaning: in words, with a place for the number of an internal current.
        reach: a sweep goes from as much below a value to as much above it, unit; None: from 0 to twice the value.
        spread: a sweep around 0 goes from the first to the second, unit.
    """

    symbol: str
    unit: str
    scale: float
    meaning: str
    reach: float | None = None
    spread: tuple[float, float] = (0.0, 1.0)


PARAMETERS = {
    "C": Parameter("C", *UNITS["C"], "capacitance"),
    "G": Parameter("G", *UNITS["G"], "leak conductance"),
    "El": Parameter("E_L", *UNITS["El"], "leak reversal", reach=10),
    "V_reset": Parameter("V_reset", *UNITS["V_reset"], "voltage after a spike", reach=10),
    "th_inf": Parameter("Θ_∞", *UNITS["th_inf"], "threshold at rest", reach=10),
    "th_reset": Parameter("Θ_reset", *UNITS["th_reset"], "least threshold after a spike", reach=10),
    "a": Parameter("a", *UNITS["a"], "how the voltage moves the threshold", spread=(-20, 20)),
    "b": Parameter("b", *UNITS["b"], "how fast the threshold returns", spread=(0, 20)),
    "k": Parameter("k", *UNITS["k"], "decay of internal current {}", spread=(0, 200)),
    "R": Parameter("R", *UNITS["R"], "what a spike leaves of internal current {}"),
    "A": Parameter("A", *UNITS["A"], "what a spike adds to internal current {}", spread=(-10, 10)),
    "init_voltage": Parameter("V(0)", *UNITS["init_voltage"], "voltage at the start", reach=10),
    "init_threshold": Parameter("Θ(0)", *UNITS["init_threshold"], "threshold at the start", reach=10),
    "init_currents": Parameter("I(0)", *UNITS["init_currents"], "internal current {} at the start", spread=(-10, 10)),
}
DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(MihalasNiebur) if field.name in PARAMETERS}


@dataclass(frozen=True)
class Element:
    """One number of a neuron: a parameter, or one element of one that is an array.

    Attributes:
        name: as `glifjax.patterns.populations.sweep` takes it: "a", "A1".
        field: in MihalasNiebur; key of PARAMETERS.
        value: in the parameter's unit.
        changed: it differs from the default.
    """

    name: str
    field: str
    value: float
    changed: bool

    @property
    def parameter(self) -> Parameter:
        """What it is one of."""
        return PARAMETERS[self.field]

    @property
    def meaning(self) -> str:
        """In words."""
        return self.parameter.meaning.format(self.name.removeprefix(self.field))

    @property
    def symbol(self) -> str:
        """With its number, if it has one."""
        number = self.name.removeprefix(self.field)
        symbol = self.parameter.symbol
        return f"{symbol[0]}_{number}{symbol[1:]}" if number else symbol

    @property
    def usual(self) -> tuple[float, float]:
        """The range of a sweep around the value, in the parameter's unit."""
        reach, value = self.parameter.reach, self.value
        if self.field == "R":
            return 0.0, 1.0
        if reach is not None:
            return value - reach, value + reach
        if self.field in ("C", "G"):
            return value / 2, 2 * value
        return (min(0.0, 2 * value), max(0.0, 2 * value)) if value else self.parameter.spread


def elements(neuron: MihalasNiebur) -> dict[str, Element]:
    """All numbers of a neuron, by name."""
    numbers = {}
    for field, parameter in PARAMETERS.items():
        values, usual = np.asarray(getattr(neuron, field), float), np.ravel(DEFAULTS[field])
        for i, value in enumerate(values.ravel()):
            name = f"{field}{i + 1}" if values.ndim else field
            changed = i >= usual.size or bool(value != usual[i])
            numbers[name] = Element(name, field, float(f"{parameter.scale * value:.12g}"), changed)
    return numbers


@dataclass(frozen=True)
class Axis:
    """A parameter's range in a sweep, in its unit."""

    element: Element
    low: float
    high: float


def read_axis(neuron: MihalasNiebur, text: str) -> Axis:
    """An axis from "a", with its usual range, or from "a=0:20".

    Raises:
        InputError: for a parameter the neuron does not have, or what is no range.
    """
    name, limits = read_range(text)
    numbers = elements(neuron)
    if name not in numbers:
        raise InputError(f"the neuron has no parameter {name!r}; it has {', '.join(numbers)}")
    return Axis(numbers[name], *(limits or numbers[name].usual))
