"""GLIF neurons as loops compiled by numba: what a step costs without JAX.

Both loops store what AllenSDK stores (voltage, threshold, two afterspike currents; NaN in the spike cut, which they
jump over) and return the spiking steps. Decay factors are computed before the loop.
"""

from collections.abc import Callable
from typing import NamedTuple

import numba
import numpy as np

from glifjax import GLIF, LEVELS


class Constants(NamedTuple):
    """A level's numbers, SI; what the level does not use is zero."""

    dt: float
    capacitance: float
    conductance: float
    El: float
    th_inf: float
    cut: int
    reset_slope: float
    reset_intercept: float
    a_spike: float
    a_voltage: float
    b_voltage: float
    spike_decay: float  # of the threshold's spike component, over a step
    spike_kept: float  # and over the cut
    decay: tuple[float, float]  # of the afterspike currents, over a step
    kept: tuple[float, float]  # and over the cut, times r
    amplitude: tuple[float, float]


def constants(neuron: GLIF, dt: float) -> Constants:
    """The numbers of a neuron that `glifjax.from_level` made, with its spike cut in steps of dt."""
    neuron = neuron.at_dt(dt)
    resets, currents, adapts = neuron.has_reset_rules, neuron.has_afterspike_currents, neuron.has_adapting_threshold
    voltage, threshold = neuron.voltage_reset, neuron.threshold_reset
    tau, b_spike = np.asarray(neuron.asc_tau_array), float(threshold.b_spike) if resets else 0.0
    pair = lambda values: tuple(float(value) for value in np.broadcast_to(values, 2))
    return Constants(
        dt=float(dt),
        capacitance=float(neuron.capacitance),
        conductance=float(neuron.conductance),
        El=float(neuron.El),
        th_inf=float(neuron.threshold_infinity),
        cut=int(neuron.spike_cut_length),
        reset_slope=float(voltage.a) if resets else 0.0,
        reset_intercept=float(voltage.b) if resets else 0.0,
        a_spike=float(threshold.a_spike) if resets else 0.0,
        a_voltage=float(neuron.threshold_dynamics.a_voltage * neuron.coeffs.a) if adapts else 0.0,
        b_voltage=float(neuron.threshold_dynamics.b_voltage * neuron.coeffs.b) if adapts else 0.0,
        spike_decay=float(np.exp(-b_spike * dt)),
        spike_kept=float(np.exp(-b_spike * float(neuron.spike_cut_duration))),
        decay=pair(np.exp(-dt / tau) if currents else 0.0),
        kept=pair(neuron.afterspike_reset.r * np.exp(-float(neuron.spike_cut_duration) / tau) if currents else 0.0),
        amplitude=pair(neuron.afterspike_amplitudes if currents else 0.0),
    )


def allensdk_order(level: str) -> Callable:
    """loop(current, constants): AllenSDK's statements in AllenSDK's order, divisions included."""
    resets, currents, adapts = LEVELS[level]

    @numba.njit
    def loop(stimulus, k):
        n = len(stimulus)
        voltage, threshold, afterspike = np.full(n, np.nan), np.full(n, np.nan), np.full((n, 2), np.nan)
        spikes, found = np.empty(n, np.int64), 0
        v, th, first, second, s, w = 0.0, k.th_inf, 0.0, 0.0, 0.0, 0.0
        if adapts:
            phi = k.a_voltage / (k.b_voltage - k.conductance / k.capacitance)
            relaxed = np.exp(-k.conductance * k.dt / k.capacitance)
            growth = np.exp(k.b_voltage * k.dt)
        t = 0
        while t < n:
            total = stimulus[t] + (first + second)
            v_new = v + ((total - k.conductance * (v - k.El)) * k.dt) / k.capacitance
            if resets:
                s = s * k.spike_decay
            if adapts:
                beta = (total + k.conductance * k.El) / k.conductance
                far = (k.a_voltage / k.b_voltage) * (beta - k.El)
                w = phi * (v - beta) * relaxed + (1 / growth) * (w - phi * (v - beta) - far) + far
            th = w + s + k.th_inf
            if currents:
                first, second = first * k.decay[0], second * k.decay[1]
            v = v_new
            if v > th:
                spikes[found] = t
                found += 1
                if currents:
                    first = k.amplitude[0] + first * k.kept[0]
                    second = k.amplitude[1] + second * k.kept[1]
                v = k.reset_slope * v + k.reset_intercept if resets else 0.0
                if resets:
                    s = s * k.spike_kept + k.a_spike
                    th = s + w + k.th_inf
                t += k.cut
                if t >= n:
                    break
            voltage[t], threshold[t] = v, th
            afterspike[t, 0], afterspike[t, 1] = first, second
            t += 1
        return voltage, threshold, afterspike, spikes[:found]

    return loop


def folded(level: str) -> Callable:
    """loop(current, constants): the same with all constants folded, a multiplication and an addition a term."""
    resets, currents, adapts = LEVELS[level]

    @numba.njit(fastmath={"contract"})
    def loop(stimulus, k):
        n = len(stimulus)
        voltage, threshold, afterspike = np.empty(n), np.empty(n), np.empty((n, 2))
        spikes, found = np.empty(n, np.int64), 0
        v, first, second, s, w = 0.0, 0.0, 0.0, 0.0, 0.0
        g, dt = k.conductance, k.dt
        stays, gain, drift = 1 - g * dt / k.capacitance, dt / k.capacitance, g * k.El * dt / k.capacitance
        if adapts:  # w' = w w_stays + v w_from_v + total w_gain + w_drift
            phi = k.a_voltage / (k.b_voltage - g / k.capacitance)
            w_stays = np.exp(-k.b_voltage * dt)
            w_from_v = phi * (np.exp(-g * dt / k.capacitance) - w_stays)
            w_gain = (k.a_voltage / k.b_voltage * (1 - w_stays) - w_from_v) / g
            w_drift = -w_from_v * k.El
        t = 0
        while t < n:
            total = stimulus[t] + (first + second) if currents else stimulus[t]
            if adapts:
                w = w * w_stays + (total * w_gain + (v * w_from_v + w_drift))
            v = v * stays + (total * gain + drift)
            if resets:
                s *= k.spike_decay
            th = k.th_inf
            if resets:
                th += s
            if adapts:
                th += w
            if currents:
                first *= k.decay[0]
                second *= k.decay[1]
            if v > th:
                spikes[found] = t
                found += 1
                if currents:
                    first = k.amplitude[0] + first * k.kept[0]
                    second = k.amplitude[1] + second * k.kept[1]
                v = k.reset_slope * v + k.reset_intercept if resets else 0.0
                if resets:
                    s = s * k.spike_kept + k.a_spike
                    th = s + w + k.th_inf
                end = min(t + k.cut, n)
                voltage[t:end], threshold[t:end], afterspike[t:end] = np.nan, np.nan, np.nan
                t = end
                if t == n:
                    break
            voltage[t], threshold[t] = v, th
            afterspike[t, 0], afterspike[t, 1] = first, second
            t += 1
        return voltage, threshold, afterspike, spikes[:found]

    return loop
