"""Can a fit be trusted? A word, and the reasons for it; the rules and their numbers stand in docs/scores.md."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from glifjax.rules import gated

from ..data.arrays import FitData
from ..data.capacitance import first_capacitance
from ..data.masks import between_spikes
from ..levels.base import AbstractLevel
from ..model.coordinates import widths
from ..model.patched import PatchedNeuron, without_electrode
from .crossvalidate import Validation
from .evaluate import Scores
from .verdict import WORDS, Word

#: Of one run's score, its share of what one repeat of the cell reaches below which a fit needs care, and is not to be
#: used, by score.
SHARES = {"evr_single_10ms": (0.85, 0.5), "gamma_4ms": (0.7, 0.25)}
#: The same of the score itself, where the cell's own is not known.
ALONE = {"evr_single_10ms": (0.6, 0.3)}
#: The error of the voltage between held-out spikes is more than this share of the voltage's own standard deviation.
MISFIT = 0.5
#: Held-out bits per spike are less than this share of the cross-validated ones.
BITS = 0.6
#: Training spikes for each number that is fitted; fewer need care.
SPIKES_PER_NUMBER = 3.0
#: Training spikes in all; fewer are not enough.
FEWEST_SPIKES = 20
#: How far the held-out rate may be off, as a share of it, before a fit needs care, and is not to be used.
RATE = (0.1, 0.5)
#: A stimulus is described by its mean and size over so long, s.
BLOCK = 1.0
#: It is new where these lie outside the trained range by this share of that range,
BEYOND = 0.1
#: in more than this share of the held-out time.
NEW = 0.25
#: A capacitance is so many times, or a part as small, of the one with which the voltage first follows the current.
CAPACITANCE = 1.5
#: A gate half opens this far outside the voltages that the training sweeps visit, V.
OUTSIDE = 10e-3


@dataclass(frozen=True)
class Trust:
    """Whether a fit can be trusted.

    Attributes:
        word: "good"; "care": usable, with the reasons in mind; "no": not to be used.
        reasons: in words, a line each; what speaks for "no" first.
    """

    word: Word
    reasons: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """The word as a person says it, a colon after it where reasons follow."""
        return WORDS[self.word].capitalize() + (":" if self.reasons else ".")

    def as_dict(self) -> dict[str, Any]:
        """What fit.json holds."""
        return {"word": self.word, "reasons": list(self.reasons)}


def judge(
    level: AbstractLevel,
    model: PatchedNeuron,
    train: FitData,
    test: tuple[FitData, ...],
    scores: Scores,
    validation: Validation | None,
) -> Trust:
    """Whether a fit can be trusted, by its scores and by what it was trained on.

    Args:
        level: what was fitted.
        model: the fitted neuron, as the fit works on its level.
        train: its training sweeps.
        test: what was held out, by group of repeats.
        scores: on that.
        validation: on training spikes; None where levels were not compared.
    """
    reasons = [
        *_against_the_cell(scores, bool(test)),
        *_rate(scores),
        *_voltage(scores),
        *_bits(scores, validation),
        *_few_spikes(level, model, train),
        *_new_stimulus(train, test),
        *_gates(model, train),
        *_capacitance(model, train),
    ]
    order: tuple[Word, ...] = ("no", "care")
    words = [word for word, _ in reasons]
    sentences = tuple(sentence for word in order for given, sentence in reasons if given == word)
    verdict: Word = "no" if "no" in words else "care" if "care" in words else "good"
    return Trust(verdict, sentences)


Reasons = Iterator[tuple[Word, str]]


def _worse(value: float, care: float, no: float) -> Word | None:
    """The word for a value that should be large; None where it is, or is not known."""
    return "no" if value < no else "care" if value < care else None


def _against_the_cell(scores: Scores, held_out: bool) -> Reasons:
    """One run of the neuron against one repeat of the cell, beside another repeat."""
    if not held_out:
        yield "care", "nothing was held out, so how well the neuron predicts is not known"
        return
    names = {"evr_single_10ms": "EVr of single runs", "gamma_4ms": "coincidence factor Γ (4 ms)"}
    for key, (care, no) in SHARES.items():
        value, own = scores.test[key], scores.ceiling[key]
        if math.isfinite(own) and own > 0 and (word := _worse(value / own, care, no)):
            yield word, f"{names[key]} {value:.2f}, where another repeat of the cell reaches {own:.2f}"
        elif not math.isfinite(own) and key in ALONE and (word := _worse(value, *ALONE[key])):
            yield word, f"{names[key]} {value:.2f}; what the cell itself would reach is not known without repeats"
    if math.isnan(scores.test["evr_single_10ms"]):
        yield "care", "the held-out sweeps hold too few spikes to score them"


def _rate(scores: Scores) -> Reasons:
    """How many spikes the neuron fires where the cell does."""
    mean = lambda trains: np.mean([len(train) for train in trains])
    recorded, drawn = (sum(mean(group[i]) for group in scores.trains) for i in (0, 1))
    off = float(drawn / recorded - 1) if recorded else 0.0
    if word := _worse(-abs(off), -RATE[0], -RATE[1]):
        more = "more" if off > 0 else "fewer"
        yield word, f"the neuron fires {100 * abs(off):.0f} % {more} spikes than the cell did on the held-out sweeps"


def _voltage(scores: Scores) -> Reasons:
    """How far the voltage between spikes is off, which spikes may hide: its RMSE is sqrt(1 - EV) of the cell's SD."""
    share = math.sqrt(1 - scores.test["subthreshold_explained_variance"])
    if share > MISFIT:
        error = scores.test["subthreshold_rmse_mv"]
        own = error / share
        yield (
            "care",
            f"between held-out spikes the voltage is off by {error:.1f} mV, where it varies by {own:.1f} mV itself",
        )


