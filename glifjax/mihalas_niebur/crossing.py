"""Crossings inside a step: where they are, what follows them, and how not to pay for them where there are none.

For neurons that can be followed inside a step. Between its ends a step's excess V - Theta is close to the
cubic that has its values and slopes there; two Newton steps from the cubic's root find that of the excess. One more,
differentiated, gives the derivative of the implicit function theorem: -(d excess) / slope.
"""

from abc import abstractmethod
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float

#: Newton steps on the cubic, whose start is the root of a parabola.
POLISH = 2
#: Neurons of a batch among which the next to cross is searched at once, on a CPU.
GROUP = 1024


class AbstractInside(eqx.Module):
    """A neuron inside a step: a vector x that follows dx/dt = rate(x); x[0] is its excess V - Theta."""

    @abstractmethod
    def rate(self, x: Float[Array, " m"], current: Float[Array, ""]) -> Float[Array, " m"]:
        """dx/dt."""

    @abstractmethod
    def series(self, x: Float[Array, " m"], current: Float[Array, ""]) -> Float[Array, "n m"]:
        """The coefficients of 1, t, t^2, ... in x a time t later, had there been no spike."""

    @abstractmethod
    def reset(self, x: Float[Array, " m"]) -> Float[Array, " m"]:
        """x right after a spike."""


def spikes_of_a_step(
    inside: AbstractInside,
    start: tuple[Float[Array, ""], ...],
    free: tuple[Float[Array, ""], ...],
    slope: Float[Array, ""],
    current: Float[Array, ""],
    dt: Float[Array, ""],
    places: int,
):
    """The state at the end of a step, reset at every crossing on the way.

    Args:
        inside: the neuron inside a step.
        start: the state before the step, the elements of x.
        free: after it, had there been no spike.
        slope: d(V - Theta)/dt at the start, V/s.
        current: over the step, A.
        dt: its length, s.
        places: how many crossings are looked for.

    Returns:
        the state at the end; the times of the crossings, s after the start, inf where there is none; and whether
        there were more. Differentiable, the times included.
    """
    # a tangent lies above a curve that bends down to a peak inside the step
    may_cross = jnp.maximum(jnp.maximum(start[0], free[0]), start[0] + dt * slope) >= 0
    return _follow(places, may_cross, inside, start, free, current, dt)


def _if_it_may(places: int, may_cross, inside, start, free, current, dt):
    def look():
        x, nothing = jnp.stack(start), _no_spike(places, jnp.stack(free), dt)
        end, times, too_many = _resets(places, inside, x, nothing, current, dt, dt)
        return tuple(end), times, too_many

    return jax.lax.cond(may_cross, look, lambda: _no_spike(places, free, dt))


def _no_spike(places: int, free, dt):
    return free, (jnp.full_like(dt, jnp.inf),) * places, jnp.zeros_like(dt, bool)


def _resets(places: int, inside, x, nothing, current, left, dt):
    """The first crossing in what is left of a step, its reset, and what comes after it; else `nothing`."""
    free = nothing[0]
    slopes = inside.rate(x, current)[0], inside.rate(free, current)[0]
    crossed, guess = first_crossing(x[0], slopes[0], free[0], slopes[1], left)
    if places == 0:
        return free, (), crossed

    def spike():
        path = inside.series(x, current)
        nearer, _ = _reset_near(inside, path, current, guess, dt)
        time, fresh = _reset_near(inside, path, current, nearer, dt)
        later = _no_spike(places - 1, _along(inside.series(fresh, current), left - time), dt)
        end, later, too_many = _resets(places - 1, inside, fresh, later, current, left - time, dt)
        return end, (time, *(time + more for more in later)), too_many

    return jax.lax.cond(crossed, spike, lambda: nothing)


def _along(path, time):
    """x on a path, given by its Taylor series."""
    x = path[-1]
    for term in path[-2::-1]:
        x = term + time * x
    return x


def _reset_near(inside, path, current, guess, dt):
    """The crossing, one Newton step from a guess, and x right after its reset."""
    near = _along(path, guess)
    rate = inside.rate(near, current)
    # what starts on the threshold spikes there, whatever its slope; a step of Newton's is at most one of time
    late = jnp.where(guess > 0, jnp.clip(near[0] / _away_from_zero(rate[0]), -dt, dt), 0.0)
    return guess - late, inside.reset(near - late * rate)


