"""The staged fit, gradient descent and global search on one simulated and one real cell, at level LIF-R-ASC-A.

    uv run python benchmarks/optimisers.py [CELL.nwb] [--generations 20]

Prints, for each: the objective (van Rossum distance per training spike, of the part that the gradient sees), scores on
the held-out sweeps (hard threshold: EVr; escape noise: Md* at 4 ms), the median error of parameters where they are
known, seconds and the number of simulations of the training sweeps, a gradient being one. Seconds hold the compilation.
Runs with spikes forced are not counted.
"""

import argparse
import tempfile
import time
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

import fitting
import glifjax as gj
from fitting import LEVELS
from fitting.assess.evaluate import evaluate
from fitting.example.cell import true_parameters, write_example
from fitting.model.parameters import parameters
from fitting.stages import HardThreshold
from fitting.tuning.descent import default_optimizer
from fitting.tuning.globalsearch import GlobalSearch
from fitting.tuning.objective import Objective, coordinates, movable

LEVEL = "LIF-R-ASC-A"
#: What is moved where the membrane is not fitted before.
ALL = ("th_inf", "a_spike", "b_spike", "a_voltage", "b_voltage", "C", "G", "asc_amp_array")
#: Iterations of a descent.
STEPS = 60
#: Every method has one objective, the hard threshold's.
HARD = {"loss": "van Rossum", "steps": STEPS, "hazard": False}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cell", type=Path, nargs="?")
    parser.add_argument("--generations", type=int, default=20)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    with tempfile.TemporaryDirectory() as folder:
        example = Path(folder) / "example.nwb"
        write_example(example)
        for path in filter(None, (example, options.cell)):
            print(f"\n{path.stem}\n\n| method | objective | EVr | Md* | parameter error | seconds | simulations |")
            print("|---|---|---|---|---|---|---|")
            with gj.read_recording(path) as recording:
                compare(recording, options.generations)


def compare(recording: gj.Recording, generations: int) -> None:
    """Every method's row of the table."""
    fitted = fitting.fit(recording, LEVEL)
    data = fitted.train
    started = time.perf_counter()
    start = LEVELS[LEVEL].start(data, fitted.shape)
    opening = time.perf_counter() - started
    staged = sum(value for name, value in fitted.seconds.items() if name != "scores")

    def row(name, model, seconds, simulations):
        objective = Objective.of(model, data, coordinates(model, movable(model)))
        scores, error = evaluate(model, fitted.test), _error(model, recording)
        print(
            f"| {name} | {float(_value(objective)):.2f} | {scores.deterministic['evr_10ms']:.2f} "
            f"| {scores.test['md_star_4ms']:.2f} | {error} | {seconds:.0f} | {simulations} |",
            flush=True,
        )

    def timed(stage, model):
        begun = time.perf_counter()
        return stage(model, data), time.perf_counter() - begun

    tune = lambda *train: FineTuning(default_optimizer(STEPS), *train, **HARD)
    search = lambda *train: GlobalSearch(*train, generations=generations)

    row("closed-form start", start, opening, 0)
    tried = 2 * HardThreshold().count
    row("staged fit", fitted.model, staged, tried)
    stage, seconds = timed(tune(), fitted.model)
    row("staged fit, gradient (threshold)", stage.model, staged + seconds, tried + len(stage.losses))
    stage, seconds = timed(search(), fitted.model)
    moving = len(movable(fitted.model))
    row("staged fit, search (threshold)", stage.model, staged + seconds, _candidates(generations, moving))
    stage, seconds = timed(tune(ALL), start)
    row("gradient alone", stage.model, opening + seconds, len(stage.losses))
    stage, seconds = timed(search(ALL), start)
    row("search alone", stage.model, opening + seconds, _candidates(generations, len(ALL) + 1))


def _candidates(generations: int, moving: int, population: int = 10) -> int:
    return (generations + 1) * population * moving


@eqx.filter_jit
def _value(objective):
    return objective(objective.start)[0]


def _error(model, recording) -> str:
    """Median relative error of the parameters, where they are known."""
    truth = true_parameters(recording)
    if not truth:
        return "–"
    found = parameters(model)
    errors = [abs(found[name]["value"] / each["value"] - 1) for name, each in truth.items() if each["value"]]
    return f"{100 * np.median(errors):.0f} %"


if __name__ == "__main__":
    main()
