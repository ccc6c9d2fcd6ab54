"""The figures of the report: one function each, from a fit to a matplotlib Figure; no display, no state."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec

import jax.numpy as jnp
import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

import glifjax as gj
from glifjax.rules import gated

from ..assess.predictive import Bands, smoothed_rate
from ..assess.steps import Step
from ..data.arrays import FitData
from ..data.shape import waves
from ..fitted import FittedNeuron
from ..stages.base import Outcome
from .colours import COMPONENTS, DATA, FAINT, HARD, NOISE
from .movements import Movements
from .runs import Runs

#: Width of a figure that fills the page, half of it, a third of it, inches.
FULL, HALF, THIRD = 10.6, 5.2, 3.45
#: Length of the close-up of the voltage, s.
CLOSE_UP = 0.5
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


@styled
def voltage(runs: Runs) -> Figure:
    """Stimulus, and the recorded voltage with each of the two free runs."""
    start, stop = runs.window
    shown = slice(round(start / runs.data.dt), round(stop / runs.data.dt))
    time = (np.arange(runs.data.current.shape[1])[shown] + 1) * runs.data.dt
    figure = Figure(figsize=(FULL, 5.2), layout="constrained")
    top, *axes = figure.subplots(3, 1, sharex=True, height_ratios=(0.8, 2, 2))
    top.plot(time, 1e12 * runs.data.current[runs.sweep][shown], color=DATA, lw=0.7)
    top.set_ylabel("current\n(pA)")
    recorded = runs.membrane[shown]
    peak = recorded.max()
    for ax, trace, color, name in (
        (axes[0], runs.noiseless, HARD, "model, without noise"),
        (axes[1], runs.noisy, NOISE, "model, one run with escape noise"),
    ):
        ax.plot(time, recorded, color=DATA, lw=0.7, alpha=0.75, label="recorded")
        ax.plot(time, runs.voltage(trace)[shown], color=color, lw=1.1, label=name)
        threshold = 1e3 * np.asarray(trace.threshold) + runs.rest
        ax.plot(time, threshold[shown], ":", color=color, lw=0.9, alpha=0.6, label="its threshold")
        spikes = np.flatnonzero(np.asarray(trace.spiked)[shown] > 0.5)
        foot = 1e3 * np.asarray(trace.voltage_before_reset)[shown][spikes] + runs.rest
        ax.vlines(time[spikes] + float(trace.spike_latency), foot, peak, color=color, lw=1.1)
        # a threshold may lie far above all voltages
        ax.set(ylabel="voltage (mV)", ylim=(recorded.min() - 5, peak + 5))
        _legend(ax, ncol=3)
    axes[1].set_xlabel("time in the sweep (s)")
    axes[1].set_xlim(start, stop)
    figure.align_ylabels()
    return figure


@styled
def close_up(runs: Runs) -> Figure:
    """The voltage predicted with the recorded spikes forced, and how far off it is everywhere."""
    figure = Figure(figsize=(FULL, 2.7), layout="constrained")
    close, spread = figure.subplots(1, 2, width_ratios=(2.6, 1))
    start = _close(runs)
    shown = slice(round(start / runs.data.dt), round((start + CLOSE_UP) / runs.data.dt))
    recorded, predicted = runs.membrane[shown], runs.forced[shown]
    time = (np.arange(len(runs.membrane))[shown] + 1) * runs.data.dt
    close.plot(time, recorded, color=DATA, lw=0.8, label="recorded")
    close.plot(time, predicted, color=NOISE, lw=1.4, label="predicted, recorded spikes forced")
    shared = np.concatenate([predicted[np.isfinite(predicted)], recorded[np.isfinite(predicted)]])
    low, high = np.percentile(shared, [0, 99.5])
    close.set(xlabel="time in the sweep (s)", ylabel="voltage (mV)", xlim=(time[0], time[-1]))
    close.set_ylim(low - 3, high + 6)
    _legend(close, ncol=2)
    if len(runs.residuals):
        reach = max(1.0, float(np.percentile(np.abs(runs.residuals), 99.5)))
        spread.hist(runs.residuals, bins=np.linspace(-reach, reach, 61), color=NOISE, alpha=0.75)
        spread.axvline(0, color=DATA, lw=0.7)
        rms = np.sqrt(np.mean(runs.residuals**2))
        spread.set_title(f"mean {_signed(runs.residuals.mean())} mV, RMS {rms:.2f} mV", color=DATA)
    spread.set(xlabel="recorded − predicted (mV)", ylabel="time spent", yticks=[])
    return figure


@styled
def raster(trains: tuple[list, list, list], data: FitData) -> Figure:
    """Spikes of each repeat and of the model's runs, the stimulus above and their rates below."""
    duration = data.steps * data.dt
    rows = sum(map(len, trains))
    height = min(4.5, 0.5 + 0.085 * rows)
    figure = Figure(figsize=(FULL, 2.4 + height), layout="constrained")
    top, ax, rates = figure.subplots(3, 1, sharex=True, height_ratios=(0.55, height, 1.2))
    top.plot((np.arange(data.steps) + 1) * data.dt, 1e12 * data.current[0, : data.steps], color=DATA, lw=0.5)
    top.set_ylabel("current\n(pA)")
    row, places = 0.0, []
    for group, color in zip(trains, (DATA, NOISE, HARD), strict=True):
        for train in group:
            ax.vlines(train, row - 0.42, row + 0.42, color=color, lw=1.0)
            row -= 1
        places.append(row + 0.5 + len(group) / 2)
        row -= 0.6
    ax.set_yticks(places, ["recorded", "escape noise", "without noise"])
    for label, color in zip(ax.get_yticklabels(), (DATA, NOISE, HARD), strict=True):
        label.set_color(color)
    ax.tick_params(left=False)
    ax.spines[["left"]].set_visible(False)
    ax.set_ylim(row + 1, 1)
    recorded, noisy, _ = trains
    time, rate = _rate(recorded, duration)
    rates.fill_between(time, rate, color=DATA, alpha=0.3, lw=0, label="recorded")
    rates.plot(*_rate(noisy, duration), color=NOISE, lw=1.0, label="escape noise")
    rates.set(xlabel="time in the sweep (s)", ylabel="rate (1/s)", xlim=(0, duration))
    rates.set_ylim(bottom=0)
    _legend(rates, ncol=2)
    figure.align_ylabels([top, rates])
    return figure


