"""`glifjax glm` as a user runs it."""

import h5py
import jax
import numpy as np
import pytest
from nwb_files import write_located_units
from typer.testing import CliRunner

import glifjax as gj
from glifjax import glm
from glifjax.cli import app
from glifjax.errors import InputError
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


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    path = tmp_path_factory.mktemp("units") / "units.nwb"
    write_located_units(path)
    return path


def test_regions_are_the_electrodes(units):
    trains, trials = read_located_units(units)
    assert trains.populations.tolist() == ["ca1", "adn", "ca1"]
    assert trains.node_ids.tolist() == [0, 1, 0]
    assert trials == [0.25]


@pytest.mark.parametrize(
    ("name", "entries", "words"),
    [
        ("spike_times_index", [2, 1], "spike_times_index does not say where the rows of its column end"),
        ("spike_times_index", [2, 9], "spike_times_index does not say where the rows of its column end"),
        ("spike_times", ["a", "b", "c"], "are not several numbers of each"),
        ("spike_times", [0.1, np.nan, 0.2], "its units are no spike trains"),
        ("electrodes", [0, 7], "a unit is of an electrode that the file does not list"),
        ("id", [0], "entries"),
    ],
)
def test_tables_of_units_that_do_not_fit_are_refused(units, tmp_path, name, entries, words):
    path = tmp_path / "units.nwb"
    path.write_bytes(units.read_bytes())
    with h5py.File(path, "r+") as file:
        attributes = dict(file[f"units/{name}"].attrs)
        del file[f"units/{name}"]
        file[f"units/{name}"] = entries
        file[f"units/{name}"].attrs.update(attributes)
    with pytest.raises(InputError, match=words):
        read_located_units(path)
