"""The firing pattern of a neuron over two of its parameters, as a picture."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

import jax
import matplotlib
import numpy as np
from jaxtyping import Float, Int
from matplotlib.artist import Artist
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.ndimage import distance_transform_edt

from glifjax.patterns.page.figures import mathtext
from glifjax.patterns.page.parameters import Axis
from glifjax.patterns.pattern import Pattern
from glifjax.patterns.populations import spike_trains, sweep
from glifjax.plots.trace import INK, STYLE
from glifjax.spikes.firing import FIRING_CLASSES, classify

#: A class of its own for spikes less than a time step apart: a reset onto the threshold, or currents that grow forever.
RUNAWAY = "runaway"
CLASSES = (*FIRING_CLASSES, RUNAWAY)
#: One each; told apart by colour-blind readers (Okabe & Ito).
COLOURS = ("#f3f3f3", "#bdbdbd", "#56b4e9", "#f0e442", "#e69f00", "#cc79a7", "#d55e00", "#009e73", "#000000")
#: A region is labelled where a circle of so many cells fits into it.
LABEL_CELLS = 5


@dataclass(frozen=True)
class Sweep:
    """Firing patterns on a grid.

    Attributes:
        pattern: what was varied.
        axes: the two parameters.
        values: of each, in its unit.
        classes: indices into CLASSES; a row for each value of the second parameter.
        spikes: how many, likewise.
    """

    pattern: Pattern
    axes: tuple[Axis, Axis]
    values: tuple[Float[np.ndarray, " m"], Float[np.ndarray, " n"]]
    classes: Int[np.ndarray, "n m"]
    spikes: Int[np.ndarray, "n m"]

    def save(self, file: str | Path | BufferedIOBase) -> None:
        """Write everything as .npz: x, y (units in x_unit, y_unit), classes, class_names, spikes."""
        x, y = (axis.element for axis in self.axes)
        np.savez_compressed(
            file,
            pattern=self.pattern.slug, variant=self.pattern.variant,
            x=self.values[0], x_name=x.name, x_unit=x.parameter.unit,
            y=self.values[1], y_name=y.name, y_unit=y.parameter.unit,
            classes=self.classes, class_names=np.array(CLASSES), spikes=self.spikes,
        )  # fmt: skip


def run_sweep(
    pattern: Pattern, x: Axis, y: Axis, size: int = 100, progress: Callable[[int], None] = lambda done: None
) -> Sweep:
    """Classify a pattern on a grid of two of its parameters: the same compiled call for each row.

    Args:
        pattern: its stimulus drives every cell.
        x, y: two parameters.
        size: values of each.
        progress: called after each row with the number of rows done.
    """
    values = np.linspace(x.low, x.high, size), np.linspace(y.low, y.high, size)
    si = {axis.element.name: v / axis.element.parameter.scale for axis, v in zip((y, x), values[::-1], strict=True)}
    neurons, current = sweep(pattern.neuron, si), pattern.current
    duration = len(current) * pattern.dt
    classes, spikes = np.zeros((size, size), int), np.zeros((size, size), int)
    for row in range(size):
        part = jax.tree.map(lambda leaf, row=row: leaf[row * size : (row + 1) * size], neurons)
        for column, times in enumerate(spike_trains(part, current, pattern.dt)):
            classes[row, column] = CLASSES.index(_class(times, duration, pattern.dt))
            spikes[row, column] = len(times)
        progress(row + 1)
    return Sweep(pattern, (x, y), values, classes, spikes)


def _class(times: Float[np.ndarray, " k"], duration: float, dt: float) -> str:
    return RUNAWAY if np.any(np.diff(times) < dt) else classify(times, duration)


def sweep_picture(swept: Sweep) -> Figure:
    """The classes as colours, the pattern's own point marked, a legend with each class's share."""
    shares = np.bincount(swept.classes.ravel(), minlength=len(CLASSES)) / swept.classes.size
    x, y = swept.axes
    edges = [_edges(values) for values in swept.values]
    with matplotlib.rc_context({**STYLE, "font.size": 11, "axes.labelsize": 12, "legend.fontsize": 11}):
        figure = Figure(figsize=(9.6, 6.6), layout="constrained", dpi=120)
        ax = figure.add_subplot()
        colours = ListedColormap(COLOURS)
        ax.pcolormesh(*edges, swept.classes, cmap=colours, vmin=-0.5, vmax=len(CLASSES) - 0.5, rasterized=True)
        for index, name in enumerate(CLASSES):
            _label(ax, swept, index, name)
        own = x.element.value, y.element.value
        handles: list[Artist] = [
            Patch(facecolor=COLOURS[i], edgecolor="#888888", label=f"{name}  {_percent(shares[i])}")
            for i, name in enumerate(CLASSES)
            if shares[i]
        ]
        if x.low <= own[0] <= x.high and y.low <= own[1] <= y.high:
            (mark,) = ax.plot(*own, "o", ms=11, mfc="none", mec="white", mew=4.5)
            mark.set_clip_on(False)
            (mark,) = ax.plot(*own, "o", ms=11, mfc="none", mec=INK, mew=2, ls="", label="the pattern itself")
            mark.set_clip_on(False)
            handles.append(mark)
        ax.set(xlabel=_axis_label(x), ylabel=_axis_label(y), xlim=edges[0][[0, -1]], ylim=edges[1][[0, -1]])
        ax.spines[["top", "right"]].set_visible(True)
        figure.legend(handles=handles, loc="outside right upper", handleheight=1.2, labelspacing=0.7)
        ax.set_title(
            f"{swept.pattern.name}: firing pattern by {mathtext(x.element.symbol)} and {mathtext(y.element.symbol)}",
            loc="left", fontsize=13,
        )  # fmt: skip
    return figure


def _edges(values: Float[np.ndarray, " m"]) -> Float[np.ndarray, " n"]:
    half = (values[1] - values[0]) / 2
    return np.concatenate([values - half, values[-1:] + half])


def _label(ax, swept: Sweep, index: int, name: str) -> None:
    """A class's name where its region is widest."""
    inside = np.asarray(distance_transform_edt(np.pad(swept.classes == index, 1)))[1:-1, 1:-1]
    row, column = np.unravel_index(np.argmax(inside), inside.shape)
    if inside[row, column] >= LABEL_CELLS:
        words, light = name.replace(" ", "\n"), COLOURS[index] not in ("#000000", "#d55e00", "#009e73")
        place = swept.values[0][column], swept.values[1][row]
        ax.text(*place, words, ha="center", va="center", fontsize=10, color=INK if light else "white")


def _percent(share: float) -> str:
    return "<1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _axis_label(axis: Axis) -> str:
    parameter = axis.element.parameter
    unit = f" ({parameter.unit})" if parameter.unit else ""
    return f"{mathtext(axis.element.symbol)}, {axis.element.meaning}{unit}"
