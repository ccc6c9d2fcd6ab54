"""What moves a neuron: its numbers as a person wants them, with units, ranges, and their places in files."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np

from glifjax.glif.glif import GLIF
from glifjax.io.config.forms import RULES
from glifjax.mihalas_niebur.units import UNITS as MIHALAS_NIEBUR
from glifjax.neuron import AbstractNeuron


@dataclass(frozen=True)
class Unit:
    """How numbers of one field are shown.

    Attributes:
        name: of the unit.
        scale: SI times scale is in it.
        words: what the field is.
        span: a slider goes from 0 to so many times the value ("times"), as far to both sides ("around", in the unit),
            from a fifth to five times ("factor"), or from 0 to 1 ("fraction").
        reach: of "around"; of "times", where the value is 0.
    """

    name: str
    scale: float
    words: str
    span: str = "times"
    reach: float = 1.0


RATE = ("1/s", 1.0)
#: By field, of glifjax's own neurons and rules; where classes differ, by "Class.field".
UNITS = {
    "C": Unit("pF", 1e12, "capacitance", "factor"),
    "R_input": Unit("MΩ", 1e-6, "input resistance", "factor"),
    "El": Unit("mV", 1e3, "leak reversal", "around", 20),
    "th_inf": Unit("mV", 1e3, "threshold at rest", "around", 20),
    "spike_cut_length": Unit("ms", 1e3, "spike cut"),
    "spike_latency": Unit("ms", 1e3, "crossing to upstroke", reach=2),
    "asc_tau_array": Unit("ms", 1e3, "decay of afterspike current", "factor"),
    "asc_amp_array": Unit("pA", 1e12, "a spike adds to afterspike current", "around", 200),
    "r": Unit("", 1.0, "a spike leaves of afterspike current", "fraction"),
    "a_spike": Unit("mV", 1e3, "a spike adds to the threshold", "around", 20),
    "b_spike": Unit(*RATE, "decay of what spikes add", reach=100),
    "a_voltage": Unit(*RATE, "the voltage drags the threshold", "around", 50),
    "b_voltage": Unit(*RATE, "decay of what the voltage drags", reach=100),
    "ResetFromVoltage.a": Unit("", 1.0, "slope of the voltage reset", "fraction"),
    "ResetFromVoltage.b": Unit("mV", 1e3, "intercept of the voltage reset", "around", 20),
    "spike_tau": Unit("ms", 1e3, "decay of threshold kernel", "factor"),
    "ResetKernels.a_spike": Unit("mV", 1e3, "a spike adds to threshold kernel", "around", 20),
    "voltage_tau": Unit("ms", 1e3, "low-pass of hinge", "factor"),
    "knots": Unit("mV", 1e3, "knot of hinge", "around", 20),
    "weights": Unit("", 1.0, "threshold per voltage above a knot", "around", 1),
    "softness": Unit("mV", 1e3, "corner of the hinges", "factor"),
    "conductance": Unit("nS", 1e9, "conductance, gates open", "around", 10),
    "reversal": Unit("mV", 1e3, "reversal", "around", 50),
    "V_half": Unit("mV", 1e3, "gate half open", "around", 20),
    "slope": Unit("mV", 1e3, "slope of the gate", "around", 10),
    "tau": Unit("ms", 1e3, "time constant of the gate", "factor"),
    "lambda0": Unit(*RATE, "hazard at the threshold", "factor"),
    "delta_v": Unit("mV", 1e3, "sharpness of the threshold", "factor"),
    "jitter": Unit("ms", 1e3, "spikes wait", reach=2),
    "AccumulatedHazard.tau": Unit("ms", 1e3, "hazard is forgotten", "factor"),
    "AccumulatedHazard.threshold": Unit("", 1.0, "hazard that makes a spike", "factor"),
    "MihalasNiebur.C": Unit(*MIHALAS_NIEBUR["C"], "capacitance", "factor"),
    "G": Unit(*MIHALAS_NIEBUR["G"], "leak conductance", "factor"),
    "V_reset": Unit(*MIHALAS_NIEBUR["V_reset"], "voltage after a spike", "around", 20),
    "th_reset": Unit(*MIHALAS_NIEBUR["th_reset"], "least threshold after a spike", "around", 20),
    "MihalasNiebur.a": Unit(*MIHALAS_NIEBUR["a"], "the voltage moves the threshold", "around", 20),
    "MihalasNiebur.b": Unit(*MIHALAS_NIEBUR["b"], "the threshold returns", reach=20),
    "k": Unit(*MIHALAS_NIEBUR["k"], "decay of internal current", reach=200),
    "R": Unit(*MIHALAS_NIEBUR["R"], "a spike leaves of internal current", "fraction"),
    "A": Unit(*MIHALAS_NIEBUR["A"], "a spike adds to internal current", "around", 10),
    "init_voltage": Unit(*MIHALAS_NIEBUR["init_voltage"], "voltage", "around", 20),
    "init_threshold": Unit(*MIHALAS_NIEBUR["init_threshold"], "threshold", "around", 20),
    "init_AScurrents": Unit("pA", 1e12, "afterspike current", "around", 200),
    "init_currents": Unit(*MIHALAS_NIEBUR["init_currents"], "internal current", "around", 10),
}
#: Fields that multiply others, say where voltages are counted from, or hold a shape.
STILL = ("coeffs", "dt", "El_reference", "spike_waveform", "propagator")
#: Headings, by the first part of a field's path.
GROUPS = {
    "C": "Membrane", "R_input": "Membrane", "G": "Membrane", "El": "Membrane", "V_reset": "After a spike",
    "spike_cut_length": "After a spike", "spike_latency": "After a spike", "voltage_dynamics": "Membrane",
    "voltage_reset": "After a spike", "th_inf": "Threshold", "th_reset": "Threshold", "a": "Threshold",
    "b": "Threshold", "threshold_dynamics": "Threshold", "threshold_reset": "Threshold",
    "membrane_currents": "Membrane currents", "escape_noise": "Hazard", "accumulated_hazard": "Hazard",
}  # fmt: skip
#: Headings in their order.
ORDER = [
    "Membrane", "Threshold", "Afterspike currents", "Membrane currents", "Hazard", "After a spike", "At the start",
    "Others",
]  # fmt: skip


@dataclass(frozen=True)
class Quantity:
    """A number that is moved.

    Attributes:
        name: in code.
        group: its heading.
        words, unit: what it is.
        scale: SI times scale, the neuron's coefficient included, is in that unit.
        elements: its names in code and places in the program's parameters; several where rules share a number.
        low, high: of its slider, in the unit.
        logarithmic: the slider's steps are factors.
        whole: in SI it is a whole number.
        paths: in a neuron_config.json, keys and indices.
    """

    name: str
    group: str
    words: str
    unit: str
    scale: float
    elements: list[tuple[str, int]]
    low: float
    high: float
    logarithmic: bool
    whole: bool
    paths: list[list[str | int]]

    @property
    def places(self) -> list[int]:
        """In the program's parameters."""
        return [place for _, place in self.elements]


