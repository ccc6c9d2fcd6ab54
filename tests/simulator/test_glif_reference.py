"""GLIF against AllenSDK: its recorded runs, where they are at hand, and a slow loop that follows its rules."""

import json
import math

import jax
import numpy as np
import pytest
from conftest import SHARED

import glifjax as gj
from glifjax.io.config.neuron_config import NeuronConfigError, neuron_from_config

REFERENCE = SHARED / "reference" / "allensdk_glif"
RUNS = json.loads((REFERENCE / "index.json").read_text())["runs"] if REFERENCE.is_dir() else []
ILL_CONDITIONED = "b_near_gC_1e-09"  # AllenSDK's formula cancels: it is 3e-8 V from exact arithmetic, we are not
VOLT, SECOND, AMPERE = 1e-9, 1e-9, 1e-15  # how far a run may be from AllenSDK's


def assert_same_run(trace: gj.Trace, expected, volt=VOLT, second=SECOND, components=None):
    """Every output of a run equals AllenSDK's: the spikes' steps and the NaNs exactly, values closely."""
    spikes = trace.spikes()
    np.testing.assert_array_equal(spikes.steps, expected["spike_time_steps"])
    for name, key, tolerance in [
        ("voltage", "voltage", volt),
        ("threshold", "threshold", volt),
        ("afterspike_currents", "AScurrents", AMPERE),
    ]:
        found = np.asarray(getattr(trace, name))
        np.testing.assert_allclose(found, expected[key], rtol=0, atol=tolerance, err_msg=name)
    for name, key, tolerance in [
        ("grid_times", "grid_spike_times", 1e-12),
        ("times", "interpolated_spike_times", second),
        ("voltages", "interpolated_spike_voltage", volt),
        ("thresholds", "interpolated_spike_threshold", volt),
    ]:
        np.testing.assert_allclose(getattr(spikes, name), expected[key], rtol=0, atol=tolerance, err_msg=name)
    if components is not None:  # AllenSDK keeps them through the cut too
        shown = ~np.isnan(expected["voltage"]) & ~np.isnan(components[:, 0])
        found = np.asarray(trace.threshold_components)[shown]
        np.testing.assert_allclose(found, components[shown], rtol=0, atol=volt)


# AllenSDK's recorded runs


@pytest.mark.parametrize("run", [run for run in RUNS if not run["exception"]], ids=lambda run: run["name"])
def test_recorded_run(run):
    expected = np.load(REFERENCE / run["file"])
    volt, second = (1e-7, 1e-7) if run["name"] == ILL_CONDITIONED else (VOLT, SECOND)
    neuron = gj.read_neuron_config(REFERENCE / run["config"])
    trace = simulate_longer(neuron, stimulus_of(run), run["dt"])
    assert_same_run(trace, expected, volt, second, components_of(expected))


def simulate_longer(neuron: gj.GLIF, stimulus: np.ndarray, dt: float) -> gj.Trace:
    """The run, made longer and cut back (no sample knows what follows), so that few lengths are compiled."""
    length = next(n for n in (0, 1500, 6000, 14_000, 20_000) if n >= len(stimulus))
    trace = gj.simulate(neuron, np.pad(stimulus, (0, length - len(stimulus))), dt, spike_cut="steps")
    return jax.tree.map(lambda leaf: leaf[: len(stimulus)] if leaf.ndim else leaf, trace)


def stimulus_of(run) -> np.ndarray:
    file, _, key = run["stimulus"].partition(":")
    return np.load(REFERENCE / file)[key] if key else np.load(REFERENCE / run["file"])["stimulus"]


def components_of(expected) -> np.ndarray | None:
    """(T, 2), padded with NaN where a bad reset ended the run."""
    names = ("threshold_components_spike", "threshold_components_voltage")
    if names[0] not in expected:  # a constant threshold
        return None
    found, length = np.stack([expected[name] for name in names], axis=-1), len(expected["voltage"])
    return np.concatenate([found, np.full((length, 2), np.nan)])[:length]


# Where AllenSDK raises

