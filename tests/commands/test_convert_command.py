"""`glifjax convert`, and `glifjax simulate --step`: what a new user types."""

import json
import re

import numpy as np
import pytest
from nwb_files import Cell
from typer.testing import CliRunner

import glifjax as gj
from glifjax.cli import app


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_recording_is_written_anew_without_what_cannot_be_read(tmp_path):
    cell = Cell(tmp_path)
    cell.sweep(0)
    cell.sweep(3, "noise")
    cell.response("response_4", np.full(1000, np.nan), number=4)
    cell.stimulus("stimulus_4", number=4)
    done = run("convert", cell.save(), tmp_path / "copy.nwb")
    assert done.exit_code == 0, done.output
    with gj.read_recording(cell.path) as before, gj.read_recording(tmp_path / "copy.nwb") as after:
        assert [(sweep.number, sweep.protocol) for sweep in after.sweeps] == [(0, "step"), (3, "noise")]
        for old, new in zip(before.sweeps[:2], after.sweeps, strict=True):
            np.testing.assert_allclose(new.current, old.current, atol=1e-15)
            np.testing.assert_allclose(new.voltage, old.voltage, atol=1e-7)
    assert "sweep 4" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("absent.abf", "out.nwb"), "there is no such file"),
        (("{cell}", "out.txt"), "give a name that ends in .nwb"),
        (("{cell}", "{cell}"), "the file exists; choose another name, or replace it with --overwrite"),
        (("{cell}", "out.nwb", "--stimulus", "i.csv"), "leave out --stimulus i.csv"),
    ],
)
def test_what_cannot_be_converted_is_refused(tmp_path, words, message):
    cell = Cell(tmp_path)
    cell.sweep(0)
    path = cell.save()
    done = run("convert", *(word.format(cell=path) for word in words))
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("neuron") / "neuron_config.json"
    neuron = gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02, spike_cut_length=20, dt=1e-4)
    gj.write_neuron_config(neuron, path)
    return path


def test_a_neuron_is_converted_and_no_file_lost(config, tmp_path):
    out = tmp_path / "glif_psc.json"
    assert run("convert", config, out, "--to", "nest").exit_code == 0
    before = out.read_bytes()
    for words, message in (
        ((config, out, "--to", "nest"), "the file exists; choose another name, or replace it with --overwrite"),
        ((config, config, "--to", "nest"), "the file exists"),
        ((config, tmp_path / "n.txt", "--to", "nest"), "give a name that ends in .json"),
        ((config, tmp_path / "n.json", "--to", "nest", "--stimulus", "i.csv"), "are of a recording"),
    ):
        done = run("convert", *words)
        assert done.exit_code == 2
        assert message in " ".join(done.stderr.split())
    assert out.read_bytes() == before
    assert run("convert", config, out, "--to", "allen", "--overwrite").exit_code == 0
    assert gj.read_neuron_config(out).spike_cut_length == 20


@pytest.mark.slow
def test_a_mihalas_niebur_neuron_takes_a_step(tmp_path):
    """It spikes at C / G ln(I / (I - G (th_inf - El))), 20 ms ln 2 at 2 nA, and so after each reset to El."""
    path = tmp_path / "mihalas_niebur.json"
    gj.write_neuron_config(gj.MihalasNiebur(), path)
    done = run("simulate", path, "--step", "2nA", "--duration", "100ms")
    assert done.exit_code == 0, done.output
    words, wait = " ".join(done.output.split()), 20 * np.log(2)
    assert f"{100 // wait:.0f} spikes" in words
    assert f"the first {wait:.1f} ms after its start; intervals from {wait:.1f} to {wait:.1f} ms" in words
    assert "V from -70.0 to -50" in words
    assert "0 spikes" in run("simulate", path, "--step", "999pA", "--duration", "100ms").output


@pytest.mark.parametrize("command", ["simulate", "convert", pytest.param("explore", marks=pytest.mark.slow)])
def test_one_of_several_neurons_is_chosen_by_its_id(config, tmp_path, command):
    path, out = tmp_path / "several.json", tmp_path / ("out.html" if command == "explore" else "out.json")
    one = json.loads(config.read_text())
    path.write_text(json.dumps({"471": one, "472": one | {"C": 2e-10}}))
    rest = {"simulate": ("--step", "300pA"), "convert": (out, "--to", "allen"), "explore": ("--out", out)}[command]
    for words in ((), ("--id", "7")):
        done = run(command, path, *rest, *words)
        assert done.exit_code == 2
        assert "such as --id 471" in " ".join(done.stderr.split())
    done = run(command, path, *rest, "--id", "472")
    assert done.exit_code == 0, done.output
    if command == "simulate":  # 20 of 30 mV: RC ln 3, and RC is 20 ms, the first one's 10
        (first,) = re.findall(r"the first ([\d.]+) ms", done.output)
        assert abs(float(first) - 20 * np.log(3)) < 0.1
    elif command == "convert":
        assert gj.read_neuron_config(out).C == 2e-10
    else:
        assert "<title>472" in out.read_text()


def test_a_step_says_what_the_neuron_does(config):
    """dV = I R (1 - e^(-t / RC)): 20 mV at 300 pA after RC ln 3 = 11 ms, every 13 ms with the cut of 2 ms."""
    done = run("simulate", config, "--step", "300pA", "--duration", "500ms")
    assert done.exit_code == 0, done.output
    words = " ".join(done.output.split())
    first = 10 * np.log(300 / 100)
    assert f"the first {first:.1f} ms" in words or f"the first {first - 0.1:.1f} ms" in words
    assert "0 spikes" in run("simulate", config, "--step", "100 pA").output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--step", "200"), "is no number with a unit; give one in pA, nA"),
        (("--step", "200pV"), "is no number with a unit"),
        (("--step", "2 uA"), "more than any cell takes, 100 nA; give it in pA or nA"),
        (("--step", "1nA", "--duration", "1min"), "--duration '1min' is no number with a unit; give one in ms, s"),
        (("--step", "1nA", "--duration", "0s"), "--duration '0s': give a time above 0"),
        (("--step", "1nA", "--duration", "20us"), "--duration '20us' is no number with a unit"),
        (("--step", "1nA", "--duration", "0.01ms"), "--duration '0.01ms' is shorter than the time step, 0.1 ms"),
        (("cell.nwb", "--step", "1nA"), "takes the place of a recording"),
        ((), "give a recording to simulate, or a step: --step 200pA"),
        (("--step", "1nA", "--seed", "1"), "has no escape_noise"),
    ],
)
def test_a_step_that_is_none_is_refused(config, words, message):
    done = run("simulate", config, *words)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())


def test_a_neuron_in_other_units_is_refused(config, tmp_path):
    path = tmp_path / "pF.json"
    path.write_text(config.read_text().replace('"C": 1e-10', '"C": 100'))
    done = run("simulate", path, "--step", "200pA")
    assert done.exit_code == 2
    assert "100 pF are 1e-10" in " ".join(done.stderr.split())