def quantities(neuron: AbstractNeuron, moving: Collection[int]) -> list[Quantity]:
    """The numbers of a neuron that move it.

    Args:
        neuron: any.
        moving: places in `values_of(neuron)` that a run follows from; the others have no slider.
    """
    rows: dict[str, Quantity] = {}
    place = 0
    for path, leaf in jax.tree_util.tree_leaves_with_path(eqx.filter(neuron, eqx.is_array)):
        keys = [getattr(key, "name", getattr(key, "idx", getattr(key, "key", None))) for key in path]
        for index in np.ndindex(leaf.shape):
            if place in moving and keys[0] not in STILL and np.isfinite(leaf[index]):
                row = _quantity(neuron, keys, list(index), float(leaf[index]), place, leaf.dtype.kind in "iu")
                shared = _shared(row)
                if shared in rows:
                    rows[shared].elements.extend(row.elements)
                    rows[shared].paths.extend(row.paths)
                else:
                    rows[shared] = row
            place += 1
    return sorted(rows.values(), key=lambda row: ORDER.index(row.group))


def _shared(row: Quantity) -> str:
    """Equal for one number in two rules: the threshold decays by b_spike between spikes, and through their cut."""
    return "b_spike" if row.name.split(".")[-1] == "b_spike" else row.name


