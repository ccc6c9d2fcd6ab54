"""Figures of single runs."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import ArrayLike, Float, Int

from glifjax.trace import Trace

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

INK = "#2b2b2b"
#: Colours that colour-blind readers can tell apart (Okabe & Ito): voltage, threshold; one each for the currents.
VOLTAGE = "#0072b2"
THRESHOLD = "#d55e00"
CURRENTS = ("#009e73", "#cc79a7", "#56b4e9", "#e69f00")
STYLE: Any = {
    "font.size": 9, "axes.labelsize": 9, "legend.fontsize": 8.5, "legend.frameon": False, "lines.linewidth": 1.0,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#888888", "axes.linewidth": 0.7,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": "#666666", "ytick.color": "#666666",
    "xtick.major.width": 0.7, "ytick.major.width": 0.7,
}  # fmt: skip
#: A line is drawn from at most twice this many samples: a lowest and a highest one for each half pixel or so.
BINS = 2000


def plot_trace(
    trace: Trace,
    current: Float[ArrayLike, "..."] | None = None,
    *,
    axes: "Sequence[matplotlib.axes.Axes] | None" = None,
    reference: float = 0.0,
    recorded: Float[ArrayLike, "..."] | None = None,
    title: str | None = None,
) -> "matplotlib.figure.Figure":
    """Draw a run: stimulus, voltage with threshold and spikes, afterspike currents.

    Sample t is drawn at (t + 1) dt, the time of the state it holds. A spike has two marks: a dot at the last sample
    before it, at `spikes.grid_times`, and a cross where voltage and threshold cross, at `spikes.times`. Of a long
    trace only the lowest and the highest sample of each short stretch is drawn.

    Args:
        trace: one run, as `simulate` returns it.
        current: what was injected, (T,), A; without it there is no panel for the stimulus.
        axes: where to draw: for the stimulus (if there is a current), the voltage, the afterspike currents. A new
            figure if left out.
        reference: added to voltage and threshold, V; the neuron's El_reference makes them absolute.
        recorded: a voltage to compare with, (T,), V, as it is (`reference` is not added); drawn behind the run's.
        title: above the first panel.

    Returns:
        The matplotlib Figure. `figure.savefig(path)` writes it, a notebook shows it where a cell ends with it.
        pyplot knows it only if it made the `axes`.

    Raises:
        ValueError: a batched trace, a current or recorded voltage of another length, or a wrong number of axes.
    """
    import matplotlib

    n_panels = 2 if current is None else 3
    if np.ndim(trace.voltage) != 1:
        raise ValueError(
            f"the trace's voltage has shape {np.shape(trace.voltage)}; draw one run of it: "
            "jax.tree.map(lambda leaf: leaf[0], trace)"
        )
    for name, given in (("current", current), ("recorded", recorded)):
        if given is not None and np.shape(given) != np.shape(trace.voltage):
            raise ValueError(f"{name} has shape {np.shape(given)}, the trace's voltage {np.shape(trace.voltage)}")
    if axes is not None and len(axes) != n_panels:
        raise ValueError(f"there are {n_panels} panels to draw and {len(axes)} axes; give one each")
    with matplotlib.rc_context(STYLE):
        panels = _panels(n_panels) if axes is None else list(axes)
        duration = len(np.asarray(trace.voltage)) * float(trace.dt)
        unit, scale = ("ms", 1e3) if duration < 1 else ("s", 1.0)
        time = scale * (np.arange(len(np.asarray(trace.voltage))) + 1) * float(trace.dt)
        if current is not None:
            _stimulus(panels[0], time, 1e12 * np.asarray(current, float))
        if recorded is not None:
            _recorded(panels[-2], time, 1e3 * np.asarray(recorded, float))
        _voltage(panels[-2], trace, time, scale, reference)
        currents = trace.sample.afterspike_currents
        _currents(
            panels[-1], time, 1e12 * (np.zeros((len(time), 0)) if currents is None else np.asarray(currents, float))
        )
        panels[-1].set_xlabel(f"time ({unit})")
        panels[-1].set_xlim(0, scale * duration)
        if title is not None:
            panels[0].set_title(title, loc="left", fontsize=9)
        figure: Any = panels[0].get_figure(root=True)
        figure.align_ylabels(panels)
    return figure


def _panels(n: int) -> list[Any]:
    """The axes of a figure 1,000 pixels wide, one above the other, for `n` panels that share their time."""
    from matplotlib.figure import Figure

    heights = (1.0, 2.6, 1.4)[-n:]
    figure = Figure(figsize=(10, 1.0 + 1.15 * sum(heights)), layout="constrained", dpi=100)
    shown_in_notebooks(figure)
    return list(figure.subplots(n, 1, sharex=True, height_ratios=heights))


def shown_in_notebooks(figure: Any) -> None:
    """Have a notebook show a figure, whatever its backend, and without pyplot."""
    figure._repr_png_ = lambda: as_file(figure)


def as_file(figure: Any, kind: str = "png", dpi: float | str = "figure") -> bytes:
    """A matplotlib Figure as the bytes of a file."""
    buffer = BytesIO()
    figure.savefig(buffer, format=kind, dpi=dpi)
    return buffer.getvalue()


def _stimulus(ax, time: Float[np.ndarray, " T"], current: Float[np.ndarray, " T"]) -> None:
    shown = visible(current)
    # current[t] lasts from t dt to (t + 1) dt
    ax.plot(time[shown], current[shown], color=INK, lw=0.8, drawstyle="steps-pre", label="stimulus")
    ax.set_ylabel("stimulus (pA)")


def _recorded(ax, time: Float[np.ndarray, " T"], voltage: Float[np.ndarray, " T"]) -> None:
    shown = visible(voltage)
    ax.plot(time[shown], voltage[shown], color="#aaaaaa", lw=0.8, label="recorded")


def _voltage(ax, trace: Trace, time: Float[np.ndarray, " T"], scale: float, reference: float) -> None:
    mv = lambda volts: 1e3 * (np.asarray(volts, float) + reference)
    voltage, threshold = mv(trace.voltage), mv(trace.threshold)
    spikes: Any = trace.spikes()
    for values, color, style, name in ((voltage, VOLTAGE, "-", "voltage"), (threshold, THRESHOLD, "--", "threshold")):
        shown = visible(values)
        ax.plot(time[shown], values[shown], style, color=color, label=name)
    before = np.concatenate([[mv(trace.initial_voltage)], voltage])[spikes.steps]
    ax.plot(scale * spikes.grid_times, before, ".", color=VOLTAGE, ms=7, label="last step before a spike")
    ax.plot(scale * spikes.times, mv(spikes.crossing_voltages), "x", color=INK, ms=6, label="interpolated spike")
    ax.set_ylabel("voltage (mV)")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=5, borderaxespad=0.1, columnspacing=1.4)


def _currents(ax, time: Float[np.ndarray, " T"], currents: Float[np.ndarray, "T n"]) -> None:
    ax.axhline(0, color="#888888", lw=0.7)
    for k, values in enumerate(currents.T):
        shown = visible(values)
        ax.plot(time[shown], values[shown], color=CURRENTS[k % len(CURRENTS)], lw=1.2, label=f"current {k + 1}")
    ax.set_ylabel("afterspike\ncurrents (pA)")
    if currents.size:
        ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=len(currents.T), borderaxespad=0.1)


def visible(values: Float[np.ndarray, " T"], bins: int = BINS) -> Int[np.ndarray, " k"]:
    """Which samples to draw, in order: all of a short trace, else each stretch's lowest and highest, and the last.

    Of a stretch that is NaN for its greater part one is kept, so that a gap that can be seen stays a gap.
    """
    if len(values) <= 4 * bins:
        return np.arange(len(values))
    width = -(-len(values) // bins)
    padded = np.pad(values, (0, -len(values) % width), constant_values=np.nan).reshape(-1, width)
    hidden = np.isnan(padded)
    starts = width * np.arange(len(padded))
    lowest = starts + np.where(hidden, np.inf, padded).argmin(axis=1)
    highest = starts + np.where(hidden, -np.inf, padded).argmax(axis=1)
    gaps = (starts + hidden.argmax(axis=1))[2 * hidden.sum(axis=1) > width]
    indices = np.unique(np.concatenate([lowest, highest, gaps, [len(values) - 1]]))
    return indices[indices < len(values)]
