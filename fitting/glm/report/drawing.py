"""What the page's figures share: colours, names, sizes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..binned import Binned

#: Of recorded spikes and of the model's.
DATA = "#333333"
MODEL = "#d55e00"
QUIET = "#999999"
#: Of regions, again from the first after the last.
REGIONS = ("#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31")
#: Of weights' signs.
SIGNS = "RdBu_r"
#: Below so many units each has its name at an axis.
NAMED = 40
#: Size of letters.
SMALL = 7.5


def figure(width: float, height: float) -> Figure:
    """An empty figure, inches."""
    return Figure(figsize=(width, height), layout="constrained")


def grid(count: int, height: float, columns: int = 4, sharey: bool = False) -> tuple[Figure, list[Axes]]:
    """A wide figure with so many panels of one horizontal axis, a row of them so many inches high."""
    rows = max(-(-count // columns), 1)
    drawn = figure(10, height * rows)
    panels = drawn.subplots(rows, columns, squeeze=False, sharex=True, sharey=sharey).ravel()
    for axes in panels[count:]:
        axes.set_visible(False)
    return drawn, list(panels)


def plain(axes: Any) -> None:
    """Axes without the lines at the top and on the right, in small letters."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL)


class Units:
    """The units in the order in which they are shown, by region.

    Attributes:
        order: their places in the data.
        names: in that order, without the population where all have one.
        colours: of their regions.
        regions: each region's name, first place and end in that order.
    """

    def __init__(self, data: Binned):
        """Sorted by region, otherwise as in the data."""
        self.order = np.argsort(np.array(data.regions), kind="stable")
        distinct = sorted(set(data.regions))
        several = len(distinct) > 1
        short = lambda name, region: name if several else name.removeprefix(f"{region} ")
        self.names = [short(data.units[i], data.regions[i]) for i in self.order]
        colour = {region: REGIONS[place % len(REGIONS)] for place, region in enumerate(distinct)}
        self.colours = [colour[data.regions[i]] for i in self.order]
        sorted_regions = [data.regions[i] for i in self.order]
        self.regions = [
            (region, sorted_regions.index(region), sorted_regions.index(region) + sorted_regions.count(region))
            for region in distinct
        ]

    def pair(self, i: int, j: int) -> str:
        """The names of two, by their places in the data."""
        names = dict(zip(self.order.tolist(), self.names, strict=True))
        return f"{names[i]} → {names[j]}"

    def label(self, axis: Any, rotation: float = 0.0) -> None:
        """Name the units along an axis (`axes.xaxis`); the regions alone where there are many units."""
        if len(self.names) <= NAMED:
            axis.set_ticks(range(len(self.names)), self.names, fontsize=SMALL, rotation=rotation)
        else:
            middles = [(first + end - 1) / 2 for _, first, end in self.regions]
            axis.set_ticks(middles, [region for region, _, _ in self.regions], fontsize=SMALL)

    def legend(self, axes: Any) -> None:
        """Regions and their colours, where there are several."""
        if len(self.regions) > 1:
            for region, first, _ in self.regions:
                axes.plot([], [], color=self.colours[first], lw=2, label=region)
            axes.legend(fontsize=SMALL, frameon=False)


def strongest_pairs(sums: np.ndarray, errors: np.ndarray, most: int) -> Sequence[tuple[int, int]]:
    """Pairs whose kernels are furthest from nothing, in their standard errors, the furthest first."""
    ratio = np.abs(sums) / np.where(errors > 0, errors, np.inf)
    np.fill_diagonal(ratio, 0.0)
    places = np.argsort(-ratio, axis=None)[:most]
    return [(int(i), int(j)) for i, j in zip(*np.unravel_index(places, ratio.shape), strict=True) if ratio[i, j] > 0]
