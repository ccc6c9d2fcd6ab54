"""The neuron beside the cell: voltage, rasters, predictive bands, spikes at steps of current."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from ...assess.predictive import Bands, smoothed_rate
from ...assess.steps import Step
from ...data.arrays import FitData
from ..colours import DATA, HARD, NOISE
from ..runs import Runs
from .style import FULL, HALF, legend, signed, styled

#: Length of the close-up of the voltage, s.
CLOSE_UP = 0.5


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
        legend(ax, ncol=3)
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
    legend(close, ncol=2)
    if len(runs.residuals):
        reach = max(1.0, float(np.percentile(np.abs(runs.residuals), 99.5)))
        spread.hist(runs.residuals, bins=np.linspace(-reach, reach, 61), color=NOISE, alpha=0.75)
        spread.axvline(0, color=DATA, lw=0.7)
        rms = np.sqrt(np.mean(runs.residuals**2))
        spread.set_title(f"mean {signed(runs.residuals.mean())} mV, RMS {rms:.2f} mV", color=DATA)
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
    legend(rates, ncol=2)
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
        legend(ax, ncol=3)
    figure.align_ylabels()
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
    legend(ax, ncol=3)
    return figure


def _close(runs: Runs) -> float:
    """Where a close-up starts, s: shortly before the first spike of the stretch that is shown."""
    spikes = runs.data.spike_times[runs.sweep]
    inside = spikes[(spikes >= runs.window[0]) & (spikes < runs.window[1])]
    return max(runs.window[0], min(float(inside[0]) - 0.1 if len(inside) else 0, runs.window[1] - CLOSE_UP))


def _rate(trains: Sequence[Float[np.ndarray, " k"]], duration: float):
    """Times, s, and mean rate of trains there, smoothed, 1/s."""
    return smoothed_rate(np.concatenate(trains), len(trains), duration)
