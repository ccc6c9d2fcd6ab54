"""Figures of a fitted network: weights, kernels as gain, spikes, rescaled intervals."""

from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from glifjax import glm

from .fit import Fit

#: Colours of weights' signs, and of lines.
SIGNS = "RdBu_r"
LINE = "#0072b2"
QUIET = "#999999"
#: Bins of a histogram of intervals, and its end, s.
INTERVAL_BINS = 60
LONGEST_INTERVAL = 0.3


def png(figure: Figure) -> bytes:
    """A figure as a file."""
    buffer = BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def summed_kernels(model: glm.GLM) -> np.ndarray:
    """What a spike of i adds to the log-odds or log-rate of j, by lag: (n, n, T); own kernels on the diagonal."""
    taps = np.asarray(model.coupling.taps(model.dt))
    weights = np.asarray(model.weights)
    weights = weights[:, :, None] if weights.ndim == 2 else weights
    kernels = np.einsum("ijb,kbi->ijk", weights, np.broadcast_to(taps, (*taps.shape[:2], model.size)))
    if model.own is not None:
        own = np.broadcast_to(np.asarray(model.own.taps(model.dt)), (len(model.own.taps(model.dt)), model.size))
        longest = max(kernels.shape[2], len(own))
        kernels = np.pad(kernels, ((0, 0), (0, 0), (0, longest - kernels.shape[2])))
        for j in range(model.size):
            kernels[j, j, : len(own)] = own[:, j]
    return kernels


def weights_matrix(fit: Fit) -> Figure:
    """The sum of each pair's kernel, from row to column."""
    kernels = summed_kernels(fit.model).sum(axis=2)
    np.fill_diagonal(kernels, 0.0)
    figure = Figure(figsize=(5, 4.2), layout="constrained")
    axes = figure.subplots()
    largest = np.abs(kernels).max() or 1.0
    shown = axes.imshow(kernels, cmap=SIGNS, vmin=-largest, vmax=largest)
    figure.colorbar(shown, ax=axes, label="kernel, summed over its lags")
    axes.set(xlabel="to", ylabel="from")
    names = [name.removeprefix("default ").removeprefix("units ") for name in fit.data.units]
    axes.set_xticks(range(len(names)), names, fontsize=7, rotation=90)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    return figure


def own_kernels(fit: Fit) -> Figure:
    """By how much a spike multiplies its own neuron's odds of another, by lag."""
    kernels = summed_kernels(fit.model)
    figure = Figure(figsize=(5, 4.2), layout="constrained")
    axes = figure.subplots()
    lags = 1e3 * fit.model.dt * (1 + np.arange(kernels.shape[2]))
    gains = np.exp(np.clip(np.einsum("jjk->jk", kernels), -7.0, 7.0))
    axes.plot(lags, gains.T, color=LINE, lw=0.8, alpha=0.6)
    axes.axhline(1.0, color=QUIET, lw=0.8)
    axes.set(xlabel="time since the spike (ms)", ylabel="gain of the neuron's own rate", yscale="log")
    return figure


def intervals(fit: Fit) -> Figure:
    """Interspike intervals of all neurons."""
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    gaps = [np.diff(np.flatnonzero(train)) * fit.data.dt for train in fit.data.counts.T]
    edges = np.linspace(0, LONGEST_INTERVAL, INTERVAL_BINS + 1)
    axes.stairs(np.histogram(np.concatenate(gaps), edges)[0], 1e3 * edges, color=LINE)
    axes.set(xlabel="interspike interval (ms)", ylabel="intervals")
    return figure


def bits(fit: Fit) -> Figure:
    """Held-out bits a spike of each neuron."""
    score = fit.score()
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.bar(range(len(score.neurons)), score.neurons, color=LINE)
    axes.axhline(0, color=QUIET, lw=0.8)
    names = [name.removeprefix("default ").removeprefix("units ") for name in fit.data.units]
    axes.set_xticks(range(len(names)), names, fontsize=7, rotation=90)
    axes.set(ylabel="held-out bits a spike")
    return figure
