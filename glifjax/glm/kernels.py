"""What a spike does afterwards: kernels over the lags behind it.

A kernel is known at lags k = 0, 1, ...: what a spike at step s adds to the drive of step s + 1 + k. Its array is
`taps(dt)`, (T, b, m): T lags, b functions with a weight each, m = n where each neuron has its own, else 1.
"""

from abc import abstractmethod
from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from glifjax.arrays import as_float
from glifjax.checks import count_of, require
from glifjax.errors import InputError

#: A duration that is a whole number of steps but for rounding counts as one, steps.
ROUNDING = 1e-6


def steps_in(duration: float, dt: float, name: str) -> int:
    """A duration as whole steps of dt, both in s, rounded once; refused where it is positive and below a step."""
    return 0 if duration == 0 else window_in(duration, dt, name, ", or 0")


def window_in(duration: float, dt: float, name: str, otherwise: str = "") -> int:
    """As `steps_in`, of a window, which has a step at least; `otherwise` ends the refusal of others."""
    steps = round(duration / dt + ROUNDING)
    if steps < 1:
        raise InputError(
            f"the {name} is {duration:g} s, less than a step of {dt:g} s; give at least one step{otherwise}"
        )
    return steps


class AbstractKernel(eqx.Module):
    """What one spike adds to others, lag by lag, up to weights."""

    @abstractmethod
    def taps(self, dt: float) -> Float[Array, "T b m"]:
        """The kernel's functions at lags 0, dt, 2 dt, ...; dt in s."""


class Exponential(AbstractKernel):
    """c(k) = exp(-decay k dt) for k dt < window.

    Attributes:
        decay: 1/s; () or (n,), one for each neuron that spikes.
        window: s.
    """

    decay: Float[Array, "..."] = eqx.field(converter=as_float)
    window: float = eqx.field(static=True)

    def __check_init__(self):
        """Refuse a decay that is not finite."""
        require("decay", self.decay, np.isfinite, "give finite numbers, in 1/s")

    def taps(self, dt: float) -> Float[Array, "T 1 m"]:
        """exp(-decay k dt)."""
        lags = dt * np.arange(window_in(self.window, dt, "coupling window"))
        return jnp.exp(-jnp.atleast_1d(self.decay) * lags[:, None])[:, None, :]


class RaisedCosines(AbstractKernel):
    """b bumps of equal width on a logarithmic axis of lags: (1 + cos x) / 2 where |x| < pi, else 0.

    x = pi (u(t) - c_i) / (2 d), u(t) = log(1 + stretch t / window) / log(1 + stretch), c_i = i d the bumps' places and
    d = 1 / (b + 1) their distance: the first is at its peak at lag 0, the last is 0 at the window's end.
    Source: Pillow et al. 2008, Nature 454:995, methods (the log-stretched basis).

    Attributes:
        count: how many.
        window: s.
        stretch: how much finer early lags are resolved than late ones.
    """

    count: int = eqx.field(static=True, converter=partial(count_of, "the number of cosines"))
    window: float = eqx.field(static=True)
    stretch: float = eqx.field(default=50.0, static=True)

    def taps(self, dt: float) -> Float[Array, "T b 1"]:
        """The bumps at each lag."""
        lags = np.arange(window_in(self.window, dt, "window of the cosines"))
        axis = np.log1p(self.stretch * lags / len(lags)) / np.log1p(self.stretch)
        distance = 1 / (self.count + 1)
        x = np.pi * (axis[:, None] - distance * np.arange(self.count)) / (2 * distance)
        return jnp.asarray(np.where(np.abs(x) < np.pi, (1 + np.cos(x)) / 2, 0.0)[:, :, None], float)


class Tabulated(AbstractKernel):
    """A kernel given by its values.

    Attributes:
        values: (T,) one function, (T, b) several, or (T, b, m); at lags 0, dt, 2 dt, ...
    """

    values: Float[Array, "T b m"] = eqx.field(converter=lambda values: _three_axes(as_float(values)))

    def taps(self, dt: float) -> Float[Array, "T b m"]:
        """The values as they are."""
        return self.values


def _three_axes(values: Array) -> Array:
    return values.reshape(values.shape + (1,) * (3 - values.ndim))


class FunctionKernel(AbstractKernel):
    """A function of one's own: c(k) = function(k dt) for k dt < window.

    Attributes:
        function: from lags, (T,), s, to values, (T,) or (T, b); trainable where it is a module.
        window: s.
    """

    function: Callable[[Float[Array, " T"]], Float[Array, "T ..."]]
    window: float = eqx.field(static=True)

    def taps(self, dt: float) -> Float[Array, "T b m"]:
        """The function's values."""
        lags = dt * jnp.arange(window_in(self.window, dt, "kernel's window"), dtype=float)
        return _three_axes(jnp.asarray(self.function(lags), float))


class AbstractOwnKernel(eqx.Module):
    """What a spike does to the neuron that had it: a part of the drive, and an absolute refractory period."""

    @abstractmethod
    def taps(self, dt: float) -> Float[Array, "T m"]:
        """What is added to the drive at lags 0, dt, 2 dt, ...; m = n where each neuron has its own, else 1."""

    @abstractmethod
    def absolute_steps(self, dt: float) -> int:
        """How many steps after a spike can hold none."""

    @abstractmethod
    def refractory_steps(self, dt: float) -> int:
        """How many are meant to hold none, be it by a number in the drive."""


