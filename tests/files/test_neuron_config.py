"""neuron_config.json: nothing is lost on the way in and out, and what is wrong is refused in clear words."""

import copy
import dataclasses
import json
import os
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import SHARED
from jaxtyping import Array, Float

import glifjax as gj
from glifjax.io.config.absolute import absolute_voltages
from glifjax.io.config.neuron_config import (
    METHODS,
    NeuronConfigError,
    neuron_from_config,
    neuron_to_config,
    register_rule,
)
from glifjax.rules import membrane, threshold, threshold_kernels, voltage

PUBLISHED = sorted((SHARED / "reference" / "allen_neuron_configs").glob("*.json"))

#: what AllenSDK needs in a file and does not simulate
NOT_SIMULATED = {"type", "th_adapt", "dt_multiplier", "extrapolation_method_name"}


def neuron_at(level: str, **others) -> gj.GLIF:
    return gj.from_level(
        level,
        C=1.1e-10, R_input=2.1e8, th_inf=0.0213, init_threshold=0.022, init_voltage=1e-3, El=5e-4,
        El_reference=-0.0712, asc_tau_array=jnp.array([0.1, 0.013]), asc_amp_array=jnp.array([-3e-11, 1.5e-10]),
        init_AScurrents=jnp.array([-2e-12, 3e-12]), r=jnp.array([0.9, 0.5]), reset_slope=0.3,
        reset_intercept=-2e-3, a_spike=3e-3, b_spike=80.0, a_voltage=8.0, b_voltage=25.0, spike_cut_length=37,
        dt=2e-5, spike_latency=3e-4, escape_noise=gj.EscapeNoise(40.0, 2e-3),
        coeffs=gj.Coefficients(th_inf=1.1, C=0.9, G=1.2, a=0.8, b=1.3, asc_amp_array=jnp.array([1.1, 0.7])),
        **others,
    )  # fmt: skip


# What is written is read back


@pytest.mark.parametrize("level", gj.LEVELS)
@pytest.mark.parametrize("noise", [gj.EscapeNoise(40.0, 2e-3, 1e-3, 0.02), None], ids=["noisy", "hard"])
def test_round_trip(tmp_path, level, noise):
    neuron = eqx.tree_at(lambda neuron: neuron.escape_noise, neuron_at(level), noise, is_leaf=lambda leaf: leaf is None)
    gj.write_neuron_config(neuron, tmp_path / "neuron_config.json")
    again = gj.read_neuron_config(tmp_path / "neuron_config.json")
    assert jax.tree.structure(again) == jax.tree.structure(neuron)
    for (path, a), (_, b) in zip(*map(jax.tree_util.tree_leaves_with_path, (again, neuron)), strict=True):
        assert a.shape == b.shape, path
        np.testing.assert_array_equal(a, b, err_msg=str(path))
    written = json.loads((tmp_path / "neuron_config.json").read_text())
    assert set(written) >= NOT_SIMULATED
    assert ("escape_noise" in written) == (noise is not None)


