"""Cross-correlograms of pairs: recorded, beside free runs."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Num
from matplotlib.figure import Figure

from ..binned import Binned
from ..stability import Stability
from .drawing import DATA, MODEL, QUIET, SMALL, Units, grid, plain

#: Furthest lag, s, and bins on either side.
FURTHEST = 0.1
BINS = 20


def correlogram(first: Num[np.ndarray, " T"], second: Num[np.ndarray, " T"], dt: float) -> Float[np.ndarray, " b"]:
    """The second's rate around the first's spikes over its mean rate, by lag, -FURTHEST to FURTHEST; NaN without any.

    Args:
        first, second: counts in bins.
        dt: bin, s.
    """
    reach = int(np.ceil(FURTHEST / dt))
    times, others = (np.repeat(np.flatnonzero(train), train[train > 0]) for train in (first, second))
    starts, ends = np.searchsorted(others, times - reach), np.searchsorted(others, times + reach, side="right")
    lengths = ends - starts
    neighbours = np.arange(lengths.sum()) + np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
    by_lag = np.bincount(others[neighbours] - np.repeat(times, lengths) + reach, minlength=2 * reach + 1)
    lags, edges = dt * np.arange(-reach, reach + 1), np.linspace(-FURTHEST, FURTHEST, 2 * BINS + 2)
    expected = (
        len(times) * len(others) / len(first) * np.histogram(lags, edges)[0]
    )  # a bin may hold several lags, or none
    total = np.histogram(lags, edges, weights=by_lag)[0]
    return np.where(expected > 0, total / np.maximum(expected, 1e-300), np.nan)


def correlograms(data: Binned, units: Units, free: Stability, pairs: Sequence[tuple[int, int]]) -> Figure:
    """One panel a pair; free runs that ran away are left out."""
    drawn, panels = grid(len(pairs), 1.9)
    middles = 1e3 * np.linspace(-FURTHEST, FURTHEST, 2 * BINS + 1)
    counted = data.counts * data.counted
    for axes, (i, j) in zip(panels, pairs, strict=False):
        axes.step(middles, correlogram(counted[:, i], counted[:, j], data.dt), where="mid", color=DATA, lw=0.9)
        runs = [correlogram(run[i], run[j], data.dt) for run in free.spikes[~free.unstable]]
        runs = [run for run in runs if np.isfinite(run).any()]
        if runs:
            axes.plot(middles, np.nanmean(runs, axis=0), color=MODEL, lw=1.2)
        axes.axhline(1, color=QUIET, lw=0.6)
        axes.axvline(0, color=QUIET, lw=0.6)
        axes.set_ylim(bottom=0)
        axes.set_title(units.pair(i, j), loc="left", fontsize=SMALL)
        plain(axes)
    panels[0].plot([], [], color=DATA, label="recorded")
    if not free.unstable.all():
        panels[0].plot([], [], color=MODEL, label="free runs")
    panels[0].legend(fontsize=SMALL, frameon=False)
    panels[0].set_ylabel("rate / mean rate", fontsize=SMALL)
    drawn.supxlabel("lag behind the first's spike (ms)", fontsize=SMALL)
    return drawn
