"""Spike trains as counts in bins: checked, trials laid end to end with silence between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from jaxtyping import ArrayLike, Bool, Float, Int, UInt8

from glifjax.errors import InputError
from glifjax.spikes.trains import SpikeTrains

#: Below so many spikes a neuron's parameters are its prior's rather than the data's.
FEW_SPIKES = 20
#: Above this rate times are taken for milliseconds, 1/s.
HIGHEST_RATE = 1e3
#: A time so little before a bin's start lies in it, bins: 0.029 s / 0.001 s is a little less than 29.
ROUNDING = 1e-6
#: Bins of a recording, at most.
MOST_BINS = 1e10


@dataclass(frozen=True)
class Binned:
    """Counts of n neurons in T bins.

    Attributes:
        counts: (T, n).
        counted: which bins a likelihood is of, (T, n); the others, the gaps between trials among them, are history.
        starts: each trial's first bin.
        dt: bin, s.
        units: the neurons' names.
        regions: where each is; SpikeTrains' populations, "" where unknown.
        warnings: what is to be known of the data, in sentences.
    """

    counts: UInt8[np.ndarray, "T n"]
    counted: Bool[np.ndarray, "T n"]
    starts: Int[np.ndarray, " k"]
    dt: float
    units: tuple[str, ...]
    regions: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def only(self, bins: Bool[np.ndarray, "T n"]) -> "Binned":
        """The same counts, of which only these bins count."""
        return replace(self, counted=self.counted & bins)

    @property
    def spikes(self) -> Int[np.ndarray, " n"]:
        """Each neuron's spikes in bins that count."""
        return np.sum(self.counts * self.counted, axis=0, dtype=int)

    @property
    def rates(self) -> Float[np.ndarray, " n"]:
        """Spikes a second in bins that count."""
        return self.spikes / (np.maximum(self.counted.sum(axis=0), 1) * self.dt)


def binned(
    spikes: ArrayLike | SpikeTrains,
    dt: float,
    history: int,
    *,
    duration: float | None = None,
    recorded: ArrayLike | None = None,
    regions: Sequence[str] | None = None,
    most_per_bin: int = 255,
) -> Binned:
    """Spikes as counts.

    Args:
        spikes: counts, (n, T) or (trials, n, T), or SpikeTrains.
        dt: bin, s.
        history: the longest kernel, bins: as many at the start of a trial do not count.
        duration: of a recording given as SpikeTrains, s; up to its last spike if None.
        recorded: True where a neuron was recorded, shaped as the counts or as one trial's; all if None.
        regions: where each neuron is; the populations of SpikeTrains if None.
        most_per_bin: 1 where the model has at most one spike a bin: more become one, with a warning.

    Raises:
        InputError: what cannot be counts, times outside the recording or in ms, trials not longer than the history.
    """
    if isinstance(spikes, SpikeTrains):
        counts, units, places = _from_trains(spikes, dt, duration)
    else:
        counts = _from_array(spikes)
        units = tuple(str(i) for i in range(counts.shape[1]))
        places = ("",) * len(units)
        several = np.flatnonzero(counts.sum(axis=(0, 2)) >= FEW_SPIKES)  # fewer may be the same by chance
        _refuse_duplicates({units[i]: counts[:, i] for i in several})
    if regions is not None:
        places = tuple(map(str, regions))
        if len(places) != len(units):
            raise InputError(f"there are {len(places)} regions for {len(units)} neurons; give one for each")
    trials, size, steps = counts.shape
    if steps <= history:
        raise InputError(
            f"a trial has {steps} bins and the kernels reach {history} back; give longer trials or kernels"
        )
    mask = np.ones(counts.shape, bool) if recorded is None else _as_mask(recorded, counts.shape)
    mask[:, :, :history] = False
    gap = ((0, 0), (0, 0), (0, history))
    lay = lambda values: np.moveaxis(np.pad(values, gap), 1, 2).reshape(-1, size)[
        : trials * (steps + history) - history
    ]
    warnings = []
    crowded = int((counts > most_per_bin).sum())
    if crowded:
        share = crowded / max(int((counts > 0).sum()), 1)
        warnings.append(
            f"{crowded} bins ({share:.1%} of those with spikes) hold several, of which the link counts one; "
            "a finer dt, or a Poisson link, keeps them"
        )
    rows = lay(np.minimum(counts, most_per_bin).astype(np.uint8))
    starts = np.arange(trials) * (steps + history)
    data = Binned(rows, lay(mask), starts, float(dt), units, places)
    few = [units[i] for i in np.flatnonzero(data.spikes < FEW_SPIKES)]
    if few:
        warnings.append(f"fewer than {FEW_SPIKES} spikes of {', '.join(few)}: their parameters are the prior's")
    return replace(data, warnings=tuple(warnings))


