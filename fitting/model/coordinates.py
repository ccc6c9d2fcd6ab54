"""The numbers an optimiser moves: of order one, unbounded, each with a weak prior."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logit
from jaxtyping import Array, ArrayLike, Float

from glifjax.arrays import as_float


class AbstractCoordinate(eqx.Module):
    """One parameter (or array of them) as a coordinate x, whose prior is standard normal.

    `centre` is where a fit is drawn to (and starts, unless told otherwise); `sd` says how weakly, in the parameter's
    unit or in natural-log units.

    Attributes:
        where: the parameter in a model; or several leaves, as a tuple, that share one value.
        centre: prior mean, in the parameter's unit.
        sd: prior standard deviation; 0 holds the parameter at its centre.
        log: whether the parameter is positive (or negative) and moves on a log scale.
    """

    where: Callable[[Any], Any] = eqx.field(static=True)
    centre: Float[Array, "..."] = eqx.field(converter=as_float)
    sd: Float[Array, "..."] = eqx.field(converter=as_float)
    log: bool = eqx.field(default=False, static=True)

    @abstractmethod
    def value(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """The parameter at coordinate x."""

    @abstractmethod
    def position(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """The coordinate x of a parameter's value."""


class Coordinate(AbstractCoordinate):
    """Without bounds: value = centre + sd x, or centre exp(sd x) if log."""

    def value(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """The parameter at coordinate x."""
        return self.centre * jnp.exp(self.sd * x) if self.log else self.centre + self.sd * x

    def position(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """The coordinate x of a parameter's value."""
        away = jnp.log(value / self.centre) if self.log else value - self.centre
        return jnp.where(self.sd > 0, away / jnp.where(self.sd > 0, self.sd, 1.0), 0.0)


class Bounded(AbstractCoordinate):
    """A coordinate that keeps its parameter between two bounds: value = low + (high - low) sigmoid(offset + slope x).

    Offset and slope follow from the same centre and sd, so that near x = 0 it is that without bounds.

    Attributes:
        low, high: the bounds, in the parameter's unit; the centre lies between them.
    """

    low: Float[Array, ""] = eqx.field(converter=as_float, kw_only=True)
    high: Float[Array, ""] = eqx.field(converter=as_float, kw_only=True)

    def value(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """The parameter at coordinate x."""
        offset, slope = self._line()
        return self.low + (self.high - self.low) * jax.nn.sigmoid(offset + slope * x)

    def position(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """The coordinate x of a parameter's value."""
        offset, slope = self._line()
        away = logit((value - self.low) / (self.high - self.low)) - offset
        return jnp.where(slope == 0, 0.0, away / jnp.where(slope == 0, 1.0, slope))

    def _line(self):
        span = self.high - self.low
        share = (self.centre - self.low) / span
        unit = self.centre * self.sd if self.log else self.sd
        return logit(share), unit / (span * share * (1 - share))


def _shape(coordinate: AbstractCoordinate) -> tuple[int, ...]:
    return np.broadcast_shapes(coordinate.centre.shape, coordinate.sd.shape)


def origin(coordinates: Sequence[AbstractCoordinate]) -> Float[Array, " x"]:
    """All coordinates, one after the other, at their centres: zeros."""
    return jnp.zeros(sum(int(np.prod(_shape(coordinate))) for coordinate in coordinates))


def widths(coordinates: Sequence[AbstractCoordinate]) -> Float[np.ndarray, " x"]:
    """Each coordinate's sd; 0 where it is held."""
    sds = [np.broadcast_to(coordinate.sd, _shape(coordinate)).ravel() for coordinate in coordinates]
    return np.concatenate(sds) if sds else np.zeros(0)


def _leaves(model: Any, coordinate: AbstractCoordinate) -> tuple:
    place = coordinate.where(model)
    return place if isinstance(place, tuple) else (place,)


def values(model: Any, coordinates: Sequence[AbstractCoordinate]) -> list[Float[Array, "..."]]:
    """The parameters that the coordinates stand for, as they are in the model."""
    return [_leaves(model, coordinate)[0] for coordinate in coordinates]


@eqx.filter_jit
def positions(model: Any, coordinates: Sequence[AbstractCoordinate]) -> Float[Array, " x"]:
    """The coordinates at which a model's parameters are."""
    pairs = zip(coordinates, values(model, coordinates), strict=True)
    return jnp.concatenate([
        origin([]), *(jnp.broadcast_to(of.position(value), _shape(of)).ravel() for of, value in pairs)
    ])  # fmt: skip


def place(model: Any, coordinates: Sequence[AbstractCoordinate], x: Float[ArrayLike, " x"]) -> Any:
    """The model with its parameters at the coordinates x; what does not move is left as it is."""
    where = lambda tree: [leaf for coordinate in coordinates for leaf in _leaves(tree, coordinate)]
    pairs = zip(coordinates, _values_at(coordinates, x), strict=True)
    return eqx.tree_at(where, model, [value for of, value in pairs for _ in _leaves(model, of)])


@eqx.filter_jit
def _values_at(coordinates, x) -> list[Float[Array, "..."]]:
    ends = np.cumsum([np.prod(_shape(of), dtype=int) for of in coordinates])
    parts = jnp.split(jnp.asarray(x), ends[:-1])
    return [of.value(part.reshape(_shape(of))) for of, part in zip(coordinates, parts, strict=False)]
