"""Fit every level to simulated cells: each fit is to be finite, and to predict better than where it started.

    uv run python benchmarks/no_divergence.py [--cells 100] [--levels LIF,LIF-R] [--training 20] [--held-out 10]
                                              [--outcomes cells.jsonl] [--out docs/measured/no_divergence.md]

Each cell is a LIF-R-ASC-A neuron drawn from the published range (fitting/published.py), with escape noise and 1 mV of
measurement noise, recorded as by an amplifier for 20 s, and 10 s more that are held out, or for as long as is said.
From the recording alone every level is fitted by the stages of a default fit that move parameters (closed-form start,
membrane, threshold; both together at the augmented level).
Held-out spikes are scored in bits per spike, by the fit and by its start. --outcomes holds a line a cell; those of the
same durations and levels are not fitted again, so that a run goes on where it stopped. The page holds no others.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True)
class Cell:
    """All levels of one cell: its seed, seconds of training and held out, its held-out rate, 1/s."""

    seed: int
    training: float
    held_out: float
    rate: float
    outcomes: list[Outcome]

    @property
    def failed(self) -> list[str]:
        """The levels that did not pass."""
        return [outcome.level for outcome in self.outcomes if not outcome.passed]


def read_cells(path: Path | None, levels: list[str], training: float, held_out: float) -> dict[int, Cell]:
    """The cells of an earlier run at these levels, of these durations, by seed."""
    lines = path.read_text(encoding="utf-8").splitlines() if path is not None and path.exists() else []
    cells: dict[int, Cell] = {}
    for row in map(json.loads, lines):
        outcomes = {outcome["level"]: Outcome(**outcome) for outcome in row["outcomes"]}
        if (row["training"], row["held_out"]) == (training, held_out) and outcomes.keys() >= set(levels):
            cells[row["seed"]] = Cell(**row | {"outcomes": [outcomes[level] for level in levels]})
    return cells


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


def fit_cell(seed: int, levels: list[str], training: float, held_out: float) -> Cell:
    """Every level of the cell of a seed."""
    made = sweeps(draw_cell(seed), seed, training, held_out)
    shape = measure_shape([(made[0].voltage, made[0].rate)])
    assert shape is not None, f"cell {seed} does not spike"
    train, test = (prepare([sweep], shape) for sweep in made)
    rate = test.n_spikes / test.duration
    return Cell(seed, training, held_out, rate, [fit(level, train, test, shape) for level in levels])


def table(cells: list[Cell], levels: list[str]) -> str:
    """A line for each level."""
    lines = [
        "| level | cells | finite | better than its start | bits per spike, start | fitted | least gain "
        "| free rate over the recorded one |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for level in levels:
        chosen = [(outcome, cell.rate) for cell in cells for outcome in cell.outcomes if outcome.level == level]
        of = [outcome for outcome, _ in chosen]
        gains = [outcome.fitted - outcome.start for outcome in of]
        start, fitted = np.median([[outcome.start, outcome.fitted] for outcome in of], axis=0)
        ratio = np.median([outcome.rate / recorded for outcome, recorded in chosen])
        lines.append(
            f"| {level} | {len(of)} | {sum(outcome.finite for outcome in of)} | {sum(gain > 0 for gain in gains)} "
            f"| {start:.2f} | {fitted:.2f} | {min(gains):.2f} | {ratio:.2f} |"
        )
    return "\n".join(lines)


def page(cells: list[Cell], levels: list[str], training: float, held_out: float) -> str:
    """The page: how many fits failed, which, and the table."""
    failed = [f"cell {cell.seed}, {level}" for cell in cells for level in cell.failed]
    return (
        "# Does a fit diverge?\n\nWritten by `benchmarks/no_divergence.py`.\n\n"
        f"{len(cells)} simulated cells, {training:g} s of training each, {held_out:g} s held out; every level "
        f"fitted from the recording alone: {len(failed)} of {len(levels) * len(cells)} fits are not finite, or no "
        f"better than their closed-form start on the held-out spikes ({'; '.join(failed) or 'none'}). Medians over "
        f"cells, but for the least gain.\n\n{table(cells, levels)}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--first", type=int, default=1, help="seed of the first cell")
    parser.add_argument("--levels", default=",".join(LEVELS), help="with commas between")
    parser.add_argument("--training", type=float, default=20.0, help="seconds that are fitted")
    parser.add_argument("--held-out", type=float, default=10.0, help="seconds held out, no more than --training")
    parser.add_argument("--outcomes", type=Path, help="a line a cell; those of the same kind are not fitted again")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    levels, lengths = options.levels.split(","), (options.training, options.held_out)
    cells, began = read_cells(options.outcomes, levels, *lengths), time.perf_counter()
    seeds = range(options.first, options.first + options.cells)
    for seed in seeds:
        if seed not in cells:
            cells[seed] = cell = fit_cell(seed, levels, *lengths)
            if options.outcomes:
                with options.outcomes.open("a", encoding="utf-8") as file:
                    file.write(f"{json.dumps(asdict(cell))}\n")
            print(
                f"cell {seed}: {', '.join(cell.failed) or 'all passed'}, {time.perf_counter() - began:.0f} s",
                flush=True,
            )
    text = page([cells[seed] for seed in seeds], levels, *lengths)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
