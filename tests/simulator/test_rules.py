"""Rules against closed forms, and rules of one's own: the code of docs/rules.md runs as written."""

import contextlib
import dataclasses
import functools
import importlib
import io
import re
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

import glifjax as gj
from glifjax import rules
from glifjax.glif.state import NEVER
from glifjax.io.config.neuron_config import METHODS
from glifjax.rules.membrane import Gate, GatedCurrent, Instantaneous
from glifjax.rules.threshold import ThreeComponentsEuler
from glifjax.rules.threshold_kernels import Kernels, ResetKernels
from glifjax.rules.voltage import LinearExact, ResetFromVoltage

DT, STEPS, CURRENT = 1e-4, 300, 5e-11
C, R, EL = 1e-10, 2e8, 5e-4
PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def build(level="LIF", parameters=None, **rules) -> gj.GLIF:
    """A neuron of a level, with other attributes of its own."""
    parameters = {"El": EL, "init_voltage": 1e-3, "dt": DT} | (parameters or {})
    return dataclasses.replace(gj.from_level(level, C=C, R_input=R, th_inf=0.02, **parameters), **rules)


def drive(steps=STEPS):
    return 5e-10 * np.abs(np.sin(np.arange(steps) / 25))


# The exact voltage


def exact(current, taus, starts, duration) -> float:
    """V after a constant current, by the matrix exponential of (I_1 ... I_n, V, 1)."""
    n = len(taus)
    flow = np.zeros((n + 2, n + 2))
    flow[:n, :n] = -np.diag(1 / np.asarray(taus))
    flow[n] = [*np.full(n, 1 / C), -1 / (R * C), (current + EL / R) / C]
    return (expm(flow * duration) @ [*starts, 1e-3, 1.0])[n]


def exact_neuron(taus, starts) -> gj.GLIF:
    return build(
        "LIF-ASC", asc_tau_array=jnp.array(taus), init_AScurrents=jnp.array(starts), voltage_dynamics=LinearExact()
    )


@pytest.mark.parametrize("taus", [[0.1, 3e-3], [R * C, 0.01], [R * C * (1 + 1e-9), R * C]], ids=str)
def test_linear_exact_is_the_matrix_exponential(taus):
    starts = [-2e-11, 4e-11]
    trace = gj.simulate(exact_neuron(taus, starts), np.full(STEPS, CURRENT), DT)
    expected = [exact(CURRENT, taus, starts, (step + 1) * DT) for step in range(STEPS)]
    np.testing.assert_allclose(trace.voltage, expected, rtol=1e-12)


def test_linear_exact_does_not_depend_on_dt():
    neuron = exact_neuron([0.1, 3e-3], [-2e-11, 4e-11])
    fine = gj.simulate(neuron, np.full(4000, CURRENT), 1e-5).voltage
    np.testing.assert_allclose(gj.simulate(neuron, np.full(4, CURRENT), 1e-2).voltage, fine[999::1000], rtol=1e-12)


def test_linear_exact_without_afterspike_currents_takes_the_first_ones_as_constant():
    neuron = build(voltage_dynamics=LinearExact(), init_AScurrents=jnp.array([2e-11, 3e-11]))
    first, second = np.asarray(gj.simulate(neuron, np.full(2, CURRENT), DT).voltage)
    assert first == pytest.approx(exact(CURRENT + 5e-11, [], [], DT), rel=1e-12)
    rest = EL + R * CURRENT
    assert second == pytest.approx(rest + (first - rest) * np.exp(-DT / (R * C)), rel=1e-12)


# Membrane currents


class Leak(eqx.Module):
    """I = conductance (reversal - V): a second leak."""

    conductance: jax.Array = eqx.field(converter=jnp.asarray)
    reversal: jax.Array = eqx.field(converter=jnp.asarray)

    def __call__(self, voltage):
        return self.conductance * (self.reversal - voltage)


@pytest.mark.parametrize("rules", [{}, {"voltage_dynamics": LinearExact()}], ids=["Euler", "exact"])
def test_a_second_leak_joins_the_first(rules):
    g, reversal = 3e-9, 8e-3
    two = build(membrane_currents=(Instantaneous(Leak(g, reversal)),), **rules)
    one = dataclasses.replace(build(**rules), R_input=1 / (1 / R + g), El=(EL / R + g * reversal) / (1 / R + g))
    found, expected = (gj.simulate(neuron, drive(), DT) for neuron in (two, one))
    assert len(expected.spikes()) > 0
    np.testing.assert_allclose(found.voltage, expected.voltage, rtol=1e-11)


