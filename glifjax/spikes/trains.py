"""SpikeTrains: which cell of which population fired when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from glifjax.errors import InputError

if TYPE_CHECKING:
    import pandas

#: The population of spikes that come without one.
NO_POPULATION = "default"
#: ms a second.
MS = 1e3
#: The arrays of SpikeTrains.
FIELDS = ("times", "node_ids", "populations")


@dataclass(frozen=True, eq=False)
class SpikeTrains:
    """Spikes of many cells, on the host: three arrays of one length, sorted by time, population and node id.

    Attributes:
        times: (n,), s, float64, finite.
        node_ids: (n,), int64, not negative; they count within their population.
        populations: (n,), names. One name given for all of them becomes an array.

    Raises:
        InputError: lengths that differ, a time that is not finite, an id that is no whole number from 0.

    Example:
        >>> trains = gj.SpikeTrains([0.2, 0.1, 0.3], [1, 0, 1], "v1")
        >>> len(trains), trains.train(1).tolist()
        (3, [0.2, 0.3])
    """

    times: Float[np.ndarray, " n"]
    node_ids: Int[np.ndarray, " n"]
    populations: Shaped[np.ndarray, " n"]

    def __init__(self, times: Any, node_ids: Any, populations: str | Sequence[str] | np.ndarray = NO_POPULATION):
        """Check and sort; `populations` is one name, or one a spike."""
        times = np.atleast_1d(np.asarray(times, dtype=np.float64))
        ids = np.atleast_1d(np.asarray(node_ids))
        names = np.full(len(times), populations) if isinstance(populations, str) else np.asarray(populations, dtype=str)
        if not times.ndim == ids.ndim == names.ndim == 1 or not len(times) == len(ids) == len(names):
            raise InputError(
                f"spike trains need one time, node id and population a spike; their shapes are {times.shape}, "
                f"{ids.shape} and {names.shape}"
            )
        if not np.isfinite(times).all():
            at = int(np.flatnonzero(~np.isfinite(times))[0])
            raise InputError(f"spike {at} (node {ids[at]} of {names[at]}) is at {times[at]} s; give finite times")
        whole = ids.astype(np.int64) if len(ids) else np.zeros(0, np.int64)
        if len(ids) and ((whole != ids).any() or (whole < 0).any()):
            at = int(np.flatnonzero((whole != ids) | (whole < 0))[0])
            raise InputError(f"spike {at} is of node {ids[at]}; node ids are whole numbers from 0")
        order = np.lexsort((whole, names, times))
        for name, values in (("times", times), ("node_ids", whole), ("populations", names)):
            object.__setattr__(self, name, values[order])

    def __len__(self) -> int:
        """The number of spikes."""
        return len(self.times)

    @property
    def population_names(self) -> list[str]:
        """The populations that fired, in alphabetical order."""
        return [str(name) for name in np.unique(self.populations)]

    def train(self, node_id: int, population: str | None = None) -> Float[np.ndarray, " k"]:
        """The times of one cell, s; `population` may be left out where there is only one.

        Raises:
            InputError: no population named where there are several.
        """
        return self.of(population).times[self.of(population).node_ids == node_id]

    def of(self, population: str | None) -> "SpikeTrains":
        """The spikes of one population; all of them for None, where there is only one."""
        names = self.population_names
        if population is None:
            if len(names) > 1:
                raise InputError(f"these spikes are of {', '.join(names)}; name the population that you mean")
            return self
        return self[self.populations == population]

    def between(self, start: float, stop: float) -> "SpikeTrains":
        """The spikes at start <= t <= stop, s."""
        return self[(self.times >= start) & (self.times <= stop)]

    def __getitem__(self, chosen: Any) -> "SpikeTrains":
        """The spikes that an index or a mask of numpy's chooses."""
        return SpikeTrains(self.times[chosen], self.node_ids[chosen], self.populations[chosen])

    def to_dataframe(self) -> "pandas.DataFrame":
        """Columns timestamps (ms), population and node_ids, a row a spike, as BMTK has them."""
        import pandas

        columns = {"timestamps": milliseconds(self.times), "population": self.populations, "node_ids": self.node_ids}
        return pandas.DataFrame(columns)

    @classmethod
    def from_dataframe(cls, frame: "pandas.DataFrame", population: str | None = None) -> "SpikeTrains":
        """From columns timestamps (ms), node_ids and population; without the last, all are of `population`.

        Raises:
            InputError: columns that are missing, or not numbers.
        """
        if "timestamps" not in frame or "node_ids" not in frame or ("population" not in frame and population is None):
            raise InputError(
                f"the columns are {', '.join(map(str, frame.columns))}; spikes need timestamps (ms), population and "
                "node_ids"
            )
        names = frame["population"].astype(str).to_numpy() if "population" in frame else str(population)
        try:
            times, ids = frame["timestamps"].to_numpy(float) / MS, frame["node_ids"].to_numpy(float)
        except (TypeError, ValueError) as error:
            raise InputError(f"timestamps and node_ids must be numbers: {error}") from error
        return cls(times, ids, names)

    @classmethod
    def from_mapping(cls, trains: Mapping[int, Any], population: str = NO_POPULATION) -> "SpikeTrains":
        """From a train of times, s, for each node id of one population."""
        times = [np.asarray(train, float).reshape(-1) for train in trains.values()]
        ids = [np.full(len(train), node) for node, train in zip(trains, times, strict=True)]
        return cls(np.concatenate([*times, []]), np.concatenate([*ids, []]).astype(np.int64), population)


def join(parts: Iterable[SpikeTrains]) -> SpikeTrains:
    """All spikes of several SpikeTrains."""
    parts = [SpikeTrains([], [], np.zeros(0, str)), *parts]
    return SpikeTrains(*(np.concatenate([getattr(part, name) for part in parts]) for name in FIELDS))


def milliseconds(times: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Times in s as ms; one that lies within rounding (4 ulp) of whole microseconds is exactly those.

    Without it 0.009627 s would be written as 9.627000000000001 ms, and a file would change by being read and written.
    """
    values = times * MS
    rounded = np.round(values, 3)
    return np.where(np.abs(values - rounded) <= 4 * np.spacing(np.abs(values)), rounded, values)