def _bits(scores: Scores, validation: Validation | None) -> Reasons:
    """Bits per spike on what was held out: below a constant rate, or far below those of the training sweeps."""
    bits = scores.test["bits_per_spike"]
    if bits < 0:
        yield "no", f"{bits:.2f} bits per spike: a constant rate predicts the held-out spikes better"
    elif validation is not None and bits < BITS * validation.bits:
        yield (
            "care",
            f"{bits:.2f} bits per held-out spike, {validation.bits:.2f} per training spike kept aside: the cell or the "
            "stimulus was another",
        )


def _few_spikes(level: AbstractLevel, model: PatchedNeuron, train: FitData) -> Reasons:
    """Spikes to learn from, beside the numbers that are learnt."""
    membrane, threshold = level.coordinates(model, train.duration)
    numbers = int(np.sum(widths([*membrane, *threshold]) > 0))
    if train.n_spikes < FEWEST_SPIKES:
        yield "no", f"too few spikes for a threshold: {train.n_spikes} in training"
    elif train.n_spikes < SPIKES_PER_NUMBER * numbers:
        yield "care", f"too few spikes: {train.n_spikes} in training, for {numbers} numbers that are fitted"


def _new_stimulus(train: FitData, test: Sequence[FitData]) -> Reasons:
    """Held-out stimuli unlike those that were trained on."""
    seen = _stimulus(train)
    held = np.concatenate([_stimulus(data) for data in test]) if test else np.zeros((0, 2))
    if not len(seen) or not len(held):
        return
    low, high = seen.min(axis=0), seen.max(axis=0)
    room = BEYOND * np.maximum(high - low, 1e-12)
    new = np.mean((held < low - room) | (held > high + room), axis=0)
    for share, what in zip(new, ("mean", "size"), strict=True):
        if share > NEW:
            yield "care", f"{100 * share:.0f} % of the held-out stimulus has a {what} that was not trained on"


def _stimulus(data: FitData) -> Float[np.ndarray, "b 2"]:
    """Mean and standard deviation of the current in each block of BLOCK s, A."""
    steps = round(BLOCK / data.dt)
    blocks = [
        row[start : start + steps]
        for row, valid in zip(data.current, data.valid, strict=True)
        for start in range(0, int(valid.sum()) - steps + 1, steps)
    ]
    return np.array([(block.mean(), block.std()) for block in blocks]).reshape(-1, 2)


def _gates(model: PatchedNeuron, train: FitData) -> Reasons:
    """Gates that half open where the training sweeps never were, of currents that flow."""
    rest, currents = model.neuron.El_reference, gated(model.neuron.membrane_currents).values()
    halves = [float(gate.V_half + rest) for current in currents if current.conductance for gate in current.gates]
    low, high = visited_voltages(model, train)
    if far := [1e3 * half for half in halves if not low - OUTSIDE < half < high + OUTSIDE]:
        places = ", ".join(f"{half:.0f}" for half in far)
        seen = f"the {1e3 * low:.0f} to {1e3 * high:.0f} mV that the training sweeps visit"
        yield "care", f"gates half open at {places} mV, outside {seen}"


def _capacitance(model: PatchedNeuron, train: FitData) -> Reasons:
    """A capacitance with which the voltage does not follow the current within the first ms."""
    fitted, first = float(model.neuron.C), first_capacitance(train, float(model.neuron.spike_cut_duration))
    if first is not None and not 1 / CAPACITANCE <= fitted / first <= CAPACITANCE:
        yield (
            "care",
            f"the membrane is undetermined: C is {1e12 * fitted:.0f} pF at this level, where the voltage first follows "
            f"the current as with {1e12 * first:.0f} pF; C and the resistances stand for what the level lacks",
        )


def visited_voltages(model: PatchedNeuron, data: FitData) -> tuple[float, float]:
    """The membrane voltages between which it lies in 98 % of the time between spikes, V; all, where there is none."""
    membrane = without_electrode(model, data.voltage, data.current)
    membrane = membrane[between_spikes(data, float(model.neuron.spike_cut_duration))]
    if not membrane.size:
        return -math.inf, math.inf
    low, high = np.percentile(membrane, (1, 99))
    return float(low), float(high)