def test_escape_noise_has_neither_jitter_nor_lapses_unless_told(tmp_path):
    config = neuron_to_config(neuron_at("LIF"))
    config["escape_noise"] = {"lambda0": 40.0, "delta_v": 2e-3}
    (tmp_path / "neuron_config.json").write_text(json.dumps(config))
    noise = gj.read_neuron_config(tmp_path / "neuron_config.json").escape_noise
    assert (float(noise.jitter), float(noise.lapse)) == (0.0, 0.0)


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_config_is_kept(tmp_path, path):
    gj.write_neuron_config(gj.read_neuron_config(path), tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(path.read_text())


def test_what_the_neuron_does_not_hold_is_kept_from_a_like(tmp_path):
    config = neuron_to_config(neuron_at("LIF-R"))
    config["threshold_dynamics_method"]["params"] |= {"a_spike": 7e-3, "a_voltage": 0.1}
    config |= {"th_adapt": 0.1, "dt_multiplier": 1, "note": {"by": "hand"}, "spike_cut_length": 37.9, "El": 0}
    del config["coeffs"]
    path, out = tmp_path / "wrapped.json", tmp_path / "out.json"
    path.write_text(json.dumps({"566283950": config}))
    neuron = gj.read_neuron_config(path)
    gj.write_neuron_config(neuron, out, like=path)
    assert json.loads(out.read_text()) == json.loads(path.read_text())

    moved = eqx.tree_at(lambda n: (n.C, n.coeffs.G), neuron, (jnp.asarray(2e-10), jnp.asarray(1.5)))
    moved = eqx.tree_at(lambda n: n.escape_noise, moved, None)
    gj.write_neuron_config(moved, out, like=config)
    written = json.loads(out.read_text())
    assert written.pop("coeffs")["G"] == 1.5
    assert written == {key: value for key, value in config.items() if key != "escape_noise"} | {"C": 2e-10}
    assert neuron_to_config(gj.read_neuron_config(out)) == neuron_to_config(moved)


@pytest.mark.parametrize("level", gj.LEVELS)
def test_every_method_is_written_with_all_that_allensdk_demands(level):
    config = neuron_to_config(neuron_at(level))
    resets, currents, adapts = gj.LEVELS[level]
    four, spike = {"a_spike", "b_spike", "a_voltage", "b_voltage"}, {"a_spike", "b_spike"}
    expected = {
        "voltage_dynamics_method": ("linear_forward_euler", set()),
        "threshold_dynamics_method": (
            ("three_components_exact" if adapts else "spike_component", four) if resets else ("inf", set())
        ),
        "AScurrent_dynamics_method": ("exp" if currents else "none", set()),
        "voltage_reset_method": ("v_before", {"a", "b"}) if resets else ("zero", set()),
        "threshold_reset_method": ("three_components", spike) if resets else ("inf", set()),
        "AScurrent_reset_method": ("sum", {"r"}) if currents else ("none", set()),
    }
    found = {key: value for key, value in config.items() if key.endswith("_method")}
    assert {key: (value["name"], set(value["params"])) for key, value in found.items()} == expected


def test_wrapped_files_and_what_may_be_absent(tmp_path):
    config = neuron_to_config(neuron_at("LIF-R-ASC"))
    path = tmp_path / "neuron_config.json"
    path.write_text(json.dumps({"566283950": config}))
    assert neuron_to_config(gj.read_neuron_config(path)) == config
    optional = {"coeffs", "El_reference", "escape_noise", "spike_latency", *NOT_SIMULATED}
    least = neuron_from_config({key: value for key, value in config.items() if key not in optional})
    assert (float(least.El_reference), float(least.spike_latency), least.escape_noise) == (0.0, 0.0, None)
    assert all(np.all(np.asarray(leaf) == 1) for leaf in jax.tree.leaves(least.coeffs))


def test_every_built_in_rule_is_read_back():
    gates = (gate_at(-0.04, 5e-3), gate_at(-0.06, -7e-3))
    neuron = dataclasses.replace(
        neuron_at("LIF-R-ASC"),
        voltage_dynamics=voltage.LinearExact(),
        **kernels(knots=[0.0, 0.01], weights=[[0.1], [0.2]]),
        membrane_currents=(gated(-0.02, gates), gated(0.1, gates[:1])),
        spike_waveform=jnp.array([0.0, 0.05, 0.01]),
    )
    assert eqx.tree_equal(neuron_from_config(json.loads(json.dumps(neuron_to_config(neuron)))), neuron)
    rule = threshold.ThreeComponentsEuler(jnp.array(80.0), jnp.array(8.0), jnp.array(25.0))
    forward = dataclasses.replace(neuron_at("LIF-R"), threshold_dynamics=rule)
    assert eqx.tree_equal(neuron_from_config(neuron_to_config(forward)), forward)


def gate_at(V_half: float, slope: float) -> membrane.Gate:
    return membrane.Gate(jnp.array(V_half), jnp.array(slope), jnp.array(0.01))


def gated(reversal: float, gates: tuple) -> membrane.GatedCurrent:
    return membrane.GatedCurrent(jnp.array(1e-9), jnp.array(reversal), gates)


def kernels(knots: list, weights: list) -> dict:
    return {
        "threshold_dynamics": threshold_kernels.Kernels(
            jnp.array([0.01, 0.1]), jnp.array([0.05]), jnp.array(knots), jnp.array(weights), jnp.array(2e-3)
        ),
        "threshold_reset": threshold_kernels.ResetKernels(jnp.array([1e-3, 2e-3])),
    }


# Rules of one's own


class Pull(eqx.Module):
    """A reset with every kind of parameter."""

    to: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    weights: Float[Array, " n"] = eqx.field(converter=jnp.asarray)
    mode: str = eqx.field(static=True, default="mean")

    def __call__(self, neuron, state):
        return self.to * jnp.sum(self.weights)


def linear(neuron, state, a, b):
    return a * state.voltage + b


def hold(neuron, state):
    return state.voltage


@pytest.fixture
def registry():
    """METHODS, as it was before, afterwards."""
    before = dict(METHODS)
    yield
    METHODS.clear()
    METHODS.update(before)


OWN = {
    "module": (Pull, lambda: Pull(-0.01, [0.5, 0.25], "sum"), {"to": -0.01, "weights": [0.5, 0.25], "mode": "sum"}),
    "function": (
        linear,
        lambda: eqx.Partial(linear, a=jnp.asarray(0.1), b=jnp.asarray(-2e-3)),
        {"a": 0.1, "b": -2e-3},
    ),
    "plain": (hold, lambda: hold, {}),
}


@pytest.mark.parametrize("kind", OWN)
def test_a_rule_of_ones_own(tmp_path, registry, kind):
    rule, make, params = OWN[kind]
    neuron = dataclasses.replace(neuron_at("LIF"), voltage_reset=make())
    path = tmp_path / "neuron_config.json"
    with pytest.raises(NeuronConfigError, match=rf"{rule.__name__} is not registered .* glifjax.register_rule\("):
        gj.write_neuron_config(neuron, path)
    assert not os.listdir(tmp_path)
    register_rule("voltage_reset_method", "mine", rule)
    gj.write_neuron_config(neuron, path)
    assert json.loads(path.read_text())["voltage_reset_method"] == {"name": "mine", "params": params}
    assert eqx.tree_equal(gj.read_neuron_config(path), neuron)

    config = json.loads(path.read_text())
    config["voltage_reset_method"]["params"]["c"] = 1.0
    refused(tmp_path, json.dumps(config), ["'mine': its params hold c, but it takes"])
    if params:
        config["voltage_reset_method"]["params"] = {}
        refused(tmp_path, json.dumps(config), ["'mine': its params lack "])
    del METHODS["voltage_reset_method", "mine"]
    refused(tmp_path, json.dumps(config), ["'mine' is unknown", "glifjax.register_rule('voltage_reset_method', 'mine'"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("voltage_reset", "mine", hold), "method 'voltage_reset' is unknown; use one of voltage_dynamics_method"),
        (("voltage_reset_method", "zero", hold), "'zero' is a built-in rule; give yours another name"),
        (("voltage_reset_method", "mine", str), "is no rule; give an equinox.Module class or a function"),
        (("membrane_currents", "mine", Pull), "is no rule; give an AbstractMembraneCurrent class"),
    ],
)
def test_what_cannot_be_registered(registry, arguments, words):
    with pytest.raises(NeuronConfigError, match=words):
        register_rule(*arguments)


