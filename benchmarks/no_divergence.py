"""Fit every level to simulated cells: each fit is to be finite, and to predict better than where it started.

    uv run python benchmarks/no_divergence.py [--cells 100] [--level LIF] [--training 20] [--held-out 10]
                                              [--out docs/measured/no_divergence.md]

Each cell is a LIF-R-ASC-A neuron drawn from the published range (fitting/published.py), with escape noise and 1 mV of
measurement noise, recorded as by an amplifier for 20 s, and 10 s more that are held out, or for as long as is said.
From the recording alone every level is fitted by the stages of a default fit that move parameters (closed-form start,
membrane, threshold; both together at the augmented level).
Held-out spikes are scored in bits per spike, by the fit and by its start.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from interval_coverage import NOISE, draw_cell

from fitting import LEVELS
from fitting.data.arrays import FitData, prepare
from fitting.data.shape import measure_shape
from fitting.example import cell as example
from fitting.model.likelihood import step_log_likelihoods
from fitting.model.patched import PatchedNeuron
from fitting.stages import run_stages
from glifjax.spikes.scores import bits_per_spike


@dataclass(frozen=True)
class Outcome:
    """One level of one cell: whether all is finite; held-out bits per spike at the start and fitted; free rate, 1/s."""

    level: str
    finite: bool
    start: float
    fitted: float
    rate: float

    @property
    def passed(self) -> bool:
        """Finite and better than its start."""
        return self.finite and self.fitted > self.start


def sweeps(cell: PatchedNeuron, seed: int, training: float, held_out: float) -> list[SimpleNamespace]:
    """A training sweep and a held-out one, no longer than it, as recorded; their durations in s."""
    random = np.random.default_rng([seed, 3])
    scale = example._noise_scale(cell, random)
    made = []
    for number, seconds in ((1, training), (2, held_out)):
        # all are simulated at one length, which compiled functions depend on
        stimulus = scale * (example._ornstein_uhlenbeck(training, random) + example.OFFSET)
        current, voltage = example._record(cell, stimulus, 10 * seed + number, random, NOISE)
        kept = slice(round(seconds * example.RATE))
        made.append(SimpleNamespace(number=number, rate=example.RATE, current=current[kept], voltage=voltage[kept]))
    return made


_likelihoods = eqx.filter_jit(step_log_likelihoods)


def bits(model: PatchedNeuron, data: FitData) -> float:
    """What the model tells of each spike above a Poisson process of their rate."""
    nats = float(np.sum(_likelihoods(model, data))) - data.n_spikes * np.log(data.dt)
    return bits_per_spike(nats, data.n_spikes, data.duration)


@eqx.filter_jit
def _free(model: PatchedNeuron, current, start, dt):
    trace = model.simulate(current, dt, recorded_start=start, key=jax.random.key(0))
    return jnp.sum(trace.spiked), jnp.all(jnp.isfinite(trace.voltage_before_reset))


def fit(level: str, train: FitData, test: FitData, shape) -> Outcome:
    """One level, by the stages of a default fit."""
    recipe = LEVELS[level]
    start = recipe.start(train, shape)
    model, _ = run_stages(recipe.stages(recipe.coordinates(start, train.duration).membrane), start, train)
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(model) if eqx.is_inexact_array(leaf)]
    spikes, free = _free(model, jnp.asarray(test.current[0]), jnp.asarray(test.voltage[0, 0]), test.dt)
    found = bits(start, test), bits(model, test)
    finite = bool(free) and all(np.isfinite(leaf).all() for leaf in leaves) and bool(np.isfinite(found).all())
    return Outcome(level, finite, *found, float(spikes) / test.duration)


def table(outcomes: list[tuple[list[Outcome], float]], levels: list[str]) -> str:
    """A line for each level, from each cell's outcomes and its recorded rate."""
    lines = [
        "| level | cells | finite | better than its start | bits per spike, start | fitted | least gain "
        "| free rate over the recorded one |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for level in levels:
        chosen = [(each, recorded) for row, recorded in outcomes for each in row if each.level == level]
        of = [each for each, _ in chosen]
        gains = [each.fitted - each.start for each in of]
        ratio = np.median([each.rate / recorded for each, recorded in chosen])
        lines.append(
            f"| {level} | {len(of)} | {sum(each.finite for each in of)} | {sum(gain > 0 for gain in gains)} "
            f"| {np.median([each.start for each in of]):.2f} | {np.median([each.fitted for each in of]):.2f} "
            f"| {min(gains):.2f} | {ratio:.2f} |"
        )
    return "\n".join(lines)


def page(outcomes: list[tuple[list[Outcome], float]], levels: list[str], training: float, held_out: float) -> str:
    """The page: how many fits failed, and the table."""
    failed = sum(not each.passed for row, _ in outcomes for each in row)
    return (
        "# Does a fit diverge?\n\nWritten by `benchmarks/no_divergence.py`.\n\n"
        f"{len(outcomes)} simulated cells, {training:g} s of training each, {held_out:g} s held out; every level "
        f"fitted from the recording alone: {failed} of {len(levels) * len(outcomes)} fits are not finite, or no better "
        "than their closed-form start on the held-out spikes. Medians over cells, but for the least gain.\n\n"
        f"{table(outcomes, levels)}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--first", type=int, default=1, help="seed of the first cell")
    parser.add_argument("--level", choices=LEVELS, help="this level alone")
    parser.add_argument("--training", type=float, default=20.0, help="seconds that are fitted")
    parser.add_argument("--held-out", type=float, default=10.0, help="seconds held out, no more than --training")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    outcomes, text, began = [], "", time.perf_counter()
    levels, lengths = [options.level] if options.level else list(LEVELS), (options.training, options.held_out)
    for seed in range(options.first, options.first + options.cells):
        made = sweeps(draw_cell(seed), seed, *lengths)
        shape = measure_shape([(made[0].voltage, made[0].rate)])
        assert shape is not None, f"cell {seed} does not spike"
        train, test = (prepare([sweep], shape) for sweep in made)
        row = [fit(level, train, test, shape) for level in levels]
        outcomes.append((row, test.n_spikes / test.duration))
        failed = [each.level for each in row if not each.passed]
        text = page(outcomes, levels, *lengths)
        if options.out:
            options.out.write_text(text, encoding="utf-8")
        print(f"cell {seed}: {', '.join(failed) or 'all passed'}, {time.perf_counter() - began:.0f} s", flush=True)
    print(text)


if __name__ == "__main__":
    main()
