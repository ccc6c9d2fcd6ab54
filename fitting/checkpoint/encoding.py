"""A stage's result as JSON and back: numbers keep every bit.

Kept are None, booleans, numbers, texts, lists, tuples, dictionaries, arrays, and what is registered (registry.py): a
class as its name and its fields, each checked against its annotation, a function as its name.
"""

import types
from collections.abc import Mapping
from typing import Any, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np

from .annotations import conforms
from .registry import NotKept, field_names, name_of, registered


def encode(value: Any) -> Any:
    """A result as JSON can hold it.

    Raises:
        NotKept: it holds something of another kind.
    """
    match value:
        case np.generic() | np.ndarray() | jax.Array():
            return _encode_array(value)
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [encode(item) for item in value]
        case dict():
            return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
        case tuple() if not field_names(type(value)):
            return {"tuple": [encode(item) for item in value]}
        case types.FunctionType():
            return {"function": _registered_name(value)}
    name = _registered_name(type(value))
    return {"class": name, "fields": {field: encode(getattr(value, field)) for field in field_names(type(value))}}


def _encode_array(value: Any) -> dict[str, Any]:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise NotKept(f"arrays of {array.dtype} are not kept")
    kind = "jax" if isinstance(value, jax.Array) else "numpy"
    numbers = {kind: array.ravel().tolist(), "dtype": array.dtype.name, "shape": list(array.shape)}
    return numbers | ({"weak": True} if getattr(value, "weak_type", False) else {})


def _registered_name(thing: Any) -> str:
    name = name_of(thing)
    if registered(name) is not thing:
        raise NotKept(f"{name} is another in this version")
    return name


def decode(value: Any) -> Any:
    """What `encode` was given.

    Raises:
        NotKept: it is not of that form.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [decode(item) for item in value]
        case {"dict": list(items)} if all(isinstance(item, list) and len(item) == 2 for item in items):
            return {_key(decode(key)): decode(item) for key, item in items}
        case {"tuple": list(items)}:
            return tuple(map(decode, items))
        case {"jax": list() as numbers, "dtype": str(dtype), "shape": list(shape)}:
            array = _decode_array(numbers, dtype, shape)
            weak = value.get("weak") is True and not shape
            return jnp.asarray(array.item() if weak else array)  # compiled functions tell a weak type from others
        case {"numpy": list() as numbers, "dtype": str(dtype), "shape": list(shape)}:
            return _decode_array(numbers, dtype, shape)[()]
        case {"function": str(name)} if isinstance(function := registered(name), types.FunctionType):
            return function
        case {"class": str(name), "fields": dict(contents)}:
            return _instance(name, {key: decode(item) for key, item in contents.items()})
    raise NotKept(f"{str(value)[:60]} is nothing that is kept")


def _key(value: Any) -> Any:
    if not isinstance(value, str | int | float | None):
        raise NotKept("keys are texts and numbers")
    return value


def _decode_array(numbers: list, dtype: str, shape: list) -> np.ndarray:
    try:
        of = np.dtype(dtype)
        plain = all(isinstance(number, bool | int | float) for number in numbers)
        if of.kind in "biuf" and of.itemsize <= 8 and plain:
            return np.array(numbers, dtype).reshape([int(length) for length in shape])
    except (TypeError, ValueError, OverflowError) as error:
        raise NotKept(f"an array of {dtype[:20]} and shape {str(shape)[:40]} is not of that form") from error
    raise NotKept(f"arrays of {dtype[:20]} are not kept")


def _instance(name: str, contents: Mapping[str, Any]) -> Any:
    cls = registered(name)
    if not isinstance(cls, type):
        raise NotKept(f"{name} is no class")
    annotations = get_type_hints(cls)
    if contents.keys() != set(field_names(cls)):
        raise NotKept(f"{name} has other fields in this version")
    for field, value in contents.items():
        if not conforms(value, annotations.get(field, Any)):
            raise NotKept(f"{name}.{field} is of another type")
    if issubclass(cls, tuple):
        return cls(**contents)
    instance = object.__new__(cls)  # as it was: nothing is converted again
    for field, value in contents.items():
        object.__setattr__(instance, field, value)
    return instance
