"""Figures of spikes: rasters and rates of data and free runs, intervals, responses to events."""

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from ..binned import Binned
from ..stability import Stability
from .drawing import DATA, MODEL, QUIET, SMALL, Units, figure, grid, plain

#: Shown of a raster, s.
SHOWN = 10.0
#: Bins of a histogram of intervals at most, on a logarithmic axis from the bin of the data to this, s.
INTERVAL_BINS = 40
LONGEST = 30.0
#: Around an event, before and after it, s, and how many bins.
BEFORE = 0.5
AFTER = 1.5
EVENT_BINS = 60
#: Units whose responses to events are drawn.
MOST_RESPONSES = 12


def raster(data: Binned, units: Units, free: Stability) -> Figure:
    """Where the data are busiest, and a free run: one that stayed, if there is one."""
    drawn = figure(10, 0.9 + 0.11 * min(len(units.names), 60) + 1.2)
    panels = drawn.subplots(1, 2, sharey=True)
    width = min(round(SHOWN / data.dt), len(data.counts))
    busy = np.convolve((data.counts * data.counted).sum(axis=1), np.ones(width), "valid")
    start = int(np.argmax(busy))
    stayed = np.flatnonzero(~free.unstable)
    run = free.spikes[int(stayed[0]) if len(stayed) else 0].T
    late = int(np.argmax(np.convolve(run.sum(axis=1), np.ones(min(width, len(run))), "valid")))
    parts = (
        (f"recorded, its busiest {width * data.dt:.0f} s", data.counts[start : start + width], start),
        (f"free run, its busiest {width * data.dt:.0f} s", run[late : late + width], late),
    )
    for axes, (title, counts, first) in zip(panels, parts, strict=True):
        for row, (unit, colour) in enumerate(zip(units.order, units.colours, strict=True)):
            times = (first + np.flatnonzero(counts[:, unit])) * data.dt
            axes.plot(times, np.full(len(times), row), "|", color=colour, ms=6, mew=0.7)
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_xlabel("time (s)", fontsize=SMALL)
        axes.set_ylim(len(units.names) - 0.4, -0.6)
        plain(axes)
    units.label(panels[0].yaxis)
    return drawn


def rates(data: Binned, units: Units, free: Stability) -> Figure:
    """Each unit's rate in free runs beside the recorded one."""
    drawn = figure(4.8, 4.4)
    axes = drawn.subplots()
    least = 0.5 / (len(data.counts) * data.dt)
    recorded = np.maximum(data.rates[units.order], least)
    runs = np.maximum(free.rates[:, units.order], least)
    for unit, colour in enumerate(units.colours):
        axes.plot(np.full(len(runs), recorded[unit]), runs[:, unit], ".", ms=3, color=colour, alpha=0.5)
        axes.plot(recorded[unit], np.median(runs[:, unit]), "o", ms=5, color=colour)
    ends = [min(recorded.min(), runs.min()) / 1.5, max(recorded.max(), runs.max()) * 1.5]
    axes.plot(ends, ends, color=QUIET, lw=0.8)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes.set_xlabel("recorded rate (Hz)", fontsize=SMALL)
    axes.set_ylabel("free runs (Hz): each, and their median", fontsize=SMALL)
    units.legend(axes)
    plain(axes)
    return drawn


