"""`glifjax glm` as a user runs it."""

import jax
import numpy as np
import pynwb
import pytest
from nwb_files import Cell
from typer.testing import CliRunner

import glifjax as gj
from glifjax import glm
from glifjax.cli import app
from glifjax.io.nwb.units import read_located_units


def run(*arguments):
    return CliRunner().invoke(app, ["glm", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def spikes(tmp_path_factory):
    """Two regions of two units, and one unit that hardly fires."""
    weights = np.array([[0, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1.5], [0, 0, 0, 0]], float)
    own = glm.Refractory(absolute=2e-3, relative=5e-3, strength=-6.0, decay=400.0)
    model = glm.BernoulliGLM(weights, coupling=glm.Exponential(250.0, 5e-3), own=own, threshold=3.5)
    ids, steps = np.nonzero(glm.simulate(model, 20_000, key=jax.random.key(1)))
    times, ids = np.append((steps + 0.5) * 1e-3, [1.0, 2.0]), np.append(ids, [9, 9])
    path = tmp_path_factory.mktemp("units") / "units.csv"
    gj.write_spikes(gj.SpikeTrains(times, ids, np.where(ids < 2, "adn", "ca1")), path)
    return path


@pytest.mark.slow
def test_a_page_from_spikes(spikes, tmp_path):
    out = tmp_path / "units.html"
    result = run(spikes, "--dt", 2e-3, "--basis", 2, "--link", "hazard", "--out", out)
    assert result.exit_code == 0, result.output
    assert "units: 2 of adn, 2 of ca1; 1 with fewer than 20 spikes left out" in result.output
    assert "bits a spike on held-out time" in result.output
    page = out.read_text()
    assert page.count("<figure>") == 11
    assert "2 adn, 2 ca1" in page
    assert "Bits a spike that each part adds" in page
    refused = run(spikes, "--out", out)
    assert refused.exit_code == 2
    assert "--overwrite" in refused.output
    assert out.read_text() == page


BAD = {
    "there is no such file": ("nothing.csv",),
    "its folder does not exist": ("SPIKES", "--out", "nowhere/page.html"),
    "give numbers with commas": ("SPIKES", "--ridge", "strong"),
    "there are adn, ca1": ("SPIKES", "--regions", "v1"),
    "no unit has 99999 spikes": ("SPIKES", "--least", "99999"),
    "there is no link 'probit'": ("SPIKES", "--link", "probit"),
    "exceeds 1": ("SPIKES", "--link", "logit", "--dt", "0.005"),
}


@pytest.mark.parametrize("words", BAD)
def test_what_is_refused(spikes, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    result = run(*(spikes if word == "SPIKES" else word for word in BAD[words]))
    assert result.exit_code == 2
    assert words in result.output
    assert len([line for line in result.output.splitlines() if "error:" in line]) == 1
    assert not list(tmp_path.iterdir())


def test_regions_are_the_electrodes(tmp_path):
    cell = Cell(tmp_path)
    device = cell.nwb.create_device("probe")
    groups = {name: cell.nwb.create_electrode_group(name, "shank", name, device) for name in ("ca1", "adn")}
    for group in groups.values():
        cell.nwb.add_electrode(group=group, location=group.location)
    cell.nwb.add_unit(spike_times=[0.1, 0.5], electrodes=[0])
    cell.nwb.add_unit(spike_times=[0.2], electrodes=[1])
    cell.nwb.add_trial(start_time=0.25, stop_time=0.4)
    path = tmp_path / "units.nwb"
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(cell.nwb)
    trains, trials = read_located_units(path)
    assert trains.populations.tolist() == ["ca1", "adn", "ca1"]
    assert trains.node_ids.tolist() == [0, 1, 0]
    assert trials == [0.25]
