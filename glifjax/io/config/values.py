"""The values of a config's dictionary, each checked for its type; an error names the file and the key."""

import sys
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from glifjax.errors import InputError, shown

#: The largest number that float64 holds; NaN is not below it.
LARGEST = sys.float_info.max


class NeuronConfigError(InputError):
    """A neuron config that cannot be read or written; the message names file, key, value and what to do."""


def number(config: Mapping, key: str, source: str, units: str = "SI units") -> float:
    """A finite number; NeuronConfigError where it is missing or anything else."""
    if key not in config:
        raise NeuronConfigError(f"{source}: lacks {key}")
    if not is_number(config[key]):
        raise NeuronConfigError(f"{source}: {key} is {shown(config[key])}; expected a finite number in {units}")
    return float(config[key])


def positive(config: Mapping, key: str, source: str) -> float:
    """A finite number above zero."""
    value = number(config, key, source)
    if value <= 0:
        raise NeuronConfigError(f"{source}: {key} is {value:g}; it must be greater than 0")
    return value


def not_negative(config: Mapping, key: str, source: str) -> float:
    """A finite number, zero or above."""
    value = number(config, key, source)
    if value < 0:
        raise NeuronConfigError(f"{source}: {key} is {value:g}; it must not be negative")
    return value


def array(config: Mapping, key: str, source: str, ndim: int = 1, units: str = "SI units") -> np.ndarray:
    """A list of finite numbers (of lists of them where ndim is 2, and so on), as float64."""
    value = config[key]
    if not _is_list(value, ndim):
        of = "lists of " * (ndim - 1)
        raise NeuronConfigError(f"{source}: {key} is {shown(value)}; expected a list of {of}finite numbers in {units}")
    try:
        return np.asarray(value, dtype=float)
    except ValueError as error:
        raise NeuronConfigError(f"{source}: {key} is {shown(value)}; its lists must have one length") from error


def mapping(config: Mapping, key: str, source: str) -> Mapping:
    """The object under a key; empty where there is none."""
    value = config.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise NeuronConfigError(f"{source}: {key} is {shown(value)}; expected an object {{...}}")
    return value or {}


def is_number(value: Any) -> bool:
    """Whether it is a number that float64 holds."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    exact: Any = value.item() if isinstance(value, np.generic) else value
    return bool(abs(exact) <= LARGEST)


def _is_list(value: Any, ndim: int) -> bool:
    if ndim == 0:
        return is_number(value)
    return isinstance(value, list | tuple | np.ndarray) and all(_is_list(row, ndim - 1) for row in value)
