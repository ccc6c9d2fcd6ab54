"""NEST's glif_psc: what is exported runs there as it does here, what it cannot express is refused."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import glifjax as gj
from glifjax.io.config.nest import neuron_from_nest, neuron_to_nest
from glifjax.io.config.neuron_config import NeuronConfigError, neuron_to_config
from glifjax.io.sonata.components import cell_parameters
from glifjax.rules import threshold, voltage

#: Spikes (steps of 10 us) of nest.Create("glif_psc", params=neuron_to_nest(neuron_at(level))) in NEST 3.10.0 for 260 pA
#: from a dc_generator (delay 10 us) over 100 ms. The current arrives there three steps late.
NEST_SPIKES = {
    "LIF": [1198, 2612, 4026, 5440, 6854, 8268, 9682],
    "LIF-R": [1198, 2508, 3835, 5168, 6503, 7838, 9173],
    "LIF-ASC": [1198, 3515, 6240, 9219],
    "LIF-R-ASC": [1198, 3398, 6023, 8907],
    "LIF-R-ASC-A": [1274, 3755, 6811],
}
LATE = 3


def neuron_at(level: str, **others) -> gj.GLIF:
    parameters = {
        "C": 1.1e-10, "R_input": 2.1e8, "th_inf": 0.0213, "El": 5e-4, "El_reference": -0.0712, "init_voltage": 1e-3,
        "asc_tau_array": jnp.array([0.1, 0.013]), "asc_amp_array": jnp.array([-3e-11, -1.5e-10]),
        "r": jnp.array([0.9, 0.5]),
        "init_AScurrents": jnp.array([-2e-12, 3e-12] if "ASC" in level else [0.0, 0.0]),
        "reset_slope": 0.3, "reset_intercept": -2e-3, "a_spike": 3e-3, "b_spike": 80.0, "a_voltage": 8.0,
        "b_voltage": 25.0, "spike_cut_length": 36, "dt": 5e-5,
        "coeffs": gj.Coefficients(th_inf=1.1, C=0.9, G=1.2, a=0.8, b=1.3, asc_amp_array=jnp.array([1.1, 0.7])),
    }  # fmt: skip
    return gj.from_level(level, **(parameters | others))


@pytest.mark.parametrize("level", gj.LEVELS)
def test_an_export_spikes_in_nest_as_here(tmp_path, level):
    path = tmp_path / "cell_psc.json"
    path.write_text(json.dumps(neuron_to_nest(neuron_at(level))))
    steps = gj.simulate(gj.read_neuron_config(path), np.full(10_000, 2.6e-10), 1e-5).spikes().steps
    expected = np.array(NEST_SPIKES[level]) - LATE
    # exact for LIF; the resets read the voltage one step apart, and steps are 10 us
    assert len(steps) == len(expected)
    assert np.abs(steps - expected).max() <= {"LIF": 0, "LIF-R": 2}.get(level, 1)


@pytest.mark.parametrize("level", gj.LEVELS)
def test_an_export_read_back_is_the_same_neuron(level):
    neuron = neuron_at(level)
    again = neuron_from_nest(neuron_to_nest(neuron))
    assert isinstance(again.voltage_dynamics, voltage.LinearExact)
    names = ["conductance", "capacitance", "spike_cut_duration"]
    if "ASC" in level:
        names += ["afterspike_amplitudes", "asc_tau_array", "init_AScurrents"]
    for name in ("a_spike", "b_spike") if "-R" in level else ():
        found, expected = (float(getattr(each.threshold_reset, name)) for each in (again, neuron))
        assert found == pytest.approx(expected, rel=1e-12), name
    if level.endswith("-A"):
        rates = again.threshold_dynamics.a_voltage, again.threshold_dynamics.b_voltage, again.threshold_dynamics.b_spike
        np.testing.assert_allclose(rates, (8.0 * 0.8, 25.0 * 1.3, 80.0), rtol=1e-12)
    for name in names:
        np.testing.assert_allclose(getattr(again, name), getattr(neuron, name), rtol=1e-12, err_msg=name)
    for name in ("El", "init_voltage", "threshold_infinity"):
        found, expected = (float(getattr(each, name) + each.El_reference) for each in (again, neuron))
        assert found == pytest.approx(expected, abs=1e-15), name


def test_nest_parameters_as_they_are_found(tmp_path):
    """A published style of file: without what its mechanisms do not need, with synapses; defaults for the rest."""
    params = {
        "V_m": -79.0, "V_th": -49.6, "g": 3.5, "E_L": -79.0, "C_m": 60.7, "t_ref": 1.453, "V_reset": -78.0,
        "asc_init": [0.0, 0.0], "asc_decay": [0.03, 0.3], "asc_amps": [-23.8, -292.1], "tau_syn": [5.5, 8.5, 2.8, 5.8],
        "spike_dependent_threshold": False, "after_spike_currents": True, "adapting_threshold": False,
    }  # fmt: skip
    path = tmp_path / "cell_psc.json"
    path.write_text(json.dumps(params))
    neuron = gj.read_neuron_config(path)
    assert isinstance(neuron.voltage_reset, voltage.ResetToZero)
    found = {name: float(getattr(neuron, name)) for name in ("El_reference", "El", "init_voltage", "th_inf", "C", "dt")}
    expected = {"El_reference": -0.078, "El": -1e-3, "init_voltage": -1e-3, "th_inf": 0.0284, "C": 6.07e-11, "dt": 1e-6}
    assert found == pytest.approx(expected)
    assert int(neuron.spike_cut_length) == 1453
    assert neuron.convention == "nest"
    np.testing.assert_allclose(neuron.afterspike_reset.r, [1.0, 1.0])
    absolute = gj.read_neuron_config(path, absolute=True)
    assert float(absolute.voltage_reset.b) == pytest.approx(-0.078)
    gj.write_neuron_config(neuron, tmp_path / "neuron_config.json")
    assert gj.read_neuron_config(tmp_path / "neuron_config.json").convention == "nest"
    assert neuron_to_config(gj.read_neuron_config(tmp_path / "neuron_config.json")) == neuron_to_config(neuron)
    with pytest.raises(NeuronConfigError, match="is NEST's form"):
        gj.write_neuron_config(neuron, tmp_path / "neuron_config.json", like=path)


def test_nest_parameters_come_back_in_all_their_digits():
    """In single precision too; a voltage that is not given is NEST's own, whatever E_L."""
    given = {"E_L": -70.1, "V_th": -45.3, "C_m": 58.7, "g": 9.43, "t_ref": 3.75, "asc_decay": [0.003, 0.1]}
    levels = {"spike_dependent_threshold": True, "after_spike_currents": True, "adapting_threshold": True}
    with jax.enable_x64(False):
        params = neuron_to_nest(gj.neuron_from_nest(given | levels))
    assert params["V_m"] == pytest.approx(-78.85, rel=1e-14)
    for name, value in given.items():
        assert params[name] == pytest.approx(value, rel=1e-14), name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"adapting_threshold": True}, "are the mechanisms of none of NEST's five GLIF models"),
        ({"a_spike": 0.4, "k": [0.03, 0.3]}, "look like NEST's glif_psc parameters, but a_spike, k is none of them"),
        (
            {"E_rev": [0.0, -85.0]},
            "of NEST's glif_cond, whose synapses are conductances; give those of glif_psc",
        ),
        ({"model": "glif_cond"}, "parameters of NEST's glif_cond"),
        ({"g": 0.0}, "g is 0.0; NEST takes numbers above 0"),
        ({"t_ref": "3"}, "t_ref is '3'; expected a finite number in NEST's units"),
        ({"V_reset": -40.0}, "V_reset is -40 and V_th -50; NEST takes V_reset < V_th"),
        ({"after_spike_currents": True, "asc_r": [1.0, 1.2]}, r"asc_r is \[1.  1.2\]; NEST takes numbers from 0 to 1"),
        (
            {"after_spike_currents": True, "asc_amps": [1.0]},
            "must have one length: asc_init: 2, asc_decay: 2, asc_amps: 1",
        ),
        ({"spike_dependent_threshold": True, "voltage_reset_fraction": 1.5}, "voltage_reset_fraction is 1.5"),
    ],
)
def test_what_nest_would_refuse_is_refused(tmp_path, change, words):
    path = tmp_path / "cell_psc.json"
    path.write_text(json.dumps({"C_m": 60.0, "V_th": -50.0} | change))
    with pytest.raises(NeuronConfigError, match=words) as error:
        gj.read_neuron_config(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_what_nest_cannot_express_is_not_exported():
    steep = neuron_at("LIF-R", reset_slope=1.2)
    uncut = neuron_at("LIF", spike_cut_length=0)
    mixed = dataclasses.replace(neuron_at("LIF-R"), threshold_reset=threshold.ResetToInfinity())
    split = dataclasses.replace(neuron_at("LIF-R"), threshold_reset=threshold.ResetThreeComponents(3e-3, 0.0))
    for neuron, words in [
        (steep, "voltage_reset_fraction is 1.2"),
        (uncut, "t_ref is 0"),
        (mixed, "has the rules of LIF, LIF-R, .* only; this neuron's are ForwardEuler, .*ResetToInfinity"),
        (split, "one th_spike_decay, but b_spike is 80 in the threshold's dynamics and 0 in its reset"),
    ]:
        with pytest.raises(NeuronConfigError, match=words):
            neuron_to_nest(neuron)


TEMPLATES = dict(
    zip(gj.LEVELS, ("glif_lif", "glif_lif_r", "glif_lif_asc", "glif_lif_r_asc", "glif_lif_r_asc_a"), strict=True)
)


@pytest.mark.parametrize("level", gj.LEVELS)
def test_allens_json_becomes_the_same_cell_either_way(level):
    """As a component of a network, and through the neuron; `asc_r` counts where NEST need not be equalled."""
    start = {"init_AScurrents": jnp.zeros(2), "init_voltage": 0.0, "El": 0.0}  # as in all of Allen's files
    neuron = neuron_at(level, **start)
    config, template = neuron_to_config(neuron), f"nest:{TEMPLATES[level]}_psc"
    _, component = cell_parameters(template, config, "cell.json", nest_exact=False)
    exported = neuron_to_nest(neuron)
    for key in exported.keys() - {"ASCurrents"}:
        if key != "V_reset" or not exported["spike_dependent_threshold"]:
            np.testing.assert_allclose(component[key], exported[key], rtol=1e-12, err_msg=key)
    if "ASC" in level:
        assert component["asc_r"] == (0.9, 0.5)
        assert cell_parameters(template, config, "cell.json")[1]["asc_r"] == (1.0, 1.0)
    again = neuron_to_nest(neuron_from_nest(exported))
    assert again.keys() == exported.keys()
    for key, value in exported.items():
        np.testing.assert_allclose(again[key], value, rtol=1e-12, err_msg=key)


def test_arrays_of_any_kind_are_numbers_and_a_step_is_one_above_zero():
    given = {
        "C_m": np.array(60.0),
        "g": jnp.asarray(9.0),
        "asc_decay": jnp.asarray([0.003, 0.1]),
        "V_th": np.float32(-50),
    }
    plain = {"C_m": 60.0, "g": 9.0, "asc_decay": [0.003, 0.1], "V_th": -50.0}
    levels = {"after_spike_currents": np.bool_(True)}
    assert neuron_to_nest(gj.neuron_from_nest(given | levels)) == neuron_to_nest(gj.neuron_from_nest(plain | levels))
    for dt in (0.0, -1e-4, np.nan):
        with pytest.raises(ValueError, match="dt is"):
            gj.neuron_from_nest(plain, dt=dt)


@pytest.mark.parametrize("transform", [jax.jit, jax.vmap, jax.grad])
def test_inside_a_transformation_a_neuron_is_in_no_file(transform, tmp_path):
    neuron = gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02)
    for write in (lambda neuron: gj.write_neuron_config(neuron, tmp_path / "cell.json"), neuron_to_nest):

        def written(C, write=write):
            write(dataclasses.replace(neuron, C=C))
            return C

        with pytest.raises(NeuronConfigError, match=r"inside jit, vmap or grad .*; return "):
            transform(written)(jnp.full(2, 1e-10) if transform is jax.vmap else 1e-10)
