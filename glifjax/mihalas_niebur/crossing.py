"""Spikes inside a step: where the excess V - Theta reaches zero, what follows, and the derivatives of both.

The times are searched for, and the search is not differentiated. From a time t that is exact, and taken for constant, a
step of Halley's method leads to t again, as a function of all parameters p:

    t(p) = t - E / (E' - E E'' / (2 E')),    E, E' and E'' at t, whose derivatives by p are those of the flow alone

Its first derivative is that of the implicit function theorem, dt/dp = -(dE/dp) / E', and the second is exact too, as is
all that follows from there on: the state at t(p) is its Taylor series about t up to the square. What the step leaves is
computed again in this way for its derivatives alone: where nobody asks for them, the compiler drops it.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from glifjax.arrays import filled_like, varying_alike
from glifjax.mihalas_niebur.excess import Excess
from glifjax.mihalas_niebur.flow import Equations, Point, propagator_of
from glifjax.mihalas_niebur.lanes import one_by_one
from glifjax.mihalas_niebur.zeros import Curve, halley, zero_between
from glifjax.neuron import Status


def spikes_of_a_step(
    places: int,
    may_spike: Bool[Array, ""],
    equations: Equations,
    start: Point,
    free: Point,
    current: Float[Array, ""],
    dt: Float[Array, ""],
) -> tuple[Point, tuple[Float[Array, ""], ...], Int[Array, ""]]:
    """The neuron at the end of a step, reset at every crossing on the way.

    Args:
        places: how many crossings are looked for.
        may_spike: False only where there is none.
        equations: the neuron's.
        start: before the step.
        free: after it, had there been no spike.
        current: over the step, A.
        dt: its length, s.

    Returns:
        where the neuron is at the end; how long after the one before it each spike comes, s, the first after the
        start, inf where there is none; and Status flags.
    """

    def alone(may_spike, *rest):
        return jax.lax.cond(may_spike, partial(_search, places), partial(_nothing, places), *rest)

    args = varying_alike((may_spike, equations, start, free, current, dt))
    end, waits, flags = one_by_one(alone, partial(_nothing, places))(*jax.lax.stop_gradient(args))
    # computed on the way back alone: few steps have anything to remember
    again = jax.checkpoint(_replay, prevent_cse=False)(waits, equations, start, free, current, dt)
    end, waits = jax.tree.map(with_derivative_of, (end, waits), again)
    return end, waits, flags


@jax.custom_jvp
def with_derivative_of(value: Float[Array, ""], way: Float[Array, ""]) -> Float[Array, ""]:
    """A value, with the derivative of the same number computed in another way."""
    return value


@with_derivative_of.defjvp
def _with_derivative_of_jvp(primals, tangents):
    value, way = primals
    # a plain expression, zero: forward over reverse mode in a scan takes what is left of a rule for its function
    moved = jnp.where(jnp.isfinite(way), way - jax.lax.stop_gradient(way), 0.0)
    return value + moved, tangents[1]


def _nothing(places: int, equations, start, free, current, dt):
    return free, (filled_like(dt, jnp.inf),) * places, filled_like(dt, 0, jnp.int32)


def _search(places: int, equations, start, free, current, dt):
    """The spikes of one neuron that may have some, one after the other."""

    def next_spike(place, search):
        at, left, goes_on, waits, flags = search
        is_last = place == places
        path, over = Excess.of(equations, at, current), propagator_of(equations, left)
        free = equations.evolve(at, current, over)
        may_spike = goes_on & path.may_reach_zero(free.excess, left, over)
        nothing = lambda path, left: (filled_like(left, False, bool), left, filled_like(left, False, bool))
        crosses, wait, unsettled = jax.lax.cond(may_spike, first_crossing, nothing, path, left)
        spikes = crosses & ~is_last
        reset = equations.reset(equations.evolve(at, current, propagator_of(equations, wait)))
        at = jax.tree.map(lambda new, old: jnp.where(spikes, new, old), reset, free)
        left = jnp.where(spikes, left - wait, 0 * left)
        waits = tuple(jnp.where(spikes & (place == n), wait, before) for n, before in enumerate(waits))
        flags |= jnp.where(unsettled, int(Status.INEXACT), 0)
        flags |= jnp.where(crosses & is_last, int(Status.TOO_MANY_SPIKES), 0)
        return at, left, spikes, waits, flags

    _, waits, flags = _nothing(places, equations, start, free, current, dt)
    search = start, dt, filled_like(dt, True, bool), waits, flags
    end, _, _, waits, flags = jax.lax.fori_loop(0, places + 1, next_spike, search)
    return end, waits, flags


def first_crossing(path: Excess, h: Float[Array, ""]) -> tuple[Bool[Array, ""], Float[Array, ""], Bool[Array, ""]]:
    """Whether E reaches zero from below within h seconds; when first, s; and whether that is less exact than it can be.

    That it is where a search ends too early, be it for the crossing or for a turning point that may hide one. A neuron
    that is on or above its threshold at the start spikes there.
    """
    points, located = path.turning_points(h)
    below = path.curve(points).value < 0
    rises = below[:-1] & ~below[1:]
    times, settled = zero_between(path.curve, points[:-1], points[1:], rises, rises)
    first, at_once = jnp.min(jnp.where(rises, times, jnp.inf)), path.start >= 0
    crosses = at_once | rises.any()
    exact = at_once | (located & settled.all())
    return crosses, jnp.where(at_once, 0.0, jnp.where(crosses, first, h)), ~exact


def _replay(waits, equations, start, free, current, dt):
    """End and waits again, as functions of all else."""

    def spikes(waits, free, equations, start, current, dt):
        def to_next(before, wait):
            at, left, late = before
            there = jnp.isfinite(wait)
            time = jnp.where(there, wait, left)
            at = equations.evolve(at, current, propagator_of(equations, time))
            velocity, acceleration = equations.velocity(at, current), equations.acceleration(at, current)
            moves = there & (wait > 0)  # what starts above the threshold spikes at the start, whatever the path
            value, slope = jnp.where(moves, at.excess, 0.0), jnp.where(moves, velocity.excess, 1.0)
            later = -halley(Curve(value, slope, jnp.where(moves, acceleration.excess, 0.0)))
            shift = jnp.where(there, later, late)
            at = jax.tree.map(lambda x, v, a: x + shift * (v + shift / 2 * a), at, velocity, acceleration)
            at = jax.tree.map(lambda reset, on: jnp.where(there, reset, on), equations.reset(at), at)
            late = jnp.where(there, late - shift, 0.0)
            return (at, left - time, late), jnp.where(there, wait + shift, jnp.inf)

        length = jax.lax.stop_gradient(dt)
        none = filled_like(dt, jnp.inf)  # no further one: to the end of the step
        (end, *_), again = jax.lax.scan(to_next, (start, length, dt - length), jnp.stack([*waits, none]))
        return end, tuple(again[:-1])

    def none(waits, free, *_):
        return free, waits

    given = varying_alike((waits, free, equations, start, current, dt))
    return jax.lax.cond(jnp.isfinite(waits[0]), spikes, none, *given)
