"""What may be kept of a fit that is stopped: a closed list of classes and functions.

A class joins it by registering itself::

    @register
    class Outcome(NamedTuple): ...

as glifjax's neurons do below. A neuron's rules are those that have a name in neuron_config.json: the built-in ones, and
a user's own once `glifjax.register_rule` has named them. Nothing else is ever looked up, imported or called, whatever a
file says.
"""

from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import equinox as eqx

import glifjax as gj
from glifjax.io.config.neuron_config import METHODS
from glifjax.rules.membrane import Gate
from glifjax.rules.own import Function

Class = TypeVar("Class", bound=type)

#: name -> class, of what may be kept beside rules.
REGISTER: dict[str, type] = {}


class NotKept(ValueError):
    """A result, or a file, of a kind that is not kept by this version."""


def register(cls: Class) -> Class:
    """Let instances of a class (a dataclass, an equinox module or a named tuple, all fields annotated) be kept."""
    REGISTER[name_of(cls)] = cls
    return cls


def name_of(thing: Any) -> str:
    """The name that a class or function has in a kept file."""
    return f"{thing.__module__}.{thing.__qualname__}"


def registered(name: str) -> Any:
    """The class or function of this name.

    Raises:
        NotKept: there is none in the list.
    """
    rules = {name_of(rule): rule for rule in METHODS.values()}
    if name not in REGISTER and name not in rules:
        raise NotKept(f"{name[:60]} is not registered")
    return REGISTER[name] if name in REGISTER else rules[name]


def field_names(cls: type) -> list[str]:
    """Names of the fields of a dataclass or a named tuple; none of another class."""
    if is_dataclass(cls):
        return [field.name for field in fields(cls)]
    return list(getattr(cls, "_fields", ())) if issubclass(cls, tuple) else []


for _class in (
    gj.GLIF,
    gj.Coefficients,
    gj.EscapeNoise,
    gj.AccumulatedHazard,
    gj.SurrogateSpike,
    Gate,
    Function,
    eqx.Partial,
):
    register(_class)
