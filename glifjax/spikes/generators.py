"""Spike trains that are drawn: Poisson, gamma, a function of one's own.

Times are in s, as everywhere; a function of one's own gives ms, as BMTK's do.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import ArrayLike, Float, PRNGKeyArray

from glifjax.errors import InputError
from glifjax.spikes.trains import NO_POPULATION, SpikeTrains

#: Functions that are marked as generators, by name.
FUNCTIONS: dict[str, Callable] = {}


@dataclass(frozen=True)
class Node:
    """A node as a function of one's own sees it; `node["attribute"]` is an attribute of it.

    Attributes:
        node_id: its id.
        population_name: of its population.
        attributes: all that it has.
    """

    node_id: int
    population_name: str
    attributes: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        """An attribute; InputError lists them where there is none of that name."""
        if key not in self.attributes:
            raise InputError(f"nodes of {self.population_name} have no {key!r}, but {', '.join(self.attributes)}")
        return self.attributes[key]


@dataclass(frozen=True)
class Simulation:
    """A simulation as a function of one's own sees it; all in ms."""

    tstart: float
    tstop: float
    dt: float


def spikes_generator(function: Callable) -> Callable:
    """Mark `def name(node, sim)`, which returns the times of a node's spikes in ms, as an input by its name.

    It is called once for each node, in the order of ids: `node` is a Node, `sim` a Simulation. A config names it:
    {"input_type": "spikes", "module": "function", "spikes_function": "name", "node_set": ...}.
    """
    FUNCTIONS[function.__name__] = function
    return function


def poisson_trains(
    node_ids: Iterable[int],
    rate: float | Sequence[float] | Float[ArrayLike, "..."],
    times: Sequence[float] | Float[ArrayLike, " m"],
    *,
    key: PRNGKeyArray,
    population: str = NO_POPULATION,
    refractory: float | int = 0.0,
) -> SpikeTrains:
    """Poisson trains, independent between nodes.

    Args:
        node_ids: who fires.
        rate: Hz: one number; or samples of a rate that changes, (m,), linear in between.
        times: start and stop, s; for a sampled rate its samples' times, (m,), rising.
        key: of the random numbers.
        population: of the nodes.
        refractory: no spike within so long after another, s; the rate is that at other times. With it the mean rate is
            rate / (1 + rate * refractory).

    Raises:
        InputError: a negative rate, samples and times of different length, times that do not rise.
    """
    rates, grid = np.atleast_1d(np.asarray(rate, float)), np.asarray(times, float)
    if rates.size == 1:
        rates = np.full(len(grid), rates[0])
    if rates.shape != grid.shape or grid.ndim != 1 or len(grid) < 2 or not (np.diff(grid) > 0).all():
        raise InputError(
            f"times of shape {grid.shape} do not fit rates of shape {rates.shape}; give start < stop, or one rising "
            "time a sample"
        )
    if not (np.isfinite(rates) & (rates >= 0)).all() or refractory < 0:
        raise InputError(f"the lowest rate is {rates.min():g} Hz and refractory {refractory:g} s; give numbers from 0")
    # integrated rate, and its inverse: in its own time a Poisson process has rate 1
    expected = np.append(0.0, np.cumsum(np.diff(grid) * (rates[1:] + rates[:-1]) / 2))
    trains = {}
    for node, rng in _by_node(node_ids, key):
        if refractory == 0:
            units = np.sort(rng.uniform(0, expected[-1], rng.poisson(expected[-1])))
            trains[node] = _inverse(units, grid, rates, expected)
        else:
            trains[node] = _refractory(rng, grid, rates, expected, refractory)
    return SpikeTrains.from_mapping(trains, population)


def gamma_trains(
    node_ids: Iterable[int],
    rate: float | int,
    shape: float | int,
    times: Sequence[float],
    *,
    key: PRNGKeyArray,
    population: str = NO_POPULATION,
) -> SpikeTrains:
    """Renewal trains with gamma-distributed intervals, in equilibrium from the start.

    Args:
        node_ids: who fires.
        rate: Hz; the mean interval is 1/rate.
        shape: of the distribution; the coefficient of variation is shape^-1/2, and 1 is a Poisson train.
        times: start and stop, s.
        key: of the random numbers.
        population: of the nodes.

    Raises:
        InputError: a rate or shape that is not above 0, or start >= stop.
    """
    start, stop = map(float, times)
    if not (rate > 0 and shape > 0 and stop > start):
        raise InputError(f"rate is {rate:g} Hz, shape {shape:g}, times {start:g} ... {stop:g} s; all must be above 0")
    trains = {}
    for node, rng in _by_node(node_ids, key):
        # of a renewal process in equilibrium the interval that holds the start is chosen by its length
        first = rng.gamma(shape + 1, 1 / (rate * shape)) * rng.uniform()
        n = int((stop - start) * rate * 2) + 20
        train = start + first + np.append(0.0, np.cumsum(rng.gamma(shape, 1 / (rate * shape), n)))
        while train[-1] < stop:
            train = np.append(train, train[-1] + np.cumsum(rng.gamma(shape, 1 / (rate * shape), n)))
        trains[node] = train[train <= stop]
    return SpikeTrains.from_mapping(trains, population)


def _by_node(node_ids: Iterable[int], key: PRNGKeyArray):
    """A generator of random numbers for each node, which depends on the key and the node alone."""
    for node in node_ids:
        words = np.asarray(jax.random.key_data(jax.random.fold_in(key, int(node))))
        yield int(node), np.random.default_rng(words.tolist())


def _inverse(units, grid, rates, expected):
    """The times at which the integrated, piecewise linear rate reaches `units`."""
    place = np.clip(np.searchsorted(expected, units, side="right") - 1, 0, len(grid) - 2)
    left, width = units - expected[place], np.diff(grid)[place]
    slope, base = np.diff(rates)[place] / width, rates[place]
    # solves base x + slope x^2/2 = left, in the form that is exact as slope goes to 0
    x = 2 * left / np.maximum(base + np.sqrt(np.maximum(base**2 + 2 * slope * left, 0.0)), 1e-300)
    return grid[place] + np.minimum(x, width)


def _refractory(rng, grid, rates, expected, refractory):
    """A Poisson train of which each spike silences the next `refractory` seconds."""
    train, unit, width = [], 0.0, np.diff(grid)
    while True:
        unit += rng.exponential()
        if unit >= expected[-1]:
            return np.array(train)
        time = float(_inverse(np.array([unit]), grid, rates, expected)[0])
        train.append(time)
        ready = time + refractory
        if ready >= grid[-1]:
            return np.array(train)
        place = int(np.searchsorted(grid, ready, side="right")) - 1
        x, slope = ready - grid[place], (rates[place + 1] - rates[place]) / width[place]
        unit = float(expected[place] + rates[place] * x + slope * x**2 / 2)