@styled
def predictive_bands(runs: Runs, bands: Bands) -> Figure:
    """Where the rate of the repeats and, in a close-up, the voltage between spikes are to lie, and where they are."""
    data, start, stop = runs.data, *runs.window
    figure = Figure(figsize=(FULL, 4.6), layout="constrained")
    rates, volts = figure.subplots(2, 1, height_ratios=(1, 1.5))
    _, rate = _rate(data.spike_times, data.steps * data.dt)
    rates.fill_between(bands.time, *bands.rate, color=NOISE, alpha=0.35, lw=0, label="90 % band")
    rates.plot(bands.time, rate, color=DATA, lw=0.9, label="recorded")
    rates.set(ylabel="rate (1/s)", xlim=(start, stop))
    rates.set_ylim(bottom=0)
    start = _close(runs)
    shown = slice(round(start / data.dt), round((start + CLOSE_UP) / data.dt))
    time = (np.arange(data.current.shape[1])[shown] + 1) * data.dt
    recorded = np.where(np.isfinite(bands.voltage[0]), runs.membrane, np.nan)
    volts.plot(time, recorded[shown], color=DATA, lw=0.6, label="recorded, between spikes")
    for band, alpha, name in (
        (bands.voltage, 0.35, "90 % band"),
        (bands.parameters, 1.0, "of it, what the parameters leave open"),
    ):
        volts.fill_between(time, *band[:, shown], color=NOISE, alpha=alpha, lw=0.5, label=name, zorder=3)
    volts.set(xlabel="time in the sweep (s)", ylabel="voltage (mV)", xlim=(start, start + CLOSE_UP))
    for ax in (rates, volts):
        _legend(ax, ncol=3)
    figure.align_ylabels()
    return figure


