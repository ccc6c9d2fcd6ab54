"""Whether a fit can be trusted: each rule on a fit that breaks it alone."""

from dataclasses import replace

import equinox as eqx
import numpy as np
import pytest
from scipy.signal import lfilter

import glifjax as gj
from fitting import LEVELS, PatchedNeuron, Scores
from fitting.assess.crossvalidate import Validation
from fitting.assess.doubts import doubts
from fitting.assess.trust import judge
from fitting.data.arrays import FitData
from fitting.data.capacitance import first_capacitance
from glifjax.rules.membrane import Gate, GatedCurrent

DT = 1e-3
VALIDATION = Validation(4.0, 4.1, np.zeros(3), 100, np.zeros(3), 1)
GOOD = {"evr_single_10ms": 0.85, "gamma_4ms": 0.6, "bits_per_spike": 3.9, "md_star_4ms": 0.9}
GOOD |= {"subthreshold_rmse_mv": 4.0, "subthreshold_explained_variance": 0.84}
CEILING = {"evr_single_10ms": 0.9, "gamma_4ms": 0.65, "bits_per_spike": np.nan, "md_star_4ms": 0.8}


def sweeps(spikes: int = 400, mean: float = 5e-11, size: float = 2e-11, seconds: float = 60.0) -> FitData:
    random = np.random.default_rng(0)
    n = round(seconds / DT)
    forced = np.zeros((1, n), bool)
    forced[0, np.linspace(50, n - 50, spikes).astype(int)] = True
    return FitData(
        numbers=np.array([1]),
        current=mean + size * random.normal(size=(1, n)),
        voltage=-65e-3 + 8e-3 * random.normal(size=(1, n)),
        valid=np.ones((1, n), bool),
        seen=np.ones((1, n), bool),
        counted=np.ones((1, n), bool),
        forced=forced,
        crossings=np.where(forced, np.arange(n) * DT, np.nan),
        dt=DT,
    )


def scored(model_spikes: int = 100, **changed: float) -> Scores:
    trains = [([np.linspace(0.0, 9.0, 100)], [np.linspace(0.0, 9.0, model_spikes)], [np.zeros(0)])]
    return Scores(GOOD | changed, {}, CEILING, {}, trains)


def model(level: str = "LIF") -> PatchedNeuron:
    neuron = gj.from_level(
        "LIF-R-ASC-A",
        C=1e-10,
        R_input=2e8,
        th_inf=0.02,
        El_reference=-0.07,
        dt=DT,
        escape_noise=gj.EscapeNoise(1e3, 2e-3),
    )
    return PatchedNeuron(neuron, 1e7)


def judged(train=None, test=None, scores=None, validation=VALIDATION, of=None, level="LIF"):
    train = sweeps() if train is None else train
    test = (sweeps(seconds=10.0, spikes=100),) if test is None else test
    return judge(LEVELS[level], model() if of is None else of, train, test, scores or scored(), validation)


def test_a_good_fit_is_called_so_without_reasons():
    trust = judged()
    assert trust.as_dict() == {"word": "good", "reasons": []}


@pytest.mark.parametrize(
    ("given", "word", "words"),
    [
        (
            {"scores": scored(evr_single_10ms=0.7)},
            "care",
            "EVr of single runs 0.70, where another repeat of the cell reaches 0.90",
        ),
        ({"scores": scored(evr_single_10ms=0.4)}, "no", "EVr of single runs 0.40"),
        ({"scores": scored(gamma_4ms=0.3)}, "care", "0.30, where another repeat of the cell reaches 0.65"),
        ({"scores": scored(gamma_4ms=0.1)}, "no", "coincidence factor"),
        ({"scores": scored(bits_per_spike=-0.1)}, "no", "a constant rate predicts the held-out spikes better"),
        ({"scores": scored(bits_per_spike=2.0)}, "care", "2.00 bits per held-out spike, 4.00 per training spike"),
        ({"scores": scored(model_spikes=120)}, "care", "fires 20 % more spikes"),
        ({"scores": scored(model_spikes=40)}, "no", "fires 60 % fewer spikes"),
        (
            {"scores": scored(subthreshold_rmse_mv=6.0, subthreshold_explained_variance=0.64)},
            "care",
            "between held-out spikes the voltage is off by 6.0 mV, where it varies by 10.0 mV itself",
        ),
        ({"train": sweeps(spikes=15)}, "no", "too few spikes for a threshold: 15 in training"),
        ({"train": sweeps(spikes=25), "level": "LIF-R-ASC-A"}, "care", "too few spikes: 25 in training, for"),
        ({"test": (sweeps(mean=9e-11, seconds=10.0),)}, "care", "100 % of the held-out stimulus has a mean"),
        ({"test": (sweeps(size=6e-11, seconds=10.0),)}, "care", "has a size that was not trained on"),
        ({"test": ()}, "care", "nothing was held out"),
    ],
)
def test_what_speaks_against_a_fit_is_said(given, word, words):
    if given.get("test") == ():
        given = given | {"scores": replace(scored(**dict.fromkeys(GOOD, np.nan)), trains=[])}
    trust = judged(**given)
    assert trust.word == word
    assert any(words in reason for reason in trust.reasons)


