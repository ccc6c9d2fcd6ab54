"""The gallery's page and figures, and the sweep's picture: what they hold, and that it is what was run."""

import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace
from xml.etree import ElementTree

import jax
import numpy as np
import pytest

import glifjax as gj
from glifjax.patterns import populations
from glifjax.patterns.page import overview, page, run_gallery
from glifjax.patterns.page.equations import pattern_equations
from glifjax.patterns.page.figures import painter
from glifjax.patterns.page.parameters import elements, read_axis
from glifjax.patterns.page.runs import every_run
from glifjax.patterns.page.sweep import CLASSES, RUNAWAY, run_sweep, sweep_picture
from glifjax.patterns.page.words import code, measured, stimulus_words
from glifjax.spikes.firing import classify

EVERY = [pattern for variant in ("paper", "notebook") for pattern in gj.gallery.variant(variant).values()]


@pytest.fixture(scope="module")
def both():
    """Both variants with all runs of their checks; how often the simulator was called for them."""
    calls, traces = [], populations._traces
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(populations, "_traces", lambda *batch: calls.append(batch) or traces(*batch))
        entries = run_gallery(EVERY)
    return entries, calls


@pytest.fixture(scope="module")
def paper(both):
    return both[0][:20]


@pytest.fixture(scope="module")
def html(paper):
    return page(paper)