def test_a_gate_is_exact_while_the_voltage_stays():
    gate, voltage, dt = Gate(5e-3, -4e-3, 0.02), jnp.asarray(8e-3), jnp.asarray(1e-3)
    x = [jnp.asarray(0.9)]
    for _ in range(50):
        x.append(gate.advance(x[-1], voltage, dt))
    steady = 1 / (1 + np.exp(-(8e-3 - 5e-3) / -4e-3))
    np.testing.assert_allclose(x, steady + (0.9 - steady) * np.exp(-np.arange(51) * 1e-3 / 0.02), rtol=1e-12)


def test_a_spike_takes_a_gate_through_its_waveform():
    gate, x, duration = Gate(5e-3, 4e-3, 3e-3), jnp.asarray(0.2), jnp.asarray(2e-3)
    waveform = jnp.array([0.05, 0.08, 0.02, -0.01, -0.015])
    stepwise = x
    for voltage in waveform:
        stepwise = gate.advance(stepwise, voltage, duration / 5)
    np.testing.assert_allclose(gate.spike(x, waveform, duration), stepwise, rtol=1e-12)
    assert gate.spike(x, waveform, jnp.asarray(0.0)) == x


@pytest.mark.parametrize("waveform", [[], [0.06, 0.02, -0.01, -0.02]], ids=["reset voltage", "waveform"])
def test_gated_current_in_a_neuron_equals_a_loop(waveform):
    opens, closes = Gate(5e-3, 4e-3, 3e-3), Gate(0.01, -5e-3, 0.05)
    gated, cut = GatedCurrent(1.5e-9, -0.02, (opens, closes)), 20
    neuron = build(
        "LIF-R",
        {"reset_intercept": 2e-3},
        membrane_currents=(gated,),
        spike_cut_length=cut,
        spike_waveform=np.array(waveform),
    )
    trace = gj.simulate(neuron, drive(), DT)
    steady = lambda gate, v: 1 / (1 + np.exp(-(v - float(gate.V_half)) / float(gate.slope)))
    after = lambda gate, x, v, time: steady(gate, v) + (x - steady(gate, v)) * np.exp(-time / float(gate.tau))
    v, gates = 1e-3, [(gate, steady(gate, 1e-3)) for gate in (opens, closes)]
    t, spikes, expected = 0, [], np.full(STEPS, np.nan)
    while t < STEPS:
        (_, m), (_, h) = gates
        gates = [(gate, after(gate, x, v, DT)) for gate, x in gates]
        v += (drive()[t] - (v - EL) / R + 1.5e-9 * m * h * (-0.02 - v)) * DT / C
        if v > 0.02:
            spikes.append(t)
            v, t = 2e-3, t + cut
            for each in waveform or [v]:
                time = cut * DT / len(waveform or [v])
                gates = [(gate, after(gate, x, each, time)) for gate, x in gates]
        if t < STEPS:
            expected[t] = v
        t += 1
    assert len(spikes) > 2
    np.testing.assert_array_equal(trace.spikes().steps, spikes)
    np.testing.assert_allclose(trace.voltage, expected, rtol=1e-10)


# Thresholds


