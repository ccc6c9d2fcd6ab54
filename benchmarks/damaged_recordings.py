"""Fit recordings that are cut short, clipped, or full of gaps and outliers: each ends with finite scores or a sentence.

    uv run python benchmarks/damaged_recordings.py [--cells 10] [--first 1] [--out docs/measured/damaged_recordings.md]

Each cell is drawn and recorded as in no_divergence.py, 10 s to train on and 5 s held out, and its recording damaged in
every way there is; a LIF is fitted by the default fit.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from interval_coverage import draw_cell
from no_divergence import sweeps

import fitting
import glifjax as gj
from glifjax.errors import InputError

#: Seconds that are trained on and held out.
TRAINING = 10.0
HELD_OUT = 5.0
#: How many stretches or samples are damaged in a sweep.
COUNT = 20


def cut_short(voltage: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """What is left after 0.5 or 2 s."""
    return voltage[: round(random.choice([0.5, 2.0]) * 1e4)]


def clipped_above(voltage: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """An amplifier that saturates between -40 and 10 mV."""
    return np.minimum(voltage, random.uniform(-40e-3, 10e-3))


def clipped_below(voltage: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same at the median, from below."""
    return np.maximum(voltage, np.median(voltage))


def stretches(voltage: np.ndarray, random: np.random.Generator) -> list[slice]:
    """Of 1 to 100 ms, anywhere."""
    starts = random.integers(0, len(voltage), COUNT)
    return [slice(start, start + random.integers(10, 1000)) for start in starts]


def gaps_of_nan(voltage: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Samples that are missing, and said to be."""
    damaged = voltage.copy()
    for stretch in stretches(voltage, random):
        damaged[stretch] = np.nan
    return damaged


def gaps_of_zeros(voltage: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Samples that are missing, and zero."""
    damaged = voltage.copy()
    for stretch in stretches(voltage, random):
        damaged[stretch] = 0.0
    return damaged


def held_samples(voltage: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A converter that hangs: a value is repeated for a while."""
    damaged = voltage.copy()
    for stretch in stretches(voltage, random):
        damaged[stretch] = damaged[stretch.start]
    return damaged


def outliers(voltage: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Single samples that are up to 200 mV off."""
    damaged = voltage.copy()
    damaged[random.integers(0, len(voltage), COUNT)] += random.uniform(-0.2, 0.2, COUNT)
    return damaged


def steps_of_baseline(voltage: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """An electrode that jumps by up to 30 mV, and stays there."""
    jumps = np.zeros(len(voltage))
    jumps[random.integers(0, len(voltage), 5)] = random.uniform(-30e-3, 30e-3, 5)
    return voltage + np.cumsum(jumps)


def lost(voltage: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A cell that was lost after a second."""
    damaged = voltage.copy()
    damaged[10_000:] = random.normal(0.0, 1e-3, max(len(voltage) - 10_000, 0))
    return damaged


DAMAGES: tuple[Callable[[np.ndarray, np.random.Generator], np.ndarray], ...] = (
    clipped_above,
    clipped_below,
    gaps_of_nan,
    gaps_of_zeros,
    held_samples,
    outliers,
    steps_of_baseline,
    lost,
    cut_short,
)


@dataclass(frozen=True)
class Outcome:
    """What became of a damaged recording: the refusal, or scores, whether all are finite, and the word of trust."""

    damage: str
    refusal: str = ""
    finite: bool = True
    bits: float = np.nan
    trust: str = ""


def fit(damage: Callable, seed: int, recorded: list) -> Outcome:
    """Damage the sweeps of a cell, and fit a LIF to them."""
    random = np.random.default_rng([seed, 4])
    voltages = [damage(sweep.voltage, random) for sweep in recorded]
    currents = [sweep.current[: len(voltage)] for sweep, voltage in zip(recorded, voltages, strict=True)]
    recording = gj.Recording.from_arrays(currents, voltages, recorded[0].rate, protocols=["train", "test"])
    try:
        fitted = fitting.fit(recording, level="LIF", train_sweeps="train", test_sweeps="test", runs=50)
    except InputError as error:
        return Outcome(damage.__name__, refusal=str(error))
    scores = {name: score for name, score in fitted.scores.test.items() if score is not None}
    parameters = [np.asarray(leaf) for leaf in jax.tree.leaves(fitted.neuron) if isinstance(leaf, jax.Array)]
    finite = all(np.isfinite(value).all() for value in (*scores.values(), *parameters))
    return Outcome(damage.__name__, finite=finite, bits=scores.get("bits_per_spike", np.nan), trust=fitted.trust.word)


def page(outcomes: list[Outcome], cells: int) -> str:
    """A line for each damage, and what the refusals say."""
    lines = [
        "# Damaged recordings\n\nWritten by `benchmarks/damaged_recordings.py`.\n",
        f"Simulated cells: {cells}. {TRAINING:g} s of training, {HELD_OUT:g} s held out, damaged in {len(DAMAGES)}",
        "ways; a LIF is fitted to each by the default fit. Bits per spike are the median of those that were fitted.\n",
        "| damage | recordings | finite scores | refused | neither | bits per spike | trusted: good | with care | no |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for damage in DAMAGES:
        of = [outcome for outcome in outcomes if outcome.damage == damage.__name__]
        fitted = [outcome for outcome in of if not outcome.refusal]
        finite = [outcome for outcome in fitted if outcome.finite]
        bits = f"{np.nanmedian([outcome.bits for outcome in finite]):.2f}" if finite else "–"
        words = [sum(outcome.trust == word for outcome in fitted) for word in ("good", "care", "no")]
        counts = (len(of), len(finite), len(of) - len(fitted), len(fitted) - len(finite))
        columns = (damage.__name__.replace("_", " "), *counts, bits, *words)
        lines.append(f"| {' | '.join(map(str, columns))} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=10)
    parser.add_argument("--first", type=int, default=1, help="seed of the first cell")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    outcomes, text, began = [], "", time.perf_counter()
    for seed in range(options.first, options.first + options.cells):
        recorded = sweeps(draw_cell(seed), seed, TRAINING, HELD_OUT)
        for damage in DAMAGES:
            outcome = fit(damage, seed, recorded)
            outcomes.append(outcome)
            what = outcome.refusal or f"finite {outcome.finite}, {outcome.bits:.2f} bits, {outcome.trust}"
            print(f"cell {seed}, {outcome.damage}: {what} ({time.perf_counter() - began:.0f} s)", flush=True)
        text = page(outcomes, seed - options.first + 1)
        if options.out:
            options.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
