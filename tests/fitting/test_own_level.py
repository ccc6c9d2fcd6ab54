"""A level of one's own, as docs/levels.md shows it: fitted, compared, written, and not repeated from a file."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import fitting
import glifjax as gj
from fitting.results.files import write_results
from fitting.results.provenance import provenance
from glifjax.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "levels.md"


@pytest.fixture(scope="module")
def page():
    """What the page defines."""
    names: dict = {}
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(code, names)
    return names


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    path = tmp_path_factory.mktemp("cell") / "cell.nwb"
    fitting.write_example(path, training=15.0, held_out=4.0, repeats=3)
    return path


@pytest.fixture(scope="module")
def settings(page):
    return fitting.FitSettings(level=["LIF", page["HyperbolicLevel"]()], runs=20)


@pytest.fixture(scope="module")
def fit(cell, settings):
    with gj.read_recording(cell) as recording:
        yield fitting.fit(recording, level=settings.level, runs=20)


@pytest.mark.slow
def test_it_is_fitted_beside_others_and_predicts_better_than_what_it_contains(fit, page):
    plain, own = fit.levels
    assert [plain.level, own.level] == ["LIF", "LIF-H"]
    assert [stage.name for stage in own.stages] == ["membrane", "threshold", "deterministic threshold"]
    assert isinstance(own.neuron.threshold_dynamics, page["Hyperbolic"])
    assert float(own.neuron.threshold_dynamics.k) != 1e-4
    assert float(own.neuron.threshold_reset.a) > 0
    assert own.validation.bits > plain.validation.bits
    assert own.scores.test["md_star_4ms"] > plain.scores.test["md_star_4ms"]
    assert fit.level == "LIF-H"
    assert fit.neuron is own.neuron
    trace = gj.simulate(fit.neuron, np.full(5000, 4e-10), 1e-4)
    assert len(trace.spikes()) > 3


@pytest.mark.slow
def test_it_stands_in_the_record_and_is_not_repeated_from_it(fit, cell, settings, tmp_path, page):
    gj.register_rule("threshold_dynamics_method", "hyperbolic", page["Hyperbolic"])
    gj.register_rule("threshold_reset_method", "raise", page["Raise"])
    origin = provenance(cell, settings) | {"command": "", "fingerprint": "", "seconds_in_all": 1.0}
    write_results(fit, tmp_path, origin)
    record = fitting.read_fit(tmp_path)
    assert record.level == "LIF-H"
    assert record.recipe["class"].endswith("HyperbolicLevel")
    assert record.recipe["prior"]["reset"] == 10e-3
    assert record.constants["LIF-H"]["name"] == "LIF-H"
    assert set(record.levels) == {"LIF", "LIF-H"}
    assert "LIF-H" in (tmp_path / "report.html").read_text()
    again = gj.read_neuron_config(tmp_path / "neuron_config.json")
    assert float(again.threshold_dynamics.k) == float(fit.neuron.threshold_dynamics.k)

    result = CliRunner().invoke(app, ["fit", "--like", str(tmp_path / "fit.json"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "setting level" in result.stderr
    assert "HyperbolicLevel, which no file can bring back" in " ".join(result.stderr.split())
    assert not (tmp_path / "out").exists()
    assert json.loads((tmp_path / "fit.json").read_text())["settings"]["level"][0] == "LIF"
