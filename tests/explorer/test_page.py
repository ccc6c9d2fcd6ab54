"""The page's parts, without a browser: what moves a neuron, what is escaped, what is refused."""

import dataclasses
import json
import re

import equinox as eqx
import jax
import numpy as np
import pytest
from jaxtyping import TypeCheckError
from neurons import ALL, NEURONS
from nwb_files import VOLTAGE, Cell
from typer.testing import CliRunner

import glifjax as gj
from glifjax.cli import app
from glifjax.errors import InputError
from glifjax.explorer.program import program_of, values_of
from glifjax.explorer.quantities import quantities
from glifjax.explorer.recorded import FINEST, drawn_voltage, stepwise, sweeps_to_show
from glifjax.io import SweepArrays

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028&amp;"


@pytest.fixture(scope="module")
def exploration():
    return gj.explore(NEURONS["LIF-R-ASC-A"](), title=HOSTILE, source=HOSTILE)


def test_every_number_that_moves_the_neuron_has_one_slider():
    neuron = NEURONS["LIF-R-ASC-A"]()
    program = program_of(neuron)
    rows = quantities(neuron, program.moving)
    names = {name for row in rows for name, _ in row.elements}
    assert {"C", "R_input", "asc_tau_array[0]", "voltage_reset.a", "threshold_dynamics.a_voltage"} <= names
    shared = next(row for row in rows if row.name == "threshold_dynamics.b_spike")
    assert [name for name, _ in shared.elements] == ["threshold_dynamics.b_spike", "threshold_reset.b_spike"]
    assert not any(name.startswith(("coeffs", "escape_noise", "spike.")) for name in names)
    lif = quantities(NEURONS["LIF"](), program_of(NEURONS["LIF"]()).moving)
    assert not any(row.name.startswith("asc_") for row in lif)  # without effect at this level


def test_a_slider_shows_the_number_with_its_coefficient_in_its_unit():
    neuron = NEURONS["LIF-R-ASC-A"]()
    values = values_of(neuron)
    rows = {row.name: row for row in quantities(neuron, range(len(values)))}
    shown = lambda name: rows[name].scale * values[rows[name].places[0]]
    assert shown("C") == pytest.approx(1e12 * float(neuron.capacitance))
    assert shown("R_input") == pytest.approx(1e-6 / float(neuron.conductance))
    assert shown("asc_amp_array[1]") == pytest.approx(1e12 * float(neuron.afterspike_amplitudes[1]))
    assert shown("spike_cut_length") == pytest.approx(1e3 * float(neuron.spike_cut_duration))
    for row in quantities(neuron, program_of(neuron).moving):
        assert row.low <= row.scale * values[row.places[0]] <= row.high


def test_a_path_leads_to_the_number_in_the_config():
    for name in ("LIF-R-ASC-A", "augmented", "accumulated hazard", "Mihalas-Niebur, exponential_euler"):
        neuron = ALL[name]()
        config, values = gj.io.neuron_to_config(neuron), values_of(neuron)
        for row in quantities(neuron, program_of(neuron).moving):
            for path in row.paths:
                part = config
                for key in path:
                    part = part[key]
                assert part == values[row.places[0]], row.name


def test_the_page_is_whole_and_escaped(exploration):
    html = exploration.html()
    assert HOSTILE not in html
    assert html.count("<script") == 2
    assert html.count("</script>") == 2
    assert not re.search(r"<(link|img|iframe|base)\b|https?:|//cdn", html)
    assert "default-src &#39;none&#39;" in html
    data = re.search(r'id="data">(.*?)</script>', html, re.S)
    assert data is not None
    assert json.loads(data[1])["title"] == HOSTILE


def test_samples_become_means_over_steps():
    samples = np.arange(10.0)
    np.testing.assert_allclose(stepwise(samples, 1e4, 2e-4), [0.5, 2.5, 4.5, 6.5, 8.5])
    np.testing.assert_allclose(stepwise(samples[:3], 1e4, 5e-5), [0, 1, 1, 2, 2, 2], atol=1.0)
    assert len(stepwise(np.zeros(200_001), 2e5, 1e-4)) == 10_000


def test_a_sample_that_is_none_spoils_its_own_step_alone():
    samples = np.arange(10.0)
    samples[3] = np.nan
    np.testing.assert_allclose(stepwise(samples, 1e4, 2e-4), [0.5, np.nan, 4.5, 6.5, 8.5])


