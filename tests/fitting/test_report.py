"""The report: one page that holds by itself everything a person judges a fit by."""

import dataclasses
import html
import json
import math
import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import jax
import matplotlib
import numpy as np
import pytest

import glifjax as gj
from fitting.assess.crossvalidate import Validation, lag, prefer
from fitting.assess.evaluate import Scores
from fitting.assess.steps import Step
from fitting.assess.trust import Trust
from fitting.data.arrays import FitData, prepare
from fitting.data.protocols import Part, Split
from fitting.data.shape import measure_shape
from fitting.fitted import FittedNeuron
from fitting.levels import LEVELS
from fitting.model.parameters import parameters
from fitting.model.patched import PatchedNeuron
from fitting.report.choice import preference
from fitting.report.figures.predictions import step_counts
from fitting.report.glossary import GLOSSARY
from fitting.report.page import write_report
from fitting.report.tables import step_table
from fitting.report.words import called, step_verdict, steps_first
from fitting.stages import Outcome
from glifjax.spikes.scores import SCORES

RATE, DT, SECONDS = 1e4, 1e-4, 4.0
NAME = "a <b>cell</b> & co"


def neuron(level: str) -> PatchedNeuron:
    cell = gj.from_level(
        level,
        C=100e-12,
        R_input=150e6,
        th_inf=20e-3,
        El_reference=-70e-3,
        asc_tau_array=(0.02, 0.2),
        asc_amp_array=(-40e-12, -10e-12),
        reset_slope=0.5,
        reset_intercept=-5e-3,
        a_spike=4e-3,
        b_spike=40.0,
        a_voltage=5.0,
        b_voltage=20.0,
        spike_cut_length=30,
        dt=DT,
        spike_latency=0.5e-3,
        escape_noise=gj.EscapeNoise(100.0, 2e-3),
    )
    return PatchedNeuron(cell, 10e6)


def sweep(model: PatchedNeuron, number: int, protocol: str, stimulus: int) -> Part:
    """Noise into the cell, and its voltage with spikes pasted into the cuts."""
    white = np.random.default_rng(stimulus).normal(size=round(SECONDS * RATE))
    current = 150e-12 + 200e-12 * np.convolve(white, np.ones(200) / np.sqrt(200), mode="same")
    trace = gj.simulate(model.neuron, current, DT, key=jax.random.key(number))
    voltage = np.array(trace.voltage, float)
    wave = np.interp(np.arange(30), [0, 5, 9, 29], [-0.05, 0.0, 0.035, -0.07]) + 70e-3
    for step in trace.spikes().steps:
        stop = min(step + 30, len(voltage))
        voltage[step:stop] = wave[: stop - step]
    recorded = np.asarray(model.recorded(np.nan_to_num(voltage), current), float)
    arrays = SimpleNamespace(
        number=number, protocol=protocol, rate=RATE, current=current, voltage=recorded, n_samples=len(current)
    )
    return Part.whole(arrays)


def make_scores(test: tuple[FitData, ...]) -> Scores:
    """Numbers that can be told apart on the page, and a reason for each that is missing."""
    keys = (*SCORES, "subthreshold_rmse_mv", "subthreshold_explained_variance", "bits_per_spike")
    missing = dict.fromkeys(keys, math.nan)
    shown = dict(zip(keys, (0.81, 0.57, 0.61, 0.72, 0.23, 1.84, 0.93, 2.76), strict=True)) if test else missing
    repeated = any(len(data.numbers) > 1 for data in test)
    groups = {
        "test": shown,
        "deterministic": {key: value / 2 for key, value in shown.items()} | {"bits_per_spike": math.nan},
        "ceiling": missing | (dict.fromkeys(SCORES, 0.88) if repeated else {}),
    }
    why = {"deterministic": "a hard threshold gives no probability to a spike", "ceiling": "it takes <two> repeats"}
    return Scores(
        **groups,
        reasons={
            f"{group}.{key}": why[group] if test else "nothing was held out"
            for group, scored in groups.items()
            for key, value in scored.items()
            if math.isnan(value)
        },
        trains=[([*data.spike_times], [*data.spike_times] * 2, [data.spike_times[0]]) for data in test],
    )