# Absolute voltages


@pytest.mark.parametrize("level", gj.LEVELS)
def test_absolute_voltages_shift_everything_by_the_reference(tmp_path, level):
    path = tmp_path / "neuron_config.json"
    gj.write_neuron_config(neuron_at(level), path)
    assert_shifted(gj.read_neuron_config(path, absolute=True), gj.read_neuron_config(path))
    config = json.loads(path.read_text())
    del config["El_reference"]
    path.write_text(json.dumps(config))
    with pytest.raises(NeuronConfigError, match="lacks El_reference, so that its voltages cannot be made absolute"):
        gj.read_neuron_config(path, absolute=True)


def test_absolute_voltages_of_kernels_and_membrane_currents():
    neuron = dataclasses.replace(
        neuron_at("LIF-ASC"),
        **kernels(knots=[0.01], weights=[[0.2]]),
        membrane_currents=(gated(0.0, (gate_at(0.01, 5e-3),)),),
        spike_waveform=jnp.array([0.0, 0.05]),
    )
    assert_shifted(absolute_voltages(neuron), neuron)
    with pytest.raises(NeuronConfigError, match="what hold is in absolute voltages is not known"):
        absolute_voltages(dataclasses.replace(neuron, voltage_reset=hold))


def assert_shifted(absolute: gj.GLIF, relative: gj.GLIF):
    assert float(absolute.El_reference) == 0
    current = 5e-10 * (np.arange(1400) > 100)
    found, expected = (gj.simulate(neuron, current, 5e-5) for neuron in (absolute, relative))
    assert len(expected.spikes()) > 2
    np.testing.assert_array_equal(found.spikes().steps, expected.spikes().steps)
    np.testing.assert_allclose(found.spikes().times, expected.spikes().times, rtol=0, atol=1e-12)
    for name, by in [("voltage", -0.0712), ("threshold", -0.0712), ("afterspike_currents", 0.0)]:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name) + by, rtol=0, atol=1e-13)