class Refractory(AbstractOwnKernel):
    """No spike for `absolute`; then strength exp(-decay t) is added to the drive for `relative`, t from its start.

    Attributes:
        absolute, relative: durations, s.
        strength: of the drive at the start of the relative period; () or (n,).
        decay: 1/s; () or (n,).
        absolute_strength: None, and a spike in the absolute period is impossible; or a number that is added to the
            drive there, as the peer does.
    """

    absolute: float = eqx.field(static=True)
    relative: float = eqx.field(static=True)
    strength: Float[Array, "..."] = eqx.field(converter=as_float)
    decay: Float[Array, "..."] = eqx.field(converter=as_float)
    absolute_strength: Float[Array, "..."] | None = eqx.field(
        default=None, converter=lambda value: None if value is None else as_float(value)
    )

    def taps(self, dt: float) -> Float[Array, "T m"]:
        """The relative period's, behind the absolute one's."""
        absolute = steps_in(self.absolute, dt, "absolute refractory period")
        lags = dt * np.arange(steps_in(self.relative, dt, "relative refractory period"))[:, None]
        relative = jnp.atleast_1d(self.strength) * jnp.exp(-jnp.atleast_1d(self.decay) * lags)
        first = 0.0 if self.absolute_strength is None else self.absolute_strength
        return jnp.concatenate([jnp.full((absolute, relative.shape[1]), first, relative.dtype), relative])

    def absolute_steps(self, dt: float) -> int:
        """The absolute period's, unless it is a part of the drive."""
        return self.refractory_steps(dt) if self.absolute_strength is None else 0

    def refractory_steps(self, dt: float) -> int:
        """The absolute period's."""
        return steps_in(self.absolute, dt, "absolute refractory period")


class OwnKernel(AbstractOwnKernel):
    """A sum of functions: kernel = sum_b coefficients_b function_b, and no spike for `absolute`.

    Attributes:
        functions: any kernel.
        coefficients: (b,), or (b, n) one for each neuron.
        absolute: s.
    """

    functions: AbstractKernel
    coefficients: Float[Array, "b *n"] = eqx.field(converter=as_float)
    absolute: float = eqx.field(default=0.0, static=True)

    def taps(self, dt: float) -> Float[Array, "T m"]:
        """The sum."""
        coefficients = self.coefficients.reshape(len(self.coefficients), -1)
        return jnp.sum(self.functions.taps(dt) * coefficients, axis=1)

    def absolute_steps(self, dt: float) -> int:
        """The absolute period's."""
        return steps_in(self.absolute, dt, "absolute refractory period")

    def refractory_steps(self, dt: float) -> int:
        """The same."""
        return self.absolute_steps(dt)


class TabulatedOwn(AbstractOwnKernel):
    """An own-spike kernel given by its values.

    Attributes:
        values: (T,) for all neurons or (T, n).
        absolute: how many steps after a spike can hold none.
        refractory: how many are meant to hold none.
    """

    values: Float[Array, "T m"] = eqx.field(converter=lambda values: as_float(values).reshape(len(values), -1))
    absolute: int = eqx.field(static=True)
    refractory: int = eqx.field(static=True)

    def taps(self, dt: float) -> Float[Array, "T m"]:
        """The values as they are."""
        return self.values

    def absolute_steps(self, dt: float) -> int:
        """The number given."""
        return self.absolute

    def refractory_steps(self, dt: float) -> int:
        """The number given."""
        return self.refractory


class StimulusKernel(eqx.Module):
    """What a stimulus adds to the drive: sum_{c, b, k} coefficients[c, b, j] functions[k, b] stimulus[c, t - k].

    Attributes:
        functions: any kernel whose functions all neurons share; lag 0 is the step itself.
        coefficients: (channels, b, n).
    """

    functions: AbstractKernel
    coefficients: Float[Array, "c b n"] = eqx.field(converter=as_float)

    def features(self, stimulus: Float[Array, "c S"], dt: float) -> Float[Array, "S c b"]:
        """The stimulus filtered by each function, without a past before its first step."""
        return filtered_stimulus(stimulus, self.functions.taps(dt)[:, :, 0])

    def drive(self, stimulus: Float[Array, "c S"], dt: float) -> Float[Array, "n S"]:
        """The stimulus' part of the drive."""
        return jnp.einsum("scb,cbn->ns", self.features(stimulus, dt), self.coefficients)


def filtered_stimulus(stimulus: Float[Array, "c S"], taps: Float[Array, "T b"]) -> Float[Array, "S c b"]:
    """sum_k taps[k, b] stimulus[c, t - k]."""
    stimulus = jnp.atleast_2d(jnp.asarray(stimulus, float))
    convolve = lambda one, kernel: jnp.convolve(one, kernel)[: stimulus.shape[1]]
    by_function = [[convolve(channel, kernel) for kernel in taps.T] for channel in stimulus]
    return jnp.moveaxis(jnp.asarray(by_function), -1, 0)