def make_fit(level: str, cell: PatchedNeuron, train: list, groups: list[list], notes: str | None) -> FittedNeuron:
    shape = measure_shape([(part.voltage, part.rate) for part in train])
    test = tuple(prepare(group, shape) for group in groups)
    return FittedNeuron(
        recording=SimpleNamespace(
            path=Path(f"{NAME}.nwb"), name=NAME, notes=notes, session_description="made <i>up</i>"
        ),
        recipe=LEVELS[level],
        model=neuron(level),
        shape=shape,
        split=Split(train, groups, ["told apart by name"]),
        train=prepare(train, shape),
        test=test,
        stages=(
            Outcome(cell, "membrane", "misfit and prior (nats)", [90.0, 40.0, 38.0]),
            Outcome(cell, "threshold", "negative log-likelihood and prior (nats)", [12.0, 11.0]),
            Outcome(cell, "deterministic threshold", "explained variance of spikes, by shift", [0.1, 0.6, 0.2]),
        ),
        scores=make_scores(test),
        seed=3,
        seconds={"membrane": 1.5, "scores": 2.0},
        trust=Trust("care", ("few <spikes>",)),
        warnings=["mind the <gap>", f"only of {level}"],
        validation=Validation({"LIF": 1.11}.get(level, 2.22), 2.5, np.zeros(3), 100, np.zeros(3), 1),
    )


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    """Pages, by name: two levels of a simulated cell; steps without repeats; nothing held out."""
    folder = tmp_path_factory.mktemp("reports")
    cell = neuron("LIF-R-ASC-A")
    train = [sweep(cell, 1, "train", 0)]
    repeats = [sweep(cell, number, "test", 1) for number in (2, 3, 4)]
    single = [[sweep(cell, number, "step", number)] for number in (5, 7)]
    true = parameters(cell)
    true["C"] = {"value": 80.0, "unit": "pF"}
    notes = json.dumps({"simulated": True, "true_parameters": true})
    cases = {
        "simulated": [make_fit(level, cell, train, [repeats], notes) for level in ("LIF", "LIF-R-ASC-A")],
        "steps": [make_fit("LIF-R-ASC-A", cell, train, single, "just words")],
        "nothing held out": [make_fit("LIF", cell, train, [], None)],
    }
    found = {}
    before = dict(matplotlib.rcParams)
    for name, fits in cases.items():
        # a fit in a session without float64 hands out a float32 neuron
        narrow = name == "nothing held out"
        with jax.enable_x64(not narrow):
            models = [neuron(fit.level) for fit in fits]
            fits = [dataclasses.replace(fit, model=model) for fit, model in zip(fits, models, strict=True)]
            write_report(fits, fits[-1].level, folder / f"{name}.html")
            assert jax.config.read("jax_enable_x64") is not narrow
    assert dict(matplotlib.rcParams) == before
    for name in cases:
        found[name] = (folder / f"{name}.html").read_text(encoding="utf-8")
    return found


def words(page: str) -> str:
    """What a reader sees of a page."""
    body = re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


CASES = ("simulated", "steps", "nothing held out")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_page_needs_nothing_else(pages, case):
    page = pages[case]
    sources = re.findall(r'(?:src|href)\s*=\s*["\']?([^"\'\s>]+)', page)
    assert len(sources) >= 6
    beside = [source for source in sources if not source.startswith("data:image/")]
    assert beside == [f"{quote(case)}_explorer.html", "#glossary"]
    assert not re.search(r"https?://|url\(|@import|<link", page)
    assert page.count("<script") == page.count("</script>") == 2  # the canvas' data, and our own script
    assert len(page) < 3e6


@pytest.mark.parametrize("case", CASES)
def test_markup_is_closed(pages, case):
    for tag in ("table", "tr", "td", "div", "section", "figure", "dl", "details", "header", "p", "ul", "svg"):
        assert len(re.findall(rf"<{tag}[\s>]", pages[case])) == pages[case].count(f"</{tag}>"), tag