def test_the_first_sweeps_are_those_that_can_be_read(tmp_path):
    cell = Cell(tmp_path)
    cell.stimulus("stimulus_1", number=1)
    cell.response("response_1", data=np.where(np.arange(len(VOLTAGE)) == 100, np.nan, VOLTAGE), number=1)
    for number in (2, 3):
        cell.sweep(number)
    with gj.read_recording(cell.save()) as recording:
        assert [sweep.number for sweep in sweeps_to_show(recording)] == [2, 3]
        assert [sweep.number for sweep in sweeps_to_show(recording, "1")] == [1]


def test_a_page_is_small(exploration):
    """What all pages hold; and a second of a recorded voltage, of 0.1 mV noise, little more than a byte a step."""
    assert len(exploration.html().encode()) < 220_000
    noise = np.random.default_rng(0).normal(0, 1e-4, 10_000)
    voltage = -0.07 + np.where(np.arange(10_000) % 1000 < 5, 0.1, 0.0) + noise
    row = drawn_voltage(voltage)
    assert len(row["data"]) < 12_000
    assert FINEST <= row["scale"] < 1e-4 / 8  # what is drawn of noise is noise, not steps
    assert drawn_voltage(0.05 * np.sin(np.arange(9e3) / 1e3))["scale"] == FINEST  # a smooth one stays smooth


def test_currents_that_nothing_moves_are_not_drawn():
    names = lambda name: gj.explore(NEURONS[name](), patterns=False).data["models"][0]["currents"]
    assert names("LIF") == []
    assert names("LIF-ASC") == ["afterspike current 1", "afterspike current 2"]


def test_repeats_of_a_stimulus_share_its_samples():
    sweeps = [SweepArrays(i, "", 1e4, np.full(9, (i > 2) * 1e-10), np.full(9, i * 1e-3)) for i in range(4)]
    data = gj.explore(NEURONS["LIF"](), sweeps, patterns=False).data
    assert [row["stimulus"] for row in data["sweeps"]] == [0, 0, 0, 1]
    assert len(data["stimuli"]) == 2


def test_a_neuron_that_no_file_holds_is_explored():
    neuron = gj.MihalasNiebur(th_reset=-np.inf, integrator="exponential_euler")
    exploration = gj.explore(neuron, patterns=False)
    assert exploration.data["models"][0]["config"] is None
    assert '"-Infinity"' in exploration.html()


def test_what_cannot_be_explored_is_refused():
    with pytest.raises((InputError, TypeCheckError), match=r"neuron_config\.json"):
        gj.explore("neuron_config.json")  # pyright: ignore
    several = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), NEURONS["LIF"]())
    with pytest.raises(InputError, match="explore one of them at a time"):
        gj.explore(several)
    with pytest.raises(InputError, match="dt is 0"):
        gj.explore(NEURONS["LIF"](), dt=0)
    with pytest.raises(InputError, match="dt is 1e-300 s, and a page would never end"):
        gj.explore(NEURONS["LIF"](), dt=1e-300)


@pytest.mark.slow
def test_the_command_writes_one_file_and_refuses_to_replace_it(tmp_path):
    config, out = tmp_path / "neuron_config.json", tmp_path / "explore.html"
    gj.write_neuron_config(dataclasses.replace(NEURONS["LIF-R"](), spike_latency=np.asarray(0.0)), config)
    ask = lambda *more: CliRunner().invoke(app, ["explore", str(config), "--out", str(out), *more])
    done = ask()
    assert done.exit_code == 0, done.output
    assert out.read_text().startswith("<!doctype html>")
    again = ask()
    assert again.exit_code == 2
    assert "the file exists" in " ".join(again.output.split())
    assert "--sweeps chooses among those of a recording" in " ".join(ask("--sweeps", "1").output.split())


def test_a_widget_gives_back_the_neuron_that_was_moved(exploration):
    widget = exploration.widget()
    given = NEURONS["LIF-R-ASC-A"]()
    assert eqx.tree_equal(widget.neuron, given)
    numbers = list(widget.numbers)
    place = next(row["places"][0] for row in exploration.data["models"][0]["quantities"] if row["name"] == "C")
    numbers[place] = 2e-10
    widget.numbers = numbers
    assert float(widget.neuron.C) == 2e-10
    assert eqx.tree_equal(eqx.tree_at(lambda n: n.C, widget.neuron, given.C), given)
    widget.start, widget.numbers = 13, exploration.data["starts"][13]["values"]
    assert eqx.tree_equal(widget.neuron, gj.gallery["M"].neuron)
