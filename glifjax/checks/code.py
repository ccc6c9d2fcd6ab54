"""Code of the user's that runs compiled: what it gives has the form of what was there; what fails is told its line."""

import dataclasses
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from glifjax.checks.refusals import NUMBERS
from glifjax.errors import InputError, shown


def in_form(what: str, made: Any, before: Any) -> Any:
    """What the user's `what` made of a part of the state: in that part's form, a pytree of these shapes, or refused."""
    is_alike = jax.tree.structure(made) == jax.tree.structure(before)
    if not is_alike or not _holds_numbers(made) or _shapes(made) != _shapes(before):
        raise InputError(f"{what} gives {_form(made)}; it must give {_form(before)}")
    return made


def _holds_numbers(part: Any) -> bool:
    return all(isinstance(leaf, NUMBERS | complex) for leaf in jax.tree.leaves(part))


def _shapes(part: Any) -> list[tuple[tuple[int, ...], bool]]:
    """Of each leaf; and whether it is complex."""
    return [
        (jnp.shape(leaf), jnp.issubdtype(jnp.result_type(leaf), jnp.complexfloating)) for leaf in jax.tree.leaves(part)
    ]


def _form(part: Any) -> str:
    """What a part is, in words: "an array of shape (2,)"."""
    if part is None or not _holds_numbers(part):
        return "nothing" if part is None else shown(part)
    words = [
        f"{'complex ' * is_complex}{f'array of shape {shape}' if shape else 'number'}"
        for shape, is_complex in _shapes(part)
    ]
    if len(words) == 1:
        return f"{'an' if words[0].startswith('array') else 'a'} {words[0]}"
    fields = f"({', '.join(field.name for field in dataclasses.fields(part))})" if isinstance(part, eqx.Module) else ""
    shapes = [shape for shape, _ in _shapes(part)]
    return f"a {type(part).__name__}{fields} of shapes {shapes}"


#: Whose lines are not the user's, where one is looked for.
NOT_THE_USERS = {"glifjax", "fitting", "jax", "jaxlib", "equinox", "jaxtyping", "beartype", "numpy", "contextlib"}


@contextmanager
def compiled(what: str = "") -> Iterator[None]:
    """Around what calls code of the user's that is compiled.

    Args:
        what: is called, for messages; the line that is to be mended stands beside it.

    Raises:
        InputError: it asks for numbers that are not known yet, as a Python `if` does.
    """
    try:
        yield
    except jax.errors.JAXTypeError as error:
        line = _line_of(error)
        first, place = what or line or "the step", f", in {line}" if what and line else ""
        raise InputError(
            f"{first} is compiled, when its numbers are not known yet{place}: write it in jax.numpy, "
            "with jnp.where(condition, a, b) in place of if, and neither float() nor numpy"
        ) from error


def _line_of(error: Exception) -> str:
    """The last line of the user's that an error went through: "advance (own.py, line 12)"; empty if none."""
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    is_users = lambda frame: frame.f_globals.get("__name__", "").split(".")[0] not in NOT_THE_USERS
    theirs = [(frame.f_code, line) for frame, line in frames if is_users(frame)]
    if not theirs:
        return ""
    code, line = theirs[-1]
    return f"{code.co_name} ({Path(code.co_filename).name}, line {line})"