def _close(runs: Runs) -> float:
    """Where a close-up starts, s: shortly before the first spike of the stretch that is shown."""
    spikes = runs.data.spike_times[runs.sweep]
    inside = spikes[(spikes >= runs.window[0]) & (spikes < runs.window[1])]
    return max(runs.window[0], min(float(inside[0]) - 0.1 if len(inside) else 0, runs.window[1] - CLOSE_UP))


def _rate(trains: Sequence[Float[np.ndarray, " k"]], duration: float):
    """Times, s, and mean rate of trains there, smoothed, 1/s."""
    return smoothed_rate(np.concatenate(trains), len(trains), duration)


@styled
def spike_shape(fit: FittedNeuron) -> Figure:
    """The mean recorded spike, what times it, and what the model cuts out and puts in its place."""
    data, shape = fit.train, fit.shape
    membrane = 1e3 * (data.voltage - float(fit.model.series_resistance) * data.current)
    around = np.arange(-round(5e-3 / data.dt), round((shape.cut + 8e-3) / data.dt)) * data.dt
    at = (np.arange(membrane.shape[1]) + 0.5) * data.dt
    rows = zip(membrane, data.spike_times, data.valid.sum(axis=1), strict=True)
    shapes = np.concatenate([waves(row[:n], at[:n], times, around) for row, times, n in rows])
    figure = Figure(figsize=(HALF, 3.1), layout="constrained")
    ax = figure.subplots()
    time = 1e3 * around
    onset, end = -1e3 * shape.latency, 1e3 * (shape.cut - shape.latency)
    ax.axvspan(onset, end, color=FAINT, lw=0)
    if len(shapes):
        low, mean, high = np.percentile(shapes, 10, 0), np.mean(shapes, 0), np.percentile(shapes, 90, 0)
        ax.fill_between(time, low, high, color=DATA, alpha=0.2, lw=0, label="10 to 90 %")
        ax.plot(time, mean, color=DATA, lw=1.5, label=f"mean of {len(shapes)}")
        rest = 1e3 * float(fit.neuron.El_reference)
        foot = float(np.interp(onset, time, mean))
        landed = rest
        if fit.neuron.has_reset_rules:
            reset: Any = fit.neuron.voltage_reset
            landed += float(reset.a) * (foot - rest) + 1e3 * float(reset.b)
        ax.plot([onset, end], [foot, landed], "o", color=NOISE, ms=5, label="model leaves, returns")
    ax.plot([0], [1e3 * shape.level], "+", color=HARD, ms=9, mew=1.5, label="timed here")
    ax.set(xlabel="time from the upstroke (ms)", ylabel="voltage (mV)", xlim=(time[0], time[-1]))
    _legend(ax, ncol=2)
    return figure


@styled
def afterspike_currents(neuron: gj.GLIF) -> Figure:
    """What one spike leaves behind in current, by component and in sum, from the end of its cut."""
    amplitudes, taus = (np.asarray(x, float) for x in (neuron.afterspike_amplitudes, neuron.asc_tau_array))
    cut = float(neuron.spike_cut_duration)
    time = np.linspace(0, min(4 * taus.max(), 2.0), 2000)
    parts = 1e12 * amplitudes[:, None] * np.exp(-time / taus[:, None])
    figure, ax = _panel(cut)
    for part, tau, color in zip(parts, taus, COMPONENTS, strict=False):
        ax.plot(1e3 * (cut + time), part, color=color, label=f"τ = {1e3 * tau:.3g} ms")
    ax.plot(1e3 * (cut + time), parts.sum(axis=0), color=DATA, lw=1.6, label="sum")
    ax.set(xlabel="time since the spike's onset (ms)", ylabel="current (pA)")
    ax.set_xlim(0, 1e3 * (cut + time[-1]))
    _legend(ax, ncol=2)
    return figure