def test_threshold_kernels_are_filtered_hinges_and_sums_of_exponentials():
    spike_tau, voltage_tau, amplitudes = np.array([5e-3, 0.08]), np.array([4e-3, 0.05]), np.array([3e-3, 1e-3])
    knots, weights, softness = np.array([-2e-3, 8e-3]), np.array([[0.1, 0.05], [0.2, -0.1]]), 3e-3
    cut, spikes = 10, np.array([60, 75, 180])
    neuron = build(
        threshold_dynamics=Kernels(spike_tau, voltage_tau, knots, weights, softness),
        threshold_reset=ResetKernels(amplitudes),
        spike_cut_length=cut,
    )
    trace = gj.simulate(neuron, drive(), DT, spikes=spikes)

    def hinged(v):
        x = v - knots
        return ((x + np.sqrt(x**2 + softness**2)) / 2) @ weights

    steps = np.arange(STEPS)
    held = np.any([(steps > spike) & (steps <= spike + cut) for spike in spikes], axis=0)
    shown = ~np.any([(steps >= spike) & (steps < spike + cut) for spike in spikes], axis=0)
    v, w, from_voltage = 1e-3, hinged(1e-3), np.zeros(STEPS)
    for t in steps:
        if not held[t]:
            w = hinged(v) + (w - hinged(v)) * np.exp(-DT / voltage_tau)
        v, from_voltage[t] = trace.voltage[t] if shown[t] else v, w.sum()
    since = (steps[:, None] - spikes - cut) * DT  # from the end of each cut
    started = since >= 0
    decayed = np.exp(-np.where(started, since, 0)[..., None] / spike_tau)
    from_spikes = np.sum(started[..., None] * amplitudes * decayed, axis=(1, 2))
    np.testing.assert_allclose(trace.threshold_components[shown, 0], from_spikes[shown], rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(trace.threshold_components[shown, 1], from_voltage[shown], rtol=1e-12)
    np.testing.assert_allclose(trace.threshold[shown], 0.02 + (from_spikes + from_voltage)[shown], rtol=1e-12)


def test_after_a_reset_above_the_threshold_kernels_spike_again_and_allens_rules_stop():
    above = lambda neuron, state: jnp.asarray(0.03)
    stops = build(voltage_reset=above, spike_cut_length=10)
    kernels = Kernels([0.1], [0.1], np.zeros(0), np.zeros((0, 1)), 1e-3)
    goes_on = dataclasses.replace(stops, threshold_dynamics=kernels, threshold_reset=ResetKernels([0.0]))
    first, *others = gj.simulate(stops, drive(), DT).spikes().steps
    assert not others
    assert gj.simulate(stops, drive(), DT).status == gj.Status.BAD_RESET
    trace = gj.simulate(goes_on, drive(), DT)
    np.testing.assert_array_equal(trace.spikes().steps, np.arange(first, STEPS, 11))
    assert trace.status == 0


def test_euler_threshold_follows_its_recurrence_and_tends_to_the_exact_one():
    b_spike, a, b = 80.0, 8.0, 25.0
    exact = build("LIF-R-ASC-A", {"a_spike": 3e-3, "b_spike": b_spike, "a_voltage": a, "b_voltage": b})
    euler = dataclasses.replace(exact, threshold_dynamics=ThreeComponentsEuler(b_spike, a, b))
    trace = jax.tree.map(np.asarray, gj.simulate(euler, drive(), DT, spikes=np.array([90])))
    v, s, w, expected = 1e-3, 0.0, 0.0, np.zeros((STEPS, 2))
    for t in range(STEPS):
        s, w = s - b_spike * s * DT, w + (a * (v - EL) - b * w) * DT
        s += 3e-3 * (t == 90)
        v, expected[t] = trace.voltage[t], (s, w)
    np.testing.assert_allclose(trace.threshold_components, expected, rtol=1e-12)
    np.testing.assert_allclose(trace.threshold, 0.02 + expected.sum(axis=1), rtol=1e-12)
    error = lambda dt: np.abs(
        np.subtract(
            *(
                gj.simulate(n, np.repeat(drive(), round(DT / dt)), dt, spikes=np.zeros(0, int)).threshold[-1]
                for n in (euler, exact)
            )
        )
    )
    assert error(DT / 10) < 0.15 * error(DT)


# Rules of one's own


class Watch(eqx.Module):
    """A threshold that shows the time since the last spike, and counts its own calls."""

    class State(eqx.Module):
        total: jax.Array
        spike: jax.Array
        voltage: jax.Array

    def init(self, neuron):
        return self.State(neuron.init_threshold, jnp.asarray(0.0), jnp.asarray(0.0))

    def __call__(self, neuron, state, current, dt):
        return self.State(state.threshold.total, neuron.time_since_spike(state), state.threshold.voltage + 1)


def test_time_since_spike_and_a_state_of_the_rules_own():
    spikes, cut = np.array([40, 130]), 25
    trace = gj.simulate(build(threshold_dynamics=Watch(), spike_cut_length=cut), drive(), DT, spikes=spikes)
    since, calls = np.asarray(trace.threshold_components).T
    assert np.all(since[: spikes[0]] >= NEVER * DT)
    for spike, end in zip(spikes, [spikes[1], STEPS], strict=True):
        steps = np.arange(spike + cut + 1, end)  # the first step after the cut has counted through it
        np.testing.assert_allclose(since[steps], (steps - 1 - spike) * DT, rtol=1e-12)
    shown = np.isfinite(trace.voltage)
    executed = np.cumsum(~np.asarray(trace.refractory))
    np.testing.assert_array_equal(calls[shown], executed[shown])


def test_time_since_spike_in_a_reset_is_the_interval_between_spikes():
    neuron = build(voltage_reset=lambda neuron, state: jnp.minimum(neuron.time_since_spike(state), 0.015))
    trace = gj.simulate(neuron, drive(), DT, spikes=np.array([40, 130, 190]))
    np.testing.assert_allclose(trace.voltage[jnp.array([40, 130, 190])], [0.015, 9e-3, 6e-3], rtol=1e-12)


def test_never_is_longer_than_any_run():
    neuron = build()
    state = eqx.tree_at(lambda state: state.since_spike, neuron.init(), jnp.asarray(2 * NEVER - 2, jnp.int32))
    later = neuron.advance(state, jnp.asarray(0.0), jnp.asarray(DT))
    assert neuron.time_since_spike(later) > NEVER * DT


class Pool(eqx.Module):
    """An afterspike current with a state of its own: what is left of a store that refills, times a current."""

    refill: jax.Array = eqx.field(converter=jnp.asarray)

    def init(self, neuron):
        return (jnp.asarray(0.0), jnp.asarray(0.0))

    def __call__(self, neuron, state, current, dt):
        flowing, used = state.afterspike_currents
        return flowing * jnp.exp(-dt / 0.01), used * jnp.exp(-dt * self.refill)


def test_own_rules_under_jit_vmap_and_grad():
    scale = 0.3
    plain = lambda neuron, state: scale * state.voltage - 1e-3
    reset = lambda neuron, state: (state.afterspike_currents[0] - 2e-11, state.afterspike_currents[1] + 1e-12)
    neuron = build(voltage_reset=plain, afterspike_dynamics=Pool(30.0), afterspike_reset=reset)
    refills = jnp.array([10.0, 30.0, 90.0])

    def final(refill, current):
        own = eqx.tree_at(lambda neuron: neuron.afterspike_dynamics.refill, neuron, refill)
        return gj.simulate(own, current, DT).afterspike_currents[-1, 1]

    currents = jnp.stack([drive(), 1.2 * drive()])
    batch = jax.jit(jax.vmap(jax.vmap(final, (None, 0)), (0, None)))(refills, currents)
    np.testing.assert_allclose(batch, [[final(r, c) for c in currents] for r in refills], rtol=1e-10)
    slope = jax.grad(final)(30.0, currents[0])
    difference = (final(30.003, currents[0]) - final(29.997, currents[0])) / 0.006
    assert slope == pytest.approx(float(difference), rel=1e-6)
    assert slope < 0


# The page


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> dict:
    """The names that the code of the page leaves, and in "printed" what it prints."""
    names, printed, known = {}, io.StringIO(), dict(METHODS)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    with contextlib.chdir(tmp_path_factory.mktemp("page")), contextlib.redirect_stdout(printed):
        for block in blocks:
            exec(compile(block, str(PAGE), "exec"), names)
    for registered in METHODS.keys() - known.keys():
        del METHODS[registered]
    return names | {"printed": printed.getvalue()}


@pytest.mark.slow
def test_the_page_fits_a_reset_by_gradient_and_prints_what_it_says(page):
    fitted = page["fitted"].voltage_reset
    np.testing.assert_allclose([fitted.a, fitted.b], [0.35, -4e-3], rtol=1e-6)
    assert page["printed"].strip() in PAGE.read_text()


@pytest.mark.slow
def test_the_page_shows_one_reset_in_three_ways(page):
    function = lambda neuron, state, a, b: a * state.voltage + b
    partial = eqx.Partial(function, a=jnp.asarray(0.1), b=jnp.asarray(0.0))
    rules = [page["linear_reset"], page["LinearReset"](0.1, 0.0), partial]
    run = lambda rule: gj.simulate(eqx.tree_at(lambda n: n.voltage_reset, page["base"], rule), page["current"], 1e-4)
    traces = [run(rule) for rule in rules]
    assert len(traces[0].spikes()) > 2
    for trace in traces[1:]:
        np.testing.assert_array_equal(trace.voltage, traces[0].voltage)
    gradient = eqx.filter_grad(lambda rule: jnp.mean(run(rule).voltage_before_reset))(partial)
    assert all(float(slope) != 0 for slope in gradient.keywords.values())


def test_the_page_changes_a_parameter_of_a_copy(page):
    assert float(page["changed"].voltage_reset.a) == 0.2


def test_the_page_saves_a_rule(page):
    for name, expected in [("a", 0.35), ("b", -4e-3)]:
        np.testing.assert_allclose(getattr(page["again"].voltage_reset, name), expected, rtol=1e-6)


def test_the_rules_of_the_page_have_finite_gradients(page):
    def loss(rule, attribute):
        neuron = eqx.tree_at(lambda n: getattr(n, attribute), page["base"], rule)
        trace = gj.simulate(neuron, page["current"], 1e-4, spikes=np.array([200, 900]))
        return jnp.mean(trace.threshold_before_reset)

    for rule in (page["PowerLaw"](0.01, 0.02), page["TwoFilters"](0.4, 0.02)):
        gradient = eqx.filter_grad(loss)(rule, "threshold_dynamics")
        assert all(np.isfinite(slope) and slope != 0 for slope in jax.tree.leaves(gradient))


def test_the_page_for_users_of_allensdk_names_what_exists():
    text = PAGE.with_name("allensdk.md").read_text()
    for name in set(re.findall(r"`?\bgj\.(\w+)", text)):
        assert hasattr(gj, name), name
    for module, name in set(re.findall(r"`(glifjax\.io\.\w+)\.(\w+)", text)):
        assert hasattr(importlib.import_module(module), name), name
    ours = [rule for rule in METHODS.values() if rule.__module__.startswith("glifjax.")]
    rules = {f"{rule.__module__.removeprefix('glifjax.rules.')}.{rule.__name__}" for rule in ours}
    named = set(re.findall(r"`((?:voltage|threshold|afterspike)\.[A-Z]\w+)`", text))
    assert named == {rule for rule in rules if "ernels" not in rule and not rule.startswith("membrane")}


# Rules of AllenSDK's arguments


def reset_voltage(neuron, voltage_t0, custom_param_a, custom_param_b):
    return custom_param_a * voltage_t0 + custom_param_b


def follow(neuron, threshold_t0, voltage_t0, AScurrents_t0, inj, rate):
    return threshold_t0 + rate * neuron.dt * (voltage_t0 + neuron.th_inf - threshold_t0)


def halve(neuron, AScurrents_t0, r):
    return r * AScurrents_t0 + neuron.asc_amp_array


def test_rules_written_for_allensdk_take_their_place():
    base = gj.from_level(
        "LIF-R-ASC", C=1e-10, R_input=2e8, th_inf=0.02, reset_slope=0.3, reset_intercept=-2e-3, a_spike=0.0,
        asc_amp_array=(-3e-11, 1e-11), r=(0.5, 0.5),
    )  # fmt: skip
    rule = rules.AllenSDKRule
    own = dataclasses.replace(
        base,
        voltage_reset=rule(reset_voltage, {"custom_param_a": 0.3, "custom_param_b": -2e-3}),
        afterspike_reset=rule(halve, {"r": 0.5}),
    )
    current = np.full(1000, 3e-10)
    expected, trace = gj.simulate(base, current, 1e-4), gj.simulate(own, current, 1e-4)
    np.testing.assert_array_equal(trace.fired, expected.fired)
    np.testing.assert_allclose(trace.voltage, expected.voltage, rtol=1e-12)
    np.testing.assert_allclose(trace.afterspike_currents, expected.afterspike_currents, rtol=1e-12)
    slope = eqx.filter_grad(lambda own: jnp.nansum(gj.simulate(own, current, 1e-4).voltage))(own).voltage_reset.params
    assert float(slope["custom_param_a"]) != 0
    follows = dataclasses.replace(base, threshold_dynamics=rule(follow, {"rate": 20.0}), threshold_reset=rule(
        lambda neuron, threshold_t0, voltage_v1: threshold_t0 + voltage_v1 * 0, {}))  # fmt: skip
    raised = gj.simulate(follows, current, 1e-4)
    assert len(raised.spikes()) < len(expected.spikes())


@pytest.mark.parametrize(
    ("function", "params", "message"),
    [
        (reset_voltage, {"custom_param_a": 0.1}, "needs custom_param_b"),
        (reset_voltage, {"custom_param_a": 0.1, "custom_param_b": 0.0, "c": 1.0}, "has no argument c"),
        (lambda neuron, AScurrents_t0, time_step: AScurrents_t0, {}, "needs time_step"),
        (lambda neuron, inj: inj, {}, "takes no part of the state"),
        (functools.partial(reset_voltage, custom_param_b=0.0), {}, r"rule reset_voltage\(.*needs custom_param_a"),
    ],
)
def test_other_arguments_than_allensdks_are_refused(function, params, message):
    with pytest.raises(ValueError, match=message):
        rules.AllenSDKRule(function, params)


def test_a_reset_sees_no_current():
    rule = rules.AllenSDKRule(lambda neuron, voltage_t0, inj: voltage_t0 + inj, {})
    neuron = gj.from_level("LIF", C=1e-10, R_input=2e8, th_inf=0.02)
    with pytest.raises(ValueError, match="a reset sees no current; leave inj out"):
        gj.simulate(dataclasses.replace(neuron, voltage_reset=rule), np.full(300, 3e-10), 1e-4)


class Scale:
    """Called as a rule is, and no module."""

    def __call__(self, neuron, state):
        return 0.1 * state.voltage


@pytest.mark.parametrize("rule", [jax.jit(Scale()), Scale(), Scale().__call__], ids=["jitted", "an object", "a method"])
def test_whatever_can_be_called_is_a_rule(rule):
    expected = gj.simulate(build(voltage_reset=ResetFromVoltage(0.1, 0.0)), drive(), DT)
    own = jax.jit(lambda neuron: gj.simulate(neuron, drive(), DT))(build(voltage_reset=rule))
    assert expected.fired.any()
    np.testing.assert_allclose(own.voltage, expected.voltage, rtol=1e-12)


def test_a_list_of_numbers_is_afterspike_currents():
    neuron = build("LIF-ASC", afterspike_reset=lambda neuron, state: [0.0, 0.0])
    assert jax.eval_shape(lambda: gj.simulate(neuron, drive(), DT)).afterspike_currents.shape == (STEPS, 2)


@pytest.mark.parametrize(
    ("place", "rule", "words"),
    [
        ("voltage_reset", lambda state: 0.0, r"voltage_reset \(<lambda>\) is called as rule\(neuron, state\)"),
        ("voltage_reset", lambda neuron, voltage_t0, a, b: 0.0, r"missing a required .*AllenSDKRule"),
        ("threshold_dynamics", lambda neuron, state: 0.0, r"rule\(neuron, state, current, dt\): too many"),
        ("voltage_reset", LinearExact(), r"voltage_reset \(LinearExact\) is called as rule\(neuron, state\)"),
    ],
)
def test_a_rule_of_other_arguments_is_refused_where_the_neuron_is_made(place, rule, words):
    with pytest.raises(ValueError, match=words):
        build(**{place: rule})


@pytest.mark.parametrize(
    ("place", "rule", "words"),
    [
        ("voltage_dynamics", lambda neuron, state, current, dt: None, "gives nothing; it must give a number"),
        ("voltage_dynamics", lambda neuron, state, current, dt: state.voltage[None], r"shape \(1,\); it must"),
        ("threshold_dynamics", lambda neuron, state, current, dt: 0.02, r"give a Threshold\(total, spike"),
        ("voltage_reset", lambda neuron, state: 0.0 if state.voltage > 0 else 1.0, "jnp.where.* in place of if"),
        ("voltage_reset", lambda neuron, state: np.exp(state.voltage), "in jax.numpy, .* neither float.* nor numpy"),
    ],
)
def test_what_no_rule_may_give_or_ask_is_said_with_its_name(place, rule, words):
    with pytest.raises(gj.InputError, match=rf"{place} \(<lambda>\) .*{words}"):
        gj.simulate(build(**{place: rule}), drive(), DT)
