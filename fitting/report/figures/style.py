"""What the report's figures share: their style, their sizes, and a legend that covers nothing."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..colours import DATA, FAINT

#: Width of a figure that fills the page, inches.
FULL = 10.6
#: Of one that fills half of it.
HALF = 5.2
#: Of one that fills a third.
THIRD = 3.45
STYLE: Any = {
    "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "legend.fontsize": 8.5, "legend.frameon": False,
    "axes.titlelocation": "left", "lines.linewidth": 1.0,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#888888", "axes.linewidth": 0.7,
    "axes.labelcolor": DATA, "text.color": DATA, "xtick.color": "#666666", "ytick.color": "#666666",
    "xtick.major.width": 0.7, "ytick.major.width": 0.7,
}  # fmt: skip

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Give a function that draws a figure the report's style."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def panel(cut: float) -> tuple[Figure, Axes]:
    """A half-width panel with its zero line, the spike's cut (s) shaded; for time in ms."""
    figure = Figure(figsize=(HALF, 2.8), layout="constrained")
    ax = figure.subplots()
    ax.axvspan(0, 1e3 * cut, color=FAINT, lw=0)
    ax.axhline(0, color="#888888", lw=0.7)
    return figure, ax


def legend(ax: Axes, ncol: int) -> None:
    """A legend above the axes, where it covers nothing."""
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=ncol, borderaxespad=0.1, columnspacing=1.4)


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, as a person writes it."""
    return f"{value:+.{digits}f}".replace("-", "−")