# Configs from before 2017


def test_a_config_of_2016_is_converted(tmp_path):
    """What spikes add to the threshold does not decay during the cut (AllenSDK 0.12, glif_neuron_methods.py)."""
    config = neuron_to_config(neuron_at("LIF-R"))
    del config["threshold_reset_method"]["params"]["b_spike"], config["El_reference"]
    config["th_adapt"] = 0.0992
    path = tmp_path / "neuron_config.json"
    path.write_text(json.dumps(config))
    neuron = gj.read_neuron_config(path)
    assert float(neuron.threshold_reset.b_spike) == 0
    state = eqx.tree_at(lambda state: state.threshold.spike, neuron.init(), jnp.asarray(1e-3))
    assert float(neuron.reset(state).threshold.spike) == pytest.approx(1e-3 + 3e-3)

    config["voltage_reset_method"] = {"name": "fixed", "params": {"value": -4e-3}}
    fixed = neuron_from_config(config).voltage_reset
    assert (type(fixed), float(fixed.a), float(fixed.b)) == (voltage.ResetFromVoltage, 0.0, -4e-3)


def test_a_config_of_2015_is_converted(tmp_path):
    expected = neuron_at("LIF")
    config = neuron_to_config(expected)
    for holder in (config, config["coeffs"]):
        holder["asc_vector"] = holder.pop("asc_amp_array")
    config |= {"tau": config.pop("asc_tau_array"), "init_method_data": {}}
    config["voltage_dynamics_method"]["name"] = "linear"
    path = tmp_path / "neuron_config.py"
    path.write_text(repr(config))  # a Python literal, as some of them are
    assert eqx.tree_equal(gj.read_neuron_config(path), expected)
    config["AScurrent_dynamics_method"]["name"] = "exp_glm"
    refused(
        tmp_path, json.dumps(config), ["'exp_glm'", "before 2017", "decays by forward Euler", "use the cell's model"]
    )


# What is wrong is refused


def set_to(value, *keys: str) -> Callable[[dict], object]:
    def edit(config):
        inner = config
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value

    return edit


def without(*keys: str) -> Callable[[dict], object]:
    def edit(config):
        inner = config
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]

    return edit


REQUIRED = (
    "El", "C", "R_input", "th_inf", "dt", "init_voltage", "init_threshold", "asc_tau_array", "asc_amp_array",
    "init_AScurrents", "spike_cut_length", "voltage_dynamics_method", "threshold_dynamics_method",
    "AScurrent_dynamics_method", "voltage_reset_method", "threshold_reset_method", "AScurrent_reset_method",
)  # fmt: skip

