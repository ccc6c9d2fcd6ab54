"""Figures of the network: weights as a matrix and as a graph, kernels as gain with 90 % bands."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ...model.confidence import SIDES
from ..kernels import Kernels
from .drawing import NAMED, QUIET, REGIONS, SIGNS, SMALL, Units, figure, grid, plain

#: Gains are drawn within these.
LEAST_GAIN = 0.02
MOST_GAIN = 50.0
#: Ticks of an axis of gains.
GAINS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
#: Edges of the graph at most.
MOST_EDGES = 60


def matrix(kernels: Kernels, units: Units) -> Figure:
    """Each pair's kernel, summed over lags; a dot where its 90 % interval leaves out zero."""
    drawn = figure(5.2, 4.6)
    axes = drawn.subplots()
    sums, errors = _in_order(kernels, units)
    largest = np.quantile(np.abs(sums), 0.98) or 1.0
    shown = axes.imshow(sums, cmap=SIGNS, vmin=-largest, vmax=largest)
    drawn.colorbar(shown, ax=axes, label="kernel, summed over its lags", shrink=0.8, extend="both")
    to, source = np.nonzero((np.abs(sums) > SIDES * errors).T & (errors > 0).T)
    axes.plot(to, source, ".", color="black", ms=3)
    for _, first, _ in units.regions[1:]:
        axes.axhline(first - 0.5, color="black", lw=0.8)
        axes.axvline(first - 0.5, color="black", lw=0.8)
    axes.set_xlabel("to", fontsize=SMALL)
    axes.set_ylabel("from", fontsize=SMALL)
    units.label(axes.xaxis, 90)
    units.label(axes.yaxis)
    return drawn


def graph(kernels: Kernels, units: Units) -> Figure:
    """The same as arrows between units on a ring: those whose interval leaves out zero, the strongest of them."""
    drawn = figure(5.2, 4.6)
    axes = drawn.subplots()
    size = len(units.order)
    angles = np.pi / 2 - 2 * np.pi * np.arange(size) / size
    places = [(float(np.cos(angle)), float(np.sin(angle))) for angle in angles]
    sums, errors = _in_order(kernels, units)
    clear = np.where((np.abs(sums) > SIDES * errors) & (errors > 0), np.abs(sums), 0.0)
    strongest = np.argsort(-clear, axis=None)[:MOST_EDGES]
    largest = clear.max() or 1.0
    for source, to in zip(*np.unravel_index(strongest, clear.shape), strict=True):
        if clear[source, to]:
            colour = "#b2182b" if sums[source, to] > 0 else "#2166ac"
            style = {"color": colour, "lw": 0.4 + 2.2 * clear[source, to] / largest, "alpha": 0.7}
            arrow = {"arrowstyle": "-|>", "connectionstyle": "arc3,rad=0.15", "shrinkA": 7, "shrinkB": 7} | style
            axes.annotate("", places[to], places[source], arrowprops=arrow)
    for (x, y), name, colour in zip(places, units.names, units.colours, strict=True):
        axes.plot(x, y, "o", color=colour, ms=9)
        if size <= NAMED:
            axes.text(1.19 * x, 1.19 * y, name, fontsize=SMALL, ha="center", va="center", color=colour)
    axes.plot([], [], color="#b2182b", label="excites")
    axes.plot([], [], color="#2166ac", label="inhibits")
    axes.legend(fontsize=SMALL, frameon=False, loc="lower left")
    axes.set(xlim=(-1.35, 1.35), ylim=(-1.3, 1.3), aspect="equal")
    axes.axis("off")
    return drawn


def _in_order(kernels: Kernels, units: Units) -> tuple[np.ndarray, np.ndarray]:
    """The kernels' sums and their standard errors, (n, n), in the order in which units are shown."""
    order = np.ix_(units.order, units.order)
    return kernels.sums[order], kernels.sum_errors[order]


def gains(kernels: Kernels, units: Units, pairs: Sequence[tuple[int, int]]) -> Figure:
    """By how much a spike of one multiplies the rate of another, with 90 % bands."""
    return _panels(kernels, pairs, [units.pair(i, j) for i, j in pairs], [REGIONS[0]] * len(pairs))


def own_gains(kernels: Kernels, units: Units) -> Figure:
    """The same of each unit's own spikes."""
    return _panels(kernels, [(int(i), int(i)) for i in units.order], units.names, units.colours)


def _panels(kernels: Kernels, pairs, titles: Sequence[str], colours: Sequence[str]) -> Figure:
    drawn, panels = grid(len(pairs), 1.8, sharey=True)
    middle, low, high = kernels.gains
    within = lambda values: np.clip(values, LEAST_GAIN, MOST_GAIN)
    for axes, (i, j), title, colour in zip(panels, pairs, titles, colours, strict=False):
        lags = 1e3 * kernels.lags
        if np.isfinite(kernels.errors[i, j]).any():
            axes.fill_between(lags, within(low[i, j]), within(high[i, j]), color=colour, alpha=0.25, lw=0)
        axes.plot(lags, within(middle[i, j]), color=colour, lw=1.2)
        axes.axhline(1, color=QUIET, lw=0.6)
        axes.set_title(title, loc="left", fontsize=SMALL)
        axes.set_yscale("log")
        axes.set_yticks(GAINS, [f"{gain:g}" for gain in GAINS])
        axes.minorticks_off()
        plain(axes)
    shown = [within(values[i, j][np.isfinite(values[i, j])]) for i, j in pairs for values in (low, high, middle)]
    if shown:
        panels[0].set_ylim(0.9 * np.concatenate(shown).min(), 1.1 * np.concatenate(shown).max())
    panels[0].set_ylabel("gain", fontsize=SMALL)
    drawn.supxlabel("time since the spike (ms)", fontsize=SMALL)
    return drawn
