"""neuron_config.json as a JSON Schema (draft 2020-12), for editors and other languages."""

from typing import Any

from glifjax.io.config.forms import ARRAYS, NUMBERS, POSITIVE, RULES
from glifjax.io.config.neuron_config import COEFFICIENTS, METHODS

NUMBER: dict[str, Any] = {"type": "number"}
LIST = {"type": "array", "items": NUMBER}
#: Beside them, what a reader cannot check by a schema: arrays of one length, rules that go together.
WORDS = "A GLIF neuron, SI units: Allen's format and the keys that glifjax adds. Voltages are relative to El_reference."


def neuron_config_schema() -> dict[str, Any]:
    """The schema of one neuron, as `write_neuron_config` writes it; rules of one's own have any name."""
    numbers = {key: NUMBER | ({"exclusiveMinimum": 0} if key in POSITIVE else {}) for key in NUMBERS}
    coefficients = {key: LIST if key == "asc_amp_array" else NUMBER for key in COEFFICIENTS}
    noise = {key: NUMBER | {"minimum": 0} for key in ("lambda0", "delta_v", "jitter", "lapse")}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "neuron_config.json",
        "description": WORDS,
        "type": "object",
        "required": [*NUMBERS, *ARRAYS, "spike_cut_length", *RULES],
        "properties": {
            **numbers,
            **dict.fromkeys(ARRAYS, LIST),
            "spike_cut_length": {"type": "integer", "minimum": 0},
            "El_reference": NUMBER,
            "coeffs": {"type": "object", "properties": coefficients},
            **{method: _rule(method) for method in RULES},
            "membrane_currents": {"type": "array", "items": _rule("membrane_currents")},
            "escape_noise": {
                "type": ["object", "null"],
                "required": ["lambda0", "delta_v"],
                "properties": noise,
            },
            "accumulated_hazard": {
                "type": ["object", "null"],
                "required": ["tau", "threshold"],
                "properties": {"tau": NUMBER | {"exclusiveMinimum": 0}, "threshold": NUMBER | {"minimum": 0}},
            },
            "convention": {"enum": ["allen", "nest"]},
            "spike_latency": NUMBER,
            "spike_waveform": LIST,
        },
    }


def _rule(method: str) -> dict[str, Any]:
    """A rule by its name, and its parameters."""
    names = [name for kind, name in METHODS if kind == method and METHODS[kind, name].__module__.startswith("glifjax.")]
    return {
        "type": "object",
        "required": ["name", "params"],
        "properties": {"name": {"type": "string", "examples": names}, "params": {"type": ["object", "null"]}},
    }