#: what is done to a good config, and what the error must say
BAD = [(without(key), [f"lacks {key}"]) for key in REQUIRED] + [
    (set_to("1e-10", "C"), ["C is '1e-10'", "finite number in SI units"]),
    (set_to(None, "R_input"), ["R_input is None", "finite number"]),
    (set_to(True, "th_inf"), ["th_inf is True", "finite number"]),
    (set_to([0.0], "El"), ["El is [0.0]", "finite number"]),
    (set_to(float("nan"), "El"), ["El is nan", "finite number"]),
    (set_to(float("inf"), "spike_cut_length"), ["spike_cut_length is inf", "finite number"]),
    (set_to("x", "El_reference"), ["El_reference is 'x'"]),
    (set_to("x", "spike_latency"), ["spike_latency is 'x'"]),
    (set_to(0.1, "asc_tau_array"), ["asc_tau_array is 0.1", "list of finite numbers"]),
    (set_to(["0.1", "0.2"], "asc_tau_array"), ["asc_tau_array is ['0.1', '0.2']", "list of finite numbers"]),
    (set_to([[0.1, 0.2]], "asc_amp_array"), ["asc_amp_array is [[0.1, 0.2]]", "list of finite numbers"]),
    (set_to([None, 0.2], "asc_amp_array"), ["asc_amp_array is [None, 0.2]", "list of finite numbers"]),
    (set_to([0.1], "asc_tau_array"), ["must have one length", "asc_tau_array: 1", "asc_amp_array: 2"]),
    (set_to([1.0], "coeffs", "asc_amp_array"), ["must have one length", "coeffs.asc_amp_array: 1"]),
    (set_to([1.0], "AScurrent_reset_method", "params", "r"), ["must have one length", "r: 1"]),
    (set_to([1.0], "coeffs"), ["coeffs is [1.0]", "an object"]),
    (set_to("1", "coeffs", "G"), ["coeffs: G is '1'", "finite number"]),
    (set_to("none", "voltage_reset_method"), ["voltage_reset_method is 'none'", '"name"']),
    (set_to(["zero"], "voltage_reset_method", "name"), ["voltage_reset_method is", '"name"']),
    (set_to("zer0", "voltage_reset_method", "name"), ["'zer0' is unknown", "known are: zero, v_before"]),
    (set_to({}, "voltage_reset_method", "params"), ["params lack a, b"]),
    (set_to([1], "voltage_reset_method", "params"), ["'v_before': params is [1]", "an object"]),
    (without("threshold_reset_method", "params", "a_spike"), ["'three_components': its params lack a_spike"]),
    (without("threshold_dynamics_method", "params", "a_spike"), ["'three_components_exact': its params lack a_spike"]),
    (without("voltage_dynamics_method", "params"), ["voltage_dynamics_method is {'name'", '"params"']),
    (set_to({"c": 1.0}, "AScurrent_dynamics_method", "params"), ["'exp': its params hold c, but it takes none"]),
    (set_to([0.0], "voltage_reset_method", "params", "a"), ["'v_before': a is [0.0]", "finite number"]),
    (set_to(0.5, "AScurrent_reset_method", "params", "r"), ["'sum': r is 0.5", "list of finite numbers"]),
    *[
        (set_to(value, key), [f"{key} is {value}", "greater than 0"])
        for key in ("C", "R_input", "dt")
        for value in (0, -1)
    ],
    (set_to([0.1, 0.0], "asc_tau_array"), ["asc_tau_array is [0.1, 0.0]", "greater than 0 s"]),
    (set_to(-1, "spike_cut_length"), ["spike_cut_length is -1", "0 or more steps"]),
    (set_to(0, "coeffs", "C"), ["coeffs.C is 0", "above 0"]),
    (set_to(-1, "coeffs", "G"), ["coeffs.G is -1", "0 or more"]),
    (set_to(0, "coeffs", "G"), ["coeffs.G is 0", "AllenSDK divides by"]),
    (set_to(0, "coeffs", "b"), ["b_voltage times coeffs.b is 0", "AllenSDK divides by", "use 'spike_component'"]),
    (
        set_to({"name": "inf", "params": {}}, "threshold_dynamics_method"),
        ["'three_components' adds to a component that threshold_dynamics_method 'inf' does not keep"],
    ),
    (
        set_to({"name": "none", "params": {}}, "AScurrent_reset_method"),
        ["init_AScurrents is [-2e-12, 3e-12]", "AScurrent_reset_method 'none'", "use the reset 'sum'"],
    ),
    (
        set_to({"name": "kernels", "params": {"a_spike": [0.0]}}, "threshold_reset_method"),
        ["'kernels' is for both or for none"],
    ),
    (set_to({}, "membrane_currents"), ["membrane_currents is {}", "a list of rules"]),
    (
        set_to([{"name": "gated", "params": {"conductance": 1, "reversal": 0, "gates": [1]}}], "membrane_currents"),
        ["membrane_currents 'gated': gates is [1]", "a list of objects"],
    ),
    (
        set_to([{"name": "h", "params": {}}], "membrane_currents"),
        ["membrane_currents 'h' is unknown; known are: gated"],
    ),
    (set_to("0", "threshold_reset_method", "params", "a_spike"), ["a_spike is '0'", "finite number"]),
    (set_to([40.0, 2e-3], "escape_noise"), ["escape_noise is [40.0, 0.002]", "an object"]),
    (set_to({"lambda0": 40.0}, "escape_noise"), ["escape_noise: lacks delta_v"]),
    (set_to("a", "escape_noise", "lambda0"), ["escape_noise: lambda0 is 'a'"]),
    (set_to(0.0, "escape_noise", "delta_v"), ["escape_noise: delta_v is 0", "greater than 0"]),
    (set_to(-1e-3, "escape_noise", "jitter"), ["escape_noise: jitter is -0.001", "not be negative"]),
    (set_to("a", "escape_noise", "lapse"), ["escape_noise: lapse is 'a'"]),
]


