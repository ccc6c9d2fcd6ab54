"""Single cells: the rules of NEST's glif_psc and iaf_psc_*, step by step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glifjax.io.sonata.components import checked
from glifjax.io.sonata.edges import delay_steps
from glifjax.network.cells.base import Arrivals, refractory_steps
from glifjax.network.cells.glif_psc import GlifPsc
from glifjax.network.cells.iaf_psc import IafPsc
from glifjax.network.network import on_grid
from glifjax.network.synapses import mean_decay, mean_ramp, propagators

H = 0.1


def glif(**params) -> GlifPsc:
    values = checked("glif_psc", params, "test")
    return GlifPsc(**{
        key: value if isinstance(value, bool) else jnp.asarray(value, float)[..., None] if isinstance(value, tuple)
        else jnp.asarray([value]) for key, value in values.items()
    })  # fmt: skip


def iaf(kind: str, **params) -> IafPsc:
    values = checked(f"iaf_psc_{kind}", params, "test")
    tau = jnp.asarray([[values.pop("tau_syn_ex")], [values.pop("tau_syn_in")]])
    return IafPsc(**{key: jnp.asarray([value]) for key, value in values.items()}, tau_syn=tau, kind=kind)


def run(cells, n: int, weights=None, current: float = 0.0, port: int = 0):
    """Spiking steps and each variable over n steps; `weights` arrive in the steps that they are given for."""
    constants, state = cells.constants(H), cells.init(leads=False)
    step = eqx.filter_jit(type(cells).step)  # one compiled step for all cells of a kind
    spikes, shown = [], {name: [] for name in cells.variables}
    for k in range(n):
        arrived = jnp.zeros((cells.ports, 1)).at[port].set((weights or {}).get(k, 0.0))
        new = step(cells, constants, state, Arrivals(arrived), jnp.array([current]))
        state = new.state
        spikes += [k] * bool(new.spiked[0])
        for name, values in cells.observe(state, jnp.array([current])).items():
            shown[name].append(float(values[0]))
    return np.array(spikes), {name: np.array(values) for name, values in shown.items()}


def test_a_current_peaks_at_its_weight_one_tau_after_it_arrives():
    cells = glif(tau_syn=[3.0], V_th=0.0)
    _, shown = run(cells, 200, {10: 50.0})
    # I_syn is the current at the start of the step; the arrival is at the end of step 10
    assert shown["I_syn"].max() == pytest.approx(50.0, rel=1e-12)
    assert np.argmax(shown["I_syn"]) == 11 + 30
    assert np.flatnonzero(np.abs(shown["V_m"] + 78.85) > 1e-12)[0] == 11


def test_the_voltage_is_the_exact_solution():
    """C dU/dt = -g U + alpha current, by hand: the convolution of two exponentials and a ramp."""
    cells = glif(tau_syn=[3.0], V_th=0.0)
    _, shown = run(cells, 100, {0: 40.0})
    b, a, C = 9.43 / 58.72, 1 / 3.0, 58.72
    t = H * np.arange(0, 100)
    d = a - b
    expected = 40.0 * np.e * a / C * np.exp(-b * t) * (1 - (1 + d * t) * np.exp(-d * t)) / d**2
    np.testing.assert_allclose(shown["V_m"] + 78.85, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ratio", [1 - 1e-6, 1.0, 1 + 1e-6, 1 + 1e-3, 1.09, 1.11])
def test_propagators_are_smooth_where_time_constants_meet(ratio):
    rate, C = jnp.array([0.2]), jnp.array([60.0])
    tau = jnp.array([[ratio / 0.2]])
    P31 = lambda tau: propagators(tau, rate, C, H).P31[0, 0]
    P32 = lambda tau: propagators(tau, rate, C, H).P32[0, 0]
    for factor in (P31, P32):
        slope = jax.grad(factor)(tau)[0, 0]
        assert np.isfinite(float(slope))
        step = 1e-4
        assert float(slope) == pytest.approx(float(factor(tau + step) - factor(tau - step)) / (2 * step), rel=1e-5)


def test_series_and_formulas_meet():
    x = np.array([0.0999999, 0.1000001])
    assert float(mean_decay(jnp.array(0.0))) == 1.0
    assert float(mean_ramp(jnp.array(0.0))) == 0.5
    for function in (mean_decay, mean_ramp):
        below, above = np.asarray(function(jnp.asarray(x)))
        assert abs(below - above) < 1e-7
        assert below == pytest.approx(float(function(jnp.asarray(x[1]))) + 2e-7 * abs(below), rel=1e-6)


def test_the_adapting_threshold_is_smooth_at_its_singularity():
    flags = dict.fromkeys(("spike_dependent_threshold", "after_spike_currents", "adapting_threshold"), True)
    at = lambda decay: run(glif(th_voltage_decay=decay, V_th=0.0, **flags), 50, current=100.0)[1]["threshold_voltage"]
    rate = 9.43 / 58.72
    assert np.isfinite(at(rate)).all()
    np.testing.assert_allclose(at(rate), (at(rate - 1e-4) + at(rate + 1e-4)) / 2, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("t_ref", "steps"), [(2.0, 20), (2.01, 21), (2.0004, 20), (0.03, 1), (3.75, 38)])
def test_the_refractory_time_is_rounded_up_to_steps(t_ref, steps):
    assert int(refractory_steps(jnp.array([t_ref]), H)[0]) == steps
    spikes, shown = run(glif(t_ref=t_ref, V_th=-70.0), 150, current=20_000.0)
    assert np.diff(spikes).min() == steps + 1
    after = shown["V_m"][spikes[0] : spikes[0] + steps + 1]
    np.testing.assert_allclose(after, -78.85)  # the reset state is held


def test_thresholds_are_strict_and_not_strict():
    """A cell that is put exactly on its threshold: glif_psc is silent, iaf_psc_delta spikes."""
    spikes, _ = run(iaf("delta"), 5, {2: 15.0})
    assert spikes.tolist() == [2]
    assert len(run(iaf("delta"), 5, {2: 15.0 - 1e-9})[0]) == 0
    assert len(run(glif(V_m=-60.0, E_L=-60.0, V_th=-60.0, V_reset=-70.0), 3)[0]) == 0
    assert len(run(iaf("exp", V_m=-55.0, E_L=-55.0), 3)[0]) > 0


def test_resets_of_the_levels():
    """Without reset rules to V_reset, with them from the voltage before the step; a spike adds to the threshold."""
    spikes, shown = run(glif(V_th=-70.0, V_reset=-75.0), 60, current=400.0)
    assert shown["V_m"][spikes[0]] == -75.0
    spikes, shown = run(glif(V_th=-70.0, spike_dependent_threshold=True, voltage_reset_add=-1.0), 60, current=400.0)
    before = shown["V_m"][spikes[0] - 1] + 78.85
    assert shown["V_m"][spikes[0]] + 78.85 == pytest.approx(0.2 * before - 1.0, abs=1e-12)
    assert shown["threshold_spike"][spikes[0]] == pytest.approx(0.37)


def test_after_spike_currents_enter_by_their_mean():
    spikes, shown = run(glif(V_th=-70.0, after_spike_currents=True, t_ref=0.1), 80, current=600.0)
    k, amps = np.array([0.003, 0.1]), np.array([-9.18, -198.94])
    first = spikes[0] + 2  # one refractory step, then they act
    expected = (amps * (1 - np.exp(-k * H)) / (k * H)).sum()
    assert shown["ASCurrents_sum"][first] == pytest.approx(expected, rel=1e-12)


def test_delta_synapses_are_lost_while_refractory_and_voltages_bounded():
    _, shown = run(iaf("delta"), 40, {2: 20.0, 10: 5.0})
    assert shown["V_m"][10] == -70.0
    _, shown = run(iaf("delta", V_min=-72.0), 5, {1: -10.0})
    assert shown["V_m"][1] == -72.0
    _, shown = run(iaf("alpha"), 30, {1: -50.0}, port=1)
    assert shown["V_m"].min() < -70.0


def test_times_and_delays_on_the_grid():
    times = np.array([0.1, 0.3, 0.30000000000000004, 0.7000000000000001, 0.31, 0.0999999999])
    assert on_grid(times, 0.1).tolist() == [1, 3, 3, 7, 4, 1]
    assert delay_steps(np.array([1.25, 0.55, 0.35, 1.24, 0.05]), 0.1, "x").tolist() == [13, 6, 4, 12, 1]
    with pytest.raises(ValueError, match=r"x have a delay of 0.04 ms"):
        delay_steps(np.array([0.04]), 0.1, "x")