@styled
def threshold_components(neuron: gj.GLIF, moved: Movements) -> Figure:
    """How one spike raises the threshold, and how lasting steps of the voltage drag it along."""
    figure, ax = _panel(float(neuron.spike_cut_duration))
    ax.plot(1e3 * moved.time, 1e3 * moved.by_spike, color=DATA, lw=1.6, label="after a spike")
    for (voltage, shift), color in zip(moved.by_voltage.items(), COMPONENTS, strict=False):
        label = f"to a step to {1e3 * voltage:.0f} mV at 0"
        ax.plot(1e3 * moved.time, 1e3 * shift, color=color, lw=1.4, label=label)
    ax.set(xlabel="time (ms)", ylabel="threshold shift (mV)", xlim=(0, 1e3 * moved.time[-1]))
    _legend(ax, ncol=2)
    return figure


@styled
def gated_currents(neuron: gj.GLIF, visited: tuple[float, float]) -> Figure:
    """The current of each gated current at rest in every voltage, solid, and with inactivation open, dashed.

    Shaded: the voltages that were visited, V.
    """
    figure = Figure(figsize=(HALF, 2.8), layout="constrained")
    ax = figure.subplots()
    rest = float(neuron.El_reference)
    voltage = np.linspace(-100e-3, 0.0, 300)
    for (i, current), color in zip(gated(neuron.membrane_currents).items(), COMPONENTS, strict=False):
        steady = [np.asarray(gate.steady(jnp.asarray(voltage - rest))) for gate in current.gates]
        opening = [x for gate, x in zip(current.gates, steady, strict=True) if gate.slope > 0]
        drive = 1e12 * float(current.conductance) * (float(current.reversal) - (voltage - rest))
        tau = ", ".join(f"{1e3 * float(gate.tau):,.{1 if gate.tau < 0.1 else 0}f}" for gate in current.gates)
        ax.plot(1e3 * voltage, drive * np.prod(steady, axis=0), color=color, label=f"{i + 1}: τ {tau} ms")
        ax.plot(1e3 * voltage, drive * np.prod(opening, axis=0), color=color, ls="--", lw=0.9)
    ax.axvspan(*(1e3 * np.clip(visited, voltage[0], voltage[-1])), color=FAINT, lw=0, zorder=0)
    ax.axhline(0, color="#888888", lw=0.7)
    ax.set(xlabel="voltage (mV)", ylabel="current into the cell (pA)", xlim=(-100, 0))
    _legend(ax, ncol=1)
    return figure


@styled
def step_counts(steps: Sequence[Step]) -> Figure:
    """Spikes at each step of current, of cell and neuron; held-out steps filled."""
    figure = Figure(figsize=(HALF, 2.8), layout="constrained")
    ax = figure.subplots()
    current = [1e12 * step.current for step in steps]
    for group, color, marker, label in (
        ("cell", DATA, "o", "the cell"),
        ("noisy", NOISE, "s", "escape noise"),
        ("alone", HARD, "^", "without noise"),
    ):
        counts = [getattr(step, group)["spike_count_stimint"] for step in steps]
        ax.plot(current, counts, "-", color=color, lw=0.9)
        ax.plot(current, counts, marker, color=color, mfc="white", ms=5)
        held_out = np.array([step.held_out for step in steps])
        ax.plot(np.array(current)[held_out], np.array(counts)[held_out], marker, color=color, ms=5, label=label)
    ax.set(xlabel="step (pA)", ylabel="spikes")
    _legend(ax, ncol=3)
    return figure