@pytest.mark.parametrize(("edit", "words"), BAD, ids=[" ".join(words) for _, words in BAD])
def test_a_bad_config_is_refused(tmp_path, good_config, edit, words):
    edit(good_config)
    refused(tmp_path, json.dumps(good_config), words)


@pytest.fixture(scope="module")
def config_at_level_5() -> dict:
    return neuron_to_config(neuron_at("LIF-R-ASC-A"))


@pytest.fixture
def good_config(config_at_level_5) -> dict:
    return copy.deepcopy(config_at_level_5)


def refused(folder, text: str, words: list[str]):
    path = folder / "neuron_config.json"
    path.write_text(text)
    with pytest.raises(NeuronConfigError) as error:
        gj.read_neuron_config(path)
    message = str(error.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["is not JSON", "neuron_config.json"]),
        ("El: 0", ["is not JSON"]),
        ('{"El": 0,', ["is not JSON"]),
        ("[1, 2]", ["holds a list"]),
        ("{}", ["lacks El, C"]),
        ('{"a": {}, "b": {}}', ["lacks El, C"]),
    ],
)
def test_a_file_that_is_no_config_is_refused(tmp_path, text, words):
    refused(tmp_path, text, words)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(NeuronConfigError, match=r"cannot be read \(.*\); check the path") as error:
            gj.read_neuron_config(path)
        assert str(error.value).startswith(str(path))


def test_a_broken_neuron_among_several_is_refused_by_its_id(tmp_path):
    path = tmp_path / "several.json"
    good = neuron_to_config(gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02))
    path.write_text(json.dumps({"a": good, "b": {key: value for key, value in good.items() if key != "C"}}))
    with pytest.raises(NeuronConfigError, match=r"several\.json, neuron b: lacks C"):
        gj.read_neuron_configs(path)
    assert float(gj.read_neuron_config(path, id="a").C) == 1e-10