def _replay(crossings, inside, start, free, current, dt):
    """End and crossings again, from crossings that are given: one Newton step each, to be differentiated."""

    def spikes(inside, start, current, dt, crossings):
        x, passed, times = jnp.stack(start), jnp.zeros_like(dt), []
        for time in crossings:
            there = jnp.isfinite(time)
            guess = jnp.where(there, time - passed, 0.0)
            lasts, fresh = _reset_near(inside, inside.series(x, current), current, guess, dt)
            x, passed = jnp.where(there, fresh, x), jnp.where(there, passed + lasts, passed)
            times.append(jnp.where(there, passed, jnp.inf))
        return tuple(_along(inside.series(x, current), dt - passed)), tuple(times)

    inputs = inside, start, current, dt, crossings
    again = jax.checkpoint(spikes, prevent_cse=False)
    return jax.lax.cond(jnp.isfinite(crossings[0]), lambda args: again(*args), lambda args: (free, crossings), inputs)


def _away_from_zero(slope):
    return jnp.where(slope == 0, 1.0, slope)


def first_crossing(
    f0: Float[Array, ""], slope0: Float[Array, ""], f1: Float[Array, ""], slope1: Float[Array, ""], dt: Float[Array, ""]
) -> tuple[Bool[Array, ""], Float[Array, ""]]:
    """Whether the cubic with values f0, f1 and slopes slope0, slope1 at 0 and dt reaches zero from below, and when.

    True also for f0 >= 0 (then at 0), for f1 >= 0, and where it peaks at or above zero in between.
    """
    d0, d1 = slope0 * dt, slope1 * dt
    square, cube = 3 * (f1 - f0) - 2 * d0 - d1, d0 + d1 - 2 * (f1 - f0)
    value = lambda x: f0 + x * (d0 + x * (square + x * cube))
    rate = lambda x: d0 + x * (2 * square + 3 * x * cube)
    peaks = (d0 > 0) & (d1 < 0)
    peak = jnp.where(peaks, d0 / jnp.where(peaks, d0 - d1, 1.0), 1.0)
    crossed = (f0 >= 0) | (f1 >= 0) | (value(peak) >= 0)
    last = jnp.where(f1 >= 0, 1.0, peak)
    # the first root of the parabola with f0, d0 and f1 (or, with a peak below, the least steep way to reach zero)
    steepness = d0 + jnp.sqrt(jnp.maximum(d0**2 - 4 * (f1 - f0 - d0) * f0, 0.0))
    x = -2 * f0 / _away_from_zero(steepness)
    for _ in range(POLISH):
        x = jnp.clip(x, 0.0, last)
        x -= value(x) / _away_from_zero(rate(x))
    return crossed, dt * jnp.where(f0 >= 0, 0.0, jnp.clip(x, 0.0, last))


# A crossing costs as much as a hundred steps, and few steps hold one. A condition skips it for one neuron, but under
# vmap it would be computed for all neurons and thrown away for most. On a CPU those of a batch that may cross are
# therefore followed one by one.


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _follow(places: int, *args):
    @custom_vmap
    def alone(*args):
        return _if_it_may(places, *args)

    @alone.def_vmap
    def together(size, in_batched, *args):
        mapped, whole = eqx.partition(args, tuple(in_batched))
        at_once = jax.vmap(lambda part: _if_it_may(places, *eqx.combine(part, whole)))

        def nothing(part):
            *_, free, _, dt = eqx.combine(part, whole)
            return _no_spike(places, free, dt)

        def one_by_one(part):
            if size > GROUP:
                return jax.lax.map(lambda part: alone(*eqx.combine(part, whole)), part, batch_size=GROUP)
            may_cross = jnp.broadcast_to(args[0], (size,))

            def next_one(carry):
                left, results = carry
                row = jnp.argmax(left)
                of_row = lambda leaf: jax.lax.dynamic_index_in_dim(leaf, row, keepdims=False)
                one = alone(*eqx.combine(jax.tree.map(of_row, part), whole))
                put = lambda leaf, value: jax.lax.dynamic_update_index_in_dim(leaf, value, row, 0)
                return put(left, False), jax.tree.map(put, results, one)

            start = may_cross, jax.vmap(nothing, axis_size=size)(part)
            return jax.lax.while_loop(lambda carry: jnp.any(carry[0]), next_one, start)[1]

        results = jax.lax.platform_dependent(mapped, cpu=one_by_one, default=at_once)
        return results, jax.tree.map(lambda _: True, results)

    return alone(*args)


@_follow.defjvp
def _follow_jvp(places, primals, tangents):
    end, times, too_many = _follow(places, *primals)
    # recomputed on the way back: few steps have anything to remember
    replay = jax.checkpoint(partial(_replay, times), prevent_cse=False)
    _, (end_tangent, times_tangent) = jax.jvp(replay, primals[1:], tangents[1:])
    return (end, times, too_many), (end_tangent, times_tangent, np.zeros(jnp.shape(too_many), jax.dtypes.float0))