def _from_array(spikes: ArrayLike) -> np.ndarray:
    values = np.asarray(spikes)
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise InputError(f"the spikes have shape {values.shape}; give counts (n, steps) or (trials, n, steps)")
    if values.dtype.kind not in "biu":
        if not np.isfinite(values).all():
            raise InputError("the spikes hold a NaN or an infinity; give counts, and recorded= where there is no data")
        if (values != np.rint(values)).any():
            raise InputError("the spikes are not whole numbers; give counts a bin, or SpikeTrains")
    if values.min() < 0:
        raise InputError(f"the spikes hold {values.min()}; give counts, and recorded= where there is no data")
    if values.max() > 255:
        raise InputError(f"a bin holds {values.max()} spikes; give a finer dt, with at most 255 a bin")
    return values.reshape((-1, *values.shape[-2:]))


def _from_trains(trains: SpikeTrains, dt: float, duration: float | None):
    """Counts (1, n, T), the units' names and populations."""
    if not len(trains):
        raise InputError("there are no spikes to fit")
    if trains.times.min() < 0:
        raise InputError(f"a spike is at {trains.times.min():g} s, before the recording; give times from 0 s on")
    length = float(trains.times.max()) + dt if duration is None else duration
    if trains.times.max() > length:
        raise InputError(
            f"a spike is at {trains.times.max():g} s, after the recording's {length:g} s; give its duration, or "
            "divide times in ms by 1000"
        )
    if not length / dt <= MOST_BINS:
        raise InputError(f"{length:g} s have {length / dt:.3g} bins of {dt:g} s; give times in s, and a longer step")
    pairs = np.rec.fromarrays([trains.populations, trains.node_ids])
    distinct, rows = np.unique(pairs, return_inverse=True)
    units = [f"{population} {node}" for population, node in distinct.tolist()]
    highest = np.bincount(rows).max() / length
    if duration is not None and highest > HIGHEST_RATE:
        raise InputError(f"a unit fires at {highest:.0f} Hz; times are in seconds: divide those in ms by 1000")
    _refuse_duplicates({unit: trains.times[rows == row] for row, unit in enumerate(units)})
    counts = np.zeros((len(units), int(np.ceil(length / dt - 1e-9))), int)
    bins = np.floor(trains.times / dt + ROUNDING).astype(int)
    np.add.at(counts, (rows, np.minimum(bins, counts.shape[1] - 1)), 1)
    return _from_array(counts), tuple(units), tuple(str(name) for name in distinct["f0"])


def _refuse_duplicates(trains: Mapping[str, np.ndarray]) -> None:
    first: dict[bytes, str] = {}
    for unit, train in trains.items():
        twin = first.setdefault(sha256(train.tobytes()).digest(), unit)
        if twin != unit:
            raise InputError(f"units {twin} and {unit} have the same spikes; leave one of them out")


def _as_mask(recorded: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.asarray(recorded, bool)
    if mask.shape not in (shape, shape[1:]):
        raise InputError(f"recorded has shape {mask.shape}; give one boolean a count, {shape[1:]} or {shape}")
    return np.broadcast_to(mask, shape).copy()
