"""Whether a value is what an annotation says."""

import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin


def conforms(value: Any, hint: Any) -> bool:
    """Whether a value is of an annotated type, all the way down; int stands for float, a rule's class for Callable."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or isinstance(hint, TypeVar):
        return True
    if hint is None:
        return value is None
    if origin in (Union, types.UnionType):
        return any(conforms(value, argument) for argument in arguments)
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return isinstance(value, tuple) and all(conforms(item, arguments[0]) for item in value)
        return (
            isinstance(value, tuple)
            and len(value) == len(arguments)
            and all(conforms(item, argument) for item, argument in zip(value, arguments, strict=True))
        )
    if origin in (Callable, types.FunctionType) or hint is Callable:
        return callable(value)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, origin) and all(
            conforms(key, arguments[0]) and conforms(item, arguments[1]) for key, item in value.items()
        )
    if origin is not None:  # list[...], Sequence[...]
        return isinstance(value, origin) and all(conforms(item, arguments[0]) for item in value)
    return isinstance(value, int if hint is float and isinstance(value, int) else hint)