def _quantity(neuron: Any, keys: list, index: list[int], value: float, place: int, whole: bool) -> Quantity:
    owner = neuron
    for key in keys[:-1]:
        owner = owner[key] if isinstance(key, int) or isinstance(owner, dict) else getattr(owner, key)
    field = str(keys[-1])
    unit = _unit(owner, field)
    scale = unit.scale * (_coefficient(neuron, keys, index) if _is_ours(owner) else 1.0)
    if field == "spike_cut_length":
        scale *= float(neuron.dt)
    numbered = [str(number + 1) for number in [*[key for key in keys if isinstance(key, int)], *index]]
    words = " ".join([unit.words or field, ".".join(numbered)]).strip()
    low, high, logarithmic = _range(unit, scale * value)
    name = re.sub(r"\.(\d+)", r"[\1]", ".".join(map(str, [*keys, *index])))
    paths = [_path(keys, index)]
    return Quantity(
        name, _group(keys, field), words, unit.name, scale, [(name, place)], low, high, logarithmic, whole, paths
    )


def _is_ours(owner: Any) -> bool:
    """Whether it is a neuron or rule of glifjax's, not a user's."""
    return type(owner).__module__.startswith("glifjax.")


def _unit(owner: Any, field: str) -> Unit:
    """Of glifjax's own; plain SI numbers of a user's."""
    if not _is_ours(owner):
        return Unit("", 1.0, "")
    return UNITS.get(f"{type(owner).__name__}.{field}") or UNITS.get(field) or Unit("", 1.0, "")


def _coefficient(neuron: Any, keys: list, index: list[int]) -> float:
    """What Allen's coefficients multiply a number with."""
    if not isinstance(neuron, GLIF):
        return 1.0
    coeffs = neuron.coeffs
    of_field = {
        "C": lambda: float(coeffs.C),
        "R_input": lambda: 1 / float(coeffs.G) if coeffs.G else 1.0,
        "th_inf": lambda: float(coeffs.th_inf),
        "asc_amp_array": lambda: float(np.broadcast_to(coeffs.asc_amp_array, neuron.asc_amp_array.shape)[index[0]]),
        "a_voltage": lambda: float(coeffs.a),
        "b_voltage": lambda: float(coeffs.b),
    }
    factor = of_field[keys[-1]]() if keys[-1] in of_field else 1.0
    return factor or 1.0


def _range(unit: Unit, value: float) -> tuple[float, float, bool]:
    """From, to, and whether steps are factors; in the unit."""
    if unit.span == "factor" and value > 0:
        return value / 5, value * 5, True
    if unit.span == "fraction":
        return min(0.0, value), max(1.0, value), False
    if unit.span == "around":
        reach = max(unit.reach, abs(value)) if unit.name != "mV" else unit.reach
        return value - reach, value + reach, False
    if value == 0:
        return 0.0, unit.reach, False
    return min(0.0, 3 * value), max(0.0, 3 * value), False


def _group(keys: list, field: str) -> str:
    if field.startswith("init_"):
        return "At the start"
    first = str(keys[0])
    if first.startswith(("asc_", "afterspike_")) or first in ("k", "R", "A"):
        return "Afterspike currents"
    return GROUPS.get(first, "Others")


def _path(keys: list, index: list[int]) -> list[str | int]:
    """In a neuron_config.json: a rule's numbers lie in the params of its entry."""
    methods = {attribute: method for method, attribute in RULES.items()}
    if keys[0] in methods:
        return [methods[keys[0]], "params", *keys[1:], *index]
    if keys[0] == "membrane_currents":
        return [*keys[:2], "params", *keys[2:], *index]
    return [*keys, *index]
