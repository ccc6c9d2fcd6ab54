"""What parameters become when a module is made."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array


def as_float(value: Any) -> Array:
    """A number, or a sequence or array of them, as an array of the default float dtype.

    Its type is strong, whatever it was made of: a function compiled for the weak type of a Python number would be
    compiled anew for an array.
    """
    return jnp.asarray(value, dtype=float)
