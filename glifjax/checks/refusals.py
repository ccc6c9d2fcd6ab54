"""Numbers that have a meaning: what a neuron is refused for where it is made, and where a run of it starts.

Only numbers that are there are looked at: inside jit, vmap and grad a run's status tells instead.
"""

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import AbstractArray

from glifjax.errors import InputError, shown

#: What can stand for a parameter.
NUMBERS = jax.Array | np.ndarray | np.generic | float | int


def require(name: str, value: Any, holds: Any, must: str) -> None:
    """Nothing, or an InputError: name, value and what it must be.

    Args:
        name: of the parameter.
        value: a number or an array; a traced one passes.
        holds: from the value, in numpy, to booleans.
        must: the words, "must be greater than 0".
    """
    if isinstance(value, Tracer) or not isinstance(value, NUMBERS):
        return
    number = np.asarray(value)
    if not np.all(holds(number)):
        words = f"{number:g}" if number.ndim == 0 else shown(number.tolist())
        raise InputError(f"{name} is {words}; {must}")


def require_positive(**values: Any) -> None:
    """Each a finite number above 0."""
    for name, value in values.items():
        require(name, value, lambda x: np.isfinite(x) & (x > 0), "it must be greater than 0")


def require_time_constants(**values: Any) -> None:
    """Each above 0; of infinity, what they belong to stays."""
    for name, value in values.items():
        require(name, value, lambda tau: tau > 0, "time constants must be greater than 0 s")


def require_not_negative(**values: Any) -> None:
    """Each a finite number, 0 or above."""
    for name, value in values.items():
        require(name, value, lambda x: np.isfinite(x) & (x >= 0), "it must not be negative")


def require_numbers(name: str, value: Any, give: str) -> None:
    """Real numbers, none of them masked, traced ones too; `give` says what to give."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise InputError(f"{name} has masked numbers; give {name}.filled(...), or leave them out")
    try:
        dtype = value.dtype if isinstance(value, jax.Array) else np.asarray(value).dtype
    except ValueError:  # rows of several lengths
        dtype = np.dtype(object)
    if not any(jnp.issubdtype(dtype, kind) for kind in (np.floating, np.integer, np.bool_)):
        raise InputError(f"{name} is {shown(value)}; give {give}")


def require_time_step(dt: Any) -> None:
    """One number above 0, s."""
    require_numbers("dt", dt, "a number, in s")
    if np.shape(dt):
        raise InputError(f"dt has shape {np.shape(dt)}, but a run has one time step: give a number, in s")
    require_positive(dt=dt)


def require_key(key: Any) -> None:
    """One of jax's random keys."""
    is_array = isinstance(key, jax.Array | np.ndarray)
    if not is_array or not (jnp.issubdtype(key.dtype, jax.dtypes.prng_key) or key.dtype == np.uint32):
        raise InputError(f"key is {shown(key)}; give a random key, jax.random.key(0) for one")
    if key.ndim > (key.dtype == np.uint32):
        raise InputError(f"key has shape {key.shape}; give one, or use jax.vmap over them")


def require_part(name: str, value: Any, kind: type, *, optional: bool = False) -> None:
    """A module of this kind; or None, where it is optional."""
    if not isinstance(value, kind) and not (optional and value is None):
        raise InputError(f"{name} is {shown(value)}; give glifjax.{kind.__name__}{' or None' if optional else ''}")


def require_choice(name: str, value: Any, *choices: Any) -> None:
    """One of these, by value and by type: an array equals none."""
    if not any(isinstance(value, type(choice)) and value == choice for choice in choices):
        raise InputError(f"{name} {shown(value)} is unknown; use one of {', '.join(map(str, choices))}")


def count_of(name: str, value: Any, least: int = 1) -> int:
    """A whole number of `least` or more, as Python's; InputError where it is anything else."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} is {shown(value)}; give a whole number, {least} or more")
    return int(value)


def require_one_length(arrays: Mapping[str, Any]) -> None:
    """All as long as one another in their last dimension; scalars stand for any length."""
    lengths = {name: np.shape(value)[-1] for name, value in arrays.items() if np.ndim(value)}
    if len(set(lengths.values())) > 1:
        given = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise InputError(f"these must have one length: {given}")


def check_run(neuron: Any) -> None:
    """What a run starts with: everything that the neuron's parts check where they are made, one neuron, one precision.

    Raises:
        InputError: parameters without meaning, an axis over neurons without vmap, or another precision than the run's.
    """
    for part in _modules(neuron):
        for cls in type(part).__mro__:
            if "__check_init__" in vars(cls):
                vars(cls)["__check_init__"](part)
        for field in dataclasses.fields(part):
            _check_axes(field, getattr(part, field.name))
    for name, leaf in _floats(neuron):
        if leaf.dtype == jnp.float32 and jnp.result_type(float) == jnp.float64:
            raise InputError(
                f"{name} is float32, but the run is float64: the neuron was made before jax_enable_x64 was switched "
                "on; make or read it again after that, so that no digits are missing, or convert it with "
                "jax.tree.map(lambda leaf: leaf.astype(float), neuron)"
            )
    require_no_nan(neuron)


def require_no_nan(module: Any) -> None:
    """No array of a module holds a NaN."""
    for name, leaf in _floats(module):
        require(name, leaf, lambda x: ~np.isnan(x), "give numbers")


def _floats(module: Any) -> Iterator[tuple[str, Any]]:
    """A module's arrays of floats, by where they are."""
    for path, leaf in jax.tree.leaves_with_path(module):
        if isinstance(leaf, jax.Array | np.ndarray) and jnp.issubdtype(leaf.dtype, jnp.floating):
            yield jax.tree_util.keystr(path, simple=True, separator="."), leaf


def _check_axes(field: dataclasses.Field, value: Any) -> None:
    hint: Any = field.type
    is_array = inspect.isclass(hint) and issubclass(hint, AbstractArray)
    if is_array and not isinstance(value, NUMBERS):
        raise InputError(f"{field.name} is {shown(value)}; give a number, or an array of them, in SI units")
    if not isinstance(value, jax.Array | np.ndarray):
        return
    names = str(vars(hint).get("dim_str", "...")) if is_array else "..."
    if not {"*", "."} & set(names) and value.ndim > len(names.split()):
        raise InputError(
            f"{field.name} has shape {value.shape}, but one run takes one neuron; for several neurons use "
            "jax.vmap(lambda neuron: simulate(neuron, current, dt))(neurons)"
        )
    if "..." not in names and "*" not in names and value.ndim < len(names.split()):
        shape = ", ".join(names.split())
        raise InputError(f"{field.name} has shape {value.shape}; give an array, ({shape})")


def _modules(tree: Any) -> Iterator[eqx.Module]:
    """Every module of a pytree, itself included."""
    if isinstance(tree, eqx.Module):
        yield tree
        for field in dataclasses.fields(tree):
            yield from _modules(getattr(tree, field.name))
    elif isinstance(tree, tuple | list):
        for part in tree:
            yield from _modules(part)
