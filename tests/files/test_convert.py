"""A neuron's file in other forms: Allen's, NEST's, SONATA's, and the Mihalas-Niebur neuron's own."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

import glifjax as gj
from glifjax.cli import app
from glifjax.io.sonata.components import cell_parameters


@pytest.fixture
def allen(tmp_path):
    neuron = gj.from_level(
        "LIF-R-ASC", C=1.1e-10, R_input=2.1e8, th_inf=0.0213, El_reference=-0.0712, reset_slope=0.3,
        reset_intercept=-2e-3, a_spike=3e-3, b_spike=80.0, asc_amp_array=(-3e-11, 1e-11), spike_cut_length=37, dt=1e-4,
    )  # fmt: skip
    path = tmp_path / "allen.json"
    gj.write_neuron_config(neuron, path)
    return path


def convert(*arguments):
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


def test_to_nest_and_back_is_the_same_neuron(allen, tmp_path):
    assert convert(allen, tmp_path / "nest.json", "--to", "nest").exit_code == 0
    assert json.loads((tmp_path / "nest.json").read_text())["C_m"] == pytest.approx(110)
    assert convert(tmp_path / "nest.json", tmp_path / "again.json", "--to", "allen").exit_code == 0
    first, again = (
        gj.read_neuron_config(allen, absolute=True),
        gj.read_neuron_config(tmp_path / "again.json", absolute=True),
    )
    assert again.level == first.level
    for name in ("C", "R_input", "th_inf", "El", "asc_amp_array", "spike_cut_duration"):
        np.testing.assert_allclose(getattr(again, name), getattr(first, name), rtol=1e-12, err_msg=name)


def test_to_sonata_is_a_file_that_networks_read(allen, tmp_path):
    result = convert(allen, tmp_path / "cell.json", "--to", "sonata")
    assert result.exit_code == 0
    assert 'model_template "nest:glif_psc", dynamics_params "cell.json"' in " ".join(result.output.split())
    model, values = cell_parameters("nest:glif_psc", json.loads((tmp_path / "cell.json").read_text()), "cell.json")
    assert model == "glif_psc"
    assert values["tau_syn"] == (5.5, 8.5, 2.8, 5.8)


def test_what_cannot_be_converted_is_one_line_and_exit_2(tmp_path):
    gj.write_neuron_config(gj.gallery["M"].neuron, tmp_path / "bursting.json")
    result = convert(tmp_path / "bursting.json", tmp_path / "nest.json", "--to", "nest")
    assert result.exit_code == 2
    assert "NEST's glif_psc has none such; give a GLIF neuron" in " ".join(result.output.split())
    assert not (tmp_path / "nest.json").exists()


# The Mihalas-Niebur neuron's own form


@pytest.mark.parametrize("name", ["tonic_bursting", "class_2"])
def test_a_mihalas_niebur_neuron_is_read_as_it_was_written(tmp_path, name):
    neuron = gj.gallery[name].neuron
    gj.write_neuron_config(neuron, tmp_path / "neuron.json")
    config = json.loads(json.dumps(gj.io.neuron_to_config(neuron)))
    for again in (gj.read_neuron_config(tmp_path / "neuron.json"), gj.io.neuron_from_config(config)):
        assert jax.tree.structure(again) == jax.tree.structure(neuron)
        for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(neuron), strict=True):
            np.testing.assert_array_equal(a, b)
    glif = gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02)
    with pytest.raises(ValueError, match="is Mihalas and Niebur's form, and Allen's alone can be kept"):
        gj.write_neuron_config(glif, tmp_path / "other.json", like=tmp_path / "neuron.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"D": 1.0}, "D is no parameter of a MihalasNiebur neuron"),
        ({"C": 0.0}, "C is 0; it must be greater than 0"),
        ({"k": [200.0]}, "must have one length: k: 1"),
        ({"integrator": "rk4"}, "integrator is 'rk4'; use one of exact, exponential_euler"),
        ({"a": "five"}, "a is 'five'; expected a finite number"),
        ({"escape_noise": {"lambda0": 1.0}}, "escape_noise: lacks delta_v"),
    ],
)
def test_a_bad_file_is_refused_with_its_name(tmp_path, change, message):
    path = tmp_path / "neuron.json"
    gj.write_neuron_config(gj.MihalasNiebur(), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message) as refusal:
        gj.read_neuron_config(path)
    assert str(refusal.value).startswith(str(path))


def test_a_batch_is_refused():
    neurons = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), gj.MihalasNiebur())
    with pytest.raises(ValueError, match=r"C has shape \(2,\), but a file holds one neuron"):
        gj.write_neuron_config(neurons, "neuron.json")


# One precision


def test_a_file_loses_no_digit_in_float32(allen, tmp_path):
    config = json.loads(allen.read_text()) | {"C": 1.0123456789012345e-10, "th_inf": 0.021234567890123456}
    allen.write_text(json.dumps(config))
    with jax.enable_x64(False):
        neuron = gj.read_neuron_config(allen)
        gj.write_neuron_config(neuron, tmp_path / "again.json")
        trace = gj.simulate(neuron, np.full(400, 4e-10), 1e-4)
    assert json.loads((tmp_path / "again.json").read_text()) == config
    assert trace.voltage.dtype == np.float32
    assert len(trace.spikes()) > 0