class Reader(HTMLParser):
    """Tags with their attributes, and the text of each panel."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.panels = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "details":
            self.panels.append("")

    def handle_data(self, data):
        if self.panels:
            self.panels[-1] += data


@pytest.mark.slow
def test_the_page_needs_nothing_else(html):
    tags = Reader(html).tags
    assert not {tag for tag, _ in tags} & {"script", "link", "iframe", "object", "embed"}
    addresses = [value for _, found in tags for name, value in found.items() if name in ("src", "href", "srcset")]
    assert addresses
    assert all(address.startswith("data:image/svg+xml;base64,") for address in addresses)
    assert "url(" not in html
    assert "@import" not in html
    for address in addresses:
        svg = ElementTree.fromstring(b64decode(address.partition(",")[2]))
        outside = [value for node in svg.iter() for name, value in node.items() if name.endswith("href")]
        assert all(value.startswith("#") for value in outside)


@pytest.mark.slow
def test_each_panel_holds_its_claim_its_control_and_what_was_measured(html, paper):
    read = Reader(html)
    assert len(read.panels) == 20
    for panel, entry in zip(read.panels, paper, strict=True):
        pattern = entry.pattern
        assert pattern.behaviour in panel
        assert stimulus_words(pattern.stimulus) in panel
        assert code(pattern) in panel
        for check in pattern.checks:
            assert check.expects in panel
        for result in entry.results:
            assert all(measured(run) in panel for run in result.runs)
        assert panel.count("✓ holds") == len(pattern.checks)
    pictures = [found for tag, found in read.tags if tag == "img"]
    assert all(len(found["alt"]) > 40 for found in pictures)
    # each pattern closed and opened, and each other run once
    others = sum(run is not entry.shown for entry in paper for result in entry.results for run in result.runs)
    assert len(pictures) == 40 + others


def test_what_does_not_hold_is_said(both):
    entries = {entry.pattern.slug: entry for entry in both[0][20:]}
    shown = page([entries["hyperpol_spiking"]])
    assert "1 of 2 checks do not hold" in shown
    assert "✗ does not hold" in shown
    assert "fires without any current" in shown


def test_everything_runs_in_one_call(both):
    entries, calls = both
    assert len(calls) == 1
    n = sum(len(every_run(pattern)) for pattern in EVERY)
    assert calls[0][1].shape == (n, 10_000)
    pattern, shown = entries[-1].pattern, entries[-1].shown
    alone = gj.simulate(pattern.neuron, pattern.current, pattern.dt)
    np.testing.assert_allclose(shown.response.times, 1e3 * alone.spikes().times, rtol=0, atol=1e-9)
    np.testing.assert_allclose(shown.response.threshold, 1e3 * alone.threshold, rtol=0, atol=1e-9)
    assert shown.response.voltage.shape == pattern.current.shape


def test_measured_numbers_read_well(paper):
    said = {entry.pattern.slug: measured(entry.shown) for entry in paper}
    assert said["tonic_spiking"] == "9 spikes from 22.0 to 197.8 ms; intervals 21.97 ms, CV of intervals 0.000"
    assert said["tonic_bursting"].startswith("24 spikes from 14.7 to 424.4 ms; 4 bursts of 5 to 8, intervals 2.4 to ")
    assert re.fullmatch(r".* 1 burst of \d+ and \d+ single, intervals .* ms inside, .* ms outside", said["mixed_mode"])
    assert re.fullmatch(
        r"1 spike, at 14\.\d ms; after the stimulus .* −7\d\.\d* to −5\d\.\d* mV", said["afterpotentials"]
    )
    control = paper[0].results[-1].runs[0]
    assert measured(control) == "no spike; the voltage stays 0.2 mV below the threshold"


@pytest.mark.parametrize("pattern", EVERY, ids=lambda pattern: f"{pattern.variant}-{pattern.slug}")
def test_the_code_sets_up_the_pattern_and_its_control(pattern):
    ran = []

    class Trace:
        def spikes(self):
            return []

    figure = type("Figure", (), {"savefig": lambda self, name: None})
    without_runs = SimpleNamespace(
        gallery=gj.gallery,
        MihalasNiebur=gj.MihalasNiebur,
        simulate=lambda *arguments: ran.append(arguments) or Trace(),
        plot_trace=lambda *arguments: figure(),
    )
    before, after = code(pattern).split("import glifjax as gj\n")
    exec(before + after, {"gj": without_runs})
    control = pattern.with_run(pattern.control[0].runs[0])
    for (neuron, current, dt), asked in zip(ran, (pattern, control, pattern), strict=True):
        assert dt == asked.dt
        np.testing.assert_allclose(current, asked.current, rtol=1e-11)
        for one, other in zip(jax.tree.leaves(neuron), jax.tree.leaves(asked.neuron), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11)


def test_the_code_runs_as_it_stands(tmp_path, monkeypatch, capsys, paper):
    monkeypatch.chdir(tmp_path)
    entry = next(entry for entry in paper if entry.pattern.slug == "spike_latency")
    exec(code(entry.pattern), {})
    assert capsys.readouterr().out == "spikes: 1\nspikes: 0\n"
    assert (tmp_path / "spike_latency.png").stat().st_size > 10_000


def test_equations_hold_the_patterns_numbers(html):
    dynamics, resets = pattern_equations(gj.gallery["tonic_bursting"])
    assert dynamics == [
        "d(I_1) = −0.2 I_1",
        "d(I_2) = −0.02 I_2",
        "d(V) = I + I_1 + I_2 − 0.05 ( V + 70 )",
        "d(Θ) = 0.005 ( V + 70 ) − 0.01 ( Θ + 50 )",
    ]
    assert resets == ["I_1 ← 10", "I_2 ← I_2 − 0.6", "V ← −70", "Θ ← max ( −60 , Θ )"]
    assert pattern_equations(gj.gallery["tonic_spiking"])[0] == [
        "d(V) = I − 0.05 ( V + 70 )",
        "d(Θ) = − 0.01 ( Θ + 50 )",
    ]
    formulas = re.findall(r"<math.*?</math>", html)
    assert len(formulas) > 100
    for formula in formulas:
        ElementTree.fromstring(formula)


def test_parameters_have_their_units():
    found = elements(gj.gallery["tonic_bursting"].neuron)
    assert {name: (e.value, e.parameter.unit, e.changed) for name, e in found.items() if name in ("C", "a", "A2")} == {
        "C": (1.0, "nF", False),
        "a": (5.0, "1/s", True),
        "A2": (-0.6, "nA", True),
    }


def test_the_figure_has_a_panel_each(paper):
    figure = overview(paper)
    titles = [ax.get_title("left") for ax in figure.axes if ax.get_title("left")]
    assert titles == [pattern.name for pattern in gj.gallery.values()]
    assert figure.get_size_inches()[0] * figure.dpi == 1600
    for voltage, stimulus in zip(figure.axes[::2], figure.axes[1::2], strict=True):
        assert voltage.get_xlim() == stimulus.get_xlim()
        assert (voltage.get_ylabel(), stimulus.get_ylabel(), stimulus.get_xlabel()) == ("mV", "nA", "time (ms)")


def test_a_picture_does_not_depend_on_the_one_before_it(paper):
    with painter() as paint:
        rebound, latency = paint(paper[6].shown), paint(paper[19].shown)
        assert rebound != latency
        assert paint(paper[6].shown) == rebound
    with painter() as paint:
        assert paint(paper[19].shown) == latency


@pytest.mark.slow
def test_a_sweep_classifies_as_single_runs_do(tmp_path):
    pattern = gj.gallery["tonic_bursting"]
    x, y = (read_axis(pattern.neuron, text) for text in ("a=0:10", "A1=0:20"))
    done = []
    swept = run_sweep(pattern, x, y, size=5, progress=done.append)
    assert done == [1, 2, 3, 4, 5]
    for column, row in ((0, 0), (2, 2), (4, 2), (1, 4)):
        neuron = replace(pattern.neuron, a=2.5 * column, A=(5e-9 * row, -0.6e-9))
        times = gj.simulate(neuron, pattern.current, pattern.dt).spikes().times
        assert CLASSES[swept.classes[row, column]] == classify(times, 0.5)
        assert swept.spikes[row, column] == len(times)
    assert len(np.unique(swept.classes)) > 2
    with open(tmp_path / "sweep.npz", "wb") as file:
        swept.save(file)
    with np.load(tmp_path / "sweep.npz") as saved:
        np.testing.assert_array_equal(saved["classes"], swept.classes)
        np.testing.assert_allclose(saved["y"], [0, 5, 10, 15, 20])
        assert (str(saved["x_name"]), str(saved["y_unit"])) == ("a", "nA")
    figure = sweep_picture(swept)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [text.split("  ")[0] for text in legend[:-1]] == [CLASSES[i] for i in np.unique(swept.classes)]
    assert legend[-1] == "the pattern itself"


@pytest.mark.slow
def test_spikes_without_end_are_no_firing_pattern():
    pattern = gj.gallery["tonic_bursting"]
    x, y = (read_axis(pattern.neuron, text) for text in ("V_reset=-70:-30", "b=10:20"))
    swept = run_sweep(pattern, x, y, size=5)
    runaway = swept.classes == CLASSES.index(RUNAWAY)
    assert not runaway[:, 0].any()
    assert runaway[:, -1].all()


def test_axes_are_read_or_refused():
    neuron = gj.gallery["tonic_bursting"].neuron
    usual = {name: (axis.low, axis.high) for name in elements(neuron) for axis in [read_axis(neuron, name)]}
    assert (usual["a"], usual["A1"], usual["A2"], usual["R1"]) == ((0, 10), (0, 20), (-1.2, 0), (0, 1))
    assert (usual["th_inf"], usual["C"]) == ((-60, -40), (0.5, 2))
    assert all(low < high for low, high in usual.values())
    with pytest.raises(ValueError, match="has no parameter 'A9'; it has C, G, El"):
        read_axis(neuron, "A9")
    for text in ("a=", "a=1", "a=2:1", "a=x:2", "a=0:inf", "a=0:1:2"):
        with pytest.raises(ValueError, match="is no range; write a=LOW:HIGH"):
            read_axis(neuron, text)
    with pytest.raises(ValueError, match="capacitance must be above 0"):
        read_axis(neuron, "C=0:1")
