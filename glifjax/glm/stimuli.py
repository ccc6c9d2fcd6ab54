"""Stimuli: functions of the step t = 0, 1, ... (and t = -1 during a warm-up), and arrays.

Times are in steps. Each is a module: its strength can be tuned. `mask` says which neurons get it, (n,); without one all
do. Any other function of t works too.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int, PRNGKeyArray

from glifjax.arrays import as_float
from glifjax.errors import InputError


def _as_mask(mask: Any) -> Float[Array, "..."]:
    return as_float(1.0 if mask is None else mask)


class Regular(eqx.Module):
    """`strength` for the first `tau` steps of every `period`, counted from `start`, before `stop`."""

    strength: Float[Array, "..."] = eqx.field(converter=as_float)
    period: Int[Array, ""] = eqx.field(converter=jnp.asarray)
    tau: Int[Array, ""] = eqx.field(converter=jnp.asarray)
    start: Int[Array, ""] = eqx.field(converter=jnp.asarray)
    stop: Float[Array, ""] = eqx.field(converter=as_float)
    mask: Float[Array, "..."] = eqx.field(default=None, converter=_as_mask)

    def __call__(self, t: Int[Array, ""] | int) -> Float[Array, "..."]:
        """The stimulus at step t, () or (n,)."""
        on = ((t - self.start) % self.period < self.tau) & (t >= self.start) & (t < self.stop)
        return self.strength * self.mask * on


class Sine(eqx.Module):
    """amplitude sin(2 pi (t - start) dt / period + phase) + baseline for start <= t < stop."""

    amplitude: Float[Array, "..."] = eqx.field(converter=as_float)
    period: Float[Array, ""] = eqx.field(converter=as_float)
    phase: Float[Array, ""] = eqx.field(converter=as_float)
    baseline: Float[Array, ""] = eqx.field(converter=as_float)
    dt: Float[Array, ""] = eqx.field(converter=as_float)
    start: Float[Array, ""] = eqx.field(converter=as_float)
    stop: Float[Array, ""] = eqx.field(converter=as_float)
    mask: Float[Array, "..."] = eqx.field(default=None, converter=_as_mask)

    def __call__(self, t: Int[Array, ""] | int) -> Float[Array, "..."]:
        """The stimulus at step t, () or (n,)."""
        angle = 2 * jnp.pi / self.period * (t - self.start) * self.dt + self.phase
        within = (t >= self.start) & (t < self.stop)
        return jnp.where(within, self.amplitude * jnp.sin(angle) + self.baseline, 0.0) * self.mask


class Events(eqx.Module):
    """`strength` for `tau` steps from each onset."""

    strength: Float[Array, "..."] = eqx.field(converter=as_float)
    tau: Float[Array, ""] = eqx.field(converter=as_float)
    onsets: Float[Array, " k"] = eqx.field(converter=as_float)
    mask: Float[Array, "..."] = eqx.field(default=None, converter=_as_mask)

    def __call__(self, t: Int[Array, ""] | int) -> Float[Array, "..."]:
        """The stimulus at step t, () or (n,)."""
        since = t - self.onsets
        return self.strength * self.mask * jnp.any((since >= 0) & (since < self.tau))


class Loaded(eqx.Module):
    """Column t of an array, zeros outside."""

    values: Float[Array, "n S"] = eqx.field(converter=as_float)
    mask: Float[Array, "..."] = eqx.field(default=None, converter=_as_mask)

    def __call__(self, t: Int[Array, ""] | int) -> Float[Array, " n"]:
        """The stimulus at step t, (n,)."""
        steps = self.values.shape[1]
        within = (t >= 0) & (t < steps)
        return jnp.where(within, self.values[:, jnp.clip(jnp.asarray(t), 0, steps - 1)], 0.0) * self.mask


def regular(
    strength: ArrayLike, period: int, tau: int, stop: float = np.inf, start: int = 0, mask: ArrayLike | None = None
) -> Regular:
    """`strength` for `tau` steps at the start of every `period` steps, from step `start` until before `stop`.

    Raises:
        InputError: a period or a tau below one step.
    """
    if period < 1 or tau < 1:
        raise InputError(f"the stimulus has a period of {period} and a tau of {tau} steps; give at least 1 of each")
    return Regular(strength, period, tau, start, stop, mask)


def sine(
    amplitude: ArrayLike,
    period: ArrayLike,
    stop: float = np.inf,
    *,
    duration: float | None = None,
    phase: ArrayLike = 0.0,
    baseline: ArrayLike = 0.0,
    start: float = 0.0,
    dt: float = 1.0,
    mask: ArrayLike | None = None,
) -> Sine:
    """A sine wave from step `start` until before `stop`, or for `duration` steps.

    Args:
        amplitude, baseline: of the drive.
        period, dt: of the wave and of a step, in one unit: with dt = 1 the period is in steps.
        stop, start, duration: steps.
        phase: at the start, radians.
        mask: (n,).
    """
    stop = stop if duration is None else start + duration
    return Sine(amplitude, period, phase, baseline, dt, start, stop, mask)


def poisson(
    strength: ArrayLike,
    tau: float,
    mean_interval: float | None = None,
    stop: float | None = None,
    *,
    start: float = 0.0,
    onsets: ArrayLike | None = None,
    key: PRNGKeyArray | None = None,
    mask: ArrayLike | None = None,
) -> Events:
    """`strength` for `tau` steps from events at exponential intervals, or from given onsets; the first at `start`.

    Args:
        strength: of the drive.
        tau, mean_interval, start, stop: steps; events lie before `stop`.
        onsets: steps; then neither key, mean_interval nor stop is needed.
        key: draws the events.
        mask: (n,).

    Raises:
        InputError: neither onsets nor all of key, mean_interval and stop.
    """
    if onsets is not None:
        return Events(strength, tau, onsets, mask)
    if key is None or mean_interval is None or stop is None:
        raise InputError("a Poisson stimulus needs onsets=, or key=, mean_interval= and stop= to draw them")
    random = np.random.default_rng(np.asarray(jax.random.key_data(key) if _is_typed(key) else key).ravel())
    drawn, now = [], float(start)
    while now < stop:
        drawn.append(now)
        now += random.exponential(mean_interval)
    return Events(strength, tau, np.ceil(drawn), mask)


def _is_typed(key) -> bool:
    return jnp.issubdtype(key.dtype, jax.dtypes.prng_key)


def loaded(values: ArrayLike, mask: ArrayLike | None = None) -> Loaded:
    """An array (n, steps) as a function of the step, 0 before and after."""
    if np.ndim(values) != 2:
        raise InputError(f"a loaded stimulus has shape {np.shape(values)}; give (neurons, steps)")
    return Loaded(values, mask)


def excitatory_mask(n: int, count: int, key: PRNGKeyArray) -> Bool[np.ndarray, " n"]:
    """`count` neurons out of the first half of n, which are excitatory in networks under Dale's law; True for these.

    Raises:
        InputError: more than there are.
    """
    if count > n // 2:
        raise InputError(f"{count} excitatory neurons of {n} were asked for, and there are {n // 2}")
    mask = np.zeros(n, bool)
    mask[np.asarray(jax.random.permutation(key, n // 2))[:count]] = True
    return mask
