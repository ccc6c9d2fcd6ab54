"""neuron_config.json: nothing is lost on the way in and out, and what is wrong is refused in clear words."""

import copy
import json
import os
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import SHARED

import glifjax as gj
from glifjax.io.neuron_config import NeuronConfigError, neuron_from_config, neuron_to_config

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
@pytest.mark.parametrize("noise", [gj.EscapeNoise(40.0, 2e-3), None], ids=["noisy", "hard"])
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


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_config_is_kept(path):
    config = json.loads(path.read_text())
    written = json.loads(json.dumps(neuron_to_config(gj.read_neuron_config(path))))
    assert set(written) == set(config) | {"spike_latency"}
    for key in set(config) - NOT_SIMULATED:
        if config[key] != written[key]:  # parameters that AllenSDK demands but does not use may differ
            assert key == "threshold_dynamics_method"
            assert config[key]["name"] == written[key]["name"] == "spike_component"
            assert config[key]["params"].keys() == written[key]["params"].keys()
            assert config[key]["params"]["b_spike"] == written[key]["params"]["b_spike"]


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
    extra = neuron_from_config(config | {"my_note": "kept nowhere", "spike_cut_length": 37.9})
    assert neuron_to_config(extra) == config


def test_a_rule_of_ones_own_cannot_be_written(tmp_path):
    neuron = eqx.tree_at(lambda neuron: neuron.voltage_reset, neuron_at("LIF"), lambda neuron, state: state.voltage)
    with pytest.raises(NeuronConfigError, match=r"voltage_reset_method: .* only the built-in rules"):
        gj.write_neuron_config(neuron, tmp_path / "neuron_config.json")
    assert not os.listdir(tmp_path)


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
    (without("threshold_reset_method", "params", "b_spike"), ["'three_components': its params lack b_spike"]),
    (set_to("0", "threshold_reset_method", "params", "a_spike"), ["a_spike is '0'", "finite number"]),
    (set_to([40.0, 2e-3], "escape_noise"), ["escape_noise is [40.0, 0.002]", "an object"]),
    (set_to({"lambda0": 40.0}, "escape_noise"), ["escape_noise: lacks delta_v"]),
    (set_to("a", "escape_noise", "lambda0"), ["escape_noise: lambda0 is 'a'"]),
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
