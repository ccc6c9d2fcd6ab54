"""Zeros of a curve between points that enclose at most one each."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

#: Most steps of Halley's method: as many halvings leave none of a double's digits open.
STEPS = 64


class Curve(NamedTuple):
    """A curve at some times: its values and their first two derivatives."""

    value: Float[Array, "..."]
    slope: Float[Array, "..."]
    bend: Float[Array, "..."]


def zeros_between(
    curve: Callable[[Array], Curve], points: Float[Array, " m"]
) -> tuple[Float[Array, " m-1"], Bool[Array, ""]]:
    """For each two neighbours among increasing times, where the curve is zero between them; else the later one.

    Returns:
        the times; and whether all that are zeros have all digits.
    """
    below = curve(points).value < 0
    crosses = below[:-1] != below[1:]
    times, settled = zero_between(curve, points[:-1], points[1:], below[:-1], crosses)
    return jnp.where(crosses, times, points[1:]), settled.all()


def halley(at: Curve) -> Float[Array, "..."]:
    """How far a zero lies before a point, s: n / (1 - n f'' / (2 f')) with n = f / f', which triples right digits."""
    slope = jnp.where(at.slope == 0, 1.0, at.slope)
    newton = at.value / slope
    return newton / (1 - newton * at.bend / (2 * slope))


def zero_between(
    curve: Callable[[Array], Curve],
    low: Float[Array, "..."],
    high: Float[Array, "..."],
    below: Bool[Array, "..."],
    crosses: Bool[Array, "..."],
) -> tuple[Float[Array, "..."], Bool[Array, "..."]]:
    """Where a curve that is below zero at `low` (above it, where not `below`) changes its sign before `high`.

    The interval is halved where a step of Halley's method leaves it, or is more than half of the step before.

    Returns:
        the times, for those that cross; and whether the last steps were so small that all digits are right.
    """
    near = jnp.sqrt(jnp.finfo(low.dtype).eps) * (high - low)

    def step(search):
        number, low, high, time, moved, settled = search
        here = curve(time)
        later = (here.value < 0) == below
        low, high = jnp.where(later, time, low), jnp.where(later, high, time)
        guess = time - halley(here)
        close = jnp.abs(here.value) <= near * jnp.abs(here.slope)
        shrinks = (low <= guess) & (guess <= high) & (jnp.abs(guess - time) <= moved / 2)
        guess = jnp.where(close | shrinks, jnp.clip(guess, low, high), (low + high) / 2)
        moved = jnp.abs(guess - time)
        return number + 1, low, high, jnp.where(settled, time, guess), moved, settled | close

    def goes_on(search):
        number, *_, settled = search
        return (number < STEPS) & ~jnp.all(settled)

    search = 0, low, high, (low + high) / 2, high - low, ~crosses
    *_, time, _, settled = jax.lax.while_loop(goes_on, step, search)
    return time, settled