def _panel(cut: float) -> tuple[Figure, Axes]:
    """A half-width panel with its zero line, the spike's cut (s) shaded; for time in ms."""
    figure = Figure(figsize=(HALF, 2.8), layout="constrained")
    ax = figure.subplots()
    ax.axvspan(0, 1e3 * cut, color=FAINT, lw=0)
    ax.axhline(0, color="#888888", lw=0.7)
    return figure, ax


@styled
def convergence(stage: Outcome) -> Figure:
    """A stage's objective by iteration; for the hard threshold, by the shifts tried from low to high."""
    figure = Figure(figsize=(THIRD, 2.5), layout="constrained")
    ax = figure.subplots()
    scanned = stage.tried is not None
    steps = np.asarray(stage.tried) if scanned else np.arange(len(stage.losses))
    ax.plot(steps, stage.losses, "o-", color=DATA, ms=2.5, lw=0.9)
    if stage.losses:
        best = int(np.argmax(stage.losses) if scanned else np.argmin(stage.losses))
        ax.plot(steps[best], stage.losses[best], "o", color=HARD if scanned else NOISE, ms=6)
    words = stage.unit.split()
    half = len(words) // 2 + 1
    lines = [words[:half], words[half:]] if len(words) > 4 else [words]
    ax.set_ylabel("\n".join(map(" ".join, lines)))
    ax.set_xlabel("threshold shift (mV)" if scanned else "iteration")
    ax.set_title(stage.name if stage.taken else f"{stage.name} (not kept)")
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=not scanned))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    return figure


@styled
def levels_compared(fits: Sequence[FittedNeuron], preferred: str, scores: Sequence[tuple[str, str]]) -> Figure:
    """Bits per spike by level, on training sweeps, cross-validated there, and held out; and held-out scores, as (key,
    label): escape noise, without noise, and the cell's own as a line."""
    figure = Figure(figsize=(FULL, 2.9), layout="constrained")
    places = np.arange(len(fits))
    first, *rest = figure.subplots(1, 1 + len(scores))
    checked = [(fit.validation.training_bits, fit.validation.bits) if fit.validation else (np.nan,) * 2 for fit in fits]
    training, validated = np.array(checked).T
    first.plot(places, training, "^:", color=DATA, ms=4, lw=0.8, label="training")
    first.plot(places, validated, "D-", color=COMPONENTS[0], ms=4.5, lw=1.2, label="cross-validated")
    first.plot(
        places, [fit.scores.test["bits_per_spike"] for fit in fits], "o-", color=NOISE, ms=4, lw=0.8, label="held out"
    )
    place = [fit.level for fit in fits].index(preferred)
    first.plot(place, validated[place], "o", ms=11, mfc="none", mec=COMPONENTS[0], mew=1.2)
    first.set_title("Bits per spike")
    first.legend(loc="best")
    for ax, (key, label) in zip(rest, scores, strict=True):
        noisy, hard, ceiling = (
            [getattr(fit.scores, kind).get(key, np.nan) for fit in fits]
            for kind in ("test", "deterministic", "ceiling")
        )
        if np.isfinite(ceiling).any():
            ax.axhline(np.nanmean(ceiling), color=DATA, lw=1.0, ls="--")
        ax.plot(places, hard, "s-", color=HARD, ms=4.5, lw=0.9)
        ax.plot(places, noisy, "o-", color=NOISE, ms=5, lw=0.9)
        ax.set_title(label)
        ax.margins(y=0.15)
        low, high = ax.get_ylim()
        ax.set_ylim(min(low, 0.0), high)
    for ax in (first, *rest):
        ax.set_xticks(places, [fit.level for fit in fits], rotation=45, ha="right")
        ax.set_xlim(-0.4, len(fits) - 0.6)
    return figure


def _legend(ax: Axes, ncol: int) -> None:
    """A legend above the axes, where it covers nothing."""
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=ncol, borderaxespad=0.1, columnspacing=1.4)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