@pytest.mark.parametrize("case", CASES)
def test_names_from_outside_are_escaped(pages, case):
    assert NAME in words(pages[case])
    for raw in ("<b>cell", "<gap>", "<i>up", "<two>"):
        assert raw not in pages[case]
    assert "mind the <gap>" in words(pages[case])
    assert "made <i>up</i>" in words(pages[case])


@pytest.mark.parametrize("case", CASES)
def test_every_parameter_has_its_value_and_unit(pages, case):
    level = "LIF" if case == "nothing held out" else "LIF-R-ASC-A"
    assert level in words(pages[case])
    table = pages[case].split("<h2>Parameters</h2>")[1]  # the preferred level's
    for name, entry in parameters(neuron(level)).items():
        row = words(re.search(rf"<tr>(?:(?!</tr>).)*<code>{name}</code>.*?</tr>", table)[0])
        value = float(re.search(rf"{name} (−?[\d.,]+)", row)[1].replace("−", "-").replace(",", ""))
        assert value == pytest.approx(entry["value"], rel=0.01), row
        assert entry["unit"] in row


def test_scores_and_ceiling_are_shown(pages):
    text = words(pages["steps"])
    for shown in ("0.81", "0.57", "0.61", "0.72", "0.23", "1.84", "0.93", "2.76"):
        assert shown in text
    assert "On 3 held-out repeats one run of the neuron without noise coincides with one repeat" in words(
        pages["simulated"]
    )
    assert "Can it be trusted? Usable with care: few <spikes>" in words(pages["simulated"])
    assert "0.88" in words(pages["simulated"])


def test_words_are_explained_at_the_end_as_in_the_documents(pages):
    page = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text()
    entries = re.findall(r"^(\S.*)\n: ((?:.+\n)+)", page, flags=re.MULTILINE)
    said = {word.replace("\\", ""): " ".join(meaning.split()) for word, meaning in entries}
    assert {word: said.get(word) for word in GLOSSARY} == GLOSSARY
    assert 'href="#glossary"' in pages["steps"]
    assert all(meaning in words(pages["steps"]) for meaning in GLOSSARY.values())


def test_missing_scores_say_why(pages):
    assert "it takes <two> repeats" in words(pages["steps"])
    assert "a hard threshold gives no probability to a spike" in words(pages["steps"])
    assert "nothing was held out" in words(pages["nothing held out"])
    assert "nan" not in words(pages["nothing held out"]).lower().split()


def test_simulated_recording_says_so_and_shows_the_truth(pages):
    text = words(pages["simulated"])
    assert "Simulated cell" in text
    assert "C C 100 80.0 +25.0 % pF" in text
    # what the level lacks is shown beside nothing
    assert re.search(r"a_spike – 4\.00 –", text)
    for case in ("steps", "nothing held out"):
        assert "imulated" not in words(pages[case])


def test_steps_of_current_are_told_one_by_one_the_silent_ones_too():
    features = lambda count, latency: {
        "spike_count_stimint": count, "mean_frequency": count, "time_to_first_spike": latency,
        "adaptation_index2": math.nan,
    }  # fmt: skip
    silent = Step((1,), False, 40e-12, 0.5, 1.5, features(0.0, math.nan), features(2.0, 90.0), features(0.0, math.nan))
    driven = Step((2, 3), True, 120e-12, 0.5, 1.5, features(9.0, 21.0), features(7.0, 25.0), features(8.0, 20.0))
    verdict = step_verdict((silent, driven))
    assert "(9.0 on average) the neuron is off by 1.0 spikes on average without noise, by 2.0 with escape" in verdict
    assert "its first spike by 1.0 ms, by 4.0 ms with it." in verdict
    assert "At 1 of 1 step at which the cell was silent the neuron fires: at 40 pA." in verdict
    fit = lambda gamma: SimpleNamespace(steps=(silent, driven), scores=SimpleNamespace(test={"gamma_4ms": gamma}))
    poor, well, unknown = (words(str(steps_first(fit(gamma)))) for gamma in (0.18, 0.8, math.nan))
    assert verdict in poor
    assert "Γ is 0.18 as it asks for each spike within 4 ms" in poor
    assert well == unknown == f"Steps of current. {verdict}"
    table = words(str(step_table((silent, driven))))
    for part in ("40.0 1 trained on 0.0 2.0 0.0 – 90 – – – –", "120 2, 3 held out 9.0 7.0 8.0 21 25 20 – – –"):
        assert part in table
    (ax,) = step_counts((silent, driven)).axes
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["the cell", "escape noise", "without noise"]


