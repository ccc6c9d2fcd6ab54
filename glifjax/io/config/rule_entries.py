"""A rule as {"name": ..., "params": {...}}: the form it has in a neuron config, for built-in rules and one's own.

A rule is a module (an equinox.Module class), whose fields are its parameters, or a plain function: without
parameters as it is, with parameters as `equinox.Partial(function, a=0.1, b=0.0)`. Functions take them by name,
after `neuron, state, current, dt` (dynamics) or `neuron, state` (resets).
"""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import AbstractArray

from glifjax.errors import shown
from glifjax.io.config.values import NeuronConfigError, array, mapping, number
from glifjax.rules.own import Function, as_rule

#: (method, name) -> the rule's class or function.
Table = dict[tuple[str, str], Callable]


def find_rule(table: Table, method: str, entry: Any, source: str) -> Callable:
    """The class or function that an entry names.

    Raises:
        NeuronConfigError: not an entry, or a name that the table does not have.
    """
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str) or "params" not in entry:
        raise NeuronConfigError(f'{source}: {method} is {shown(entry)}; expected {{"name": ..., "params": {{...}}}}')
    name = entry["name"]
    if (method, name) not in table:
        names = ", ".join(name for kind, name in table if kind == method)
        raise NeuronConfigError(
            f"{source}: {method} {name!r} is unknown; known are: {names}. If it is a rule of your own, call "
            f"glifjax.register_rule({method!r}, {name!r}, rule) before reading"
        )
    return table[method, name]


def read_rule(table: Table, method: str, entry: Any, source: str, ignored: tuple[str, ...] = ()) -> Callable:
    """The rule that an entry describes; params named in `ignored` must be there and have no effect.

    Raises:
        NeuronConfigError: as find_rule; params that are missing, unknown, or of the wrong type.
    """
    rule = find_rule(table, method, entry, source)
    where = f"{source}, {method} {entry['name']!r}"
    given = mapping(entry, "params", where)
    if inspect.isclass(rule):
        return _build(rule, given, where, ignored)
    names = function_parameters(rule, method)
    _check_names(given, names, {name for name in names if names[name].default is inspect.Parameter.empty}, where)
    return Function(rule, {name: jnp.asarray(_numbers(given, name, where)) for name in given})


def write_rule(table: Table, method: str, rule: Callable) -> dict[str, Any]:
    """The entry that describes a rule.

    Raises:
        NeuronConfigError: a rule that the table does not have, or a parameter that is no number.
    """
    rule = as_rule(rule)
    maker = rule.func if isinstance(rule, Function) else type(rule)
    for (kind, name), registered in table.items():
        if kind == method and registered is maker:
            return {"name": name, "params": _params(rule, f"{method} {name!r}")}
    shown = maker.__name__
    raise NeuronConfigError(
        f"{method}: {shown} is not registered and has no name in a file; call "
        f"glifjax.register_rule({method!r}, 'a_name', {shown}) before writing, and before reading it again"
    )


def _params(rule: Any, where: str) -> dict[str, Any]:
    if not isinstance(rule, Function):
        return _fields(rule, where) if dataclasses.is_dataclass(rule) else {}
    if rule.args:
        raise NeuronConfigError(f"{where}: give its parameters by name, else they cannot be written")
    return {key: _plain(value, f"{where}, {key}") for key, value in rule.keywords.items()}


def function_parameters(function: Callable, method: str) -> dict[str, inspect.Parameter]:
    """The parameters that a plain function takes by name, after what the neuron passes to it."""
    passed = 4 if method.endswith("_dynamics_method") else 2
    return dict(list(inspect.signature(function).parameters.items())[passed:])


def _build(rule: type, given: Mapping, where: str, ignored: tuple[str, ...] = ()) -> Any:
    fields = {field.name: field for field in dataclasses.fields(rule) if field.init}
    required = {name for name, field in fields.items() if not _has_default(field)}
    _check_names(given, [*fields, *ignored], required | set(ignored), where)
    return rule(**{name: _value(fields[name].type, given, name, where) for name in given if name in fields})


def _has_default(field: dataclasses.Field) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _check_names(given: Mapping, names: Any, required: set[str], where: str) -> None:
    missing = [name for name in names if name in required and name not in given]
    if missing:
        raise NeuronConfigError(f"{where}: its params lack {', '.join(missing)}")
    unknown = [name for name in given if name not in names]
    if unknown:
        raise NeuronConfigError(
            f"{where}: its params hold {', '.join(unknown)}, but it takes {', '.join(names) or 'none'}"
        )


def _value(hint: Any, given: Mapping, name: str, where: str) -> Any:
    """A parameter, by its annotation: a module, a tuple of modules, an array, or (not annotated so) any numbers."""
    inner = get_args(hint)[0] if get_origin(hint) is tuple else None
    if inspect.isclass(inner) and issubclass(inner, eqx.Module):
        entries = given[name]
        if not isinstance(entries, list | tuple) or not all(isinstance(item, Mapping) for item in entries):
            raise NeuronConfigError(f"{where}: {name} is {shown(entries)}; expected a list of objects {{...}}")
        return tuple(_build(inner, item, f"{where}, {name} {i}") for i, item in enumerate(entries))
    if inspect.isclass(hint) and issubclass(hint, eqx.Module):
        return _build(hint, mapping(given, name, where), f"{where}, {name}")
    if inspect.isclass(hint) and issubclass(hint, AbstractArray):
        return array(given, name, where, len(hint.dims)) if hint.dims else number(given, name, where)
    if hint in (bool, int, str):
        if type(given[name]) is not hint:
            raise NeuronConfigError(f"{where}: {name} is {shown(given[name])}; expected {hint.__name__}")
        return given[name]
    return _numbers(given, name, where)


def _numbers(given: Mapping, name: str, where: str) -> float | np.ndarray:
    if not isinstance(given[name], list | tuple | np.ndarray):
        return number(given, name, where)
    return array(given, name, where, max(np.ndim(given[name]), 1))


def _fields(module: Any, where: str) -> dict[str, Any]:
    fields = (field.name for field in dataclasses.fields(module) if field.init)
    return {name: _plain(getattr(module, name), f"{where}, {name}") for name in fields}


def _plain(value: Any, where: str) -> Any:
    """What JSON holds of a parameter."""
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.ndarray | np.generic | jax.Array):
        return np.asarray(value, dtype=float).tolist()
    if isinstance(value, eqx.Module):
        return _fields(value, where)
    if isinstance(value, tuple | list):
        return [_plain(item, where) for item in value]
    raise NeuronConfigError(f"{where}: {shown(value)} is no number, and a config holds nothing else")