def test_without_repeats_the_score_counts_alone():
    alone = replace(scored(evr_single_10ms=0.5), ceiling=dict.fromkeys(CEILING, np.nan))
    trust = judged(scores=alone)
    assert trust.word == "care"
    assert "is not known without repeats" in trust.reasons[0]
    assert judged(scores=replace(alone, test=GOOD | {"evr_single_10ms": 0.8})).word == "good"


@pytest.mark.parametrize(("half", "word"), [(-0.06, "good"), (-0.01, "care")])
def test_gates_that_open_where_the_cell_never_was(half, word):
    current = GatedCurrent(1e-9, -0.02, (Gate(half + 0.07, 5e-3, 0.02),))
    gated = eqx.tree_at(lambda m: m.neuron, model(), replace(model().neuron, membrane_currents=(current,)))
    trust = judged(of=gated)
    assert trust.word == word
    assert word == "good" or "gates half open at -10 mV, outside the -8" in trust.reasons[0]


def answered(capacitance: float, series: float) -> FitData:
    """The sweeps with the voltage of a membrane of 200 MΩ, recorded through a resistance in series."""
    data = sweeps()
    memory, decay = (np.exp(-DT / tau) for tau in (5e-3, 2e8 * capacitance))
    data = replace(data, current=5e-11 + lfilter([1 - memory], [1, -memory], 3 * (data.current - 5e-11)))
    membrane = lfilter([2e8 * (1 - decay)], [1, -decay], data.current)
    noise = 1e-4 * np.random.default_rng(1).normal(size=membrane.shape)
    return replace(data, voltage=-0.07 + membrane + series * data.current + noise)


@pytest.mark.parametrize(
    ("true", "series", "told"),
    [(1e-10, 0.0, False), (1e-10, 1e7, False), (3e-10, 0.0, True), (4e-11, 0.0, True), (4e-11, 1e7, True)],
)
def test_a_capacitance_that_the_voltage_does_not_show_is_told(true, series, told):
    train = answered(true, series)
    assert first_capacitance(train, 3e-3) == pytest.approx(true, rel=0.1)
    trust = judged(train=train)
    assert trust.word == ("care" if told else "good")
    assert not told or "undetermined: C is 100 pF at this level, where" in trust.reasons[0]


def test_what_forbids_comes_first():
    trust = judged(scores=scored(gamma_4ms=0.3, bits_per_spike=-1.0))
    assert trust.word == "no"
    assert "constant rate" in trust.reasons[0]
    assert "Γ" in trust.reasons[1]


@pytest.mark.parametrize(("resistance", "words"), [(2e8, None), (3.5e10, "35,000 MΩ is no neuron's"), (1e6, "1 MΩ is")])
def test_a_resistance_of_no_neuron_is_said(resistance, words):
    of = eqx.tree_at(lambda model: model.neuron.R_input, model(), np.asarray(resistance))
    lines = [line for line in doubts(of, sweeps(), scored()) if "input resistance" in line]
    assert lines == [] if words is None else words in lines[0]


@pytest.mark.parametrize(
    ("resistance", "words"),
    [
        (-2e6, None),
        (15e6, None),
        (-15e6, "-15 MΩ in series with the cell, and no pipette has less"),
        (45e6, "more than"),
    ],
)
def test_a_series_resistance_of_no_pipette_is_said(resistance, words):
    of = eqx.tree_at(lambda model: model.series_resistance, model(), np.asarray(resistance))
    lines = [line for line in doubts(of, sweeps(), scored()) if "in series" in line]
    assert lines == [] if words is None else words in lines[0]