def test_levels_are_compared_and_the_preferred_one_comes_first_and_open(pages):
    details = re.findall(r'<details class="level"( open)?><summary>(.*?)</summary>', pages["simulated"])
    assert details == [(" open", "LIF-R-ASC-A, preferred"), ("", "LIF")]
    text = words(pages["simulated"])
    assert "LIF-R-ASC-A is preferred: it tells most of training spikes that its fit has not seen, 2.22 bits" in text
    assert "neuron_config_LIF.json" in text
    assert "<details" not in pages["steps"]


def test_warnings_stand_once(pages):
    text = words(pages["simulated"])
    for warning in ("mind the <gap>", "only of LIF-R-ASC-A"):
        assert text.count(warning) == 1


def test_versions_seconds_and_seed_are_kept(pages):
    text = words(pages["nothing held out"])
    reload = 'gj.read_neuron_config("neuron_config.json")'
    for shown in ("glifjax 0.", "jax 0.", "3.5 in all", "seed 3", reload):
        assert shown in text


def test_no_fits_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no fit of level 'LIF'"):
        write_report([], "LIF", tmp_path / "report.html")


def test_every_parameter_of_the_augmented_level_is_explained():
    for name in ("a_spike_30ms", "coupling_300ms", "g_1", "activation_tau_2", "asc_tau_4", "th_inf"):
        symbol, meaning = called(name)
        assert symbol != name
        assert meaning
    assert called("coupling_300ms")[1].endswith("300 ms")


@pytest.mark.parametrize(("other", "says"), [(0.904, False), (0.931, True)])
def test_another_level_does_better_without_noise_only_where_its_score_reads_better(other, says):
    def fitted(level, bits, explained):
        validation = Validation(bits, bits, np.array([bits, bits]), 10, np.ones(2), 10)
        scores = SimpleNamespace(deterministic={"evr_single_10ms": explained})
        return SimpleNamespace(level=level, validation=validation, recipe=LEVELS[level], scores=scores)

    chosen = fitted("LIF-R", 2.0, 0.901)
    words = preference([fitted("LIF", 1.0, other), chosen], chosen)
    assert ("LIF does better: its EVr is 0.93" in words) is says
    assert ("does better" in words) is says


def test_a_simpler_level_that_tells_more_is_preferred_and_said_why():
    def fitted(level, blocks):
        blocks = 100 * np.log(2) * np.array(blocks)
        validation = Validation(sum(blocks) / 100 / np.log(2), 7.0, blocks, 100, np.ones(4), 10)
        scores = SimpleNamespace(deterministic={"evr_single_10ms": 0.9})
        return SimpleNamespace(level=level, validation=validation, recipe=LEVELS[level], scores=scores)

    best, noisy = fitted("augmented", [1.6, 1.6, 1.6, 1.6]), fitted("LIF-R", [1.1, 2.2, 1.7, 1.0])
    simple = fitted("LIF", [1.5, 1.52, 1.54, 1.5])
    fits = [simple, noisy, best]
    by_level = {fit.level: fit.validation for fit in fits}
    assert lag(by_level["LIF"], by_level["augmented"]).bits > lag(by_level["LIF"], by_level["augmented"]).error
    assert prefer({level: by_level[level] for level in ("LIF-R", "augmented")}) == "LIF-R"
    assert prefer(by_level) == "LIF"
    assert "is less simple and tells no more" in preference(fits, simple)
    assert "it is the simplest that predicts" in preference([noisy, best], noisy)
