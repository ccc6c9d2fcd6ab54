"""What a neuron is made of: its spike and what that leaves behind, its threshold, its gated currents."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import glifjax as gj
from glifjax.rules import gated

from ...fitted import FittedNeuron
from ...model.patched import without_electrode
from ..colours import COMPONENTS, DATA, FAINT, HARD, NOISE
from ..movements import Movements
from ..spike_waves import spike_waves
from .style import HALF, legend, panel, styled


@styled
def spike_shape(fit: FittedNeuron) -> Figure:
    """The mean recorded spike, what times it, and what the model cuts out and puts in its place."""
    data, shape = fit.train, fit.shape
    membrane = without_electrode(fit.model, data.voltage, data.current)
    around, shapes = spike_waves(data, 1e3 * membrane, 5e-3, shape.cut + 8e-3)
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
    legend(ax, ncol=2)
    return figure


@styled
def afterspike_currents(neuron: gj.GLIF) -> Figure:
    """What one spike leaves behind in current, by component and in sum, from the end of its cut."""
    amplitudes, taus = (np.asarray(x, float) for x in (neuron.afterspike_amplitudes, neuron.asc_tau_array))
    cut = float(neuron.spike_cut_duration)
    time = np.linspace(0, min(4 * taus.max(), 2.0), 2000)
    parts = 1e12 * amplitudes[:, None] * np.exp(-time / taus[:, None])
    figure, ax = panel(cut)
    for part, tau, color in zip(parts, taus, COMPONENTS, strict=False):
        ax.plot(1e3 * (cut + time), part, color=color, label=f"τ = {1e3 * tau:.3g} ms")
    ax.plot(1e3 * (cut + time), parts.sum(axis=0), color=DATA, lw=1.6, label="sum")
    ax.set(xlabel="time since the spike's onset (ms)", ylabel="current (pA)")
    ax.set_xlim(0, 1e3 * (cut + time[-1]))
    legend(ax, ncol=2)
    return figure


@styled
def threshold_components(neuron: gj.GLIF, moved: Movements) -> Figure:
    """How one spike raises the threshold, and how lasting steps of the voltage drag it along."""
    figure, ax = panel(float(neuron.spike_cut_duration))
    ax.plot(1e3 * moved.time, 1e3 * moved.by_spike, color=DATA, lw=1.6, label="after a spike")
    for (voltage, shift), color in zip(moved.by_voltage.items(), COMPONENTS, strict=False):
        label = f"to a step to {1e3 * voltage:.0f} mV at 0".replace("-", "−")
        ax.plot(1e3 * moved.time, 1e3 * shift, color=color, lw=1.4, label=label)
    ax.set(xlabel="time (ms)", ylabel="threshold shift (mV)", xlim=(0, 1e3 * moved.time[-1]))
    legend(ax, ncol=2)
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
    legend(ax, ncol=1)
    return figure