def population(data: Binned, free: Stability) -> Figure:
    """Mean rate over time: of the recording, and of every free run."""
    drawn = figure(4.8, 4.4)
    axes = drawn.subplots()
    width = max(1, round(1.0 / data.dt))
    over_time = lambda counts: counts[: len(counts) // width * width].mean(axis=1).reshape(-1, width).mean(1) / data.dt
    seconds = free.spikes.shape[2] // width
    recorded = over_time(data.counts * data.counted)[:seconds]
    for number, run in enumerate(free.spikes):
        colour, label = (MODEL, "free runs" if number == 0 else None)
        axes.plot(np.maximum(over_time(run.T), 0.01), color=colour, lw=0.7, alpha=0.7, label=label)
    axes.plot(np.maximum(recorded, 0.01), color=DATA, lw=1.2, label="recorded, from its start")
    axes.axhline(free.highest, color=QUIET, lw=0.8, ls="--", label="recorded, its busiest 10 s")
    axes.set(yscale="log")
    axes.set_xlabel("time (s)", fontsize=SMALL)
    axes.set_ylabel("mean rate of a unit (Hz)", fontsize=SMALL)
    axes.legend(fontsize=SMALL, frameon=False)
    plain(axes)
    return drawn


def intervals(data: Binned, units: Units, free: Stability) -> Figure:
    """Interspike intervals of each region, recorded and in the free runs that stayed."""
    drawn = figure(4.8 * min(len(units.regions), 2), 3.4 * -(-len(units.regions) // 2))
    panels = drawn.subplots(-(-len(units.regions) // 2), min(len(units.regions), 2), squeeze=False).ravel()
    for axes in panels[len(units.regions) :]:
        axes.set_visible(False)
    edges = data.dt * (np.unique(np.rint(np.geomspace(data.dt, LONGEST, INTERVAL_BINS) / data.dt)) - 0.5)
    for axes, (region, first, end) in zip(panels, units.regions, strict=False):
        own = units.order[first:end]
        for name, gaps, colour in (
            ("recorded", [np.diff(train) for i in own for train in by_trial(data, i)], DATA),
            ("free runs", [np.diff(np.flatnonzero(run[i])) for run in free.spikes[~free.unstable] for i in own], MODEL),
        ):
            gaps = np.concatenate([*gaps, np.zeros(0)]) * data.dt
            if len(gaps):
                axes.stairs(
                    np.histogram(gaps, edges)[0] / len(gaps) / np.diff(np.log10(edges)), edges, color=colour, label=name
                )
        axes.set(xscale="log")
        axes.set_title(region or "all units", loc="left", fontsize=9)
        axes.set_xlabel("interspike interval (s)", fontsize=SMALL)
        axes.set_ylabel("share of intervals, a decade", fontsize=SMALL)
        axes.legend(fontsize=SMALL, frameon=False)
        plain(axes)
    return drawn


def by_trial(data: Binned, unit: int) -> list[Int[np.ndarray, " k"]]:
    """The bins with spikes of a unit, of each trial."""
    places = np.flatnonzero(data.counts[:, unit])
    return np.split(places, np.searchsorted(places, data.starts[1:]))


def responses(data: Binned, units: Units, predicted: Float[np.ndarray, "T n"], events: Float[np.ndarray, " k"]):
    """Rates around events (PSTH), recorded and as the model predicts them from the recorded past."""
    before, after = round(BEFORE / data.dt), round(AFTER / data.dt)
    places = np.round(events / data.dt).astype(int)
    places = places[(places >= before) & (places + after <= len(data.counts))]
    if not len(places):
        return None
    spikes = np.array([data.counts[place - before : place + after] for place in places]).mean(axis=0) / data.dt
    model = np.array([predicted[place - before : place + after] for place in places]).mean(axis=0) / data.dt
    width = max(1, len(spikes) // EVENT_BINS)
    coarse = lambda rates: rates[: len(rates) // width * width].reshape(-1, width, rates.shape[1]).mean(axis=1)
    busiest = np.argsort(-data.rates)[:MOST_RESPONSES]
    shown = [(row, i) for row, i in enumerate(units.order) if i in busiest]
    times = (np.arange(len(coarse(spikes))) + 0.5) * width * data.dt - BEFORE
    drawn, panels = grid(len(shown), 1.9, columns=min(len(shown), 4))
    for axes, (row, unit) in zip(panels, shown, strict=False):
        axes.step(times, coarse(spikes)[:, unit], where="mid", color=DATA, lw=0.8, label="recorded")
        axes.plot(times, coarse(model)[:, unit], color=MODEL, lw=1.2, label="predicted")
        axes.axvline(0, color=QUIET, lw=0.8)
        axes.set_title(units.names[row], loc="left", fontsize=SMALL, color=units.colours[row])
        plain(axes)
    panels[0].legend(fontsize=SMALL, frameon=False)
    panels[0].set_ylabel("rate (Hz)", fontsize=SMALL)
    drawn.supxlabel(f"time from the event (s), mean over {len(places)}", fontsize=SMALL)
    return drawn
