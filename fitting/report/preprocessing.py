"""What was made of the sweeps before the fit, for a person to check: spikes, cut and reset, steps, electrode, drift."""

import numpy as np
from matplotlib.figure import Figure

from glifjax.spikes.detection import PROMINENCE, UPSTROKE, find_peaks

from ..data.arrays import FitData, coarsen
from ..fitted import FittedNeuron
from ..preprocessing import Preprocessing
from ..stages.membrane import Membrane
from .asked import ELECTRODE
from .colours import COMPONENTS, DATA, FAINT, HARD, NOISE
from .figures.style import FULL, styled
from .spike_waves import spike_waves

#: What is shown before each spike's upstroke and after it, s.
BEFORE = 5e-3
AFTER = 12e-3
#: Spikes that are shown, at most.
MOST = 400


@styled
def spikes(fit: FittedNeuron, data: FitData) -> Figure:
    """Every spike of the recorded training sweeps on its upstroke; the peaks that are spikes and those that are not."""
    shape = fit.shape
    figure = Figure(figsize=(FULL, 3.0), layout="constrained")
    overlay, judged, reset = figure.subplots(1, 3, width_ratios=(1.5, 1, 1))
    time, shapes = spike_waves(data, data.voltage, BEFORE, AFTER)
    overlay.axvspan(-1e3 * shape.latency, 1e3 * (shape.cut - shape.latency), color=FAINT, lw=0)
    shown = shapes[:: max(1, -(-len(shapes) // MOST))]
    overlay.plot(1e3 * time, 1e3 * shown.T, color=DATA, lw=0.4, alpha=max(0.06, min(0.6, 12 / max(len(shown), 1))))
    if len(shapes):
        overlay.plot(1e3 * time, 1e3 * np.median(shapes, axis=0), color=NOISE, lw=1.6, label="median")
    overlay.plot(
        [0],
        [1e3 * shape.level],
        "+",
        color=HARD,
        ms=10,
        mew=1.6,
        label=f"timed at {1e3 * shape.level:.0f} mV".replace("-", "−"),
    )
    overlay.set(xlabel="time from the upstroke (ms)", ylabel="voltage (mV)", xlim=(-1e3 * BEFORE, 1e3 * AFTER))
    overlay.set_title(f"{len(shapes)} spikes; shaded: cut")
    overlay.legend(loc="upper right")

    _judge(judged, data)
    _reset(reset, fit, time, shapes)
    return figure


def _judge(ax, data: FitData) -> None:
    """Each peak by what makes it a spike or not."""
    tops = [find_peaks(row[valid], 1 / data.dt) for row, valid in zip(data.voltage, data.valid, strict=True)]
    height, slope = (np.concatenate([getattr(peaks, of) for peaks in tops]) for of in ("prominence", "upstroke"))
    is_spike = np.concatenate([peaks.spikes for peaks in tops])
    ax.plot(1e3 * height[is_spike], slope[is_spike], ".", color=DATA, ms=3, label=f"{is_spike.sum()} spikes")
    rejected = np.sum(~is_spike)
    ax.plot(1e3 * height[~is_spike], slope[~is_spike], "x", color=HARD, ms=4, label=f"{rejected} other peaks")
    least = min((peaks.least for peaks in tops), default=PROMINENCE)
    ax.axvline(1e3 * least, color="#888888", lw=0.7)
    ax.axhline(UPSTROKE, color="#888888", lw=0.7)
    ax.set(xlabel="stands out by (mV)", ylabel="upstroke (V/s)", yscale="log", xlim=(0, None))
    ax.set_title("what makes a spike")
    ax.legend(loc="lower right")


def _reset(ax, fit: FittedNeuron, time, shapes) -> None:
    """The voltage at the end of the cut over that at the onset, and its regression; the electrode is in both."""
    shape = fit.shape
    at = lambda when: 1e3 * shapes[:, min(np.searchsorted(time, when), len(time) - 1)]
    onset, end = at(-shape.latency), at(shape.cut - shape.latency)
    ax.plot(onset, end, ".", color=DATA, ms=3)
    if len(onset):
        line = np.array([onset.min(), onset.max()])
        ax.plot(line, shape.reset_slope * line + 1e3 * shape.reset_intercept, color=NOISE, lw=1.4)
    ax.set(xlabel="voltage at the onset (mV)", ylabel="at the end of the cut (mV)")
    ax.set_title(f"reset, as recorded: slope {shape.reset_slope:.2f}")


@styled
def resampling(fit: FittedNeuron) -> Figure:
    """One spike and what follows in the steps of the fit, and in those that the membrane is fitted in."""
    data = fit.train
    figure = Figure(figsize=(FULL / 2, 2.9), layout="constrained")
    ax = figure.subplots()
    sweep = int(np.argmax(data.forced.sum(axis=1)))
    spikes = data.spike_times[sweep]
    middle = spikes[len(spikes) // 2] if len(spikes) else 0.0
    for part, color, width, name in (
        (data, DATA, 0.9, "the fit's"),
        (coarsen(data, Membrane().block), NOISE, 1.4, "the membrane's"),
    ):
        start = max(0, int((middle - 10e-3) / part.dt))
        row = 1e3 * part.voltage[sweep][start : start + round(30e-3 / part.dt)]
        at = 1e3 * (np.arange(start, start + len(row)) * part.dt - middle)
        ax.step(at, row, where="post", color=color, lw=width, label=f"{name} steps, {1e3 * part.dt:.3g} ms")
    ax.set(xlabel="time from a spike's upstroke (ms)", ylabel="voltage (mV)")
    ax.legend(loc="upper right")
    return figure


@styled
def electrode(done: Preprocessing) -> Figure:
    """The kernel of electrode and membrane with its membrane part, and the mean current around spikes, if measured."""
    measured = bool(np.isfinite(done.artefact.mean).any())
    figure = Figure(figsize=(FULL, 2.9), layout="constrained")
    whole, part, *more = figure.subplots(1, 2 + measured)
    kernel = done.kernel
    if kernel is None:
        for ax in (whole, part):
            ax.text(0.5, 0.5, "not to be measured", ha="center", transform=ax.transAxes)
    else:
        lags, height, tau = 1e3 * kernel.lags, *kernel.tail
        membrane = 1e-9 * height * np.exp(-kernel.lags / tau)
        full = 1e-9 * kernel.full
        ends = len(kernel.kernel)
        whole.plot(lags, full, ".-", color=DATA, ms=3, lw=0.8, label="electrode and membrane")
        whole.plot(lags, membrane, color=NOISE, lw=1.4, label=f"membrane, τ {1e3 * tau:.1f} ms")
        top = max(2.5 * full[ends : ends + 4].max(), 1e-9)
        whole.set(xscale="symlog", xlim=(0, lags[-1]), ylim=(min(0.0, 1.1 * full.min()), top))
        whole.set(xlabel="lag (ms)", ylabel="kernel (MΩ/ms)")
        whole.legend(loc="upper right")
        own = 1e-6 * kernel.kernel
        part.bar(1e3 * kernel.dt * np.arange(len(own)), own, width=0.9e3 * kernel.dt, color=COMPONENTS[0])
        part.axhline(0, color="#888888", lw=0.7)
        part.set(xlabel="lag (ms)", ylabel="electrode's kernel (MΩ per step)")
        part.set_title(f"{1e-6 * kernel.resistance:.1f} ± {1e-6 * kernel.error:.1f} MΩ")
    jump = done.artefact
    time, mean, error = 1e3 * jump.time, 1e12 * jump.mean, 1e12 * jump.error
    for artefact in more:
        artefact.fill_between(time, mean - 2 * error, mean + 2 * error, color=DATA, alpha=0.2, lw=0)
        artefact.plot(time, mean, color=HARD if jump.size else DATA, lw=1.2)
        artefact.axvline(0, color="#888888", lw=0.7)
        artefact.set(xlabel="time from the upstroke (ms)", ylabel="mean current (pA)")
        artefact.set_title(
            f"jumps of {1e12 * jump.size:.3g} pA with the spikes" if jump.size else "no artefact of spikes"
        )
    return figure


@styled
def drift(done: Preprocessing) -> Figure:
    """The baseline's drift, the training sweeps one after the other."""
    figure = Figure(figsize=(FULL / 2, 2.9), layout="constrained")
    ax = figure.subplots()
    begin = 0.0
    for time, median, offset in zip(done.drift.time, done.drift.median, done.drift.offset, strict=True):
        ax.plot(begin + time, 1e3 * median, ".", color=DATA, ms=3, alpha=0.6)
        ax.plot(begin + time, 1e3 * offset, color=HARD if done.removed else NOISE, lw=1.6)
        begin += time[-1] + time[0]
    reach = 1e3 * max(float(np.nanpercentile(np.abs(np.concatenate(done.drift.median)), 95)), done.drift.span, 1e-3)
    ax.set(xlabel="time in the training sweeps (s)", ylabel="baseline (mV)", ylim=(-1.2 * reach, 1.2 * reach))
    ax.axhline(0, color="#888888", lw=0.7)
    ax.set_title("removed" if done.removed else "kept")
    return figure


def settings(fit: FittedNeuron, done: Preprocessing) -> dict[str, str]:
    """Each choice with its reason, as names and words."""
    shape = fit.shape
    level = f"{1e3 * shape.level:.1f}".replace("-", "−")
    return {
        "Spikes": f"{shape.count} on the training sweeps, timed where they cross {level} mV; a spike "
        f"stands out by {1e3 * PROMINENCE:.0f} mV or more and rises at {UPSTROKE:g} V/s or faster",
        "Cut and reset": f"from {1e3 * shape.latency:.2f} ms before that for {1e3 * shape.cut:.2f} ms, to where the "
        "voltage is no longer predicted by the onset's",
        "Electrode": f"{ELECTRODE[done.electrode]}: {done.reason}",
        "Drift": f"{'removed' if done.removed else 'kept'}: {done.why_drift}",
    }