#: run -> what we say on reading, or None where we run what it does not: `linear_exact`, which it leaves undone, and the
#: threshold reset of 2016, which it does not read.
REFUSED = {
    "asc_reset_none_nonzero_glif3": "init_AScurrents is [1e-12, 1e-12], but AScurrent_reset_method 'none'",
    "asc_reset_none_nonzero_glif5": "init_AScurrents is [1e-12, 1e-12], but AScurrent_reset_method 'none'",
    "b_voltage_zero": "'three_components_exact': b_voltage times coeffs.b is 0, which AllenSDK divides by",
    "mixed_inf_dyn_3c_reset": "'three_components' adds to a component that threshold_dynamics_method 'inf' does not",
    "params_unknown": "voltage_reset_method 'zero': its params hold a, but it takes none",
    "asc_len_mismatch": "must have one length: asc_tau_array: 2, asc_amp_array: 1, init_AScurrents: 2",
    "linear_exact_name": None,
    "no_bspike_reset_glif4": None,
}


@pytest.mark.parametrize("run", [run for run in RUNS if run["exception"]], ids=lambda run: run["name"])
def test_what_allensdk_refuses_during_a_run_is_refused_before(run):
    path, message = REFERENCE / run["config"], REFUSED[run["name"]]
    if message is None:
        trace = gj.simulate(gj.read_neuron_config(path), np.full(1000, 1e-10), run["dt"])
        assert np.isfinite(trace.voltage[0])
        return
    with pytest.raises(NeuronConfigError) as error:
        gj.read_neuron_config(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


# A slow loop, which needs no recorded runs


def slow_run(config, stimulus, dt) -> dict[str, np.ndarray]:
    """AllenSDK's simulation of a config, statement by statement, with its names and its order of samples."""
    k = {"G": 1.0, "C": 1.0, "th_inf": 1.0, "a": 1.0, "b": 1.0, "asc_amp_array": 1.0, **config["coeffs"]}
    method = {key: (config[key]["name"], config[key]["params"]) for key in config if key.endswith("_method")}
    g, C, El = k["G"] / config["R_input"], config["C"] * k["C"], config["El"]
    th_inf, cut = config["th_inf"] * k["th_inf"], int(config["spike_cut_length"])
    amplitude = np.multiply(config["asc_amp_array"], k["asc_amp_array"])
    rate = 1 / np.array(config["asc_tau_array"])
    v, th, currents = config["init_voltage"], config["init_threshold"], np.array(config["init_AScurrents"])
    s = w = 0.0  # what spikes and the voltage add to the threshold
    n_steps = len(stimulus)
    out = {"voltage": np.full(n_steps, np.nan), "threshold": np.full(n_steps, np.nan)}
    out |= {"AScurrents": np.full((n_steps, len(rate)), np.nan), "components": np.full((n_steps, 2), np.nan)}
    spikes, bad_reset = [], False

    def store(index):
        if index < n_steps:
            out["voltage"][index], out["threshold"][index] = v, th
            out["AScurrents"][index], out["components"][index] = currents, (s, w)

    t = 0
    while t < n_steps:
        v_old, th_old, total = v, th, stimulus[t] + sum(currents)
        exponential = method["AScurrent_dynamics_method"][0] == "exp"
        currents = currents * np.exp(-rate * dt) if exponential else 0 * currents
        v = v_old + (total - g * (v_old - El)) * dt / C
        name, params = method["threshold_dynamics_method"]
        if name == "inf":
            th = th_inf
        else:
            s = s * math.exp(-params["b_spike"] * dt)
            if name == "three_components_exact":
                a, b = params["a_voltage"] * k["a"], params["b_voltage"] * k["b"]
                beta, phi = (total + g * El) / g, a / (b - g / C)
                rest = a / b * (beta - El)
                w = (
                    phi * (v_old - beta) * math.exp(-g * dt / C)
                    + rest
                    + (w - phi * (v_old - beta) - rest) / math.exp(b * dt)
                )
            th = s + w + th_inf
        if not v > th:
            store(t)
            t += 1
            continue
        crossing = dt * (th_old - v_old) / ((v - v_old) - (th - th_old))
        past = (dt + crossing) / dt
        spikes.append((t, t * dt, t * dt + crossing, v_old + (v - v_old) * past, th_old + (th - th_old) * past))
        if method["AScurrent_reset_method"][0] == "sum":
            r = np.array(method["AScurrent_reset_method"][1]["r"])
            currents = amplitude + currents * r * np.exp(-rate * dt * cut)
        else:
            currents = 0 * currents
        name, params = method["voltage_reset_method"]
        v = 0.0 if name == "zero" else params["a"] * v + params["b"]
        name, params = method["threshold_reset_method"]
        if name == "three_components":
            s = s * math.exp(-params["b_spike"] * cut * dt) + params["a_spike"]
            th = s + w + th_inf
        else:
            th = th_inf
        store(t + cut)
        t += cut + 1
        bad_reset = v > th
        if bad_reset:  # five samples more, and the run ends
            for index in range(t, t + 5):
                store(index)
            break
    keys = ("spike_time_steps", "grid_spike_times", "interpolated_spike_times")
    keys += ("interpolated_spike_voltage", "interpolated_spike_threshold")
    out["bad_reset"] = np.array(bad_reset)
    return out | dict(zip(keys, np.array(spikes).reshape(-1, 5).T, strict=True))


def random_config(level: str, seed: int) -> dict:
    random = np.random.default_rng(seed)
    within = lambda low, high: float(random.uniform(low, high))
    resets, afterspike, adapts = gj.LEVELS[level]
    spike = {"a_spike": within(0, 5e-3), "b_spike": within(10, 200)}
    three = spike | {"a_voltage": within(-5, 20), "b_voltage": within(5, 40)}
    plain = lambda name, **params: {"name": name, "params": params}
    dynamics = "three_components_exact" if adapts else "spike_component"
    return {
        "C": within(0.5e-10, 1.5e-10),
        "R_input": within(1e8, 3e8),
        "El": within(-2e-3, 2e-3),
        "El_reference": -0.07,
        "th_inf": within(0.015, 0.03),
        "init_voltage": within(-5e-3, 5e-3),
        "init_threshold": within(0.015, 0.03),
        "dt": 5e-5,
        "spike_cut_length": int(random.integers(1, 40)),
        "asc_tau_array": [within(0.02, 0.2), within(0.003, 0.02)],
        "asc_amp_array": [within(-5e-11, 2e-11), within(-2e-10, 5e-11)],
        "init_AScurrents": [within(-2e-11, 2e-11), within(-2e-11, 2e-11)],
        "coeffs": {key: within(0.8, 1.2) for key in ("th_inf", "C", "G", "a", "b")}
        | {"asc_amp_array": [within(0.5, 1.5), within(0.5, 1.5)]},
        "voltage_dynamics_method": plain("linear_forward_euler"),
        "threshold_dynamics_method": plain(dynamics, **three) if resets else plain("inf"),
        "AScurrent_dynamics_method": plain("exp" if afterspike else "none"),
        "voltage_reset_method": plain("v_before", a=within(0, 0.5), b=within(-9e-3, -8e-3))
        if resets
        else plain("zero"),
        # a rate of its own in the reset, which no published file has, and AllenSDK allows
        "threshold_reset_method": plain("three_components", a_spike=spike["a_spike"], b_spike=within(10, 200))
        if resets
        else plain("inf"),
        "AScurrent_reset_method": plain("sum", r=[within(0, 1), within(0, 1)]) if afterspike else plain("none"),
    }


def random_stimulus(seed: int, n_steps: int = 600) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.clip(random.normal(5e-10, 2e-10, n_steps), 0, None) * (np.arange(n_steps) % 200 > 20)


def bad_reset(config):
    """Above the threshold after the spike, at every level."""
    if config["voltage_reset_method"]["name"] == "zero":
        return {"th_inf": -1e-3, "init_threshold": 5e-3}
    return {"voltage_reset_method": {"name": "v_before", "params": {"a": 0.5, "b": 0.05}}}


#: case -> (config -> changes of the config, changes of the stimulus, whether spikes must happen)
CASES = {
    "plain": (lambda config: {}, lambda stimulus: stimulus, True),
    "no_cut": (lambda config: {"spike_cut_length": 0}, lambda stimulus: stimulus, True),
    "cut_past_the_end": (lambda config: {"spike_cut_length": 900}, lambda stimulus: stimulus, True),
    "fractional_cut": (lambda config: {"spike_cut_length": 12.9}, lambda stimulus: stimulus, True),
    "bad_reset": (bad_reset, lambda stimulus: stimulus, True),
    "bad_reset_no_cut": (
        lambda config: bad_reset(config) | {"spike_cut_length": 0},
        lambda stimulus: stimulus,
        True,
    ),
    "spike_in_step_0": (lambda config: {"init_voltage": 0.04}, lambda stimulus: stimulus, True),
    "nan_in_stimulus": (
        lambda config: {},
        lambda stimulus: np.where(np.arange(len(stimulus)) == 333, np.nan, stimulus),
        True,
    ),
    "nan_in_a_cut_is_not_read": (
        lambda config: {"init_voltage": 0.04, "spike_cut_length": 20},
        lambda stimulus: np.where(np.arange(len(stimulus)) == 20, np.nan, stimulus),
        True,
    ),
    "silent": (lambda config: {"init_AScurrents": [0.0, 0.0]}, np.zeros_like, False),
    "empty": (lambda config: {}, lambda stimulus: stimulus[:0], False),
}


@pytest.mark.parametrize("level", gj.LEVELS)
@pytest.mark.parametrize("case", CASES)
def test_random_run(case, level):
    change_config, change_stimulus, spikes = CASES[case]
    for seed in range(6):
        config = random_config(level, seed)
        config |= change_config(config)
        stimulus, dt = change_stimulus(random_stimulus(seed)), [5e-5, 1e-4, 2e-4][seed % 3]
        expected = slow_run(config, stimulus, dt)
        assert bool(len(expected["spike_time_steps"])) == spikes
        trace = gj.simulate(neuron_from_config(config), stimulus, dt, spike_cut="steps")
        assert_same_run(trace, expected, volt=1e-13, second=1e-13, components=expected["components"])
        halted = gj.Status.BAD_RESET if expected["bad_reset"] else 0
        assert bool(halted) == ("bad_reset" in case)
        assert int(trace.status) == halted | (gj.Status.NON_FINITE_CURRENT if "nan" in case else 0)


@pytest.mark.parametrize(
    "run",
    [run for run in RUNS if run["n_steps"] < 2000 and not run["exception"] and run["name"] != ILL_CONDITIONED],
    ids=lambda run: run["name"],
)
def test_the_slow_loop_itself(run):
    expected, config = np.load(REFERENCE / run["file"]), json.loads((REFERENCE / run["config"]).read_text())
    found = slow_run(config, stimulus_of(run), run["dt"])
    for key in set(expected) - {"stimulus", "threshold_components_spike", "threshold_components_voltage"}:
        np.testing.assert_allclose(found[key], expected[key], rtol=0, atol=1e-12, err_msg=key)


def test_a_cut_keeps_its_duration_unless_told_otherwise():
    config = random_config("LIF-R-ASC", 0) | {"spike_cut_length": 20, "dt": 1e-4}
    neuron, stimulus = neuron_from_config(config), random_stimulus(0, 4000)
    for spike_cut, steps in [("duration", 200), ("steps", 20)]:
        trace = gj.simulate(neuron, stimulus, 1e-5, spike_cut=spike_cut)
        assert_same_run(trace, slow_run(config | {"spike_cut_length": steps}, stimulus, 1e-5), 1e-13, 1e-13)
    with pytest.raises(ValueError, match="use one of duration, steps"):
        gj.simulate(neuron, stimulus, 1e-5, spike_cut="time")
