"""The gallery's figures: voltage, threshold and spikes of a run, its stimulus below."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from glifjax.patterns.page.runs import Entry, Shown
from glifjax.patterns.page.words import number
from glifjax.plots.trace import INK, STYLE, THRESHOLD, VOLTAGE, visible

STIMULUS = "#666666"
#: A line is drawn from at most twice this many samples.
BINS = 250
#: Height of the space for spikes over that of the traces; they all end at its top.
HEADROOM = 0.3
#: How far units stand to the left of the axes, inches.
LABELS = 0.45
COLUMNS = 4
PANEL: dict = {**STYLE, "svg.fonttype": "none", "svg.hashsalt": "glifjax", "font.family": "sans-serif"}


def draw(voltage: Axes, stimulus: Axes, shown: Shown) -> None:
    """Draw a run into two axes that share their time."""
    response, pattern = shown.response, shown.pattern
    neuron, time = pattern.neuron, 1e3 * pattern.dt * np.arange(len(response.voltage) + 1)
    lines = (
        (response.voltage, neuron.init_voltage, VOLTAGE, "-", 1.1),
        (response.threshold, neuron.init_threshold, THRESHOLD, "--", 1.0),
    )
    traces = []
    for values, start, colour, style, width in lines:
        values = np.concatenate([[1e3 * float(start)], values])
        samples = visible(values, BINS)
        voltage.plot(time[samples], values[samples], style, color=colour, lw=width)
        traces.append(values)
    low, high = min(t.min() for t in traces), max(t.max() for t in traces)
    top = high + HEADROOM * (high - low)
    foot = traces[1][(response.times / (1e3 * pattern.dt)).astype(int)]
    voltage.vlines(response.times, foot, top, color=INK, lw=1.0)
    voltage.set_ylim(low - 0.06 * (high - low), top)
    amperes, seconds = np.array(pattern.stimulus).T
    current, changes = 1e9 * np.append(amperes, amperes[-1]), 1e3 * np.append(0, np.cumsum(seconds))
    stimulus.plot(changes, current, color=STIMULUS, lw=1.1, drawstyle="steps-post")
    stimulus.fill_between(changes, current, step="post", color=STIMULUS, alpha=0.18, lw=0)
    lowest, highest = min(current.min(), 0), max(current.max(), 0)
    reach = (highest - lowest) or 1.0
    stimulus.set_ylim(lowest - 0.12 * reach, highest + 0.12 * reach)
    stimulus.set_yticks([lowest, highest], [number(lowest, 3), number(highest, 3)])
    voltage.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], min_n_ticks=2))
    for ax in (voltage, stimulus):
        ax.set_xlim(-0.01 * time[-1], time[-1])  # a spike may lie at 0
    stimulus.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    stimulus.set_xlabel("time (ms)")
    # at given places, which takes half the time of finding them
    stimulus.xaxis.set_label_coords(0.5, -0.5)
    figure: Any = voltage.get_figure(root=True)
    inch = 1 / (figure.get_figwidth() * voltage.get_position().width)
    for ax, unit in ((voltage, "mV"), (stimulus, "nA")):
        ax.set_ylabel(unit)
        ax.yaxis.set_label_coords(-LABELS * inch, 0.5)
    voltage.set_xticks([])
    voltage.spines[["bottom"]].set_visible(False)
    voltage.tick_params(length=2.5)
    stimulus.tick_params(length=2.5)


def _panel(figure: Figure, left: float, bottom: float, width: float, height: float) -> tuple[Axes, Axes]:
    """Axes for voltage and stimulus in a rectangle, as fractions of the figure."""
    voltage = figure.add_axes((left, bottom + 0.34 * height, width, 0.66 * height))
    return voltage, figure.add_axes((left, bottom, width, 0.24 * height))


@contextmanager
def painter() -> Iterator[Callable[[Shown], str]]:
    """A function that draws a run as SVG; always into the same axes, which takes half the time of new ones."""
    with matplotlib.rc_context({**PANEL, "font.size": 8.5, "axes.labelsize": 8.5}):
        figure = Figure(figsize=(3.6, 2.3))
        axes = _panel(figure, 0.155, 0.175, 0.795, 0.81)

        def paint(shown: Shown) -> str:
            for artist in [artist for ax in axes for artist in (*ax.lines, *ax.collections)]:
                artist.remove()
            draw(*axes, shown)
            buffer = BytesIO()
            figure.savefig(buffer, format="svg", metadata={"Date": None})
            return buffer.getvalue().decode()

        yield paint


def overview(entries: Sequence[Entry]) -> Figure:
    """All patterns in one figure, 16 inches wide, four panels a row; a legend above."""
    rows, columns = -(-len(entries) // COLUMNS), min(COLUMNS, len(entries))
    wide, tall = 16 * max(columns, 2) / COLUMNS, 2.65 * rows + 0.75
    with matplotlib.rc_context({**PANEL, "font.size": 10, "axes.labelsize": 10, "legend.fontsize": 11}):
        figure = Figure(figsize=(wide, tall), dpi=100)
        inch = np.array([1 / wide, 1 / tall, 1 / wide, 1 / tall])
        panel = wide / columns
        for place, entry in enumerate(entries):
            row, column = divmod(place, columns)
            corner = (column * panel + 0.68, (rows - 1 - row) * 2.65 + 0.5, panel - 0.84, 1.8)
            voltage, stimulus = _panel(figure, *(inch * corner))
            draw(voltage, stimulus, entry.shown)
            voltage.set_title(entry.pattern.name, loc="left", fontsize=11.5, pad=6)
            voltage.set_title(entry.pattern.letter, loc="right", fontsize=11.5, pad=6, fontweight="bold", x=-0.07)
        figure.text(0.2 / wide, 1 - 0.32 / tall, _heading(entries), fontsize=16, va="center")
        figure.legend(handles=_legend(), loc="upper right", ncol=4, bbox_to_anchor=(1 - 0.1 / wide, 1 - 0.08 / tall))
    return figure


def _heading(entries: Sequence[Entry]) -> str:
    many = "Twenty firing patterns" if len(entries) == 20 else "Firing patterns"
    return f"{many} of the Mihalas–Niebur neuron" if len(entries) >= COLUMNS else ""


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], color=VOLTAGE, label="voltage"),
        Line2D([], [], color=THRESHOLD, ls="--", label="threshold"),
        Line2D([], [], color=INK, ls="", marker="|", ms=11, mew=1.2, label="spike"),
        Line2D([], [], color=STIMULUS, label="stimulus"),
    ]


def mathtext(symbol: str) -> str:
    r"""A symbol such as "V_reset" as matplotlib sets it: $V_{\mathrm{reset}}$."""
    letter, _, below = symbol.partition("_")
    below = {"∞": r"\infty"}.get(below, rf"\mathrm{{{below}}}")
    letter = letter.replace("Θ", r"\Theta ")
    return f"${letter}_{{{below}}}$" if "_" in symbol else f"${letter}$"
