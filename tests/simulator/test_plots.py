"""Figures: what they draw is what the trace holds."""

from io import BytesIO

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.image import imread
from numpy.testing import assert_allclose, assert_array_equal

import glifjax as gj
from glifjax.plots.trace import visible

DT = 1e-4
CURRENT = 4e-10 * (np.arange(2000) % 1000 > 300)


def simulated(current=CURRENT, dt=DT):
    neuron = gj.from_level(
        "LIF-ASC", C=100e-12, R_input=1e8, th_inf=0.02, asc_amp_array=(-50e-12, 20e-12), spike_cut_length=60
    )
    return gj.simulate(neuron, current, dt)


@pytest.fixture(scope="module")
def trace():
    return simulated()


def lines(ax):
    return {line.get_label(): line.get_xydata().T for line in ax.get_lines()}


def test_each_line_is_the_traces_own(trace):
    spikes = trace.spikes()
    assert len(spikes) > 5
    top, middle, bottom = gj.plot_trace(trace, CURRENT).axes
    time = (np.arange(2000) + 1) * 1e3 * DT
    for ax, label, values in (
        (top, "stimulus", 1e12 * CURRENT),
        (middle, "voltage", 1e3 * np.asarray(trace.voltage)),
        (middle, "threshold", 1e3 * np.asarray(trace.threshold)),
        (bottom, "current 1", 1e12 * np.asarray(trace.afterspike_currents)[:, 0]),
        (bottom, "current 2", 1e12 * np.asarray(trace.afterspike_currents)[:, 1]),
    ):
        assert_allclose(lines(ax)[label], [time, values], rtol=1e-12)
    labels = [ax.get_ylabel().replace("\n", " ") for ax in (top, middle, bottom)]
    assert labels == ["stimulus (pA)", "voltage (mV)", "afterspike currents (pA)"]
    assert bottom.get_xlabel() == "time (ms)"


def test_both_marks_of_a_spike_lie_where_they_belong(trace):
    spikes, drawn = trace.spikes(), lines(gj.plot_trace(trace, reference=-0.07).axes[0])
    crosses, dots = drawn["interpolated spike"], drawn["last step before a spike"]
    assert_allclose(crosses, [1e3 * spikes.times, 1e3 * (spikes.crossing_voltages - 0.07)], rtol=1e-12)
    assert_allclose(spikes.crossing_voltages, spikes.crossing_thresholds, rtol=1e-9)
    time, voltage = drawn["voltage"]
    assert_allclose(dots, [time[spikes.steps - 1], voltage[spikes.steps - 1]], rtol=1e-12)


def test_a_recorded_voltage_is_drawn_as_it_is_behind_the_runs(trace):
    recorded = np.asarray(trace.voltage_before_reset) - 0.07
    ax = gj.plot_trace(trace, CURRENT, reference=-0.07, recorded=recorded).axes[1]
    assert ax.get_lines()[0].get_label() == "recorded"
    assert_allclose(lines(ax)["recorded"][1], 1e3 * recorded, rtol=1e-12)
    with pytest.raises(ValueError, match=r"recorded has shape \(5,\)"):
        gj.plot_trace(trace, recorded=np.zeros(5))


def test_a_long_trace_is_drawn_from_its_extremes():
    current = np.tile(CURRENT, 20)
    trace = simulated(current)
    ax = gj.plot_trace(trace, current).axes[1]
    assert gj.plot_trace(trace).axes[-1].get_xlabel() == "time (s)"
    time, voltage = lines(ax)["voltage"]
    whole = 1e3 * np.asarray(trace.voltage)
    assert len(time) < len(whole) / 5
    index = np.round(time / DT).astype(int) - 1
    assert_array_equal(voltage, whole[index])
    assert (np.nanmin(voltage), np.nanmax(voltage)) == (np.nanmin(whole), np.nanmax(whole))


def test_what_is_drawn_keeps_every_peak_and_every_visible_gap():
    values = np.random.default_rng(0).normal(size=1003)
    values[200:260] = np.nan
    values[777] = 50
    shown = visible(values, bins=50)
    assert 777 in shown
    assert shown[-1] == 1002
    assert np.all(np.diff(shown) > 0)
    gap = shown[(shown >= 200) & (shown < 260)]
    assert 0 < len(gap) < 6
    for start in range(0, 1003, 21):
        stretch = values[start : start + 21]
        if not np.isnan(stretch).all():
            mine = values[shown[(shown >= start) & (shown < start + 21)]]
            assert np.nanmax(mine) == np.nanmax(stretch)
            assert np.nanmin(mine) == np.nanmin(stretch)
    assert_array_equal(visible(values, bins=600), np.arange(1003))


def test_it_draws_into_given_axes_and_as_a_picture(trace):
    figure, axes = plt.subplots(3)
    assert gj.plot_trace(trace, CURRENT, axes=axes) is figure
    assert "voltage" in lines(axes[1])
    plt.close(figure)
    picture = imread(BytesIO(gj.plot_trace(trace, CURRENT)._repr_png_()))
    assert picture.shape[1] == 1000


def test_what_cannot_be_drawn_is_refused(trace):
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), trace)
    with pytest.raises(ValueError, match="draw one run"):
        gj.plot_trace(batch)
    with pytest.raises(ValueError, match=r"current has shape \(5,\)"):
        gj.plot_trace(trace, np.zeros(5))
    figure, axes = plt.subplots(3)
    plt.close(figure)
    with pytest.raises(ValueError, match="2 panels to draw and 3 axes"):
        gj.plot_trace(trace, axes=axes)
