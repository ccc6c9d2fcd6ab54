"""What runs make of a stimulus: an array over the steps, or a function of the step that a scan can trace."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float, Int

from glifjax.errors import InputError
from glifjax.glm.network import AbstractNetwork

#: What jax raises of a function that branches on the step, or hands it to numpy.
UNTRACEABLE = (jax.errors.JAXTypeError, jax.errors.JAXIndexError)


def stimulus_array(stimulus: ArrayLike | Callable, model: AbstractNetwork, steps: int) -> Float[Array, "c S"]:
    """A stimulus at steps 0 ... steps - 1, (channels, S).

    Raises:
        InputError: an array of another size, or with a NaN or an infinity.
    """
    if callable(stimulus):
        return _evaluated(stimulus, np.arange(steps), model.channels)
    if np.shape(stimulus) != (model.channels, steps):
        raise InputError(f"the stimulus has shape {np.shape(stimulus)}; give ({model.channels}, {steps})")
    if not isinstance(stimulus, Tracer) and not np.isfinite(np.asarray(stimulus, float)).all():
        raise InputError("the stimulus holds a NaN or an infinity; give finite numbers")
    return jnp.asarray(stimulus, float)


class Columns(eqx.Module):
    """A drive by its values from step -1 on.

    Attributes:
        values: (n, 1 + S).
    """

    values: Float[Array, "n S"]

    def __call__(self, t: Int[Array, ""]) -> Float[Array, " n"]:
        """The drive at step t; before step -1 as then."""
        return self.values[:, jnp.clip(t + 1, 0, self.values.shape[1] - 1)]


class Function(eqx.Module):
    """A drive by a function of the step; before step -1 as then.

    Attributes:
        function: a module, whose leaves may be traced, or any function that jax can trace.
        size: n.
    """

    function: Any
    size: int = eqx.field(static=True)

    def __call__(self, t: Int[Array, ""]) -> Float[Array, " n"]:
        """The drive at step t."""
        return jnp.broadcast_to(jnp.asarray(self.function(jnp.maximum(t, -1)), float), (self.size,))


class Plain(eqx.Module):
    """A function as a module without leaves."""

    function: Callable = eqx.field(static=True)

    def __call__(self, t: Int[Array, ""]) -> Float[Array, "..."]:
        """Its value."""
        return jnp.asarray(self.function(t), float)


def driven_by(
    stimulus: ArrayLike | Callable | None, model: AbstractNetwork, steps: int, among_others: bool = False
) -> Columns | Function:
    """A stimulus as the drive of the steps -1, 0, ... steps - 1: an array is 0 at -1, a function is asked.

    Args:
        stimulus: (channels, steps), or a function of the step.
        model: what it drives.
        steps: how many there are.
        among_others: whether the drive is to be stacked with those of other networks, which plain functions cannot be.

    Raises:
        InputError: as `stimulus_array`.
    """
    if stimulus is None:
        return Columns(jnp.zeros((model.size, 1)))
    if not callable(stimulus):
        values = stimulus_array(stimulus, model, steps)
        return Columns(model.stimulus_drive(jnp.pad(values, ((0, 0), (1, 0)))))
    try:
        shape = jax.eval_shape(stimulus, jax.ShapeDtypeStruct((), int)).shape
    except UNTRACEABLE:
        return Columns(model.stimulus_drive(_evaluated(stimulus, np.arange(-1, steps), model.channels)))
    if shape not in ((), (model.channels,)):
        raise InputError(f"the stimulus gives shape {shape} at a step; give a number, or ({model.channels},)")
    is_module = isinstance(stimulus, eqx.Module)
    if model.filters_stimulus or (among_others and not is_module):
        return Columns(model.stimulus_drive(_evaluated(stimulus, np.arange(-1, steps), model.channels)))
    return Function(stimulus if is_module else Plain(stimulus), model.size)


def _evaluated(function: Callable, steps: Int[np.ndarray, " S"], rows: int) -> Float[Array, "rows S"]:
    """A function of the step at several steps; one that jax cannot trace is called step by step."""
    one = lambda t: jnp.broadcast_to(jnp.asarray(function(t), float), (rows,))
    try:
        return jax.vmap(one)(jnp.asarray(steps)).T
    except UNTRACEABLE:
        values = [np.broadcast_to(np.asarray(function(int(t)), float), (rows,)) for t in steps]
        return jnp.asarray(np.array(values).T, float)
